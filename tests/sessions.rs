//! Sessions: a service gives a user's browser a token to read with.

use reqwest::Method;
use serde_json::json;

use crate::{
    refusals::{KEYS, USER_TOKEN_SECRET, assert_problem},
    support::{
        client::send,
        redis::Redis,
        server::{Backend, Deployment, Instance, Local},
    },
    user_tokens::claims_of,
};

const PRODUCTION: (&str, &str) = ("VERCEL_ENV", "production");
const SECRET: (&str, &str) = ("JETON_JWT_SECRET", USER_TOKEN_SECRET);

/// An RFC 3339 instant in seconds.
fn seconds(rfc3339: &serde_json::Value) -> i64 {
    let instant = chrono::DateTime::parse_from_rfc3339(rfc3339.as_str().unwrap()).unwrap();
    assert_eq!(instant.timestamp_subsec_millis(), 0, "a token knows whole seconds alone");
    instant.timestamp()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_reads_its_user() {
    for backend in Backend::both(&[PRODUCTION, ("JETON_API_KEYS", KEYS), SECRET]) {
        let service = backend.client().with_key("s-secret");
        service.post("generations", json!({"userId": "alice", "tokenCost": 7})).await.ok();
        let answer = service.post("sessions", json!({"userId": "alice"})).await;
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let session = answer.ok();
        assert_eq!(session.as_object().unwrap().len(), 2, "{session}");
        let browser = backend.client().with_key(session["token"].as_str().unwrap());
        for path in ["stats", "transactions?type=DEBIT", "usage"] {
            assert_eq!(browser.read(path).await, as_service(&service, path).await, "{backend:?}: {path}");
        }
        assert_eq!(browser.read("stats").await["tokensUsed"], 7);
        assert_problem(&browser.get("stats?userId=bob").await, 403, "forbidden");
        assert_problem(&browser.post("sessions", json!({"userId": "alice"})).await, 403, "forbidden");
    }
}

async fn as_service(service: &crate::support::client::Client, path: &str) -> serde_json::Value {
    let sign = if path.contains('?') { '&' } else { '?' };
    service.read(&format!("{path}{sign}userId=alice")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_lasts_as_long_as_it_is_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[PRODUCTION, ("JETON_API_KEYS", KEYS), SECRET]);
    let service = local.client().with_key("s-secret");
    for (body, lasts) in [
        (json!({"userId": "alice"}), 900),
        (json!({"userId": "alice", "ttlSeconds": 1}), 1),
        (json!({"userId": "alice", "ttlSeconds": 86_400}), 86_400),
    ] {
        let session = service.post("sessions", body.clone()).await.ok();
        let claims = claims_of(session["token"].as_str().unwrap());
        let issued_at = claims["iat"].as_i64().unwrap();
        let exp = seconds(&session["expiresAt"]);
        assert_eq!(
            claims,
            json!({"iss": "jeton", "aud": "jeton", "sub": "alice", "iat": issued_at, "exp": exp}),
            "{body}"
        );
        assert_eq!(exp - issued_at, lasts, "{body}");
    }
    let accounts = local.client().with_key("a-secret").read("accounts").await;
    assert_eq!(accounts["accounts"], json!([]), "a session opens no account");
    for answer in local.process.lines() {
        assert!(!answer.contains("eyJ") && !answer.contains(USER_TOKEN_SECRET), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_first_token() {
    for backend in Backend::both(&[PRODUCTION, ("JETON_API_KEYS", KEYS), SECRET]) {
        let service = backend.client().with_key("s-secret");
        let ask = async |key, body| service.post_once("sessions", key, body).await;
        let first = ask("k", json!({"userId": "alice", "ttlSeconds": 60})).await;
        first.ok();
        assert_eq!(first.header("idempotent-replayed"), None);
        // What is signed in another second is another token.
        loop {
            let other = service.post("sessions", json!({"userId": "alice", "ttlSeconds": 60})).await;
            if other.ok() != first.ok() {
                break;
            }
        }
        let again = ask("k", json!({"ttlSeconds": 60, "userId": "alice"})).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{backend:?}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
        for other in [json!({"userId": "alice"}), json!({"userId": "alice", "ttlSeconds": 61})] {
            assert_problem(&ask("k", other).await, 422, "idempotency_key_reused");
        }
        let other = service.post_once("generations", "k", json!({"userId": "alice", "tokenCost": 60})).await;
        assert_problem(&other, 422, "idempotency_key_reused");
        assert_eq!(ask("k", json!({"userId": "bob", "ttlSeconds": 60})).await.header("idempotent-replayed"), None);
        let wrong = ask("a key", json!({"userId": "alice"})).await;
        assert_eq!(assert_problem(&wrong, 400, "invalid_field")["field"], "Idempotency-Key");
        let history = service.history("alice").await;
        assert_eq!(history.len(), 1, "the opening: {history:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_store_may_be_away() {
    let mut redis = Redis::start();
    let deployment = Deployment::start(&redis, &[PRODUCTION, ("JETON_API_KEYS", KEYS), SECRET]);
    redis.stop();
    let service = deployment.client().with_key("s-secret");
    service.post("sessions", json!({"userId": "alice"})).await.ok();
    service.post_once("sessions", "k", json!({"userId": "alice"})).await.assert_store_unavailable();
    redis.start_again();
    service.post_once("sessions", "k", json!({"userId": "alice"})).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_there_is_none() {
    let redis = Redis::start();
    let url = redis.url();
    let settings = [("REDIS_URL", &*url), ("JETON_API_KEYS", KEYS)];
    for stage in [PRODUCTION, ("VERCEL_ENV", "development")] {
        let instance = Instance::start("sessions", &[&settings[..], &[stage]].concat());
        let service = instance.client().with_key("s-secret");
        for answer in [
            service.post("sessions", json!({"userId": "alice"})).await,
            service.post_once("sessions", "k", json!({"userId": "alice"})).await,
        ] {
            assert_problem(&answer, 500, "internal");
            let line = instance.line_of(&answer);
            let message = line["message"].as_str().unwrap();
            assert!(message.starts_with("JETON_JWT_SECRET is not set"), "{line}");
            assert!(message.contains("for example JETON_JWT_SECRET="), "{line}");
        }
        // What is wrong with the request is told first.
        assert_problem(&service.post("sessions", json!({})).await, 400, "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_secret_is_used_and_warned_of_once() {
    let url = "redis://127.0.0.1:1";
    for (secret, warns) in [("0123456789abcdef0123456789abcde", true), ("0123456789abcdef0123456789abcdef", false)] {
        let settings = [("REDIS_URL", url), PRODUCTION, ("JETON_API_KEYS", KEYS), ("JETON_JWT_SECRET", secret)];
        let instance = Instance::start("sessions", &settings);
        let service = instance.client().with_key("s-secret");
        for _ in 0..2 {
            let answer = service.post("sessions", json!({"userId": "alice"})).await;
            answer.ok();
            instance.line_of(&answer);
        }
        let lines = instance.process.lines();
        let warnings: Vec<&String> = lines.iter().filter(|line| line.contains("JETON_JWT_SECRET")).collect();
        assert_eq!(warnings.len(), usize::from(warns), "{lines:?}");
        assert!(warnings.iter().all(|line| line.contains(r#""level":"warn""#)), "{warnings:?}");
        assert!(!lines.iter().any(|line| line.contains(secret)), "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_development_it_needs_no_settings() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let client = backend.client();
        let session = client.post("sessions", json!({})).await.ok();
        let browser = client.clone().with_key(session["token"].as_str().unwrap());
        assert_eq!(browser.read("stats").await["memberId"], "test-user-id", "{backend:?}");
        // A test clock is moved, and the token is of the real time.
        let request = client.request(Method::POST, "sessions").header("Jeton-Clock", "2098-12-05T00:00:00Z");
        let refused = send(request.json(&json!({"userId": "bob"}))).await;
        assert_eq!(assert_problem(&refused, 400, "invalid_field")["field"], "Jeton-Clock", "ten years at once");
        let soon = chrono::DateTime::from_timestamp(seconds(&session["expiresAt"]) + 86_400, 0).unwrap().to_rfc3339();
        let request = client.request(Method::POST, "sessions").header("Jeton-Clock", soon);
        let moved = send(request.json(&json!({"userId": "bob"}))).await.ok();
        assert!(seconds(&moved["expiresAt"]) < seconds(&session["expiresAt"]) + 3_600);
        let opened = client.stats("bob").await["lastUpdated"].clone();
        assert!(opened.is_string(), "the clock's owner has an account: {opened}");
    }
}
