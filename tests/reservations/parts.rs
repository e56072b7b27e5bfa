//! Captures in parts, and of more than was set aside.

use serde_json::json;

use super::{DEVELOPMENT, act, id_of, in_balance, look, reserved};
use crate::{
    refusals::assert_problem,
    support::{server::Backend, verify::assert_sound},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_is_captured_in_parts() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "amount": 100, "contentType": "ARTICLE"});
        let id = id_of(&client.post("reservations", body).await.ok());
        // What is asked, and then: the part in the entry, what is left, what was captured, balance and reserved.
        let steps = [
            (json!({"amount": 30, "final": false}), json!(null), 70, 30, (4_900, 70)),
            (json!({"amount": 25, "final": false}), json!(2), 45, 55, (4_900, 45)),
            (json!({"amount": 20}), json!(3), 0, 75, (4_925, 0)),
        ];
        for (more, part, remaining, captured, balance) in steps {
            let told = act(&client, "u", &id, "capture", more.clone()).await.ok();
            let is_final = more["final"].is_null();
            assert_eq!(told["transaction"]["part"], part, "{backend:?} {more}");
            assert_eq!(told["transaction"]["reservationId"], json!(id));
            let reservation = &told["reservation"];
            assert_eq!(
                (&reservation["remaining"], &reservation["captured"], &reservation["status"]),
                (&json!(remaining), &json!(captured), &json!(if is_final { "captured" } else { "open" })),
                "{backend:?} {more}"
            );
            assert_eq!(in_balance(&client, "u").await, balance, "{backend:?} {more}");
            assert_eq!(look(&client, "u", &id).await["reservation"], *reservation);
            assert_eq!(told["stats"]["totalGenerations"], 1, "the parts are one generation");
            let message = told["message"].as_str().unwrap();
            assert_eq!(message.ends_with(&format!(" {remaining} tokens restent réservés.")), !is_final, "{message}");
        }
        let history = client.history("u").await;
        assert_eq!(history.iter().map(|entry| &entry["amount"]).collect::<Vec<_>>(), [20, 25, 30, 5_000]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_capture_may_find_nothing_left() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let id = id_of(&reserved(&client, "u", 10).await);
        let told = act(&client, "u", &id, "capture", json!({"final": false})).await.ok();
        assert_eq!(told["transaction"]["description"], "Utilisation de tokens", "{backend:?}");
        assert_eq!(told["transaction"].get("contentType"), None, "it says no content type, and counts as none");
        assert_eq!(told["stats"]["totalGenerations"], 0);
        assert_eq!(
            (&told["reservation"]["remaining"], &told["reservation"]["status"]),
            (&json!(0), &json!("open")),
            "{backend:?}"
        );
        let told = act(&client, "u", &id, "capture", json!({})).await.ok();
        assert_eq!((told.get("transaction"), &told["reservation"]["status"]), (None, &json!("captured")));
        assert_eq!(told["message"], "Réservation débitée. Solde : 4990.");
        assert_eq!(in_balance(&client, "u").await, (4_990, 0), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_of_more_takes_the_rest_from_the_balance_or_nothing() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.post("tokens", json!({"userId": "u", "amount": 10})).await.ok();
        let id = id_of(&reserved(&client, "u", 4_990).await);
        // 4 990 are held, 10 of the opening and 10 bought ones are left.
        let before = look(&client, "u", &id).await;
        for (key, amount) in [(None, 5_011), (None, 9_007_199_254_740_991_u64), (Some("much"), 5_011)] {
            let body = super::asked("u", &id, "capture", &json!({"amount": amount}));
            let answer = match key {
                Some(key) => client.patch_once("reservations", key, body).await,
                None => client.patch("reservations", body).await,
            };
            let problem = assert_problem(&answer, 402, "insufficient_tokens");
            let told = (&problem["required"], &problem["available"]);
            assert_eq!(told, (&json!(amount), &json!(5_010)), "{backend:?}");
            assert_eq!(look(&client, "u", &id).await, before, "it stays open: {backend:?}");
        }
        let told = act(&client, "u", &id, "capture", json!({"amount": 5_005})).await.ok();
        let paid = json!([{"id": "initial", "amount": 5_000}, {"id": "purchase", "amount": 5}]);
        assert_eq!((&told["transaction"]["amount"], &told["transaction"]["grants"]), (&json!(5_005), &paid));
        let captured = ["captured", "amount", "status"].map(|member| &told["reservation"][member]);
        assert_eq!(captured, [&json!(5_005), &json!(4_990), &json!("captured")], "{backend:?}");
        assert_eq!(told["reservation"].get("shortfall"), None);
        assert_eq!(in_balance(&client, "u").await, (5, 0), "{backend:?}");
        if let Backend::Platform { redis, .. } = &backend {
            assert_sound(&redis.url(), 1);
        }
    }
}
