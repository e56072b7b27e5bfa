//! A reservation that nobody ends, ends by itself, at its own instant: also while somebody captures it.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use jeton::{committer::Surroundings, system::System};
use serde_json::{Value, json};

use super::{DEVELOPMENT, act, id_of, in_balance, look};
use crate::{
    refusals::assert_problem,
    support::{
        client::Client,
        process::wait_until_so,
        redis::Redis,
        server::{Backend, Deployment, Instance},
        verify::assert_sound,
    },
};

fn now() -> DateTime<Utc> {
    System.now().to_utc()
}

/// Reserves 10 for a second: the id and the end.
async fn for_a_second(client: &Client) -> (String, DateTime<Utc>) {
    let told = client.post("reservations", json!({"userId": "u", "amount": 10, "ttlSeconds": 1})).await.ok();
    (id_of(&told), instant(&told["reservation"]["expiresAt"]))
}

fn instant(text: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().to_utc()
}

/// Reads somebody else until it is `at`.
async fn read_until(client: &Client, at: DateTime<Utc>) {
    wait_until_so("the time comes", async || {
        client.stats("somebody-else").await;
        now() >= at
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_held_until_the_millisecond_in_which_it_ends() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let (id, ends) = for_a_second(&client).await;
        wait_until_so("it ends", async || {
            let began = now();
            let told = look(&client, "u", &id).await;
            let ended = now();
            let (reservation, reserved) = (&told["reservation"], &told["stats"]["tokensReserved"]);
            match reservation["status"].as_str() {
                Some("open") => {
                    assert!(began < ends && *reserved == json!(10), "{backend:?}: {told} at {began}");
                    false
                }
                Some("expired") => {
                    assert!(ended >= ends && *reserved == json!(0), "{backend:?}: {told} at {ended}");
                    assert_eq!((instant(&reservation["closedAt"]), &reservation["captured"]), (ends, &json!(0)));
                    true
                }
                other => panic!("{backend:?}: {other:?}"),
            }
        })
        .await;
        assert_eq!(in_balance(&client, "u").await, (5_000, 0), "{backend:?}");
        assert_eq!(client.history("u").await.len(), 1, "it leaves no entry: {backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_too_late_is_told_so_also_when_nobody_came_before() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        for (number, action) in ["capture", "release", "extend", "look"].into_iter().enumerate() {
            let user = format!("u{number}");
            let body = json!({"userId": user, "amount": 10, "ttlSeconds": 1});
            let told = client.post("reservations", body).await.ok();
            let (id, ends) = (id_of(&told), instant(&told["reservation"]["expiresAt"]));
            read_until(&client, ends).await;
            if action == "look" {
                assert_eq!(look(&client, &user, &id).await["reservation"]["status"], "expired", "{backend:?}");
            } else {
                assert_problem(&act(&client, &user, &id, action, json!({})).await, 409, "reservation_expired");
            }
            assert_eq!(in_balance(&client, &user).await, (5_000, 0), "{backend:?}: {action}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_while_it_was_set_aside_expires_when_it_comes_back() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.stats("u").await;
        // On a machine that has much to do the credit can come too late.
        let mut ends = now();
        wait_until_so("a credit comes in time", async || {
            ends = DateTime::from_timestamp_millis((now() + TimeDelta::milliseconds(700)).timestamp_millis()).unwrap();
            let until = ends.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
            let body = json!({"userId": "u", "amount": 60, "priority": 0, "expiresAt": until});
            client.post("tokens", body).await.status == 200
        })
        .await;
        let told = client.post("reservations", json!({"userId": "u", "amount": 50})).await;
        let id = id_of(&told.ok());
        read_until(&client, ends).await;
        // The ten that nobody reserved are gone; what is set aside is there for its capture.
        let held = in_balance(&client, "u").await;
        if held != (5_000, 50) {
            // The reservation itself came too late: it holds tokens that stay.
            assert_eq!(held, (4_950, 50), "{backend:?}");
            continue;
        }
        let told = act(&client, "u", &id, "capture", json!({"amount": 20})).await.ok();
        let kind = format!("purchase:p0:e{}", ends.timestamp_millis());
        assert_eq!(told["transaction"]["grants"], json!([{"id": kind, "amount": 20}]), "{backend:?}");
        assert_eq!(in_balance(&client, "u").await, (5_000, 0), "{backend:?}");
        let history = client.history("u").await;
        let last: Vec<_> = history.iter().take(3).map(|entry| (&entry["description"], &entry["amount"])).collect();
        let [expiration, usage] = [json!("Expiration"), json!("Utilisation de tokens")];
        let expected = [(&expiration, &json!(30)), (&usage, &json!(20)), (&expiration, &json!(10))];
        assert_eq!(last, expected, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_that_meets_the_end_is_made_or_refused_and_never_both() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let another = Instance::start("reservations", &[("REDIS_URL", &redis.url()), DEVELOPMENT[0]]);
    let client = deployment.client();
    client.stats("u").await;
    // When each capture is sent, seen from the end, in milliseconds; some are sent at once.
    let moments = [-1_000, -1_000, -30, -20, -10, -8, -6, -5, -4, -3, -2, -1, 0, 0, 1, 2, 5, 20];
    let attempts = moments.into_iter().enumerate().map(|(number, moment)| {
        let (client, other) = (client.clone(), another.client());
        async move {
            let (id, ends) = for_a_second(&client).await;
            let mut sent = now();
            if moment > -1_000 {
                let at = ends + TimeDelta::milliseconds(moment);
                wait_until_so("the time comes", async || {
                    tokio::task::yield_now().await;
                    sent = now();
                    sent >= at
                })
                .await;
            }
            let caller = if number % 2 == 0 { &client } else { &other };
            let (answer, _) = tokio::join!(act(caller, "u", &id, "capture", json!({})), client.stats("u"));
            (id, ends, sent, answer)
        }
    });
    let raced = join_all(attempts).await;
    let history = client.history("u").await;
    let mut captured = 0;
    for (id, ends, sent, answer) in raced {
        let debits: Vec<&Value> = history.iter().filter(|entry| entry["reservationId"] == json!(id)).collect();
        if answer.status == 200 {
            assert!(sent < ends, "captured after {ends}, at {sent}");
            assert_eq!(debits, [&answer.ok()["transaction"]]);
            assert!(instant(&debits[0]["timestamp"]) < ends, "{debits:?}");
            captured += 1;
        } else {
            assert_problem(&answer, 409, "reservation_expired");
            assert_eq!(debits, [&json!(null); 0], "refused, and debited all the same");
        }
        let status = if answer.status == 200 { "captured" } else { "expired" };
        assert_eq!(look(&client, "u", &id).await["reservation"]["status"], status);
    }
    assert_eq!(in_balance(&client, "u").await, (5_000 - 10 * captured, 0));
    assert_sound(&redis.url(), 1);
}
