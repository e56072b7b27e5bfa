//! What a user token opens: reading its own user, and nothing else.

use jeton::session::DEVELOPMENT_SECRET;
use reqwest::Method;
use serde_json::{Value, json};

use super::{SECRET, identity::now, signing::Signer};
use crate::{
    refusals::{assert_problem, unchanged_by},
    support::{
        client::{Client, send},
        server::Backend,
    },
};

/// A token for `user` that this secret signs.
pub(crate) fn token_for(user: &str, secret: &str) -> String {
    token_until(user, secret, 600)
}

/// The same that expires in so many seconds.
pub(crate) fn token_until(user: &str, secret: &str, seconds: i64) -> String {
    Signer::secret(secret).token_of("any", &json!({"sub": user, "exp": now() + seconds}))
}

async fn call(client: &Client, method: &str, path: &str, body: &Value) -> crate::support::client::Answer {
    let request = client.request(method.parse().unwrap(), path);
    send(if body.is_null() { request } else { request.json(body) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_its_own_user_and_nobody_else() {
    unchanged_by(async |client| {
        let as_user = client.clone().with_key(&token_for("u", SECRET));
        let as_service = client.clone().with_key("r-secret");
        for path in ["stats?", "transactions?", "transactions?limit=1&", "usage?granularity=month&"] {
            let read = as_service.get(&format!("{path}userId=u")).await;
            for own in [path.trim_end_matches(['?', '&']).to_owned(), format!("{path}userId=u")] {
                let answer = as_user.get(&own).await;
                assert_eq!((answer.status, answer.ok()), (200, read.ok()), "{own}");
            }
            // Also where the request is not right besides.
            for other in ["userId=v", "userId=", "userId=u%20", "userId=U", "userId=u&userId=v", "userId=v&limit=0"] {
                let answer = as_user.get(&format!("{path}{other}")).await;
                assert_eq!(assert_problem(&answer, 403, "forbidden")["requiredScope"], "read", "{path}{other}");
            }
            let twice = as_user.get(&format!("{path}userId=u&userId=%75")).await;
            assert_eq!(assert_problem(&twice, 400, "invalid_field")["field"], "userId");
        }
        let head = send(as_user.request(Method::HEAD, "stats")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        let csv = send(as_user.request(Method::GET, "transactions").header("Accept", "text/csv")).await;
        assert_eq!((csv.status, csv.body.lines().count()), (200, 2));

        for (method, path, body, scope) in [
            ("GET", "reservations?userId=u&reservationId=res_x", Value::Null, "read"),
            ("HEAD", "accounts", Value::Null, ""),
            ("GET", "accounts", Value::Null, "admin"),
            ("PATCH", "accounts", json!({"userId": "u", "plan": "standard"}), "admin"),
            ("GET", "billing", Value::Null, "cron"),
            ("POST", "generations", json!({"userId": "u"}), "spend"),
            ("POST", "reservations", json!({"userId": "u", "amount": 1}), "spend"),
            ("PATCH", "reservations", json!({"userId": "u", "reservationId": "res_x", "action": "release"}), "spend"),
            ("POST", "sessions", json!({"userId": "u"}), "spend"),
            ("POST", "tokens", json!({"userId": "u", "amount": 1}), "credit"),
            ("POST", "refunds", json!({"userId": "u", "transactionId": "1-0"}), "credit"),
            ("POST", "reset", json!({"userId": "u"}), "admin"),
            ("POST", "generations", json!({"x": "x".repeat(1 << 16)}), "spend"),
        ] {
            let answer = call(&as_user, method, path, &body).await;
            if method == "HEAD" {
                assert_eq!(answer.status, 403, "{path}");
            } else {
                assert_eq!(assert_problem(&answer, 403, "forbidden")["requiredScope"], scope, "{method} {path}");
            }
            // A bad one is nobody's.
            let nobody = call(&client.clone().with_key(&token_for("u", "another")), method, path, &body).await;
            assert_eq!(nobody.status, 401, "{method} {path}");
        }
        assert_problem(&call(&as_user, "PUT", "stats", &Value::Null).await, 405, "method_not_allowed");
        for anybody in [as_user.clone(), client.clone().with_key(&token_for("u", "another"))] {
            assert_eq!(anybody.get("health").await.status, 200, "health is for everybody");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_once_in_its_header_and_nowhere_else() {
    unchanged_by(async |client| {
        let token = token_for("u", SECRET);
        for nobody in [
            client.clone().with_key(&token).with_key(&token),
            client.clone().with_key(&token).with_key("a-secret"),
            client.clone().with("Authorization", &token),
            client.clone().with("Authorization", &format!("Basic {token}")),
            client.clone().with("Authorization", &format!("Bearer {token} {token}")),
            client.clone().with("X-Authorization", &format!("Bearer {token}")),
            client.clone().with("Cookie", &format!("access_token={token}")),
        ] {
            assert_problem(&nobody.get("stats").await, 401, "unauthenticated");
        }
        for scheme in ["bearer", "BEARER", "Bearer "] {
            let client = client.clone().with("Authorization", &format!("{scheme} {token}"));
            assert_eq!(client.get("stats").await.status, 200, "{scheme}");
        }
        let in_query = format!("stats?userId=u&access_token={token}");
        assert_problem(&client.get(&in_query).await, 401, "unauthenticated");
        let as_user = client.clone().with_key(&token);
        let answer = as_user.get(&in_query).await;
        assert_eq!(assert_problem(&answer, 400, "invalid_field")["field"], "access_token");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_open_development_it_counts_as_its_user() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let client = backend.client();
        let as_alice = client.clone().with_key(&token_for("alice", DEVELOPMENT_SECRET));
        assert_eq!(as_alice.read("stats").await["memberId"], "alice");
        assert_eq!(as_alice.read("stats?userId=alice").await["memberId"], "alice");
        let other = as_alice.get("stats?userId=bob").await;
        assert_eq!(assert_problem(&other, 403, "forbidden")["requiredScope"], "read");
        let debit = as_alice.post("generations", json!({"userId": "alice"})).await;
        assert_eq!(assert_problem(&debit, 403, "forbidden")["requiredScope"], "spend");
        // Anything else there is passed over, as everybody may call.
        let expired = json!({"sub": "alice", "exp": now() - 60});
        for ignored in [
            "anything".to_owned(),
            token_for("alice", SECRET),
            Signer::secret(DEVELOPMENT_SECRET).token_of("any", &expired),
            Signer::Nobody.token_of("any", &json!({"sub": "alice", "exp": now() + 600})),
        ] {
            let client = client.clone().with_key(&ignored);
            assert_eq!(client.read("stats").await["memberId"], "test-user-id", "{backend:?}");
            assert_eq!(client.read("stats?userId=bob").await["memberId"], "bob");
        }
        assert_eq!(client.stats("alice").await["tokensUsed"], 0);
    }
    // With a key nothing is open, and the secret that everybody knows opens nothing.
    for backend in Backend::both(&[("VERCEL_ENV", "development"), ("JETON_API_KEYS", crate::refusals::KEYS)]) {
        let as_alice = backend.client().with_key(&token_for("alice", DEVELOPMENT_SECRET));
        assert_problem(&as_alice.get("stats").await, 401, "unauthenticated");
    }
}
