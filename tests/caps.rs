//! Caps of a user's own, through the calls, on both stores: what counts, what is refused, and until when.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde_json::{Value, json};

use crate::{
    refusals::{assert_problem, unchanged_by},
    support::{
        calendar::a_days_time,
        client::{Answer, Client},
        server::Backend,
    },
};

const NO_CAP: &str = "it must be a whole number from 0 to 9007199254740991, or null";
const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

async fn cap(client: &Client, user: &str, caps: Value) -> Value {
    client.patch("accounts", json!({"userId": user, "caps": caps})).await.ok()
}

async fn debit(client: &Client, user: &str, cost: u64) -> Answer {
    client.post("generations", json!({"userId": user, "tokenCost": cost})).await
}

/// Which cap an answer says is reached, and what it is.
fn reached(answer: &Answer) -> (String, u64) {
    assert_problem(answer, 409, "spending_cap_reached");
    reached_again(answer)
}

/// The same of an answer that may have been given before.
fn reached_again(answer: &Answer) -> (String, u64) {
    let problem = answer.json();
    assert_eq!((answer.status, &problem["code"]), (409, &json!("spending_cap_reached")), "{answer:?}");
    (problem["cap"].as_str().unwrap().to_owned(), problem["limit"].as_u64().unwrap())
}

