//! With `JETON_LEGACY_IMPORT=1` a user is taken over by whatever call comes first, and without it nobody is.

use std::{collections::BTreeMap, sync::Arc};

use jeton::{
    committer::Surroundings, ledger::UserId, locale::Locale, plans::Catalogue, stage::Stage,
    stats_service::StatsService, store::LegacySource, system::System,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::taken;
use crate::support::{
    client::Client,
    events::Events,
    legacy::{OPENING, Old, USUAL, old_keys, stats_key},
    past::At,
    process::Process,
    redis::Redis,
    server::{Deployment, Local, Settings},
    service::{article, caller, granted},
    verify::{assert_sound, command},
};

const ON: Settings<'_> = &[("VERCEL_ENV", "development"), ("JETON_LEGACY_IMPORT", "1")];

/// A first call for a user, and the balance after it.
async fn first_call(client: &Client, user: &str, call: &str) -> i64 {
    let debit = json!({"userId": user, "tokenCost": 90});
    match call {
        "stats" => drop(client.stats(user).await),
        "transactions" => assert_eq!(client.history(user).await.len(), 4),
        "usage" => drop(client.read(&format!("usage?userId={user}")).await),
        "generations" => drop(client.post("generations", debit).await.ok()),
        "generations, key" => drop(client.post_once("generations", "key", debit).await.ok()),
        "generations, refused" => {
            let refused = client.post("generations", json!({"userId": user, "tokenCost": 5_096})).await;
            assert_eq!((refused.status, &refused.json()["available"]), (402, &json!(5_095)));
        }
        "tokens" => drop(client.post("tokens", json!({"userId": user, "amount": 5})).await.ok()),
        "reservations" => drop(client.post("reservations", json!({"userId": user, "amount": 95})).await.ok()),
        "accounts" => drop(client.patch("accounts", json!({"userId": user, "caps": {"daily": 10}})).await.ok()),
        "sessions" => drop(client.post_once("sessions", "key", json!({"userId": user})).await.ok()),
        "events" => {
            let mut events = Events::open(client.request(Method::GET, &format!("events?userId={user}"))).await;
            assert_eq!(events.expect("stats").await.data["tokenBalance"], 5_095);
        }
        "clock" => drop(
            client.clone().with("Jeton-Clock", &System.now().later_by(60_000).unwrap().to_string()).stats(user).await,
        ),
        other => panic!("{other}"),
    }
    match call {
        "generations" | "generations, key" => 5_005,
        "tokens" => 5_100,
        "reservations" => 5_000,
        _ => 5_095,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_first_takes_the_user_over() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, ON);
    let client = deployment.client();
    let calls = [
        "stats",
        "transactions",
        "usage",
        "generations",
        "generations, key",
        "generations, refused",
        "tokens",
        "reservations",
        "accounts",
        "sessions",
        "events",
        "clock",
    ];
    let users: BTreeMap<String, &str> = (0..).zip(calls).map(|(number, call)| (format!("u{number}"), call)).collect();
    for user in users.keys() {
        Old::new(user, &USUAL).write(&redis);
    }
    Old::new("reset", &USUAL).write(&redis);
    let before = old_keys(&redis);
    for (user, call) in &users {
        let balance = first_call(&client, user, call).await;
        let stats = client.stats(user).await;
        assert_eq!(stats["tokenBalance"], balance, "{call}");
        let history = client.history(user).await;
        let old = history.iter().filter(|entry| entry["metadata"].get("legacyId").is_some());
        assert_eq!(old.count(), 4, "{call}");
        assert_eq!(
            history.len(),
            4 + usize::from(["generations", "generations, key", "tokens"].contains(call)),
            "{call}"
        );
    }
    // A reset archives what was taken over.
    let reset = client.post("reset", json!({"userId": "reset"})).await.ok();
    assert_eq!([&reset["stats"]["tokenBalance"], &reset["stats"]["tokensUsed"]], [5_000, 0]);
    assert_eq!(redis.command::<u64>(&["XLEN", "jeton:{reset}:archive:0"]), 4);
    assert_sound(&redis.url(), 1 + users.len() as u64);
    // Who has nothing there opens as ever.
    assert_eq!(client.stats("nobody").await["tokenBalance"], 5_000);
    assert_eq!(old_keys(&redis), before, "the old keys are as they were");
    // What was spent is counted at its time.
    let usage = client.read("usage?userId=u0&granularity=month").await;
    let of =
        |name: &str| usage["buckets"].as_array().unwrap().iter().map(|each| each[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((of("tokens"), of("generations")), (5, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_user_opens_by_its_own_seed() {
    let redis = Redis::start();
    Old::new("test-user-id", &USUAL).with("tokenBalance", 4_991).write(&redis);
    let deployment = Deployment::start(&redis, &[("JETON_LEGACY_IMPORT", "1"), ("JETON_API_KEYS", "a:admin:secret")]);
    let (stats, history) = taken(&deployment.client().with_key("secret"), "test-user-id").await;
    assert_eq!((&stats["tokenBalance"], history.len()), (&json!(4_987), 6));
    let imported = super::import_all(&redis);
    assert!(super::told(&imported)["test-user-id"].starts_with("is the test user"), "{imported:#?}");
    assert_eq!((imported.figure("users"), imported.figure("own accounts")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_nobody_looks() {
    let redis = Redis::start();
    Old::new("u", &USUAL).write(&redis);
    redis.command::<()>(&["SET", &stats_key("damaged"), "no JSON"]);
    let before = old_keys(&redis);
    let deployment = Deployment::start(&redis, &[("VERCEL_ENV", "development")]);
    for user in ["u", "damaged"] {
        let (stats, history) = taken(&deployment.client(), user).await;
        assert_eq!((&stats["tokenBalance"], history.len()), (&json!(5_000), 1));
    }
    assert_eq!(old_keys(&redis), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_unknown_costs_a_trip_more() {
    let redis = Redis::start();
    let catalogue = Catalogue::built_in().unwrap();
    let service = |legacy: bool| {
        let legacy = legacy.then(|| LegacySource::new(&redis.url(), None).unwrap());
        // A clock that stands still, so that no hour is over in the middle.
        StatsService::after(legacy, redis.store(), catalogue, Stage::Production, Arc::new(At(System.now())))
    };
    let (on, off) = (service(true), service(false));
    let user = |id: &str| UserId::new(id).unwrap();
    for service in [&on, &off] {
        // The script is known, and the lines are open.
        granted(service.record_generation(&user("warm"), article(1), caller(None)).await);
    }
    for id in ["taken", "untouched"] {
        Old::new(id, &[("CREDIT", 5_000, OPENING, 9)]).write(&redis);
    }
    let cost = async |service: &StatsService, id: &str| {
        let before = redis.command_counts();
        granted(service.record_generation(&user(id), article(1), caller(None)).await);
        redis.commands_since(&before)
    };
    let of = |cost: &BTreeMap<String, u64>| {
        ["get", "lrange", "hmget", "evalsha"].map(|name| cost.get(name).copied().unwrap_or(0))
    };
    assert_eq!(of(&cost(&on, "taken").await), [2, 0, 1, 1]);
    assert_eq!(of(&cost(&on, "new").await), [2, 0, 1, 1]);
    for id in ["taken", "new"] {
        assert_eq!(of(&cost(&on, id).await), [0, 0, 0, 1], "{id} is known");
    }
    assert_eq!(of(&cost(&off, "taken").await), [0, 0, 1, 1], "to this process the account is new");
    assert_eq!(of(&cost(&service(true), "taken").await), [0, 0, 1, 1], "and to this one, which looks for who has none");
    assert_eq!(of(&cost(&off, "untouched").await), [0, 0, 1, 1]);
    assert_eq!(on.get_user_stats(&user("untouched"), Locale::French).await.unwrap().token_balance, 4_999);
}

#[test]
fn an_embedded_store_has_nothing_to_take_over() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path(), &["--port", "0"], &[("JETON_LEGACY_IMPORT", "1")]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("jeton: JETON_LEGACY_IMPORT is set, and the embedded store has nothing"), "{said}");
    assert!(said.contains("jeton import --from") && said.lines().count() == 1, "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no store is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_did_not_add_up_is_in_the_log_once() {
    let redis = Redis::start();
    Old::new("u", &USUAL).with("tokenBalance", 5_000).write(&redis);
    Old::new("sound", &USUAL).write(&redis);
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &["--redis", &redis.url()], &[("JETON_LEGACY_IMPORT", "1")]);
    let client = local.client();
    let calls = (0..16).map(|_| client.clone().stats_of("u".to_owned()));
    futures_util::future::join_all(calls).await;
    client.stats("sound").await;
    let told = |process: &Process| -> Vec<Value> {
        let lines = process.lines();
        let lines = lines.iter().filter(|line| line.contains("module before"));
        lines.map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    local.process.wait_for_line(|line| line.contains("module before"));
    let lines = told(&local.process);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_eq!(
        lines[0]["message"],
        "user u was taken over from the module before: its history adds up to 5095, and its balance is 5000: adjustment by a \
         DEBIT of 95 after the last entry"
    );
}
