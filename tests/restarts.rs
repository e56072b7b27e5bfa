//! Redis killed and started again, with a log that it writes before it answers: what was acknowledged is there, once,
//! and what was not is there once at most.

use futures_util::future::join_all;
use jeton::{committer::Reply, ledger::UserId, locale::Locale};
use tempfile::TempDir;

use crate::support::{
    load::Load,
    redis::Redis,
    service::{article, caller, service_over},
    verify::assert_sound,
};

const KILLS: u64 = 50;

/// A Redis that has all on disk that it has answered, and where.
fn durable() -> (Redis, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    (Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_redis() {
    let (mut redis, _folder) = durable();
    let load = Load::start(&redis.url()).await;
    for _ in 0..KILLS {
        // In the middle of the load: some more debits came through since the last time.
        load.acknowledges(50).await;
        redis.stop();
        redis.repair_log();
        redis.start_again();
    }
    load.acknowledges(50).await;
    load.stop().await.assert_kept(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_crash_cut_in_two_is_made_once_by_its_retry() {
    const CUTS: u64 = 24;
    const DEBITS: [&str; 4] = ["a", "b", "c", "d"];
    let (mut redis, _folder) = durable();
    let length = |redis: &Redis| redis.log().metadata().unwrap().len();
    for cut in 0..CUTS {
        let user = UserId::new(&format!("u{cut}")).unwrap();
        let debit_all = async |url: &str| {
            let service = service_over(url);
            let debits = DEBITS.map(|key| service.record_generation(&user, article(3), caller(Some(key))));
            for reply in join_all(debits).await {
                // Some may have been in a commit before the one that is cut.
                assert!(matches!(reply, Ok(Reply::Decided { decision: Ok(_), .. } | Reply::Replayed(_))), "{reply:?}");
            }
        };
        service_over(&redis.url()).get_user_stats(&user, Locale::French).await.unwrap();
        let before = length(&redis);
        debit_all(&redis.url()).await;

        redis.stop();
        // Never the whole: somewhere in the middle, from the first byte on.
        let log = redis.log();
        log.set_len(before + (length(&redis) - before) * cut / CUTS).unwrap();
        redis.repair_log();
        redis.start_again();
        debit_all(&redis.url()).await;

        // What the crash has left must not come back later.
        redis.stop();
        redis.start_again();
        let stats = service_over(&redis.url()).get_user_stats(&user, Locale::French).await.unwrap();
        assert_eq!((stats.token_balance, stats.version), (4_988, 5), "cut {cut}");
        assert_sound(&redis.url(), cut + 1);
    }
}