fn midnight(date: NaiveDate) -> Value {
    json!(format!("{date}T00:00:00.000Z"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_in_a_day_ends_at_the_cap_and_starts_again() {
    let today = a_days_time().await;
    let tomorrow = midnight(today.checked_add_days(Days::new(1)).unwrap());
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        debit(&client, "u", 2).await.ok();
        let told = cap(&client, "u", json!({"daily": 10})).await;
        assert_eq!(told["message"], "Compte modifié, plan : standard. Solde : 4998.");
        // What was spent before counts.
        let daily = json!({"limit": 10, "spent": 2, "resetsAt": tomorrow});
        assert_eq!(told["stats"]["caps"], json!({"daily": daily}), "{backend:?}");
        assert_eq!(told.get("transaction"), None);

        debit(&client, "u", 5).await.ok();
        let before = client.stats("u").await;
        for _ in 0..2 {
            let body = json!({"userId": "u", "tokenCost": 4});
            let refused = client.post_once("generations", "four", body).await;
            assert_eq!(reached_again(&refused), ("daily".to_owned(), 10), "{backend:?}");
            assert_eq!(refused.json()["resetsAt"], tomorrow);
        }
        let refused = client.clone().with("Accept-Language", "en");
        let refused = debit(&refused, "u", 4).await;
        let problem = assert_problem(&refused, 409, "spending_cap_reached");
        let message = format!(
            "The limit of 10 tokens a day would be exceeded. It starts again at {}.",
            tomorrow.as_str().unwrap()
        );
        assert_eq!((&problem["message"], refused.header("retry-after")), (&json!(message), None));
        assert_eq!(client.stats("u").await, before, "{backend:?}");
        debit(&client, "u", 3).await.ok();
        assert_eq!(reached(&debit(&client, "u", 1).await), ("daily".to_owned(), 10));
        // Too few tokens come first, and credits are no spending.
        assert_problem(&debit(&client, "u", 5_000).await, 402, "insufficient_tokens");
        client.post("tokens", json!({"userId": "u", "amount": 5})).await.ok();

        // The own cap goes, and there is none left; nobody else has one.
        let told = cap(&client, "u", json!({"daily": null})).await;
        assert_eq!(told["stats"].get("caps"), None, "{backend:?}");
        debit(&client, "u", 100).await.ok();
        cap(&client, "u", json!({"daily": 0})).await;
        assert_eq!(reached(&debit(&client, "u", 1).await), ("daily".to_owned(), 0), "{backend:?}");
        debit(&client, "v", 100).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cap_of_the_month_comes_first_as_it_lasts_longer() {
    let today = a_days_time().await;
    let month = midnight(today.with_day(1).unwrap().checked_add_months(Months::new(1)).unwrap());
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let told = cap(&client, "u", json!({"daily": 10, "monthly": 12})).await;
        assert_eq!(told["stats"]["caps"]["monthly"], json!({"limit": 12, "spent": 0, "resetsAt": month}));
        assert_eq!(reached(&debit(&client, "u", 11).await), ("daily".to_owned(), 10), "{backend:?}");
        let refused = debit(&client, "u", 13).await;
        assert_eq!(reached(&refused), ("monthly".to_owned(), 12), "{backend:?}");
        assert_eq!(refused.json()["resetsAt"], month);
        // One of them alone is changed.
        let told = cap(&client, "u", json!({"daily": null})).await;
        assert_eq!(told["stats"]["caps"], json!({"monthly": {"limit": 12, "spent": 0, "resetsAt": month}}));
        debit(&client, "u", 12).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reserved_counts_and_what_is_refunded_does_not() {
    a_days_time().await;
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        cap(&client, "u", json!({"daily": 10})).await;
        let reserve = async |amount: u64| client.post("reservations", json!({"userId": "u", "amount": amount})).await;
        let act = async |id: &Value, action: &str, more: Value| {
            let mut body = json!({"userId": "u", "reservationId": id, "action": action});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            client.patch("reservations", body).await
        };
        let id = reserve(6).await.ok()["reservation"]["id"].clone();
        assert_eq!(reached(&reserve(5).await), ("daily".to_owned(), 10), "{backend:?}");
        assert_eq!(reached(&debit(&client, "u", 5).await), ("daily".to_owned(), 10), "{backend:?}");
        let spent = debit(&client, "u", 4).await.ok()["transaction"]["id"].clone();
        // Its own capture finds its place, and no more than that.
        assert_eq!(reached(&act(&id, "capture", json!({"amount": 7})).await), ("daily".to_owned(), 10), "{backend:?}");
        act(&id, "capture", json!({"amount": 6})).await.ok();
        assert_eq!(reached(&debit(&client, "u", 1).await), ("daily".to_owned(), 10), "{backend:?}");

        let refunded = client.post("refunds", json!({"userId": "u", "transactionId": spent})).await.ok();
        assert_eq!(refunded["stats"]["caps"]["daily"]["spent"], 6, "{backend:?}");
        let id = reserve(4).await.ok()["reservation"]["id"].clone();
        assert_eq!(reached(&debit(&client, "u", 1).await), ("daily".to_owned(), 10), "{backend:?}");
        act(&id, "release", json!({})).await.ok();
        debit(&client, "u", 4).await.ok();
        // A lower cap takes nothing back.
        let told = cap(&client, "u", json!({"daily": 3})).await;
        assert_eq!(told["stats"]["caps"]["daily"]["spent"], 10, "{backend:?}");
        assert_eq!(reached(&debit(&client, "u", 1).await), ("daily".to_owned(), 3), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_made_once_and_what_is_planned_is_told() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "plan": "standard", "caps": {"daily": null, "monthly": 5}, "effective": "nextPeriod"});
        let english = client.clone().with("Accept-Language", "en");
        let first = english.patch_once("accounts", "plan", body.clone()).await;
        let told = first.ok();
        let from = told["stats"]["nextBillingDate"].as_str().unwrap();
        assert_eq!(told["message"], format!("Change planned for {from}. Balance: 5000."));
        assert_eq!((&told["stats"]["nextPlan"], told["stats"].get("caps")), (&json!("standard"), None), "{backend:?}");
        assert_eq!(told["stats"]["nextCaps"], json!({"daily": null, "monthly": 5}), "{backend:?}");
        let again = client.patch_once("accounts", "plan", body).await;
        assert_eq!((&again.body, again.header("idempotent-replayed")), (&first.body, Some("true")), "{backend:?}");
        assert_eq!(client.stats("u").await, told["stats"], "{backend:?}");
        let reused = client.patch_once("accounts", "plan", json!({"userId": "u", "plan": "standard"})).await;
        assert_problem(&reused, 422, "idempotency_key_reused");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_checked() {
    let cases = [
        (json!({"userId": "u"}), "plan", "give a plan, caps or both"),
        (json!({"userId": "u", "effective": "now"}), "plan", "give a plan, caps or both"),
        (json!({"userId": "u", "caps": {}}), "plan", "give a plan, caps or both"),
        (json!({"userId": "u", "plan": "gold"}), "plan", "it must be one of: standard"),
        (json!({"userId": "u", "plan": null}), "plan", "it must be one of: standard"),
        (
            json!({"userId": "u", "plan": "standard", "effective": "later"}),
            "effective",
            "it must be one of: now, nextPeriod",
        ),
        (
            json!({"userId": "u", "plan": "standard", "effective": null}),
            "effective",
            "it must be one of: now, nextPeriod",
        ),
        (json!({"userId": "u", "caps": null}), "caps", "it is not a JSON object"),
        (json!({"userId": "u", "caps": 10}), "caps", "it is not a JSON object"),
        (json!({"userId": "u", "caps": [10]}), "caps", "it is not a JSON object"),
        (json!({"userId": "u", "caps": {"weekly": 1}}), "caps.weekly", "it is unknown"),
        (json!({"userId": "u", "caps": {"daily": -1}}), "caps.daily", NO_CAP),
        (json!({"userId": "u", "caps": {"daily": 1.5}}), "caps.daily", NO_CAP),
        (json!({"userId": "u", "caps": {"daily": "1"}}), "caps.daily", NO_CAP),
        (json!({"userId": "u", "caps": {"monthly": 9_007_199_254_740_992_u64}}), "caps.monthly", NO_CAP),
        (json!({"userId": "u", "caps": {"monthly": false}}), "caps.monthly", NO_CAP),
        (json!({"userId": "u", "plan": "standard", "caps.daily": 1}), "caps.daily", "it is unknown"),
        (json!({"plan": "standard"}), "userId", "it is required"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for (body, field, reason) in &cases {
            let problem = assert_problem(&client.patch("accounts", body.clone()).await, 400, "invalid_field");
            assert_eq!((&problem["field"], &problem["reason"]), (&json!(field), &json!(reason)), "{body}");
        }
        let twice = client.request(reqwest::Method::PATCH, "accounts").header("Content-Type", "application/json");
        let twice = twice.body(r#"{"userId":"u","caps":{"daily":1,"daily":2}}"#);
        let problem = assert_problem(&crate::support::client::send(twice).await, 400, "invalid_field");
        assert_eq!((&problem["field"], &problem["reason"]), (&json!("caps.daily"), &json!("it is given twice")));
    })
    .await;
}
