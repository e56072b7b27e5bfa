//! A reservation that is over says what became of it, the same answer comes again under the same key, and there are as many
//! open ones as there may be.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{DEVELOPMENT, act, asked, id_of, in_balance, look, reserved};
use crate::{
    refusals::assert_problem,
    support::{
        client::Client,
        process::wait_until_so,
        redis::Redis,
        server::{Backend, Deployment, Instance},
    },
};

/// Waits until the reservation is over.
async fn wait_until_expired(client: &Client, user: &str, id: &str) {
    wait_until_so("it expires", async || look(client, user, id).await["reservation"]["status"] == "expired").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_one_says_what_became_of_it() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let mut closed = Vec::new();
        for status in ["captured", "released", "expired", "released by a reset"] {
            let ttl = if status == "expired" { 1 } else { 300 };
            let body = json!({"userId": "u", "amount": 10, "ttlSeconds": ttl});
            let id = id_of(&client.post("reservations", body).await.ok());
            match status {
                "captured" => drop(act(&client, "u", &id, "capture", json!({"amount": 4})).await.ok()),
                "released" => drop(act(&client, "u", &id, "release", json!({})).await.ok()),
                "expired" => wait_until_expired(&client, "u", &id).await,
                _ => drop(client.post("reset", json!({"userId": "u"})).await.ok()),
            }
            closed.push((id, status.split(' ').next().unwrap()));
        }
        let before = client.stats("u").await;
        assert_eq!((&before["tokenBalance"], &before["tokensReserved"]), (&json!(5_000), &json!(0)));
        for (id, status) in &closed {
            let told = look(&client, "u", id).await;
            let reservation = &told["reservation"];
            assert_eq!((&reservation["status"], &reservation["remaining"]), (&json!(status), &json!(0)), "{backend:?}");
            assert_eq!(reservation["captured"], if *status == "captured" { 4 } else { 0 });
            assert!(reservation["closedAt"].is_string(), "{reservation}");
            if *status == "expired" {
                assert_eq!(reservation["closedAt"], reservation["expiresAt"], "at its own instant");
            }
            for action in ["capture", "release", "extend"] {
                let code = format!("reservation_{status}");
                assert_problem(&act(&client, "u", id, action, json!({})).await, 409, &code);
                let key = format!("{id}-{action}");
                for replayed in [None, Some("true")] {
                    let body = asked("u", id, action, &json!({}));
                    let answer = client.patch_once("reservations", &key, body).await;
                    assert_problem_of(&answer.body, &code);
                    assert_eq!((answer.status, answer.header("idempotent-replayed")), (409, replayed));
                }
            }
        }
        // Nobody else's, and none that never was.
        for (user, id) in [("v", closed[0].0.as_str()), ("u", "res_neverthere")] {
            assert_problem(&act(&client, user, id, "release", json!({})).await, 404, "reservation_not_found");
            let path = format!("reservations?userId={user}&reservationId={id}");
            assert_problem(&client.get(&path).await, 404, "reservation_not_found");
        }
        assert_eq!(client.stats("u").await, before, "{backend:?}");
    }
}

