//! Every refusal that applies, as a table of requests, on both stores: the right status and code, the right additions,
//! in the contract's order, and nothing changed.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    client::{Answer, Client, send},
    server::{Backend, SHORT_STREAMS},
};

pub(crate) const KEYS: &str = "web:read:r-secret,app:spend:s-secret,shop:credit:c-secret,ops:admin:a-secret";
/// What user tokens are signed with.
pub(crate) const USER_TOKEN_SECRET: &str = "a-secret-of-the-tests-with-32-bytes";
const SETTINGS: [(&str, &str); 5] = [
    ("VERCEL_ENV", "production"),
    ("JETON_API_KEYS", KEYS),
    ("CRON_SECRET", "cron-secret"),
    ("JETON_JWT_SECRET", USER_TOKEN_SECRET),
    SHORT_STREAMS,
];

/// 2^53, the first integer that JavaScript cannot tell from its neighbour.
const TOO_MANY: u64 = 9_007_199_254_740_992;

pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["code"], code, "{answer:?}");
    assert_eq!(problem["status"], status);
    assert_eq!(problem["success"], false);
    assert_eq!(problem["type"], format!("urn:jeton:problem:{code}"));
    for member in ["title", "detail", "message", "requestId"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member} is missing: {answer:?}");
    }
    assert_eq!(answer.header("x-request-id"), problem["requestId"].as_str());
    problem
}

