//! Whoever else is at it: many first touches at once, the module before itself, a run that is killed.

use std::{path::Path, process::Command, sync::Arc};

use futures_util::{StreamExt, stream};
use jeton::{
    ledger::UserId, locale::Locale, plans::Catalogue, stage::Stage, stats_service::StatsService, store::LegacySource,
    system::System,
};
use serde_json::{Value, json};

use super::{import, import_all, taken, told};
use crate::support::{
    client::Client,
    legacy::{ARTICLE, Old, USUAL, billing_day, history_key, hours_ago, old_keys, stats_key},
    process::{Process, wait_until},
    proxy::{Fault, Proxy},
    redis::Redis,
    server::{Deployment, Local},
    verify::{assert_sound, run},
};

const USERS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn many_first_touches_and_the_import_at_once_are_one_opening() {
    let redis = Redis::start();
    for number in 0..USERS {
        Old::new(&format!("u{number}"), &USUAL).write(&redis);
    }
    let settings = [("VERCEL_ENV", "development"), ("JETON_LEGACY_IMPORT", "1")];
    let deployments = [(); 2].map(|()| Deployment::start(&redis, &settings));
    let clients = deployments.each_ref().map(Deployment::client);
    let url = redis.url();
    let importing =
        tokio::task::spawn_blocking(move || run("import", Path::new("/"), &["--apply"], &[("REDIS_URL", &url)]));
    // Of each user: in both deployments two debits, a credit and a read. Many at once, but not so many that they wait for
    // each other.
    let calls = (0..USERS).flat_map(|number| ["debit", "debit", "credit", "read"].map(|call| (number, call)));
    let calls = calls.flat_map(|call| clients.iter().map(move |client| (client.clone(), call)));
    let call = async |(client, (number, call)): (Client, (usize, &str))| {
        let user = format!("u{number}");
        match call {
            "debit" => client.post("generations", json!({"userId": user, "tokenCost": 3})).await.ok(),
            "credit" => client.post("tokens", json!({"userId": user, "amount": 1})).await.ok(),
            _ => client.stats(&user).await,
        }
    };
    stream::iter(calls.map(call)).buffer_unordered(64).collect::<Vec<Value>>().await;
    let imported = importing.await.unwrap();
    assert_eq!((imported.code, imported.figure("own accounts")), (0, 0), "{imported:#?}");
    assert_eq!(imported.figure("users") + imported.figure("imported before"), USERS as u64, "{imported:#?}");
    for number in 0..USERS {
        let (stats, history) = taken(&clients[0], &format!("u{number}")).await;
        assert_eq!(stats["tokenBalance"], 5_095 - 4 * 3 + 2);
        assert_eq!(history.len(), 4 + 4 + 2, "{history:#?}");
        let old: Vec<&Value> = history.iter().take(4).map(|entry| &entry["metadata"]["legacyId"]).collect();
        assert_eq!(old, [0, 1, 2, 3].map(|entry| json!(format!("tx_u{number}_{entry}"))).iter().collect::<Vec<_>>());
    }
    assert_sound(&redis.url(), USERS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_is_begun_again_and_nothing_is_doubled() {
    let redis = Redis::start();
    let (users, mut entries) = (120, Vec::new());
    for number in 0..150 {
        entries.push(("CREDIT", 7, "Achat de tokens", 400 - number));
    }
    for number in 0..users {
        Old::new(&format!("u{number}"), &entries).write(&redis);
    }
    let before = old_keys(&redis);
    // It is killed in the middle of a commit: once before Redis has it, and once when it waits for the answer.
    let accounts = || redis.command::<Vec<String>>(&["KEYS", "jeton:{*}:account"]).len();
    let mut were_there = 0;
    for fault in [Fault::Paused, Fault::AnswerLost] {
        let (proxy, go_ahead) = (Proxy::start(redis.port()).await, [Fault::Paused; 20]);
        proxy.fail("EVALSHA", &go_ahead);
        proxy.fail("EVALSHA", &[fault]);
        if fault == Fault::AnswerLost {
            // It goes on, and is held at the next commit.
            proxy.fail("EVALSHA", &[Fault::Paused]);
        }
        let mut process = Process::start(Command::new(env!("CARGO_BIN_EXE_jeton")).args([
            "import",
            "--apply",
            "--redis",
            &proxy.url(),
        ]));
        for _ in go_ahead {
            proxy.paused().await;
            proxy.go_on();
        }
        proxy.paused().await;
        if fault == Fault::AnswerLost {
            // That one comes to nothing: its note may have got lost with the line before.
            proxy.be_silent(true);
        }
        process.kill();
        proxy.go_on();
        wait_until("some are there", || accounts() > were_there);
        were_there = accounts();
        assert!(were_there < users, "it was killed in the middle: {were_there}");
    }
    let (imported, first) = (import_all(&redis), were_there as u64);
    let figures = ["users", "imported before"].map(|name| imported.figure(name));
    assert!(figures[0] + figures[1] == users as u64 && figures[1] >= first, "{imported:#?}");
    for _ in 0..2 {
        let again = import_all(&redis);
        assert_eq!(["users", "imported before"].map(|name| again.figure(name)), [0, users as u64]);
    }
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    for number in 0..users {
        let (stats, history) = taken(&local.client(), &format!("u{number}")).await;
        assert_eq!((&stats["tokenBalance"], history.len()), (&json!(150 * 7), 150));
    }
    assert_sound(&redis.url(), users as u64);
    assert_eq!(old_keys(&redis), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_the_module_is_in_the_middle_of_is_waited_for() {
    let redis = Redis::start();
    // It has written the new balance, and not yet the entry.
    let after = Old::new("u", &[USUAL.as_slice(), &[("DEBIT", 3, ARTICLE, 1)]].concat());
    let after = after.with("lastUpdated", hours_ago(0));
    let mut between = after.clone();
    between.entries.remove(0);
    between.write(&redis);
    let proxy = Proxy::start(redis.port()).await;
    let legacy = LegacySource::new(&proxy.url(), None).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let service = StatsService::after(Some(legacy), redis.store(), catalogue, Stage::Production, Arc::new(System));
    // The two keys are read, and the entry comes before they are looked at again.
    proxy.fail("GET", &[Fault::Paused; 3]);
    let touching =
        tokio::spawn(async move { service.get_user_stats(&UserId::new("u").unwrap(), Locale::French).await });
    for _ in 0..2 {
        proxy.paused().await;
        proxy.go_on();
    }
    proxy.paused().await;
    redis.command::<()>(&["SET", &history_key("u"), &Value::from(after.entries).to_string()]);
    proxy.go_on();
    assert_eq!(touching.await.unwrap().unwrap().token_balance, 5_092);
    let history: Vec<Value> = redis
        .command::<Vec<(String, Vec<String>)>>(&["XRANGE", "jeton:{u}:history", "-", "+"])
        .into_iter()
        .map(|(_, fields)| serde_json::from_str(&fields[1]).unwrap())
        .collect();
    assert_eq!(history.len(), 5, "nothing is adjusted: {history:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_module_writes_afterwards_and_who_was_opened_without_it_are_named() {
    let redis = Redis::start();
    for id in ["billed", "changed", "lost", "own", "own-and-damaged", "rewritten", "unchanged"] {
        Old::new(id, &USUAL).write(&redis);
    }
    // A deployment without the setting was faster.
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    local.client().post("generations", json!({"userId": "own"})).await.ok();
    local.client().post("reservations", json!({"userId": "own-and-damaged", "amount": 9})).await.ok();
    redis.command::<()>(&["SET", "user:stats:own-and-damaged", "no JSON"]);
    let imported = import(&redis, &["--apply"]);
    assert_eq!((imported.code, imported.figure("users"), imported.figure("to look at")), (1, 5, 2), "{imported:#?}");

    Old::new("changed", &USUAL).with("tokenBalance", 5_092).write(&redis);
    redis.command::<()>(&["DEL", "user:stats:lost"]);
    let billed = Old::new("billed", &USUAL).with("tokenBalance", 5_395).with("nextBillingDate", billing_day(2));
    billed.write(&redis);
    // A debit and a credit of the same amount.
    Old::new("rewritten", &USUAL).with("lastUpdated", hours_ago(0)).write(&redis);
    let billed = format!(
        "was taken over before, with 5095, and the module before has changed it since, to 5395, what it billed among it, as its \
         nextBillingDate went from {} to {}: those months are billed here, too",
        billing_day(1),
        billing_day(2)
    );
    for arguments in [&[][..], &["--apply"]] {
        let again = import(&redis, arguments);
        let figures =
            ["users", "imported before", "own accounts", "unreadable", "to look at"].map(|name| again.figure(name));
        assert_eq!((again.code, figures), (1, [0, 5, 2, 0, 6]), "{again:#?}");
        let told = told(&again);
        let expected = [
            ("billed", &*billed),
            ("rewritten", "was taken over before, with 5095, and the module before has changed it since, to 5095"),
            ("changed", "was taken over before, with 5095, and the module before has changed it since, to 5092"),
            (
                "lost",
                "was taken over before, with 5095, and the module before has changed it since, to something that cannot be read",
            ),
            ("own", "has an account of its own with 4997, and the module before has 5095: left alone"),
            (
                "own-and-damaged",
                "has an account of its own with 5000, and the module before has a balance that cannot be read: left alone",
            ),
        ];
        assert_eq!(told.len(), 6, "{told:#?}");
        for (id, says) in expected {
            assert_eq!(told[id], says);
        }
    }
    assert_eq!(local.client().stats("own").await["tokenBalance"], 4_997);
    assert_sound(&redis.url(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_keys_vanish_in_the_middle_is_not_opened_as_somebody_new() {
    let redis = Redis::start();
    Old::new("u", &USUAL).write(&redis);
    let proxy = Proxy::start(redis.port()).await;
    proxy.fail("HMGET", &[Fault::Paused; 2]);
    let url = proxy.url();
    let importing =
        tokio::task::spawn_blocking(move || run("import", Path::new("/"), &["--apply"], &[("REDIS_URL", &url)]));
    // It has looked whether there is an account, then read the keys.
    proxy.paused().await;
    proxy.go_on();
    proxy.paused().await;
    redis.command::<()>(&["DEL", &stats_key("u"), &history_key("u")]);
    proxy.go_on();
    let imported = importing.await.unwrap();
    assert_eq!((imported.code, imported.figure("users")), (0, 1), "{imported:#?}");
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    assert_eq!(taken(&local.client(), "u").await.0["tokenBalance"], 5_095);
}
