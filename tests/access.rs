//! Who may call what: keys and scopes, the cron secret, production and development, pages of other origins.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    refusals::{KEYS, assert_problem, unchanged_by},
    support::{
        client::{Client, send},
        server::Backend,
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn who_may_do_what() {
    let generation = json!({"userId": "u", "tokenCost": 9_999_999});
    let credit = json!({"userId": "u", "amount": 9_007_199_254_740_991_u64});
    // What a call answers once it is let in: refusals by a rule, so that nothing changes.
    let calls = [
        ("GET", "stats?userId=u", Value::Null, "read", 200),
        ("GET", "transactions?userId=u", Value::Null, "read", 200),
        ("GET", "events?userId=u", Value::Null, "read", 200),
        ("GET", "usage?userId=u", Value::Null, "read", 200),
        ("POST", "generations", generation, "spend", 402),
        ("POST", "tokens", credit, "credit", 422),
        ("GET", "reservations?userId=u&reservationId=res_x", Value::Null, "read", 404),
        ("POST", "reservations", json!({"userId": "u", "amount": 9_999_999}), "spend", 402),
        ("PATCH", "reservations", json!({"userId": "u", "reservationId": "res_x", "action": "release"}), "spend", 404),
        ("POST", "refunds", json!({"userId": "u", "transactionId": "1-0"}), "credit", 404),
        ("POST", "sessions", json!({"userId": "u", "ttlSeconds": 0}), "spend", 400),
        ("POST", "reset", json!({"userId": ""}), "admin", 400),
        ("GET", "accounts", Value::Null, "admin", 200),
        ("PATCH", "accounts", json!({"userId": "u"}), "admin", 400),
        ("GET", "billing", Value::Null, "cron", 200),
    ];
    let scopes = ["read", "spend", "credit", "admin"];
    let holders = [("r-secret", 0), ("s-secret", 1), ("c-secret", 2), ("a-secret", 3)];
    unchanged_by(async |client| {
        for (method, path, body, required, let_in) in &calls {
            let method: Method = method.parse().unwrap();
            let call = async |client: &Client| {
                let request = client.request(method.clone(), path);
                send(if body.is_null() { request } else { request.json(body) }).await
            };
            for nobody in [
                client.clone(),
                client.clone().with_key("wrong"),
                client.clone().with_key(""),
                client.clone().with_key("r-secre"),
                client.clone().with_key("web:read:r-secret"),
                client.clone().with("Authorization", "r-secret"),
                client.clone().with("Authorization", "Basic a-secret"),
            ] {
                let answer = call(&nobody).await;
                assert_problem(&answer, 401, "unauthenticated");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"jeton\""));
            }
            let needed = scopes.iter().position(|scope| scope == required);
            for (secret, rank) in holders {
                let answer = call(&client.clone().with_key(secret)).await;
                if needed.is_some_and(|needed| rank >= needed) {
                    assert_eq!(answer.status, *let_in, "{path} with {secret}: {answer:?}");
                } else {
                    assert_eq!(assert_problem(&answer, 403, "forbidden")["requiredScope"], *required);
                }
            }
            let cron = call(&client.clone().with("authorization", "bearer cron-secret")).await;
            if *required == "cron" {
                assert_eq!(cron.status, 200);
            } else {
                assert_eq!(assert_problem(&cron, 403, "forbidden")["requiredScope"], *required);
            }
        }
        assert_eq!(client.get("health").await.status, 200, "health is for everybody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_production_nothing_is_open() {
    for backend in Backend::both(&[("VERCEL_ENV", "production")]) {
        let client = backend.client();
        for path in
            ["stats?userId=u", "transactions?userId=u", "usage?userId=u", "events?userId=u", "accounts", "billing"]
        {
            assert_problem(&client.get(path).await, 401, "unauthenticated");
        }
        for function in ["generations", "tokens", "sessions", "reset"] {
            assert_problem(&client.post(function, json!({"userId": "u", "amount": 1})).await, 401, "unauthenticated");
        }
        assert_eq!(client.get("health").await.status, 200, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_allowed_origins_may_read_the_answers() {
    let settings = [
        ("VERCEL_ENV", "production"),
        ("JETON_API_KEYS", KEYS),
        ("JETON_CORS_ORIGINS", "https://app.example, http://localhost:3001"),
    ];
    for backend in Backend::both(&settings) {
        let client = backend.client();
        for origin in ["https://app.example", "http://localhost:3001"] {
            let preflight = client.request(Method::OPTIONS, "generations").header("Origin", origin);
            let preflight = send(preflight.header("Access-Control-Request-Method", "POST")).await;
            assert_eq!(preflight.status, 204, "{backend:?}");
            assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
            assert_eq!(preflight.header("access-control-allow-methods"), Some("POST, OPTIONS"));
            assert!(preflight.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
            // Refusals too: the page must see why.
            let answer = send(client.request(Method::GET, "stats").header("Origin", origin)).await;
            assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, Some(origin)));
            assert_eq!(answer.header("vary"), Some("Origin"));
        }
        for origin in ["https://evil.example", "https://app.example.evil.example", "null", "http://app.example"] {
            let answer = send(client.request(Method::OPTIONS, "generations").header("Origin", origin)).await;
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn development_without_keys_is_open_and_says_so_once() {
    let redis = crate::support::redis::Redis::start();
    let url = redis.url();
    for sign in [("VERCEL_DEV", "1"), ("VERCEL_ENV", "development"), ("NODE_ENV", "development")] {
        let settings = [("REDIS_URL", url.as_str()), sign];
        let instance = crate::support::server::Instance::start("stats", &settings);
        let client = instance.client();
        assert_eq!(client.get("stats?userId=%20").await.status, 400, "also when the first call is refused");
        let mut last = String::new();
        for _ in 0..3 {
            let answer = client.get("stats").await;
            assert_eq!(answer.ok()["memberId"], "test-user-id", "{sign:?}");
            last = answer.header("x-request-id").unwrap().to_owned();
        }
        let warned = |line: &String| line.contains("every call is allowed");
        instance.process.wait_for_line(|line| line.contains(&last));
        assert_eq!(instance.process.lines().iter().filter(|line| warned(line)).count(), 1, "{sign:?}");
    }
    // With a key, development is as closed as production.
    for backend in Backend::both(&[("VERCEL_ENV", "development"), ("JETON_API_KEYS", KEYS)]) {
        assert_problem(&backend.client().get("stats?userId=u").await, 401, "unauthenticated");
        let with_key = backend.client().with_key("r-secret");
        assert_eq!(assert_problem(&with_key.get("stats").await, 400, "invalid_field")["field"], "userId");
    }
}
