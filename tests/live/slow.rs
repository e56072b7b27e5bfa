//! Those who take what they are told more slowly than it comes: they lose nothing, hold up nobody, and cost the function
//! no more than there is room for.

use std::slice;

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{followers::Followers, line::Line};
use crate::support::{client::Client, redis::Redis, server::Instance};

/// What is written at once.
const CALLS_AT_ONCE: usize = 32;
/// How many are slow.
const SLOW: usize = 8;
/// How much more memory the function may take for them, in KiB.
const GROWTH_KIB_MAX: u64 = 64 * 1_024;

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_loses_nothing_and_holds_up_nobody() {
    let redis = Redis::start();
    let settings = [
        ("REDIS_URL", redis.url()),
        ("VERCEL_ENV", "development".to_owned()),
        // Longer than they do not read.
        ("JETON_EVENTS_SECONDS", "600".to_owned()),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut function = Instance::start("events", &settings);
    let others =
        ["generations", "stats", "tokens", "transactions"].map(|name| (name, Instance::start(name, &settings)));
    let client = Client::new(others.iter().map(|(name, instance)| (*name, instance.base())).collect());
    // More than the system holds back on the way, and the function for those who are slow.
    let metadata = json!({"text": "x".repeat(2_000)});
    // How many entries are not read, and whether they are too many to be told.
    for (user, entries, is_too_much) in [("few", 900, false), ("many", 6_000, true)] {
        client.post("tokens", json!({"userId": user, "amount": 100_000})).await.ok();
        let line = Line::narrow(function.port()).await;
        let mut followers = Followers::new(&client);
        let quick = followers.add(user, function.port());
        let slow: Vec<_> = (0..SLOW).map(|_| followers.add(user, line.port())).collect();
        let everybody = followers.of(user);
        followers.show_all(user, &everybody).await;
        let before = function.process.memory_peak_kib().unwrap();

        line.stop();
        let debit = async |_| {
            let body = json!({"userId": user, "tokenCost": 1, "metadata": metadata});
            client.post("generations", body).await.ok();
        };
        stream::iter(0..entries).for_each_concurrent(CALLS_AT_ONCE, debit).await;
        assert_eq!(followers.show_all(user, slice::from_ref(&quick)).await, entries + 2);
        let growth = function.process.memory_peak_kib().unwrap() - before;
        println!("{user}: {growth} KiB for {SLOW} who are slow");
        assert!(growth < GROWTH_KIB_MAX, "{user}: {growth} KiB");

        line.go_on();
        followers.show_all(user, &slow).await;
        for seen in slow {
            let shown = seen.shown.lock().unwrap();
            assert_eq!((shown.missed_too_much, shown.resets), (usize::from(is_too_much), 0), "{user}");
        }
    }
}
