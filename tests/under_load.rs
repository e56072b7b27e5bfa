//! What happens to a Redis in its days, while callers debit without a pause: connections are killed, it stops for a
//! while, it forgets its scripts, it is full. Nobody loses a debit, and nobody pays twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::timeout;

use crate::support::{
    again::unstalled,
    client::Client,
    load::Load,
    past::{self, billing_days_ago},
    process::{PATIENCE, wait_until},
    redis::Redis,
    server::Deployment,
};

#[tokio::test(flavor = "multi_thread")]
async fn killed_connections_cost_nobody_a_debit() {
    let redis = Redis::start();
    let load = Load::start(&redis.url()).await;
    let mut killed = 0;
    while killed < 400 {
        load.acknowledges(20).await;
        killed += redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    load.acknowledges(50).await;
    // Whose commit is hit nine times in a row is told so.
    assert!(load.refusals() <= killed / 100, "{}", load.refusals());
    load.stop().await.assert_kept(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stops_for_longer_than_an_answer_may_take_costs_nobody_anything() {
    let redis = Redis::start_with(&["--enable-debug-command", "local"]);
    let load = Load::start(&redis.url()).await;
    // What was sent before is carried out when it wakes up: late, after its caller has asked again.
    for _ in 0..2 {
        let round = async || {
            let before = load.refusals();
            load.acknowledges(100).await;
            redis.command::<()>(&["DEBUG", "SLEEP", "1.7"]);
            load.acknowledges(100).await;
            load.refusals() - before
        };
        assert_eq!(unstalled(Duration::from_secs(3), round).await, 0);
    }
    // Longer than any caller waits.
    let before = load.refusals();
    redis.command::<()>(&["DEBUG", "SLEEP", "5"]);
    wait_until("somebody is refused", || load.refusals() > before);
    load.acknowledges(100).await;
    load.stop().await.assert_kept(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_forgets_its_scripts_again_and_again_refuses_nobody() {
    let redis = Redis::start();
    let load = Load::start(&redis.url()).await;
    let over = Arc::new(AtomicBool::new(false));
    let flushing = {
        let (over, mut connection) = (Arc::clone(&over), redis.connect());
        tokio::task::spawn_blocking(move || {
            let mut times = 0;
            while times <= 100 || !over.load(Ordering::SeqCst) {
                redis::cmd("SCRIPT").arg("FLUSH").exec(&mut connection).unwrap();
                times += 1;
            }
        })
    };
    load.acknowledges(2_000).await;
    over.store(true, Ordering::SeqCst);
    flushing.await.unwrap();
    assert_eq!(load.refusals(), 0);
    load.stop().await.assert_kept(&redis.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_fills_up_refuses_and_goes_on_once_there_is_room() {
    let redis = Redis::start();
    let load = Load::start(&redis.url()).await;
    for _ in 0..3 {
        load.acknowledges(100).await;
        let room = redis.info("memory", "used_memory") + 200_000;
        redis.command::<()>(&["CONFIG", "SET", "maxmemory", &room.to_string()]);
        load.is_refused(100).await;
        redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    }
    load.acknowledges(100).await;
    for instance in load.instances() {
        let is_it = |line: &str| line.contains("\"status\":503") && line.contains("refuses the command: ");
        let line = instance.process.wait_for_line(is_it);
        assert!(line.contains("maxmemory"), "{line}");
    }
    load.stop().await.assert_kept(&redis.url()).await;
}

/// What becomes of a user when Redis is full at one moment and has room at the next.
struct Several {
    function: &'static str,
    user: String,
    /// The number of entries before and after, and of archived ones after.
    entries: [u64; 3],
}

impl Several {
    /// How many entries the history has, and how many the first archive.
    fn found(&self, redis: &Redis) -> [u64; 2] {
        ["history", "archive:0"].map(|kind| redis.command(&["XLEN", &format!("jeton:{{{}}}:{kind}", self.user)]))
    }

    /// Asks until it is done; whoever is refused finds that nothing is. `refused` counts how often that was.
    async fn insist(&self, client: Client, redis: &Redis, refused: &AtomicU64) {
        let [before, after, archived] = self.entries;
        loop {
            let answer = client.post(self.function, json!({"userId": self.user})).await;
            if answer.status == 200 {
                assert_eq!(self.found(redis), [after, archived], "{}", self.user);
                return;
            }
            answer.assert_store_unavailable();
            assert_eq!(self.found(redis), [before, 0], "{}", self.user);
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_several_entries_are_whole_or_not_made_at_all_when_redis_is_full() {
    const USERS: usize = 200;
    let redis = Redis::start();
    let names = |kind: &str| (0..USERS).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>();
    let (opened, _) = billing_days_ago(3);
    past::open_at(redis.store(), &names("billed"), &opened).await;
    past::open_at(redis.store(), &names("reset"), &opened).await;
    let deployment = Deployment::start(&redis, &[("VERCEL_ENV", "development")]);

    let kinds = [
        // Three months and the debit; the opening and the debit; three months into the old history, and a new one.
        ("generations", "billed", [1, 5, 0]),
        ("generations", "opened", [0, 2, 0]),
        ("reset", "reset", [1, 1, 4]),
    ];
    let changes = kinds.into_iter().flat_map(|(function, kind, entries)| {
        names(kind).into_iter().map(move |user| Several { function, user, entries })
    });
    let (over, refused) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let turning = {
        let (over, refused, mut connection) = (Arc::clone(&over), Arc::clone(&refused), redis.connect());
        tokio::task::spawn_blocking(move || {
            let mut limits = ["1", "0"].into_iter().cycle();
            while !over.load(Ordering::SeqCst) {
                // There is no room until many have found that.
                let limit = if refused.load(Ordering::SeqCst) > 100 { limits.next().unwrap() } else { "1" };
                redis::cmd("CONFIG").arg(&["SET", "maxmemory", limit]).exec(&mut connection).unwrap();
            }
        })
    };
    let insist = async |change: Several| {
        let insisted = timeout(PATIENCE, change.insist(deployment.client(), &redis, &refused)).await;
        insisted.unwrap_or_else(|_| panic!("{} was always refused", change.user));
    };
    let done = stream::iter(changes).map(insist).buffer_unordered(16).count().await;
    over.store(true, Ordering::SeqCst);
    turning.await.unwrap();
    assert_eq!(done, 3 * USERS);
    let refused = refused.load(Ordering::SeqCst);
    assert!(refused > 100, "{refused}");
}
