//! Debits that are given back, through the calls, on both stores: whole, once, to the grants that paid.

use chrono::{DateTime, SecondsFormat, TimeDelta};
use futures_util::future::join_all;
use jeton::{
    committer::{Reply, Surroundings},
    ledger::{TransactionId, UserId},
    store::StoreError,
    system::System,
};
use serde_json::{Value, json};

use crate::{
    refusals::{assert_problem, unchanged_by},
    reservations::in_balance,
    support::{
        broken::Broken,
        client::{Answer, Client},
        process::wait_until_so,
        proxy::Fault,
        redis::Redis,
        server::{Backend, Deployment, Instance},
        service::{article, caller, granted},
        verify::assert_sound,
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

async fn debited(client: &Client, user: &str, cost: u64) -> Value {
    let body = json!({"userId": user, "tokenCost": cost});
    client.post("generations", body).await.ok()["transaction"].clone()
}

async fn refund(client: &Client, user: &str, debit: &Value) -> Answer {
    client.post("refunds", json!({"userId": user, "transactionId": debit["id"]})).await
}

/// The ids of the grants and what is left of each.
fn left(told: &Value) -> Vec<(&Value, u64)> {
    let grants = told["stats"]["grants"].as_array().unwrap().iter();
    grants.map(|grant| (&grant["id"], grant["remaining"].as_u64().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_goes_back_to_the_grants_that_paid_it() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let given = json!({"userId": "u", "amount": 60, "source": "promotion", "priority": 5,
            "expiresAt": "2998-12-05T00:00:00Z"});
        client.post("tokens", given).await.ok();
        let before = client.stats("u").await;
        let debit = debited(&client, "u", 100).await;
        let other = debited(&client, "u", 1).await;
        let after = client.stats("u").await;

        let refunded = refund(&client, "u", &debit).await.ok();
        assert_eq!(refunded["message"], "100 tokens remboursés. Nouveau solde : 5059.");
        let entry = &refunded["transaction"];
        let expected = json!({
            "id": entry["id"], "type": "CREDIT", "amount": 100, "description": "Remboursement", "balance": 5_059,
            "source": "refund", "refundOf": debit["id"], "grants": debit["grants"], "timestamp": entry["timestamp"],
        });
        assert_eq!(*entry, expected, "{backend:?}");
        assert_eq!(client.history("u").await[0], *entry);
        assert_eq!(left(&refunded), [(&before["grants"][0]["id"], 60), (&json!("initial"), 4_999)], "{backend:?}");
        // What was spent stays told.
        for count in ["tokensUsed", "articlesGenerated", "totalGenerations"] {
            assert_eq!(refunded["stats"][count], after[count], "{backend:?}: {count}");
        }
        assert_eq!(in_balance(&client, "u").await.0, 5_059, "{backend:?}");

        let english = client.clone().with("Accept-Language", "en");
        let body = json!({"userId": "u", "transactionId": other["id"], "description": "It did not print"});
        let told = english.post("refunds", body).await.ok();
        assert_eq!(told["message"], "1 token refunded. New balance: 5060.");
        assert_eq!(told["transaction"]["description"], "It did not print", "{backend:?}");
        assert_eq!(left(&told)[1], (&json!("initial"), 5_000), "all is where it was: {backend:?}");
        if let Backend::Platform { redis, .. } = &backend {
            assert_sound(&redis.url(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_is_given_back_once() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let debit = debited(&client, "u", 10).await;
        let body = json!({"userId": "u", "transactionId": debit["id"]});
        let first = client.post_once("refunds", "back", body.clone()).await;
        first.ok();
        for replayed in [None, Some("true")] {
            let again = client.post_once("refunds", "back", body.clone()).await;
            assert_eq!((again.status, &again.body), (200, &first.body), "{backend:?}");
            assert_eq!(again.header("idempotent-replayed"), Some("true"));
            assert_problem(&client.post("refunds", body.clone()).await, 409, "already_refunded");
            let other = client.post_once("refunds", "another", body.clone()).await;
            assert_eq!((other.code().as_str(), other.header("idempotent-replayed")), ("already_refunded", replayed));
        }
        let reused = client.post_once("refunds", "back", json!({"userId": "u", "transactionId": "1-0"})).await;
        assert_problem(&reused, 422, "idempotency_key_reused");
        assert_eq!(in_balance(&client, "u").await.0, 5_000, "{backend:?}");
        assert_eq!(client.history("u").await.len(), 3, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_refunds_at_once_one_is_made() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let another = Instance::start("transactions", &[("REDIS_URL", &redis.url()), DEVELOPMENT[0]]);
    let client = deployment.client();
    for round in 0..20 {
        let debit = debited(&client, "u", 10).await;
        let callers = [client.clone(), another.client(), client.clone(), another.client()];
        let answers = join_all(callers.iter().map(|caller| refund(caller, "u", &debit))).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((made.len(), refused.len()), (1, 3), "round {round}: {answers:?}");
        for answer in refused {
            assert_problem(answer, 409, "already_refunded");
        }
        assert_eq!(in_balance(&client, "u").await.0, 5_000, "round {round}");
    }
    assert_sound(&redis.url(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_given_back_is_told() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let debit = debited(&client, "u", 10).await;
        let bought = client.post("tokens", json!({"userId": "u", "amount": 5})).await.ok()["transaction"].clone();
        let refunded = refund(&client, "u", &debit).await.ok()["transaction"].clone();
        let opening = client.history("u").await.last().unwrap().clone();
        let before = client.stats("u").await;
        for credit in [&bought, &refunded, &opening] {
            assert_problem(&refund(&client, "u", credit).await, 409, "not_refundable");
        }
        // Nobody else's, and none that never was.
        debited(&client, "v", 1).await;
        assert_problem(&refund(&client, "v", &debit).await, 404, "transaction_not_found");
        assert_problem(&refund(&client, "u", &json!({"id": "1-0"})).await, 404, "transaction_not_found");
        assert_eq!(client.stats("u").await, before, "{backend:?}");

        // A reset puts the history away, also what of it was given back.
        let late = debited(&client, "u", 10).await;
        client.post("reset", json!({"userId": "u"})).await.ok();
        for gone in [&debit, &late] {
            assert_problem(&refund(&client, "u", gone).await, 404, "transaction_not_found");
        }
        // What it comes to must have room.
        let debit = debited(&client, "u", 10).await;
        let most = json!({"userId": "u", "amount": 9_007_199_254_740_991_u64 - 4_990});
        client.post("tokens", most).await.ok();
        assert_problem(&refund(&client, "u", &debit).await, 422, "balance_limit_exceeded");
        debited(&client, "u", 10).await;
        refund(&client, "u", &debit).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_given_back_part_by_part() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "amount": 100, "contentType": "ARTICLE"});
        let id = client.post("reservations", body).await.ok()["reservation"]["id"].clone();
        let mut parts = Vec::new();
        for (amount, is_final) in [(30, false), (20, true)] {
            let body = json!({"userId": "u", "reservationId": id, "action": "capture", "amount": amount,
                "final": is_final});
            parts.push(client.patch("reservations", body).await.ok()["transaction"].clone());
            // Also while the reservation is open.
            let refunded = refund(&client, "u", parts.last().unwrap()).await.ok();
            assert_eq!(refunded["transaction"]["refundOf"], parts.last().unwrap()["id"], "{backend:?}");
            assert_eq!(refunded["stats"]["tokensReserved"], if is_final { 0 } else { 70 });
            in_balance(&client, "u").await;
        }
        for part in &parts {
            assert_problem(&refund(&client, "u", part).await, 409, "already_refunded");
        }
        assert_eq!(in_balance(&client, "u").await.0, 5_000, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_since_it_was_spent_comes_back_and_expires_at_once() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.stats("u").await;
        // On a machine that has much to do the credit can come too late, or the debit take tokens that stay.
        let (mut ends, mut debit) = (System.now().to_utc(), Value::Null);
        wait_until_so("a debit takes what will expire", async || {
            let soon = System.now().to_utc() + TimeDelta::milliseconds(700);
            ends = DateTime::from_timestamp_millis(soon.timestamp_millis()).unwrap();
            let until = ends.to_rfc3339_opts(SecondsFormat::Millis, true);
            let body = json!({"userId": "u", "amount": 60, "priority": 0, "expiresAt": until});
            client.post("tokens", body).await;
            debit = debited(&client, "u", 50).await;
            debit["grants"] == json!([{"id": format!("purchase:p0:e{}", ends.timestamp_millis()), "amount": 50}])
        })
        .await;
        // The other ten go at their instant.
        let mut balance = 0;
        wait_until_so("the rest expires", async || {
            let is_over = System.now().to_utc() >= ends;
            balance = client.stats("u").await["tokenBalance"].as_i64().unwrap();
            is_over
        })
        .await;

        let refunded = refund(&client, "u", &debit).await.ok();
        assert_eq!(refunded["transaction"]["grants"], debit["grants"], "{backend:?}");
        assert_eq!(refunded["stats"]["tokenBalance"], balance, "{backend:?}");
        let history = client.history("u").await;
        let told: Vec<_> = history.iter().take(3).map(|entry| (&entry["type"], &entry["amount"])).collect();
        let [credit, expiration] = [json!("CREDIT"), json!("DEBIT")];
        let expected = [(&expiration, &json!(50)), (&credit, &json!(50)), (&expiration, &json!(10))];
        assert_eq!(told, expected, "{backend:?}");
        for expired in [&history[0], &history[2]] {
            assert_problem(&refund(&client, "u", expired).await, 409, "not_refundable");
        }
        assert_problem(&refund(&client, "u", &debit).await, 409, "already_refunded");
        assert_eq!(in_balance(&client, "u").await.0, balance, "{backend:?}");
        if let Backend::Platform { redis, .. } = &backend {
            assert_sound(&redis.url(), 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_checked() {
    let cases = [
        (json!({"userId": "u"}), "transactionId"),
        (json!({"userId": "u", "transactionId": null}), "transactionId"),
        (json!({"userId": "u", "transactionId": 1}), "transactionId"),
        (json!({"userId": "u", "transactionId": "1"}), "transactionId"),
        (json!({"userId": "u", "transactionId": "01-0"}), "transactionId"),
        (json!({"userId": "u", "transactionId": "1-0", "description": ""}), "description"),
        (json!({"userId": "u", "transactionId": "1-0", "amount": 1}), "amount"),
        (json!({"transactionId": "1-0"}), "userId"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("c-secret");
        for (body, field) in &cases {
            let problem = assert_problem(&client.post("refunds", body.clone()).await, 400, "invalid_field");
            assert_eq!(problem["field"], *field, "{body}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_refund_is_made_once_whatever_happens_to_its_commit() {
    use Fault::{AnswerLost, LateAfter, RequestLost};
    let faults: [&[Fault]; 7] = [
        &[AnswerLost],
        &[RequestLost],
        &[LateAfter("HMGET")],
        &[LateAfter("XRANGE")],
        &[LateAfter("EVALSHA")],
        &[RequestLost, AnswerLost],
        &[RequestLost, RequestLost, RequestLost],
    ];
    let kinds = [Broken::start().await, Broken::start_cluster().await];
    for (broken, key) in kinds.iter().flat_map(|broken| [None, Some("key")].map(|key| (broken, key))) {
        for (number, faults) in faults.iter().enumerate() {
            let case = format!("{}: key {key:?}, {faults:?}", broken.url);
            let (service, user) = (broken.service(), UserId::new(&format!("{}-{number}", key.is_some())).unwrap());
            let debit = granted(service.record_generation(&user, article(10), caller(None)).await);
            let id = debit.transaction.unwrap().id;
            broken.proxy.fail("EVALSHA", faults);
            let refunded = granted(service.refund(&user, id, None, caller(key)).await);
            broken.proxy.assert_used_up(&case);
            assert_eq!(refunded.stats.token_balance, 5_000, "{case}");
            assert_eq!(broken.history(&user, &case).await, [5_000, -10, 10], "{case}");
            for service in [service, broken.other_service()] {
                let again = service.refund(&user, id, None, caller(None)).await;
                assert_refused(&again, &case);
            }
        }
    }
}

#[tokio::test]
async fn a_lost_refund_that_somebody_else_made_meanwhile_is_refused() {
    let broken = Broken::start().await;
    let other = broken.other_service();
    for (fault, mine) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
        let case = format!("{fault:?}");
        let (service, user) = (broken.service(), UserId::new(&case).unwrap());
        let debit = granted(service.record_generation(&user, article(10), caller(None)).await);
        let id: TransactionId = debit.transaction.unwrap().id;
        broken.proxy.fail("EVALSHA", &[fault]);
        broken.proxy.fail("HMGET", &[Fault::Paused]);
        let others = async {
            broken.proxy.paused().await;
            let theirs = other.refund(&user, id, None, caller(None)).await;
            if mine {
                assert_refused(&theirs, &case);
            } else {
                granted(theirs);
            }
            broken.proxy.go_on();
        };
        let (reply, ()) = tokio::join!(service.refund(&user, id, None, caller(None)), others);
        if mine {
            granted(reply);
        } else {
            assert_refused(&reply, &case);
        }
        assert_eq!(broken.history(&user, &case).await, [5_000, -10, 10], "{case}");
    }
}

fn assert_refused(reply: &Result<Reply, StoreError>, case: &str) {
    let refused = matches!(reply, Ok(Reply::Decided { decision: Err(refused), .. })
        if refused.refusal == jeton::ledger::Refusal::AlreadyRefunded);
    assert!(refused, "{case}: {reply:?}");
}
