//! Tokens that are set aside for work under way, through the calls, on both stores: reserved, captured, given back, and
//! the balance and what is reserved always adding up to the history.

mod closed;
mod expiring;
mod lost;
mod parts;

use chrono::DateTime;
use serde_json::{Value, json};

use crate::{
    refusals::{assert_problem, unchanged_by},
    support::{
        calendar::a_days_time,
        client::{Answer, Client, sum},
        server::Backend,
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

/// Reserves for `user`: the result.
async fn reserved(client: &Client, user: &str, amount: u64) -> Value {
    client.post("reservations", json!({"userId": user, "amount": amount})).await.ok()
}

/// The id of the reservation that an answer tells of.
fn id_of(told: &Value) -> String {
    told["reservation"]["id"].as_str().unwrap_or_else(|| panic!("no reservation: {told}")).to_owned()
}

/// What is asked of the reservation `id` of `user`; `more` is further fields.
fn asked(user: &str, id: &str, action: &str, more: &Value) -> Value {
    let mut body = json!({"userId": user, "reservationId": id, "action": action});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// Asks it.
async fn act(client: &Client, user: &str, id: &str, action: &str, more: Value) -> Answer {
    client.patch("reservations", asked(user, id, action, &more)).await
}

/// How the reservation is now.
async fn look(client: &Client, user: &str, id: &str) -> Value {
    client.read(&format!("reservations?userId={user}&reservationId={id}")).await
}

/// The balance and what is reserved are what the history adds up to. Gives them.
pub(crate) async fn in_balance(client: &Client, user: &str) -> (i64, u64) {
    let stats = client.stats(user).await;
    let (balance, reserved) = (stats["tokenBalance"].as_i64().unwrap(), stats["tokensReserved"].as_u64().unwrap());
    let history = client.history(user).await;
    assert_eq!(i128::from(balance) + i128::from(reserved), sum(&history), "{stats}");
    assert_eq!(history[0]["balance"].as_i64(), i64::try_from(sum(&history)).ok(), "the newest entry says so too");
    (balance, reserved)
}

/// So many seconds lie between two members of `told`.
fn assert_lasts(told: &Value, from: &str, to: &str, seconds: i64) {
    let instant = |name: &str| DateTime::parse_from_rfc3339(told[name].as_str().unwrap()).unwrap();
    assert_eq!((instant(to) - instant(from)).num_milliseconds(), seconds * 1_000, "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_reserved_is_captured_and_becomes_a_generation() {
    for backend in Backend::both(&DEVELOPMENT) {
        // When the tokens run out is told by days.
        a_days_time().await;
        let client = backend.client();
        let before = client.stats("u").await;
        let body = json!({"userId": "u", "amount": 100, "contentType": "ARTICLE", "metadata": {"job": 7}});
        let told = client.post("reservations", body).await.ok();
        let id = id_of(&told);
        assert!(id.starts_with("res_"), "{id}");
        let reservation = &told["reservation"];
        let expected = json!({
            "id": id, "status": "open", "amount": 100, "remaining": 100, "captured": 0, "contentType": "ARTICLE",
            "metadata": {"job": 7}, "createdAt": reservation["createdAt"], "expiresAt": reservation["expiresAt"],
        });
        assert_eq!(*reservation, expected, "{backend:?}");
        assert_lasts(reservation, "createdAt", "expiresAt", 300);
        assert_eq!(told["message"], "100 tokens réservés. Solde disponible : 4900.");
        assert_eq!((&told["success"], told.get("transaction")), (&json!(true), None));
        assert!(told["stats"]["version"].as_u64() > before["version"].as_u64(), "{told}");
        assert_eq!(in_balance(&client, "u").await, (4_900, 100), "{backend:?}");
        assert_eq!(told["stats"]["grants"][0]["remaining"], 4_900);
        let forecast = json!([{"at": reservation["expiresAt"], "what": "reservation", "amount": 100}]);
        // Unless a billing comes before.
        if told["stats"]["nextBillingDate"].as_str() > reservation["expiresAt"].as_str() {
            assert_eq!(told["stats"]["forecast"]["next"], forecast);
        }
        assert_eq!(client.history("u").await.len(), 1, "a reservation writes no entry");

        let looked = look(&client, "u", &id).await;
        assert_eq!((&looked["reservation"], &looked["stats"]), (reservation, &told["stats"]), "{backend:?}");
        assert_eq!(looked["message"], told["message"]);

        let english = client.clone().with("Accept-Language", "en");
        let captured = act(&english, "u", &id, "capture", json!({})).await.ok();
        assert_eq!(captured["message"], "100 tokens debited. New balance: 4900.");
        let entry = &captured["transaction"];
        let expected = json!({
            "id": entry["id"], "type": "DEBIT", "amount": 100, "description": "Article generation", "balance": 4_900,
            "contentType": "ARTICLE", "reservationId": id, "grants": [{"id": "initial", "amount": 100}],
            "metadata": {"job": 7}, "timestamp": entry["timestamp"],
        });
        assert_eq!(*entry, expected, "{backend:?}");
        let reservation = &captured["reservation"];
        let told = ["status", "remaining", "captured", "closedAt"].map(|member| &reservation[member]);
        assert_eq!(told, [&json!("captured"), &json!(0), &json!(100), &entry["timestamp"]], "{backend:?}");
        let counts = ["tokensUsed", "articlesGenerated", "totalGenerations"].map(|count| &captured["stats"][count]);
        assert_eq!(counts, [&json!(100), &json!(1), &json!(1)]);
        assert_eq!(in_balance(&client, "u").await, (4_900, 0), "{backend:?}");
        assert_eq!(client.history("u").await[0], *entry);
        let looked = look(&client, "u", &id).await;
        assert_eq!((&looked["reservation"], &looked["stats"]), (reservation, &captured["stats"]), "{backend:?}");
        assert_eq!(looked["message"], "Réservation débitée. Solde : 4900.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_released_goes_back_where_it_came_from() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let given = json!({"userId": "u", "amount": 60, "source": "promotion", "priority": 5,
            "expiresAt": "2998-12-05T00:00:00Z"});
        client.post("tokens", given).await.ok();
        let before = client.stats("u").await;
        let id = id_of(&reserved(&client, "u", 100).await);
        assert_eq!(in_balance(&client, "u").await, (4_960, 100));
        // Nobody else gets what is set aside, and it is there for its capture.
        let refused = client.post("generations", json!({"userId": "u", "tokenCost": 4_961})).await;
        assert_eq!(assert_problem(&refused, 402, "insufficient_tokens")["available"], 4_960, "{backend:?}");
        let refused = client.post("reservations", json!({"userId": "u", "amount": 4_961})).await;
        let problem = assert_problem(&refused, 402, "insufficient_tokens");
        assert_eq!((&problem["required"], &problem["available"]), (&json!(4_961), &json!(4_960)), "{backend:?}");

        let released = act(&client, "u", &id, "release", json!({})).await.ok();
        assert_eq!(released["message"], "Réservation libérée. Solde : 5060.");
        assert_eq!(released.get("transaction"), None);
        let told = ["status", "remaining", "captured"].map(|member| &released["reservation"][member]);
        assert_eq!(told, [&json!("released"), &json!(0), &json!(0)], "{backend:?}");
        assert_eq!(released["stats"]["grants"], before["grants"], "{backend:?}");
        assert_eq!(in_balance(&client, "u").await, (5_060, 0));
        assert_eq!(client.history("u").await.len(), 2, "no trace in the history");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_counts_from_now_and_never_shortens() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "amount": 1, "ttlSeconds": 86_400});
        let told = client.post("reservations", body).await.ok();
        assert_lasts(&told["reservation"], "createdAt", "expiresAt", 86_400);
        let (id, long) = (id_of(&told), told["reservation"]["expiresAt"].clone());
        for more in [json!({}), json!({"ttlSeconds": 1})] {
            let extended = act(&client, "u", &id, "extend", more).await.ok();
            assert_eq!(extended["reservation"]["expiresAt"], long, "{backend:?}");
        }
        let told = client.post("reservations", json!({"userId": "u", "amount": 1, "ttlSeconds": 60})).await.ok();
        let id = id_of(&told);
        let extended = act(&client, "u", &id, "extend", json!({"ttlSeconds": 3_600})).await.ok();
        let until = extended["reservation"]["expiresAt"].as_str().unwrap();
        let instant = |text: &Value| DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
        let since = instant(&extended["reservation"]["expiresAt"]) - instant(&told["reservation"]["createdAt"]);
        assert!((3_600..3_660).contains(&since.num_seconds()), "{extended}");
        let message = format!("Réservation prolongée jusqu'au {until}. Solde disponible : 4998.");
        assert_eq!(extended["message"], message, "{backend:?}");
        assert_eq!(in_balance(&client, "u").await, (4_998, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_are_checked() {
    let posted = [
        (json!({"userId": "u"}), "amount"),
        (json!({"userId": "u", "amount": 0}), "amount"),
        (json!({"userId": "u", "amount": "1"}), "amount"),
        (json!({"userId": "u", "amount": 9_007_199_254_740_992_u64}), "amount"),
        (json!({"userId": "u", "amount": 1, "contentType": "NOVEL"}), "contentType"),
        (json!({"userId": "u", "amount": 1, "ttlSeconds": 0}), "ttlSeconds"),
        (json!({"userId": "u", "amount": 1, "ttlSeconds": 86_401}), "ttlSeconds"),
        (json!({"userId": "u", "amount": 1, "ttlSeconds": 1.5}), "ttlSeconds"),
        (json!({"userId": "u", "amount": 1, "ttlSeconds": "60"}), "ttlSeconds"),
        (json!({"userId": "u", "amount": 1, "ttlSeconds": null}), "ttlSeconds"),
        (json!({"userId": "u", "amount": 1, "metadata": []}), "metadata"),
        (json!({"userId": "u", "amount": 1, "description": "x"}), "description"),
        (json!({"userId": "u", "amount": 1, "final": true}), "final"),
        (json!({"amount": 1}), "userId"),
    ];
    let patched = [
        (json!({"userId": "u", "action": "release"}), "reservationId"),
        (json!({"userId": "u", "reservationId": "x", "action": "release"}), "reservationId"),
        (json!({"userId": "u", "reservationId": "res_", "action": "release"}), "reservationId"),
        (json!({"userId": "u", "reservationId": "res_a b", "action": "release"}), "reservationId"),
        (json!({"userId": "u", "reservationId": 7, "action": "release"}), "reservationId"),
        (
            json!({"userId": "u", "reservationId": format!("res_{}", "x".repeat(65)), "action": "release"}),
            "reservationId",
        ),
        (asked("u", "res_x", "refund", &json!({})), "action"),
        (json!({"userId": "u", "reservationId": "res_x"}), "action"),
        (json!({"userId": "u", "reservationId": "res_x", "action": true}), "action"),
        (asked("u", "res_x", "capture", &json!({"amount": 0})), "amount"),
        (asked("u", "res_x", "capture", &json!({"amount": null})), "amount"),
        (asked("u", "res_x", "capture", &json!({"final": "true"})), "final"),
        (asked("u", "res_x", "capture", &json!({"final": 1})), "final"),
        (asked("u", "res_x", "capture", &json!({"final": null})), "final"),
        (asked("u", "res_x", "capture", &json!({"ttlSeconds": 60})), "ttlSeconds"),
        (asked("u", "res_x", "release", &json!({"amount": 1})), "amount"),
        (asked("u", "res_x", "release", &json!({"amount": "1"})), "amount"),
        (asked("u", "res_x", "release", &json!({"final": true})), "final"),
        (asked("u", "res_x", "release", &json!({"final": 1})), "final"),
        (asked("u", "res_x", "release", &json!({"ttlSeconds": 60})), "ttlSeconds"),
        (asked("u", "res_x", "extend", &json!({"amount": 1})), "amount"),
        (asked("u", "res_x", "extend", &json!({"final": false})), "final"),
        (asked("u", "res_x", "extend", &json!({"ttlSeconds": 0})), "ttlSeconds"),
        (asked("u", "res_x", "extend", &json!({"ttlSeconds": 86_401})), "ttlSeconds"),
        (asked("u", "res_x", "release", &json!({"metadata": {}})), "metadata"),
    ];
    let asked = [
        ("reservations?userId=u", "reservationId"),
        ("reservations?userId=u&reservationId=", "reservationId"),
        ("reservations?userId=u&reservationId=x", "reservationId"),
        ("reservations?reservationId=res_x", "userId"),
        ("reservations?userId=u&reservationId=res_x&status=open", "status"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("s-secret");
        let refused = |answer: &Answer, field: &str, case: &Value| {
            let problem = assert_problem(answer, 400, "invalid_field");
            assert_eq!(problem["field"], field, "{case}");
            assert!(problem["reason"].as_str().is_some_and(|reason| reason.starts_with("it ")), "{problem}");
        };
        for (body, field) in &posted {
            refused(&client.post("reservations", body.clone()).await, field, body);
        }
        for (body, field) in &patched {
            refused(&client.patch("reservations", body.clone()).await, field, body);
            refused(&client.patch_once("reservations", "key", body.clone()).await, field, body);
        }
        for (path, field) in asked {
            refused(&client.get(path).await, field, &json!(path));
        }
    })
    .await;
}
