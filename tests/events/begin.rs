//! How a stream begins, what it tells, and who is let in.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{LASTING, events_of, history, spend, until_stats};
use crate::{
    refusals::{assert_problem, unchanged_by},
    support::{
        client::send,
        events::Events,
        process::PATIENCE,
        redis::Redis,
        server::{Backend, Instance},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_account_and_tells_every_change() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        let begun = events.expect("stats").await;
        assert_eq!(events.retries, [1000], "{backend:?}");
        assert_eq!(begun.data, client.stats("u").await, "{backend:?}: the account was opened");
        assert_eq!(begun.id.as_deref(), history(&client, "u").await[0]["id"].as_str());

        let mut told = async |result: Value| {
            let entry = events.expect("transaction").await;
            assert_eq!(entry.data, result["transaction"], "{backend:?}");
            assert_eq!(entry.id.as_deref(), entry.data["id"].as_str());
            let stats = events.expect("stats").await;
            assert_eq!((&stats.data, stats.id), (&result["stats"], entry.id), "{backend:?}");
            entry.data["id"].clone()
        };
        // Each is read before the next is called: those who come close after one another may be told together.
        let debit = told(client.post("generations", json!({"userId": "u", "tokenCost": 4})).await.ok()).await;
        told(client.post("tokens", json!({"userId": "u", "amount": 7})).await.ok()).await;
        told(client.post("refunds", json!({"userId": "u", "transactionId": debit})).await.ok()).await;

        // What writes no entry is told too.
        let hold = client.post("reservations", json!({"userId": "u", "amount": 5})).await.ok();
        assert_eq!(events.expect("stats").await.data, hold["stats"], "{backend:?}");
        let plan = client.patch("accounts", json!({"userId": "u", "caps": {"daily": 90}})).await.ok();
        assert_eq!(events.expect("stats").await.data, plan["stats"], "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_together_comes_in_order() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        let first = events.expect("stats").await.data;
        let calls = (0..64).map(|_| client.post("generations", json!({"userId": "u", "tokenCost": 1})));
        futures_util::future::join_all(calls).await.into_iter().for_each(|answer| drop(answer.ok()));
        let mut told = Vec::new();
        let mut stats = first;
        while told.len() < 64 {
            let (entries, last) = until_stats(&mut events).await;
            told.extend(entries);
            stats = last.data;
            assert_eq!(stats["tokenBalance"], told.last().unwrap()["balance"], "{backend:?}: they belong together");
        }
        assert_eq!(told, history(&client, "u").await[1..], "{backend:?}");
        assert_eq!(stats, client.stats("u").await, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_users_stream_is_another_ones_silence() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut both = [
            Events::open(events_of(&client, "a")).await,
            Events::open(events_of(&client, "a|b:c@example.com+d~-.1")).await,
        ];
        for (events, user) in both.iter_mut().zip(["a", "a|b:c@example.com+d~-.1"]) {
            assert_eq!(events.expect("stats").await.data["memberId"], user);
        }
        spend(&client, "a", 3).await;
        spend(&client, "a|b:c@example.com+d~-.1", 1).await;
        // Had it been told of the others, that would have come first.
        let (told, stats) = until_stats(&mut both[1]).await;
        assert_eq!((told.len(), &stats.data["memberId"]), (1, &json!("a|b:c@example.com+d~-.1")), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_for_those_who_may_read() {
    unchanged_by(async |client| {
        assert_problem(&client.get("events?userId=u").await, 401, "unauthenticated");
        let read = client.clone().with_key("r-secret");
        for (path, field) in [
            ("events", "userId"),
            ("events?userId=", "userId"),
            ("events?userId=a%20b", "userId"),
            ("events?userId=u&userId=u", "userId"),
            ("events?userId=u&since=1", "since"),
            ("events?userId=u&lastEventId=1-0&lastEventId=1-0", "lastEventId"),
        ] {
            assert_eq!(assert_problem(&read.get(path).await, 400, "invalid_field")["field"], field, "{path}");
        }
        let head = send(read.request(Method::HEAD, "events?userId=u")).await;
        assert_eq!(
            (head.status, head.header("content-type"), head.body.as_str()),
            (200, Some("text/event-stream"), "")
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_on_the_way_may_keep_a_stream_or_change_it() {
    for backend in Backend::both(&[LASTING, &[("JETON_CORS_ORIGINS", "https://app.example")]].concat()) {
        let client = backend.client();
        let response = events_of(&client, "u").header("Origin", "https://app.example").send().await.unwrap();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some("text/event-stream"));
        assert_eq!(header("cache-control"), Some("no-store, no-transform"));
        assert_eq!(header("x-accel-buffering"), Some("no"));
        assert_eq!(header("content-length"), None);
        assert_eq!(header("access-control-allow-origin"), Some("https://app.example"));
        let preflight = client.request(Method::OPTIONS, "events").header("Origin", "https://app.example");
        let allowed = send(preflight.header("Access-Control-Request-Method", "GET")).await;
        assert!(allowed.header("access-control-allow-headers").unwrap().contains("Last-Event-ID"), "{allowed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_opens_no_stream() {
    let redis = Redis::start();
    let function = Instance::start("events", &[&[("REDIS_URL", &*redis.url())], LASTING].concat());
    for _ in 0..10 {
        let head = send(function.client().request(Method::HEAD, "events?userId=u")).await;
        assert_eq!((head.status, head.header("content-length")), (200, None));
    }
    assert!(!redis.command_counts().contains_key("subscribe"), "nobody listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_has_its_line_in_the_log_when_it_begins() {
    let redis = Redis::start();
    let function = Instance::start("events", &[&[("REDIS_URL", &*redis.url())], LASTING].concat());
    let response = events_of(&function.client(), "u").send().await.unwrap();
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let line = function.process.wait_for_line(|line| line.contains(&id));
    let line: Value = serde_json::from_str(&line).unwrap();
    let told = ["function", "method", "user", "level", "message"].map(|field| &line[field]);
    assert_eq!(told, ["events", "GET", "u", "info", "answered"]);
    assert_eq!(line["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_told_before_anybody_would_look_again() {
    const CHANGES: usize = 20;
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        events.expect("stats").await;
        // One after the other: if they were found by looking from time to time alone, it would take minutes.
        let told = async {
            for _ in 0..CHANGES {
                spend(&client, "u", 1).await;
                until_stats(&mut events).await;
            }
        };
        assert!(timeout(PATIENCE, told).await.is_ok(), "{backend:?}");
    }
}
