//! Redis away: a short while is waited out, a long one ends the stream, and nothing is missed either way.

use rustix::process::Signal;

use super::{LASTING, events_after, events_of, history, spend, until_stats};
use crate::support::{
    client::{Client, send},
    events::{End, Events},
    process::{wait_until, wait_until_so},
    proxy::Proxy,
    redis::Redis,
    server::{Deployment, Instance},
};

/// Who writes and who listens, each on a way to Redis of their own.
struct Apart {
    redis: Redis,
    proxy: Proxy,
    writers: Deployment,
    function: Instance,
}

impl Apart {
    async fn start() -> Self {
        let redis = Redis::start();
        let proxy = Proxy::start(redis.port()).await;
        let writers = Deployment::start(&redis, LASTING);
        let function = Instance::start("events", &[&[("REDIS_URL", &*proxy.url())], LASTING].concat());
        Self { redis, proxy, writers, function }
    }

    fn clients(&self) -> (Client, Client) {
        (self.writers.client(), self.function.client())
    }

    /// Waits until changes are told to who listens.
    fn wait_until_told(&self) {
        let told = || !self.redis.command::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).is_empty();
        wait_until("there is a subscription", told);
    }

    /// Breaks the line over which changes are told.
    fn cut_subscription(&self) {
        self.wait_until_told();
        assert!(self.redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"]) > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_redis_that_breaks_is_not_seen_in_the_stream() {
    let apart = Apart::start().await;
    let (writers, client) = apart.clients();
    let mut events = Events::open(events_of(&client, "u")).await;
    events.expect("stats").await;
    let mut told = Vec::new();
    for _ in 0..5 {
        apart.redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        apart.cut_subscription();
        spend(&writers, "u", 3).await;
        let expected = told.len() + 3;
        while told.len() < expected {
            told.extend(until_stats(&mut events).await.0);
        }
    }
    assert_eq!(told, history(&writers, "u").await[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_stays_away_ends_the_stream_and_refuses_until_it_is_back() {
    let apart = Apart::start().await;
    let (writers, client) = apart.clients();
    let mut events = Events::open(events_of(&client, "u")).await;
    events.expect("stats").await;
    apart.wait_until_told();
    apart.proxy.be_silent(true);
    spend(&writers, "u", 2).await;
    assert_eq!(events.end().await, End::Clean, "nobody takes an old balance for the present one");
    apart.function.process.wait_for_line(|line| line.contains("the events of user u broke off"));
    send(events_of(&client, "u")).await.assert_store_unavailable();

    apart.proxy.be_silent(false);
    wait_until_so("it answers again", async || events_of(&client, "u").send().await.unwrap().status() == 200).await;
    let mut events = Events::open(events_after(&client, "u", &events.last_id.unwrap())).await;
    assert_eq!(until_stats(&mut events).await.0, history(&writers, "u").await[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_function_catches_up() {
    let apart = Apart::start().await;
    let (writers, client) = apart.clients();
    let mut events = Events::open(events_of(&client, "u")).await;
    events.expect("stats").await;
    apart.wait_until_told();
    apart.function.process.signal(Signal::STOP);
    spend(&writers, "u", 3).await;
    apart.cut_subscription();
    spend(&writers, "u", 3).await;
    apart.function.process.signal(Signal::CONT);
    let mut told = Vec::new();
    while told.len() < 6 {
        told.extend(until_stats(&mut events).await.0);
    }
    assert_eq!(told, history(&writers, "u").await[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_has_lost_what_was_told_begins_anew() {
    let apart = Apart::start().await;
    let (writers, client) = apart.clients();
    let redis = &apart.redis;
    let keys = ["jeton:{u}:account", "jeton:{u}:history"];
    let mut events = Events::open(events_of(&client, "u")).await;
    events.expect("stats").await;
    apart.wait_until_told();
    for path in ["generations", "reservations"] {
        spend(&writers, "u", 1).await;
        until_stats(&mut events).await;
        let before = writers.stats("u").await;
        let kept = keys.map(|key| redis.command::<Vec<u8>>(&["DUMP", key]));
        let body = serde_json::json!({"userId": "u", "amount": 1, "tokenCost": 1});
        let mut body = body.as_object().unwrap().clone();
        body.remove(if path == "generations" { "amount" } else { "tokenCost" });
        writers.post(path, body.into()).await.ok();
        until_stats(&mut events).await;

        // As when a server takes over that did not have the last of it.
        let mut takes_over = redis::pipe();
        takes_over.atomic();
        for (key, dump) in keys.iter().zip(kept) {
            takes_over.cmd("RESTORE").arg(key).arg(0).arg(dump).arg("REPLACE").ignore();
        }
        takes_over.cmd("PUBLISH").arg("jeton:{u}:changes").arg("").ignore();
        takes_over.exec(&mut redis.connect()).unwrap();
        events.expect("resync").await;
        assert_eq!(events.expect("stats").await.data, before, "{path}");
        spend(&writers, "u", 1).await;
        assert_eq!(until_stats(&mut events).await.0.len(), 1, "{path}: it goes on from there");
    }
}
