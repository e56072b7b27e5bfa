//! A thousand who listen to one process.

use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    events::Events,
    process::{raise_file_limit, wait_until},
    redis::Redis,
    server::Instance,
};

/// How many listen to one user, and how many to users of their own.
const TO_ONE: usize = 500;
const TO_OTHERS: usize = 500;
/// How many streams are opened at once.
const OPENED_AT_ONCE: usize = 50;
/// Both ends of each stream, and what else is open in a test run.
const FILES: u64 = 4_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_listen_to_one_process_are_all_told() {
    raise_file_limit(FILES);
    let redis = Redis::start();
    let url = redis.url();
    let settings = [("REDIS_URL", &*url), ("VERCEL_ENV", "development"), ("JETON_EVENTS_SECONDS", "600")];
    let [listened, generations] = ["events", "generations"].map(|name| Instance::start(name, &settings));
    let (client, writer) = (listened.client(), generations.client());
    let one = (0..TO_ONE).map(|_| "one".to_owned());
    let users: Vec<String> = one.chain((0..TO_OTHERS).map(|number| format!("u{number}"))).collect();
    let open = async |user: &String| {
        let mut events = Events::open(client.request(Method::GET, &format!("events?userId={user}"))).await;
        events.expect("stats").await;
        events
    };
    let mut streams: Vec<Events> = stream::iter(&users).map(open).buffered(OPENED_AT_ONCE).collect().await;
    let connections = |kind: &str| redis.command::<String>(&["CLIENT", "LIST", "TYPE", kind]).lines().count();
    wait_until("there is one subscription for all of them", || connections("pubsub") == 1);

    let mut debits = Vec::new();
    for user in &users[TO_ONE - 1..] {
        let debit = writer.post("generations", json!({"userId": user, "tokenCost": 1})).await.ok();
        debits.push((debit["transaction"].clone(), debit["stats"]["memberId"].clone()));
    }
    for (events, user) in streams.iter_mut().zip(&users) {
        let (debit, whose) = debits.iter().find(|(_, whose)| *whose == **user).unwrap();
        assert_eq!(events.expect("transaction").await.data, *debit);
        assert_eq!(events.expect("stats").await.data["memberId"], *whose);
    }
    drop(streams);
    wait_until("nothing is left of them", || connections("pubsub") == 0);
}
