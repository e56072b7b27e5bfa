//! A user's test clock: a year in a test, in development alone.

use std::sync::Arc;

use chrono::{DateTime, Months, SecondsFormat, TimeDelta, Utc};
use jeton::{
    committer::Surroundings,
    ledger::{Effective, PlanChange, Timestamp, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{Store, embedded::EmbeddedStore},
    system::System,
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    catalogue::PLANS_TOML,
    refusals::{KEYS, assert_problem, unchanged_by},
    support::{
        client::{Answer, Client, send, sum},
        past::{as_of, billing_days_ago},
        redis::Redis,
        server::{Backend, Deployment, FUNCTIONS},
        service::{caller, granted},
        verify::assert_sound,
        world::entries,
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn instant(text: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().to_utc()
}

/// So many hours from now.
fn hours(hours: i64) -> DateTime<Utc> {
    System.now().to_utc() + TimeDelta::hours(hours)
}

/// The same client, for whom it is then.
fn at(client: &Client, time: DateTime<Utc>) -> Client {
    client.clone().with("Jeton-Clock", &written(time))
}

/// Whether a refusal is that of a clock.
fn assert_no_clock(answer: &Answer) {
    let problem = assert_problem(answer, 400, "invalid_field");
    assert_eq!(problem["field"], "Jeton-Clock", "{problem}");
}

/// The balance and what is reserved.
fn amounts(stats: &Value) -> (i64, i64) {
    (stats["tokenBalance"].as_i64().unwrap(), stats["tokensReserved"].as_i64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_year_goes_as_it_is_forecast() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let opened = client.stats("u").await;
        let first = instant(&opened["nextBillingDate"]);
        client.post("reservations", json!({"userId": "u", "amount": 100, "ttlSeconds": 86_400})).await.ok();
        // Tokens that expire in the year, one grant after the other.
        let mut expiries = Vec::new();
        for days in [1, 40, 100, 200] {
            let until = hours(24 * days + 1);
            let body = json!({"userId": "u", "amount": 60, "source": "promotion", "expiresAt": written(until)});
            client.post("tokens", body).await.ok();
            expiries.push(written(until));
        }
        let mut billed = 0;
        let mut ended = 0;
        while billed < 12 {
            let stats = client.stats("u").await;
            let next = stats["forecast"]["next"].as_array().unwrap().clone();
            let then = instant(&next[0]["at"]);
            // A millisecond before nothing has happened.
            let before = at(&client, then - TimeDelta::milliseconds(1)).stats("u").await;
            assert_eq!(amounts(&before), amounts(&stats), "{backend:?}: {next:?}");
            let after = at(&client, then).stats("u").await;
            let (mut balance, mut reserved) = amounts(&stats);
            for coming in next {
                let amount = coming["amount"].as_i64().unwrap();
                match coming["what"].as_str().unwrap() {
                    "billing" => (balance, billed) = (balance + amount, billed + 1),
                    "expiration" => balance -= amount,
                    _ => (balance, reserved, ended) = (balance + amount, reserved - amount, ended + 1),
                }
            }
            assert_eq!(amounts(&after), (balance, reserved), "{backend:?}");
            assert_eq!(client.stats("u").await, after, "it stands still");
            // What is done then is done then.
            let debit = client.post("generations", json!({"userId": "u", "tokenCost": 1})).await.ok();
            assert_eq!(debit["transaction"]["timestamp"], written(then), "{backend:?}");
        }
        assert_eq!(ended, 1, "the reservation");
        let history = client.history("u").await;
        let of = |word: &str| {
            let told = history.iter().rev().filter(|entry| entry["description"].as_str().unwrap().starts_with(word));
            told.map(|entry| entry["timestamp"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let billings: Vec<String> = (0..12).map(|months| written(first + Months::new(months))).collect();
        assert_eq!((of("Facturation"), of("Expiration")), (billings, expiries), "{backend:?}");
        let stats = client.stats("u").await;
        assert_eq!(i128::from(amounts(&stats).0), sum(&history), "{backend:?}");
        // A debit a day would have been another story: the pace is that of the last 30 days.
        assert!(stats["forecast"]["runsOutAt"].is_string(), "{stats}");
        let reset = client.post("reset", json!({"userId": "u"})).await.ok();
        assert_eq!(reset["stats"]["createdAt"], written(first + Months::new(11)), "a reset is of then too");
        if let Backend::Platform { redis, .. } = &backend {
            assert_sound(&redis.url(), 1);
        }
    }
}

#[tokio::test]
async fn a_year_of_allowances_that_expire() {
    const MORE: &str = "\n[plans.short]\nopening_balance = 0\nmonthly_allowance = 70\nallowance_days = 20\nbilling_day = 1\n\
                        time_zone = \"UTC\"\n";
    let catalogue = Box::leak(Box::new(Catalogue::parse(&format!("{PLANS_TOML}{MORE}")).unwrap()));
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 2] = [redis.store(), Arc::new(EmbeddedStore::open(folder.path()).unwrap())];
    for store in stores {
        let service = StatsService::new(Arc::clone(&store), catalogue, Stage::Development, Arc::new(System));
        let user = UserId::new("u").unwrap();
        let plan = PlanChange { plan: Some("short".into()), ..PlanChange::default() };
        let opened = granted(service.change_plan(&user, plan, Effective::Now, caller(None)).await).stats;
        let first = opened.next_billing_date.to_utc();
        for month in 0..12 {
            let billing = first + Months::new(month);
            for (then, balance) in [
                (billing - TimeDelta::milliseconds(1), 5_000),
                (billing, 5_070),
                (billing + TimeDelta::days(20) - TimeDelta::milliseconds(1), 5_070),
                (billing + TimeDelta::days(20), 5_000),
            ] {
                let moved = granted(service.set_clock(&user, Timestamp::from(then), Locale::French).await);
                assert_eq!(moved.stats.token_balance, balance, "{then}");
                assert_eq!(service.get_user_stats(&user, Locale::French).await.unwrap(), moved.stats, "{then}");
            }
        }
        let amounts: Vec<u64> =
            entries(store.as_ref(), &user).await.iter().map(|entry| entry.entry.amount.get()).collect();
        assert_eq!(amounts.len(), 1 + 2 * 12, "{}", store.name());
        assert!(amounts[1..].iter().all(|amount| *amount == 70), "{amounts:?}");
    }
}

/// A call of each function that is right, with its method.
fn calls() -> Vec<(Method, &'static str, Value)> {
    let id = "res_x";
    vec![
        (Method::GET, "stats?userId=u", Value::Null),
        (Method::GET, "transactions?userId=u", Value::Null),
        (Method::GET, "events?userId=u", Value::Null),
        (Method::GET, "reservations?userId=u&reservationId=res_x", Value::Null),
        (Method::GET, "accounts", Value::Null),
        (Method::GET, "billing", Value::Null),
        (Method::GET, "health", Value::Null),
        (Method::POST, "generations", json!({"userId": "u"})),
        (Method::POST, "tokens", json!({"userId": "u", "amount": 1})),
        (Method::POST, "refunds", json!({"userId": "u", "transactionId": "1-0"})),
        (Method::POST, "sessions", json!({"userId": "u"})),
        (Method::POST, "reset", json!({"userId": "u"})),
        (Method::POST, "reservations", json!({"userId": "u", "amount": 1})),
        (Method::PATCH, "reservations", json!({"userId": "u", "reservationId": id, "action": "release"})),
        (Method::PATCH, "accounts", json!({"userId": "u", "plan": "standard"})),
    ]
}

/// Makes the call with these headers besides.
async fn call(client: &Client, (method, path, body): &(Method, &str, Value), clocks: &[&str]) -> Answer {
    let request = client.request(method.clone(), path);
    let request = clocks.iter().fold(request, |request, clock| request.header("Jeton-Clock", *clock));
    send(if body.is_null() { request } else { request.json(body) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn production_has_none() {
    let called: Vec<&str> = calls().iter().map(|(_, path, _)| path.split('?').next().unwrap()).collect();
    assert!(FUNCTIONS.iter().all(|function| called.contains(function)), "{called:?}");
    unchanged_by(async |client| {
        let (admin, cron) = (client.clone().with_key("a-secret"), client.clone().with_key("cron-secret"));
        for asked in calls() {
            let client = if asked.1 == "billing" { &cron } else { &admin };
            for clock in [written(hours(1)), written(hours(24 * 365)), "soon".to_owned(), String::new()] {
                assert_no_clock(&call(client, &asked, &[&clock]).await);
            }
        }
        // What comes before in the order of refusals still does.
        let nobody = call(client, &calls()[0], &["soon"]).await;
        assert_problem(&nobody, 401, "unauthenticated");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_malformed_or_goes_back_is_refused() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.stats("u").await;
        let stands = hours(2);
        let before = at(&client, stands).stats("u").await;
        let sooner =
            [written(stands - TimeDelta::milliseconds(1)), written(hours(-1)), "1970-01-01T00:00:00Z".to_owned()];
        let malformed = ["", "soon", "2098-12-05", "2098-12-05T00:00:00", "10000-01-01T00:00:00Z", "3600", "\u{e9}"];
        for asked in calls() {
            for clock in malformed {
                assert_no_clock(&call(&client, &asked, &[clock]).await);
            }
            let twice = written(stands);
            assert_no_clock(&call(&client, &asked, &[&twice, &twice]).await);
            // The list, billing and health are about nobody in particular.
            if !["accounts", "billing", "health"].contains(&asked.1) || asked.0 != Method::GET {
                for clock in &sooner {
                    assert_no_clock(&call(&client, &asked, &[clock]).await);
                }
            }
        }
        // A call that is not right moves nothing either.
        let wrong = at(&client, hours(3)).post("generations", json!({"userId": "u", "tokenCost": 0})).await;
        assert_eq!(assert_problem(&wrong, 400, "invalid_field")["field"], "tokenCost");
        assert_eq!(client.stats("u").await, before, "{backend:?}");
        // Where it stands it may stay; a refusal by a rule comes after it was moved. It costs more than there is after a
        // billing, which may be passed.
        assert_eq!(at(&client, stands).stats("u").await, before);
        let refused = at(&client, hours(3)).post("generations", json!({"userId": "u", "tokenCost": 9_999})).await;
        assert_problem(&refused, 402, "insufficient_tokens");
        assert_no_clock(&call(&client, &calls()[0], &[&written(stands)]).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn production_reads_an_account_that_has_one_by_the_real_time() {
    let redis = Redis::start();
    let production = Deployment::start(&redis, &[("VERCEL_ENV", "production"), ("JETON_API_KEYS", "ops:admin:secret")]);
    let development = Deployment::start(&redis, &DEVELOPMENT);
    let (real, client) = (production.client().with_key("secret"), development.client());
    client.stats("u").await;
    at(&client, hours(48)).stats("u").await;
    let credit = json!({"userId": "u", "amount": 5, "expiresAt": written(hours(24))});
    let late = client.post("tokens", credit.clone()).await;
    assert_eq!(assert_problem(&late, 400, "invalid_field")["field"], "expiresAt", "by its clock that is over");
    // Unless a billing day was passed; then the newest entry is of the future.
    let billed = client.stats("u").await["tokenBalance"] != 5_000;
    let balance = real.stats("u").await["tokenBalance"].clone();
    assert_eq!(real.history("u").await.len(), if billed { 2 } else { 1 });
    let credited = real.post("tokens", credit).await;
    if !billed {
        assert_eq!(credited.ok()["stats"]["tokenBalance"], 5_005);
        assert_eq!(balance, 5_000);
        let account: Vec<String> = redis.command(&["HMGET", "jeton:{u}:account", "doc"]);
        assert!(!account[0].contains("clock"), "{account:?}");
        assert_eq!(client.stats("u").await["tokenBalance"], 5_005, "a change in production takes the clock away");
    }
    assert_sound(&redis.url(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_run_goes_by_the_real_time_among_clocks_ahead_and_behind() {
    let (opened, billed) = billing_days_ago(3);
    let past = instant(&json!(opened));
    let a_month = Timestamp::from(past + Months::new(1));
    let open = async |store: Arc<dyn Store>| {
        as_of(store, &opened, async |service| {
            for user in ["none", "behind", "ahead"] {
                service.get_user_stats(&UserId::new(user).unwrap(), Locale::French).await.unwrap();
            }
            granted(service.set_clock(&UserId::new("behind").unwrap(), a_month, Locale::French).await);
        })
        .await;
    };
    for backend in Backend::both_after(&DEVELOPMENT, open).await {
        let client = backend.client();
        let ahead = at(&client, hours(24 * 365)).stats("ahead").await;
        let report = client.get("billing").await.ok();
        let told = ["billed", "credited", "failed"].map(|figure| report[figure].as_u64().unwrap());
        // One of the three months of the clock that is behind was billed when it was set.
        assert_eq!((told, &report["more"]), ([2, 1_500, 0], &json!(false)), "{backend:?}");
        // Whoever is looked at again on a busy machine is counted again.
        assert!((2..=4).contains(&report["due"].as_u64().unwrap()), "{backend:?}: {report}");
        let again = client.get("billing").await.ok();
        assert_eq!((&again["due"], &again["more"]), (&json!(0), &json!(false)), "{backend:?}");
        for user in ["none", "behind"] {
            let history = client.history(user).await;
            let described: Vec<String> = history
                .iter()
                .rev()
                .skip(1)
                .map(|entry| {
                    entry["description"].as_str().unwrap().trim_start_matches("Facturation mensuelle du ").to_owned()
                })
                .collect();
            assert_eq!(described, billed, "{backend:?}: {user}");
        }
        assert_eq!(client.stats("ahead").await, ahead, "{backend:?}");
        assert!(client.history("ahead").await.len() >= 15, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_may_move_it_in_development_alone() {
    for (stage, may) in [("development", true), ("production", false)] {
        let settings = [("VERCEL_ENV", stage), ("JETON_API_KEYS", KEYS), ("JETON_CORS_ORIGINS", "https://app.example")];
        for backend in Backend::both(&settings) {
            let request = backend.client().request(Method::OPTIONS, "stats").header("Origin", "https://app.example");
            let allowed = send(request).await.header("access-control-allow-headers").unwrap().to_owned();
            assert_eq!(allowed.contains("Jeton-Clock"), may, "{backend:?}: {allowed}");
            assert!(allowed.starts_with("Authorization, Content-Type, Idempotency-Key, Accept-Language"), "{allowed}");
        }
    }
}
