//! Refusals by each call, as the document says: each is held against it where it is sent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{client::send, description::Description, server::Backend};

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_each_code_is_described() {
    let big = "x".repeat(70_000);
    // The call, its body, and the code.
    let cases: [(Method, &str, Value, &str); 16] = [
        (Method::DELETE, "stats", Value::Null, "method_not_allowed"),
        (Method::GET, "stats", Value::Null, "invalid_field"),
        (Method::GET, "transactions?userId=u&limit=0", Value::Null, "invalid_field"),
        (Method::GET, "usage?userId=u&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", Value::Null, "invalid_field"),
        (Method::GET, "events", Value::Null, "invalid_field"),
        (Method::GET, "accounts?limit=201", Value::Null, "invalid_field"),
        (Method::GET, "health?x=1", Value::Null, "invalid_field"),
        (Method::GET, "billing", Value::Null, "forbidden"),
        (Method::GET, "reservations?userId=u&reservationId=res_1", Value::Null, "reservation_not_found"),
        (Method::POST, "generations", json!({"userId": "u", "tokenCost": 9000}), "insufficient_tokens"),
        (Method::POST, "generations", json!({"userId": "u", "description": big}), "body_too_large"),
        (Method::POST, "generations", json!(["u"]), "invalid_json"),
        (Method::POST, "tokens", json!({"userId": "u", "amount": 9_007_199_254_740_991_u64}), "balance_limit_exceeded"),
        (Method::POST, "refunds", json!({"userId": "u", "transactionId": "1-0"}), "transaction_not_found"),
        (Method::POST, "sessions", json!({"userId": "u", "ttlSeconds": 0}), "invalid_field"),
        (Method::PATCH, "accounts", json!({"userId": "u"}), "invalid_field"),
    ];
    let backend = Backend::embedded(&[("JETON_API_KEYS", "ops:admin:a-secret-of-the-tests")]);
    let client = backend.client().with_key("a-secret-of-the-tests");
    for (method, path, body, code) in cases {
        let request = client.request(method.clone(), path);
        let request = if body.is_null() { request } else { request.json(&body) };
        assert_eq!(send(request).await.code(), code, "{method} {path}");
    }
    assert_eq!(backend.client().get("stats?userId=u").await.code(), "unauthenticated");
}

#[test]
fn an_answer_that_is_not_as_described_is_seen() {
    let description = Description::get();
    let place = "/components/schemas/Spent";
    description.assert_fits(place, &json!({"tokens": 3, "generations": 1}));
    // What is missing, too much, of another kind, or out of range.
    for wrong in [
        json!({"tokens": 3}),
        json!({"tokens": 3, "generations": 1, "more": 1}),
        json!({"tokens": "3", "generations": 1}),
        json!({"tokens": 9_007_199_254_740_992_u64, "generations": 1}),
    ] {
        let fits = std::panic::catch_unwind(|| description.assert_fits(place, &wrong));
        assert!(fits.is_err(), "{wrong}");
    }
}