/// Runs `check` on both stores with an account `u` in it, and sees that it did not change.
pub(crate) async fn unchanged_by(check: impl AsyncFn(&Client)) {
    for backend in Backend::both(&SETTINGS) {
        let client = backend.client();
        let admin = client.clone().with_key("a-secret");
        let before = admin.stats("u").await;
        check(&client).await;
        assert_eq!(admin.stats("u").await, before, "{backend:?}");
        assert_eq!(admin.history("u").await.len(), 1, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_checked() {
    let text_of = |length: usize| "x".repeat(length);
    // Function, body, field that is refused.
    let cases: Vec<(&str, Value, &str)> = vec![
        ("generations", json!({}), "userId"),
        ("generations", json!({"userId": ""}), "userId"),
        ("generations", json!({"userId": 7}), "userId"),
        ("generations", json!({"userId": null}), "userId"),
        ("generations", json!({"userId": "a b"}), "userId"),
        ("generations", json!({"userId": "é"}), "userId"),
        ("generations", json!({"userId": "a{b}"}), "userId"),
        ("generations", json!({"userId": "a\nb"}), "userId"),
        ("generations", json!({"userId": text_of(129)}), "userId"),
        ("generations", json!({"userId": "u", "contentType": "NOVEL"}), "contentType"),
        ("generations", json!({"userId": "u", "contentType": "article"}), "contentType"),
        ("generations", json!({"userId": "u", "contentType": 1}), "contentType"),
        ("generations", json!({"userId": "u", "tokenCost": 0}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": -1}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": 1.5}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": "3"}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": null}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": true}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": [3]}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": TOO_MANY}), "tokenCost"),
        ("generations", json!({"userId": "u", "tokenCost": u64::MAX}), "tokenCost"),
        ("generations", json!({"userId": "u", "description": ""}), "description"),
        ("generations", json!({"userId": "u", "description": 1}), "description"),
        ("generations", json!({"userId": "u", "description": "a\u{0}b"}), "description"),
        ("generations", json!({"userId": "u", "description": "\u{1b}[31m"}), "description"),
        ("generations", json!({"userId": "u", "description": text_of(501)}), "description"),
        ("generations", json!({"userId": "u", "metadata": []}), "metadata"),
        ("generations", json!({"userId": "u", "metadata": "x"}), "metadata"),
        ("generations", json!({"userId": "u", "metadata": {"x": text_of(2_048)}}), "metadata"),
        ("generations", json!({"userId": "u", "amount": 3}), "amount"),
        ("tokens", json!({"userId": "u"}), "amount"),
        ("tokens", json!({"userId": "u", "amount": 0}), "amount"),
        ("tokens", json!({"userId": "u", "amount": -5}), "amount"),
        ("tokens", json!({"userId": "u", "amount": TOO_MANY}), "amount"),
        ("tokens", json!({"userId": "u", "amount": "1000"}), "amount"),
        ("tokens", json!({"userId": "u", "amount": 1, "source": "monthly"}), "source"),
        ("tokens", json!({"userId": "u", "amount": 1, "source": "gift"}), "source"),
        ("tokens", json!({"userId": "u", "amount": 1, "tokenCost": 1}), "tokenCost"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "2020-12-05T00:00:00Z"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "1969-12-31T23:59:59Z"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "2998-12-05"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "2998-12-05T00:00:00"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "in a year"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "10000-01-01T00:00:00Z"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": "9999-12-31T23:59:59-01:00"}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": 32_469_897_600_000_u64}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "expiresAt": null}), "expiresAt"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": -1}), "priority"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": 101}), "priority"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": 261}), "priority"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": 1.5}), "priority"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": "5"}), "priority"),
        ("tokens", json!({"userId": "u", "amount": 1, "priority": null}), "priority"),
        ("generations", json!({"userId": "u", "priority": 1}), "priority"),
        ("generations", json!({"userId": "u", "expiresAt": "2998-12-05T00:00:00Z"}), "expiresAt"),
        ("sessions", json!({}), "userId"),
        ("sessions", json!({"userId": "a b"}), "userId"),
        ("sessions", json!({"userId": "u", "ttlSeconds": 0}), "ttlSeconds"),
        ("sessions", json!({"userId": "u", "ttlSeconds": 86_401}), "ttlSeconds"),
        ("sessions", json!({"userId": "u", "ttlSeconds": "900"}), "ttlSeconds"),
        ("sessions", json!({"userId": "u", "ttlSeconds": null}), "ttlSeconds"),
        ("sessions", json!({"userId": "u", "scope": "admin"}), "scope"),
        ("reset", json!({"userId": "u", "force": true}), "force"),
        ("reset", json!({}), "userId"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for (function, body, field) in &cases {
            let problem = assert_problem(&client.post(function, body.clone()).await, 400, "invalid_field");
            assert_eq!(problem["field"], *field, "{function} {body}");
            assert!(problem["reason"].as_str().is_some_and(|reason| reason.starts_with("it ")), "{problem}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_checked_as_they_were_written() {
    // Body, code, field.
    let cases: [(&[u8], &str, Option<&str>); 17] = [
        (b"", "invalid_json", None),
        (b"{", "invalid_json", None),
        (b"null", "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b"\"u\"", "invalid_json", None),
        (b"{\"userId\":\"u\",}", "invalid_json", None),
        (b"{\"userId\":\"u\"} {}", "invalid_json", None),
        (b"{'userId':'u'}", "invalid_json", None),
        (b"{\"userId\":\"\xff\"}", "invalid_json", None),
        (b"\xef\xbb\xbf{\"userId\":\"u\"}", "invalid_json", None),
        (b"{\"userId\":\"u\",\"tokenCost\":1e3}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"u\",\"tokenCost\":3.0}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"u\",\"tokenCost\":-0}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"u\",\"tokenCost\":1E400}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"u\",\"tokenCost\":99999999999999999999999}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"u\",\"tokenCost\":1,\"tokenCost\":5000}", "invalid_field", Some("tokenCost")),
        (b"{\"userId\":\"\\ud800\"}", "invalid_field", Some("userId")),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for (body, code, field) in cases {
            let request = client.request(Method::POST, "generations").header("Content-Type", "application/json");
            let problem = assert_problem(&send(request.body(body)).await, 400, code);
            assert_eq!(problem["field"].as_str(), field, "{}", String::from_utf8_lossy(body));
        }
        let deep = format!("{{\"userId\":\"u\",\"metadata\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
        let request = client.request(Method::POST, "generations").header("Content-Type", "application/json");
        assert_problem(&send(request.body(deep)).await, 400, "invalid_field");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_checked() {
    let cases = [
        ("stats", "userId"),
        ("stats?userId=", "userId"),
        ("stats?userId=a%20b", "userId"),
        ("stats?userId=a+b", "userId"),
        ("stats?userId=u&userId=v", "userId"),
        ("stats?userId=u&verbose=1", "verbose"),
        ("transactions", "userId"),
        ("transactions?userId=u&limit=0", "limit"),
        ("transactions?userId=u&limit=-1", "limit"),
        ("transactions?userId=u&limit=1.5", "limit"),
        ("transactions?userId=u&limit=1001", "limit"),
        ("transactions?userId=u&limit=ten", "limit"),
        ("transactions?userId=u&limit=", "limit"),
        ("transactions?userId=u&cursor=x", "cursor"),
        ("transactions?userId=u&cursor=1-", "cursor"),
        ("transactions?userId=u&cursor=1-2-3", "cursor"),
        ("transactions?userId=u&cursor=01-2", "cursor"),
        ("transactions?userId=u&cursor=1-00", "cursor"),
        ("transactions?userId=u&cursor=99999999999999999999-0", "cursor"),
        ("transactions?userId=u&type=debit", "type"),
        ("transactions?userId=u&contentType=NOVEL", "contentType"),
        ("transactions?userId=u&from=yesterday", "from"),
        ("transactions?userId=u&to=2026-12-05", "to"),
        ("transactions?userId=u&order=up", "order"),
        ("transactions?userId=u&form=2026-12-05T00:00:00Z", "form"),
        ("usage", "userId"),
        ("usage?userId=u&userId=v", "userId"),
        ("health?deep=1", "deep"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("r-secret");
        for (path, field) in cases {
            let problem = assert_problem(&client.get(path).await, 400, "invalid_field");
            assert_eq!(problem["field"], field, "{path}");
        }
        let cron = client.clone().with_key("cron-secret");
        // The first header counts only if it is alone: two of them are nobody.
        assert_problem(&cron.get("billing").await, 401, "unauthenticated");
        // The platform adds its own parameters for its deployment protection.
        assert_eq!(client.get("stats?userId=u&x-vercel-protection-bypass=s").await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_checked_first() {
    unchanged_by(async |client| {
        for (function, allow) in [
            ("stats", "GET, HEAD, OPTIONS"),
            ("events", "GET, HEAD, OPTIONS"),
            ("transactions", "GET, HEAD, OPTIONS"),
            ("accounts", "GET, HEAD, PATCH, OPTIONS"),
            ("usage", "GET, HEAD, OPTIONS"),
            ("billing", "GET, HEAD, OPTIONS"),
            ("health", "GET, HEAD, OPTIONS"),
            ("generations", "POST, OPTIONS"),
            ("tokens", "POST, OPTIONS"),
            ("reset", "POST, OPTIONS"),
            ("sessions", "POST, OPTIONS"),
            ("refunds", "POST, OPTIONS"),
            ("reservations", "GET, HEAD, POST, PATCH, OPTIONS"),
        ] {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
                if allow.contains(method) {
                    continue;
                }
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let answer = send(client.request(method, function)).await;
                assert_problem(&answer, 405, "method_not_allowed");
                assert_eq!(answer.header("allow"), Some(allow));
            }
            let answer = send(client.request(Method::OPTIONS, function)).await;
            assert_eq!((answer.status, answer.header("allow")), (204, Some(allow)));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_answers_as_get_without_the_body() {
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for path in ["stats?userId=u", "transactions?userId=u"] {
            let (get, head) = (client.get(path).await, send(client.request(Method::HEAD, path)).await);
            assert_eq!((head.status, head.body.as_str()), (200, ""));
            assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
            assert_eq!(head.header("content-type"), get.header("content-type"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_sizes_are_checked_before_the_body_is_read() {
    let body = "{\"userId\":\"u\"}";
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for content_type in ["text/plain", "application/xml", "application/json; charset=latin1", "json", ""] {
            let request = client.request(Method::POST, "reset").header("Content-Type", content_type).body(body);
            assert_problem(&send(request).await, 415, "unsupported_media_type");
        }
        assert_problem(&send(client.request(Method::POST, "reset").body(body)).await, 415, "unsupported_media_type");
        let zipped = client.request(Method::POST, "reset").header("Content-Encoding", "gzip");
        let zipped = zipped.header("Content-Type", "application/json").body(body);
        assert_problem(&send(zipped).await, 415, "unsupported_media_type");

        // One byte too many, announced and not announced; and the size comes before the type.
        let large = format!("{{\"userId\":\"u\",\"x\":\"{}\"}}", "x".repeat(64 * 1024 - 20));
        assert_eq!(large.len(), 64 * 1024 + 1);
        let chunks = futures_util::stream::iter(
            large.as_bytes().to_vec().chunks(10_000).map(<[u8]>::to_vec).collect::<Vec<_>>(),
        );
        let chunked = reqwest::Body::wrap_stream(futures_util::StreamExt::map(chunks, Ok::<_, std::io::Error>));
        for too_large in [reqwest::Body::from(large.clone()), chunked] {
            let answer =
                send(client.request(Method::POST, "reset").header("Content-Type", "text/plain").body(too_large)).await;
            assert_eq!(assert_problem(&answer, 413, "body_too_large")["limitBytes"], 65_536);
        }
        // As much as is allowed gets as far as its fields.
        let request = client.request(Method::POST, "reset").header("Content-Type", "application/json; charset=UTF-8");
        let answer = send(request.body(large[..large.len() - 3].to_owned() + "\"}")).await;
        assert_eq!(assert_problem(&answer, 400, "invalid_field")["field"], "x");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idempotency_keys_are_checked() {
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        let body = json!({"userId": "u"});
        for key in ["", "a b", "é", &"k".repeat(256)] {
            let answer = client.post_once("generations", key, body.clone()).await;
            assert_eq!(assert_problem(&answer, 400, "invalid_field")["field"], "Idempotency-Key", "{key:?}");
        }
        let twice = client.clone().with("Idempotency-Key", "one");
        let answer = twice.post_once("generations", "two", body).await;
        assert_eq!(assert_problem(&answer, 400, "invalid_field")["field"], "Idempotency-Key");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_first_refusal_is_told() {
    unchanged_by(async |client| {
        let none = client.request(Method::PUT, "reset").body("{");
        assert_problem(&send(none).await, 405, "method_not_allowed");
        let large = "x".repeat(70_000);
        assert_problem(&send(client.request(Method::POST, "reset").body(large.clone())).await, 401, "unauthenticated");
        let read = client.clone().with_key("r-secret");
        assert_problem(&send(read.request(Method::POST, "reset").body(large.clone())).await, 403, "forbidden");
        let admin = client.clone().with_key("a-secret");
        assert_problem(&send(admin.request(Method::POST, "reset").body(large)).await, 413, "body_too_large");
        assert_problem(&send(admin.request(Method::POST, "reset").body("{")).await, 415, "unsupported_media_type");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_tokens_say_how_many_there_are() {
    unchanged_by(async |client| {
        let client = client.clone().with_key("s-secret").with("Accept-Language", "en");
        let answer = client.post("generations", json!({"userId": "u", "tokenCost": 5001})).await;
        let problem = assert_problem(&answer, 402, "insufficient_tokens");
        assert_eq!((&problem["required"], &problem["available"]), (&json!(5001), &json!(5000)));
        assert_eq!(problem["stats"], client.stats("u").await);
        assert_eq!(problem["message"], "Not enough tokens: 5001 tokens needed, 5000 available.");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_ends_at_the_largest_exact_integer() {
    unchanged_by(async |client| {
        let client = client.clone().with_key("c-secret");
        let most = 9_007_199_254_740_991_u64;
        let answer = client.post("tokens", json!({"userId": "u", "amount": most - 5000 + 1})).await;
        assert_problem(&answer, 422, "balance_limit_exceeded");
        let full = client.post("tokens", json!({"userId": "full", "amount": most - 5000})).await.ok();
        assert_eq!(full["stats"]["tokenBalance"].as_u64(), Some(most));
        let spent = client.post("generations", json!({"userId": "full", "tokenCost": most})).await.ok();
        assert_eq!(spent["stats"]["tokenBalance"], 0);
        assert_eq!(spent["stats"]["tokensUsed"].as_u64(), Some(most));
    })
    .await;
}
