//! A browser's stream: with a user token, which it can only put into the address (contract §5 and §6).

use jeton::session::DEVELOPMENT_SECRET;
use serde_json::json;

use super::{LASTING, events_after, history, ids, spend, until_stats};
use crate::{
    refusals::{KEYS, USER_TOKEN_SECRET, assert_problem, unchanged_by},
    support::{
        client::Client,
        events::{End, Events},
        redis::Redis,
        server::{Backend, Instance, Settings},
    },
    user_tokens::{token_for, token_until},
};

const BROWSERS: Settings<'_> =
    &[("JETON_API_KEYS", KEYS), ("JETON_JWT_SECRET", USER_TOKEN_SECRET), ("JETON_EVENTS_SECONDS", "600")];

/// A user token, as `POST /api/sessions` gives it.
async fn session(client: &Client, user: &str, seconds: u64) -> String {
    let service = client.clone().with_key("s-secret");
    let session = service.post("sessions", json!({"userId": user, "ttlSeconds": seconds})).await.ok();
    session["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_token_opens_its_own_stream_and_no_other() {
    for backend in Backend::both(BROWSERS) {
        let client = backend.client();
        let admin = client.clone().with_key("a-secret");
        spend(&admin, "other", 3).await;
        let foreign = ids(&history(&admin, "other").await);
        let token = session(&client, "u", 60).await;
        let browser = client.clone().with_key(&token);
        let by_address =
            |query: &str| client.request(reqwest::Method::GET, &format!("events?access_token={token}{query}"));
        for request in [
            by_address(""),
            by_address("&userId=u"),
            browser.request(reqwest::Method::GET, "events"),
            browser.request(reqwest::Method::GET, "events?userId=u"),
        ] {
            let mut events = Events::open(request).await;
            assert_eq!(events.expect("stats").await.data["memberId"], "u", "{backend:?}");
            let debit = admin.post("generations", json!({"userId": "u", "tokenCost": 1})).await.ok();
            assert_eq!(events.expect("transaction").await.data, debit["transaction"], "{backend:?}");
        }
        // Neither by a place in another's history, however it is said.
        for id in &foreign {
            for request in [
                by_address("").header("Last-Event-ID", id),
                by_address(&format!("&lastEventId={id}")),
                events_after(&browser, "u", id),
            ] {
                let mut events = Events::open(request).await;
                events.expect("resync").await;
                assert_eq!(events.expect("stats").await.data["memberId"], "u", "{backend:?}");
            }
        }
        let denied = browser.get("events?userId=other").await;
        assert_eq!(assert_problem(&denied, 403, "forbidden")["requiredScope"], "read", "{backend:?}");
        for query in ["&userId=other", "&userId=other&lastEventId=0-0", "&userId=u&userId=other", "&userId="] {
            let denied = client.get(&format!("events?access_token={token}{query}")).await;
            assert_eq!(assert_problem(&denied, 403, "forbidden")["requiredScope"], "read", "{backend:?}: {query}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_takes_one_good_user_token_and_no_key() {
    unchanged_by(async |client| {
        let good = token_for("u", USER_TOKEN_SECRET);
        for query in [
            "userId=u&access_token=".to_owned(),
            // Keys are not for addresses.
            "userId=u&access_token=a-secret".to_owned(),
            "userId=u&access_token=cron-secret".to_owned(),
            format!("access_token={good}&access_token={good}"),
            format!("access_token={}", &good[..good.len() - 3]),
            format!("access_token={}", token_for("u", "another-secret-of-more-than-32-bytes")),
            format!("access_token={}", token_until("u", USER_TOKEN_SECRET, -31)),
            format!("access_token={}", token_for("no user", USER_TOKEN_SECRET)),
            format!("ACCESS_TOKEN={good}"),
        ] {
            assert_problem(&client.get(&format!("events?{query}")).await, 401, "unauthenticated");
        }
        let in_both = client.clone().with_key(&good).get(&format!("events?access_token={good}")).await;
        assert_problem(&in_both, 401, "unauthenticated");
        let with_key = client.clone().with_key("a-secret").get(&format!("events?userId=u&access_token={good}")).await;
        assert_problem(&with_key, 401, "unauthenticated");
        let other = client.get(&format!("events?access_token={good}&other=1")).await;
        assert_eq!(assert_problem(&other, 400, "invalid_field")["field"], "other");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_when_its_user_token_does() {
    for backend in Backend::both(BROWSERS) {
        let client = backend.client();
        let long = session(&client, "u", 600).await;
        let mut lasting =
            Events::open(client.request(reqwest::Method::GET, &format!("events?access_token={long}"))).await;
        lasting.expect("stats").await;
        let token = session(&client, "u", 1).await;
        let mut events =
            Events::open(client.request(reqwest::Method::GET, &format!("events?access_token={token}"))).await;
        events.expect("stats").await;
        assert_eq!(events.end().await, End::Clean, "{backend:?}");
        // The others go on, and with a new one so does this one.
        spend(&client.clone().with_key("a-secret"), "u", 1).await;
        assert_eq!(until_stats(&mut lasting).await.0.len(), 1, "{backend:?}");
        let again = session(&client, "u", 600).await;
        let again = client.clone().with_key(&again);
        let mut events = Events::open(events_after(&again, "u", &events.last_id.unwrap())).await;
        assert_eq!(until_stats(&mut events).await.0.len(), 1, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_an_address_is_in_no_log() {
    let redis = Redis::start();
    let function = Instance::start("events", &[&[("REDIS_URL", &*redis.url())], BROWSERS].concat());
    let client = function.client();
    let good = token_for("u", USER_TOKEN_SECRET);
    let bad = token_until("u", USER_TOKEN_SECRET, -60);
    let mut events = Events::open(client.request(reqwest::Method::GET, &format!("events?access_token={good}"))).await;
    events.expect("stats").await;
    for query in
        [format!("access_token={bad}"), format!("access_token={good}&userId=v"), format!("access_token={good}&x=1")]
    {
        let answer = client.get(&format!("events?{query}")).await;
        assert!(answer.status >= 400 && !answer.body.contains("eyJ"), "{answer:?}");
        function.line_of(&answer);
    }
    let lines = function.process.lines();
    for part in good.split('.').chain(bad.split('.')) {
        assert!(!lines.iter().any(|line| line.contains(part)), "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_development_an_address_with_a_token_is_about_its_user() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let token = token_for("alice", DEVELOPMENT_SECRET);
        let address = format!("events?access_token={token}");
        let mut events = Events::open(client.request(reqwest::Method::GET, &address)).await;
        assert_eq!(events.expect("stats").await.data["memberId"], "alice", "{backend:?}");
        // One that is not good is nobody's: a page must not show somebody else's account.
        let expired = token_until("alice", DEVELOPMENT_SECRET, -31);
        for query in [format!("access_token={expired}"), format!("access_token={token}x"), "access_token=x".to_owned()]
        {
            assert_problem(&client.get(&format!("events?{query}")).await, 401, "unauthenticated");
        }
    }
}