fn assert_problem_of(body: &str, code: &str) {
    let problem: Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], code, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_gets_the_first_answer() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let body = json!({"userId": "u", "amount": 10});
        let first = client.post_once("reservations", "reserve", body.clone()).await;
        let id = id_of(&first.ok());
        let capture = asked("u", &id, "capture", &json!({"amount": 3, "final": false}));
        let release = asked("u", &id, "release", &json!({}));
        let captured = client.patch_once("reservations", "capture", capture.clone()).await;
        let released = client.patch_once("reservations", "release", release.clone()).await;
        for _ in 0..2 {
            let again = [
                (&first, client.post_once("reservations", "reserve", body.clone()).await),
                (&captured, client.patch_once("reservations", "capture", capture.clone()).await),
                (&released, client.patch_once("reservations", "release", release.clone()).await),
            ];
            for (first, again) in again {
                assert_eq!((again.status, &again.body), (200, &first.body), "{backend:?}");
                assert_eq!(again.header("idempotent-replayed"), Some("true"));
            }
        }
        for reused in [
            client.post_once("reservations", "reserve", json!({"userId": "u", "amount": 11})).await,
            client.post_once("tokens", "reserve", body.clone()).await,
            client.patch_once("reservations", "capture", release).await,
            client.patch_once("reservations", "reserve", capture).await,
        ] {
            assert_problem(&reused, 422, "idempotency_key_reused");
        }
        assert_eq!(in_balance(&client, "u").await, (4_997, 0), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_can_be_open_and_that_is_no_answer_for_good() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let opened = join_all((0..100).map(|_| reserved(&client, "u", 1))).await;
        assert_eq!(in_balance(&client, "u").await, (4_900, 100), "{backend:?}");
        let body = json!({"userId": "u", "amount": 1});
        for _ in 0..2 {
            let refused = client.post_once("reservations", "one-more", body.clone()).await;
            let problem = assert_problem(&refused, 429, "rate_limited");
            assert_eq!(refused.header("retry-after"), Some("1"), "{backend:?}");
            assert_eq!(
                problem["detail"],
                "This account already has 100 open reservations. Try again once one of them has ended."
            );
        }
        assert_problem(&client.post("reservations", body.clone()).await, 429, "rate_limited");
        // Too few tokens come first.
        let much = client.post("reservations", json!({"userId": "u", "amount": 4_901})).await;
        assert_problem(&much, 402, "insufficient_tokens");
        assert_eq!(in_balance(&client, "u").await, (4_900, 100), "{backend:?}");

        act(&client, "u", &id_of(&opened[50]), "release", json!({})).await.ok();
        let granted = client.post_once("reservations", "one-more", body.clone()).await;
        assert_eq!((granted.status, granted.header("idempotent-replayed")), (200, None), "it is not remembered");
        assert_eq!(in_balance(&client, "u").await, (4_900, 100), "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_captures_at_once_one_wins() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let another = Instance::start("reservations", &[("REDIS_URL", &redis.url()), DEVELOPMENT[0]]);
    let client = deployment.client();
    for round in 1..=20 {
        let id = id_of(&reserved(&client, "u", 10).await);
        let callers = [client.clone(), another.client(), client.clone(), another.client()];
        let all = callers.iter().enumerate().map(|(number, caller)| {
            // Some of them more than is set aside.
            let more = if number < 2 { json!({}) } else { json!({"amount": 12}) };
            act(caller, "u", &id, "capture", more)
        });
        let answers = join_all(all).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1, "round {round}: {answers:?}");
        for answer in lost {
            assert_problem(answer, 409, "reservation_captured");
        }
        let history = client.history("u").await;
        assert_eq!(history.len(), round + 1);
        assert_eq!(history[0], won[0].ok()["transaction"], "round {round}");
        assert_eq!(in_balance(&client, "u").await.1, 0, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_tokens_are_reserved_once() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let another = Instance::start("reservations", &[("REDIS_URL", &redis.url()), DEVELOPMENT[0]]);
    let client = deployment.client();
    // Nobody has been here: the first of them opens the account.
    let body = json!({"userId": "u", "amount": 1_000});
    let debit = json!({"userId": "u", "tokenCost": 1_000});
    let (mine, others) = (client.clone(), another.client());
    let all = (0..24).map(|number| {
        let (client, others, body, debit) = (mine.clone(), others.clone(), body.clone(), debit.clone());
        async move {
            match number % 3 {
                0 => client.post("generations", debit).await,
                1 => client.post("reservations", body).await,
                _ => others.post("reservations", body).await,
            }
        }
    });
    let answers = join_all(all).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 5, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(assert_problem(refused, 402, "insufficient_tokens")["required"], 1_000);
    }
    assert_eq!(in_balance(&client, "u").await.0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_outcome_is_told_and_nothing_is_made_up() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    client.stats("u").await;
    for (id, text) in [("res_a", "hush-hush"), ("res_b", "{}"), ("res_c", "{\"id\":\"res_c\",\"status\":\"lost\"}")] {
        redis.command::<String>(&["SET", &format!("jeton:{{u}}:reservation:{id}"), text]);
        for answer in [
            act(&client, "u", id, "capture", json!({})).await,
            client.get(&format!("reservations?userId=u&reservationId={id}")).await,
        ] {
            assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{id}: {answer:?}");
            let line = deployment.instance("reservations").line_of(&answer);
            let told = line["message"].as_str().unwrap();
            assert!(told.contains("user u") && !told.contains("hush-hush"), "{line}");
        }
    }
}
