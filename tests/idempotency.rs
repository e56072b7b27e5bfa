//! Idempotency keys, on both stores and between processes: one effect, and the first answer byte for byte.

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    client::sum,
    redis::Redis,
    server::{Backend, Deployment, Instance},
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_first_answer() {
    // Function, body, status: changes, and refusals by a rule.
    let cases = [
        ("generations", json!({"userId": "u", "metadata": {"b": 1, "a": [2]}}), 200),
        ("tokens", json!({"userId": "u", "amount": 7}), 200),
        ("generations", json!({"userId": "u", "tokenCost": 9_000_000_000_u64}), 402),
        ("tokens", json!({"userId": "u", "amount": 9_007_199_254_740_991_u64}), 422),
        ("reset", json!({"userId": "u"}), 200),
    ];
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        for (index, (function, body, status)) in cases.iter().enumerate() {
            let key = format!("key-{index}");
            let first = client.post_once(function, &key, body.clone()).await;
            assert_eq!(first.status, *status, "{backend:?} {first:?}");
            assert_eq!(first.header("idempotent-replayed"), None);
            // What is in between does not matter, and neither does the language.
            client.post("tokens", json!({"userId": "u", "amount": 1_000_000})).await.ok();
            let english = client.clone().with("Accept-Language", "en");
            let again = english.post_once(function, &key, body.clone()).await;
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{backend:?}");
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert_eq!(again.header("content-type"), first.header("content-type"));
        }
        // The same JSON, written otherwise, is the same request.
        let written = r#" { "metadata" : {"a":[2],"b":1}, "userId":"u" } "#;
        let request = client.request(reqwest::Method::POST, "generations").header("Content-Type", "application/json");
        let again = crate::support::client::send(request.header("Idempotency-Key", "key-0").body(written)).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_request_under_the_same_key_is_refused() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.post_once("tokens", "k", json!({"userId": "u", "amount": 7})).await.ok();
        client.post_once("generations", "poor", json!({"userId": "u", "tokenCost": 1_000_000})).await;
        let before = client.stats("u").await;
        for (function, key, body) in [
            ("tokens", "k", json!({"userId": "u", "amount": 8})),
            ("tokens", "k", json!({"userId": "u", "amount": 7, "description": "x"})),
            ("generations", "k", json!({"userId": "u"})),
            ("reset", "k", json!({"userId": "u"})),
            ("generations", "poor", json!({"userId": "u", "tokenCost": 1})),
        ] {
            let answer = client.post_once(function, key, body).await;
            assert_eq!((answer.status, answer.code().as_str()), (422, "idempotency_key_reused"), "{backend:?}");
        }
        assert_eq!(client.stats("u").await, before);
        // A key is one user's: another user's is another.
        let other = client.post_once("tokens", "k", json!({"userId": "v", "amount": 8})).await;
        assert_eq!(other.ok()["stats"]["tokenBalance"], 5008);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_decided_is_not_remembered() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let refused = client.post_once("tokens", "k", json!({"userId": "u", "amount": 0})).await;
        assert_eq!(refused.status, 400);
        let answer = client.post_once("tokens", "k", json!({"userId": "u", "amount": 5})).await;
        assert_eq!(answer.ok()["stats"]["tokenBalance"], 5005, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_at_once_from_many_requests_has_one_effect() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "amount": 10});
        let answers = join_all((0..32).map(|_| client.post_once("tokens", "k", body.clone()))).await;
        assert!(answers.iter().all(|answer| answer.body == answers[0].body && answer.status == 200), "{backend:?}");
        let replayed = answers.iter().filter(|answer| answer.header("idempotent-replayed").is_some()).count();
        assert_eq!(replayed, 31);
        assert_eq!(sum(&client.history("u").await), 5010);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_at_once_from_several_processes_has_one_effect() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let url = redis.url();
    let others: Vec<Instance> =
        (0..3).map(|_| Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT[0]])).collect();
    let clients: Vec<_> = others.iter().map(Instance::client).chain([deployment.client()]).collect();
    for round in 0..20 {
        // Three refusals and a debit that share no key, and one key that all use.
        let key = format!("round-{round}");
        let body = json!({"userId": "u", "tokenCost": 5});
        let answers = join_all(
            clients.iter().flat_map(|client| [0, 1].map(|_| client.post_once("generations", &key, body.clone()))),
        )
        .await;
        assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{answers:?}");
    }
    let client = deployment.client();
    assert_eq!(client.stats("u").await["tokenBalance"], 5000 - 20 * 5);
    assert_eq!(client.history("u").await.len(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_names_a_request_stays_the_same_from_version_to_version() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    // A retry may come after an upgrade: it must find the answer that the version before remembered.
    for (key, function, body, fingerprint) in [
        (
            "credit",
            "tokens",
            json!({"userId": "u", "amount": 7}),
            "1cc72ee19b527ae25a3c703c65f1586d4b9c959fcfef14eee7d55f045cac31df",
        ),
        (
            "debit",
            "generations",
            json!({"userId": "u", "metadata": {"b": 1, "a": [2]}}),
            "fd65851a23bfc158b720ce35bcb7ca87b270247a0002a0bf17eb693b5ab9a983",
        ),
        (
            "refund",
            "refunds",
            json!({"userId": "u", "transactionId": "1-0"}),
            "fbb3dae8149f544f0418bfe6b4528033dd1ea99f6637003d4e29e4629acc864e",
        ),
        (
            "release",
            "reservations",
            json!({"userId": "u", "reservationId": "res_x", "action": "release"}),
            "ba2dc4f9f86e276784308af72dc1919a143f99446adeb47ee7d1c30d9d4a2225",
        ),
    ] {
        if key == "release" {
            assert_eq!(client.patch_once(function, key, body).await.status, 404);
        } else {
            assert_eq!(client.post_once(function, key, body).await.status, if key == "refund" { 404 } else { 200 });
        }
        let record: String = redis.command(&["GET", &format!("jeton:{{u}}:once:{key}")]);
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(record["fingerprint"], fingerprint, "{key}");
    }
}
