//! Redis killed and started again under load, with a log that it writes before it answers: what was acknowledged is
//! there, once, and what was not is there once at most.

use crate::support::{load::Load, redis::Redis};

const KILLS: u64 = 50;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_redis() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let mut redis = Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]);
    let load = Load::start(&redis.url()).await;
    for _ in 0..KILLS {
        // In the middle of the load: some more debits came through since the last time.
        load.acknowledges(50).await;
        redis.stop();
        redis.start_again();
    }
    load.acknowledges(50).await;
    load.stop().await.assert_kept(&redis.url()).await;
}
