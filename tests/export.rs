//! `jeton export` through its own door: everything comes out, also while it changes, and what cannot is named.

use std::{collections::BTreeMap, path::Path, process::Output};

use jeton::{
    ledger::Command,
    store::{Store, embedded::EmbeddedStore},
};
use serde_json::{Value, json};

use crate::support::{
    client::sum,
    load::Calls,
    redis::Redis,
    server::{Deployment, Local, Settings},
    verify::{command, not_away},
    world::{DAY, START, World, credit, debit},
};

/// What came out of one user: each history, oldest entry first, the current one last; and the account.
#[derive(Debug, Default)]
struct Exported {
    archives: Vec<Vec<Value>>,
    current: Vec<Value>,
    account: Value,
}

/// Exports, and gives the exit code, the users and what was said.
fn export(folder: &Path, arguments: &[&str], settings: Settings<'_>) -> (i32, BTreeMap<String, Exported>, String) {
    let Output { status, stdout, stderr } = command(folder, &[&["export"], arguments].concat(), settings);
    let mut users: BTreeMap<String, Exported> = BTreeMap::new();
    for line in String::from_utf8(stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let user = users.entry(line["userId"].as_str().unwrap().to_owned()).or_default();
        assert_eq!(user.account, Value::Null, "the account comes last: {line}");
        match (line.get("archive"), line.get("transaction"), line.get("account")) {
            (None, None, Some(account)) => user.account = account.clone(),
            (None, Some(entry), None) => user.current.push(entry.clone()),
            (Some(number), Some(entry), None) => {
                let number = number.as_u64().unwrap() as usize;
                user.archives.resize_with(user.archives.len().max(number + 1), Vec::new);
                user.archives[number].push(entry.clone());
            }
            _ => panic!("{line}"),
        }
    }
    (status.code().unwrap(), users, String::from_utf8(stderr).unwrap())
}

fn export_redis(redis: &Redis) -> (i32, BTreeMap<String, Exported>, String) {
    not_away(|| export(Path::new("/"), &[], &[("REDIS_URL", &redis.url())]), |(code, ..)| *code)
}

/// Two users, one of them with two archives and more than a page of entries. Gives what must come out of that one.
async fn fill(store: &dyn Store) -> (Vec<Vec<Value>>, Vec<Value>) {
    World::new(store, "u:account").apply(&[debit("ARTICLE", 3)], START).await;
    let mut world = World::new(store, "alice");
    for thousand in 0..2 {
        world.apply(&vec![debit("ARTICLE", 1); 700], START + thousand).await;
    }
    world.apply(&[Command::Reset, debit("PRODUCT_DESCRIPTION", 2)], START + DAY).await;
    world.apply(&[credit(9), Command::Reset], START + 4 * DAY).await;
    world.apply(&[credit(7)], START + 5 * DAY).await;
    let shown = |entries: &Vec<_>| entries.iter().map(|entry| serde_json::to_value(entry).unwrap()).collect();
    (world.archives.iter().map(shown).collect(), shown(&world.entries))
}

fn assert_whole(users: &BTreeMap<String, Exported>, (archives, current): &(Vec<Vec<Value>>, Vec<Value>)) {
    assert_eq!(users.keys().map(String::as_str).collect::<Vec<_>>(), ["alice", "u:account"]);
    let alice = &users["alice"];
    assert_eq!((&alice.archives, &alice.current), (archives, current));
    for (user, exported) in users {
        let Exported { archives, current, account } = exported;
        let entries = archives.iter().map(Vec::len).sum::<usize>() + current.len();
        assert_eq!(
            (account["userId"].as_str(), account["version"].as_u64()),
            (Some(user.as_str()), Some(entries as u64))
        );
        assert_eq!(balance(account), sum(current), "{user}");
    }
}

/// What the account can spend, by its own document.
fn balance(account: &Value) -> i128 {
    account["grants"].as_array().unwrap().iter().map(|grant| i128::from(grant["remaining"].as_u64().unwrap())).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_out_of_both_stores() {
    let redis = Redis::start();
    let all = fill(redis.store().as_ref()).await;
    let (code, users, said) = export_redis(&redis);
    assert_eq!(code, 0, "{said}");
    assert_whole(&users, &all);
    let place = format!("exported Redis at 127.0.0.1:{}, prefix jeton: accounts 2, entries ", redis.port());
    assert!(said.starts_with(&place) && said.lines().count() == 1, "{said}");

    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let all = fill(&store).await;
    drop(store);
    let (code, users, said) = export(Path::new("/"), &["--data", folder.path().to_str().unwrap()], &[]);
    assert_eq!(code, 0, "{said}");
    assert_whole(&users, &all);
}

#[tokio::test(flavor = "multi_thread")]
async fn captures_and_refunds_say_in_each_form_whose_they_are() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[("VERCEL_ENV", "development")]);
    let client = deployment.client();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let told = client.post("reservations", json!({"userId": "u", "amount": 50})).await.ok();
        ids.push(told["reservation"]["id"].as_str().unwrap().to_owned());
    }
    let mut debits = Vec::new();
    for _ in 0..2 {
        let body = json!({"userId": "u", "reservationId": ids[0], "action": "capture", "amount": 9, "final": false});
        debits.push(client.patch("reservations", body).await.ok()["transaction"]["id"].as_str().unwrap().to_owned());
    }
    client.post("refunds", json!({"userId": "u", "transactionId": debits[1]})).await.ok();
    let mut history = client.history("u").await;
    history.reverse();

    let path = "transactions?userId=u&order=asc";
    let ndjson = client.clone().with("Accept", "application/x-ndjson").get(path).await.body;
    assert!(ndjson.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).eq(history.iter().cloned()));
    let (code, users, said) = export_redis(&redis);
    assert_eq!((code, &users["u"].current), (0, &history), "{said}");
    let open: Vec<&str> = users["u"].account["reservations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reservation| reservation["id"].as_str().unwrap())
        .collect();
    assert_eq!(open, ids, "what is set aside comes with the account");

    let csv = client.clone().with("Accept", "text/csv").get(path).await.body;
    let mut rows = csv::Reader::from_reader(csv.as_bytes());
    let columns = ["amount", "source", "reservationId", "refundOf", "part"];
    let head = rows.headers().unwrap().clone();
    assert_eq!(&head[head.len() - 1], "part", "what came later is at the end");
    let places = columns.map(|column| head.iter().position(|name| name == column).unwrap());
    let told: Vec<[String; 5]> =
        rows.records().map(|row| row.unwrap()).map(|row| places.map(|place| row[place].to_owned())).collect();
    let expected = [
        ["5000", "initial", "", "", ""],
        ["9", "", &ids[0], "", ""],
        ["9", "", &ids[0], "", "2"],
        ["9", "refund", "", &debits[1], ""],
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_comes_alone_and_nobody_is_an_error() {
    let redis = Redis::start();
    fill(redis.store().as_ref()).await;
    let settings = [("REDIS_URL", &*redis.url())];
    let (code, users, said) = export(Path::new("/"), &["--user", "alice"], &settings);
    assert_eq!((code, users.len()), (0, 1), "{said}");
    let (code, users, said) = export(Path::new("/"), &["--user", "bob"], &settings);
    assert_eq!((code, users.len()), (2, 0));
    assert!(said.contains("there is no such user in Redis at "), "{said}");
    let (code, users, said) = export(Path::new("/"), &["--user", "not a user"], &settings);
    assert_eq!((code, users.len()), (2, 0), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_there_is_told() {
    let mut redis = Redis::start();
    redis.stop();
    let (code, users, said) = export(Path::new("/"), &[], &[("REDIS_URL", &redis.url())]);
    assert_eq!((code, users.len()), (2, 0));
    assert!(said.contains(&format!("cannot connect to Redis at 127.0.0.1:{}", redis.port())), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let (code, users, said) = export(folder.path(), &[], &[]);
    assert_eq!((code, users.len()), (2, 0));
    assert!(said.contains("there is no data in .jeton"), "{said}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "none is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_keeps_nobody_else_back() {
    let damages: [(&[&str], &str); 5] = [
        (&["HSET", "jeton:{alice}:account", "doc", "{\"format\":9}"], "format 9"),
        (&["DEL", "jeton:{alice}:archive:0"], "the account counts"),
        (&["DEL", "jeton:{alice}:account"], "a history belongs to no account"),
        (&["XADD", "jeton:{alice}:archive:1", "9780390400000-0", "tx", "{\"amount\":0}"], "entry 9780390400000-0: "),
        (&["SET", "jeton:{alice}:archive:1", "x"], "holds something else"),
    ];
    for (damage, told) in damages {
        let redis = Redis::start();
        fill(redis.store().as_ref()).await;
        redis.command::<::redis::Value>(damage);
        let (code, users, said) = export_redis(&redis);
        assert_eq!(code, 1, "{damage:?}: {said}");
        let line = said.lines().find(|line| line.contains("user alice is not exported whole: "));
        assert!(line.is_some_and(|line| line.contains(told)), "{damage:?}: {said}");
        assert!(said.contains(": accounts 1, entries "), "{damage:?}: {said}");
        assert_ne!(users["u:account"].account, Value::Null, "{damage:?}");
        assert!(users.get("alice").is_none_or(|alice| alice.account.is_null()), "{damage:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_account_comes_out_as_it_was_at_one_moment() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[("VERCEL_ENV", "development")]);
    let client = deployment.client();
    let calls = Calls::start(move |number| {
        let client = client.clone();
        async move {
            let user = ["hot", "reset"][number as usize % 2];
            let answer = match number % 40 {
                1 => client.post("reset", json!({"userId": "reset"})).await,
                2 => client.post("tokens", json!({"userId": "hot", "amount": 1_000})).await,
                _ => client.post("generations", json!({"userId": user, "tokenCost": 1})).await,
            };
            assert!([200, 402].contains(&answer.status), "{answer:?}");
        }
    });
    let mut versions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for _ in 0..12 {
        let (code, users, said) = tokio::task::block_in_place(|| export_redis(&redis));
        assert_eq!(code, 0, "{said}");
        for (user, Exported { archives, current, account }) in &users {
            let entries = archives.iter().map(Vec::len).sum::<usize>() + current.len();
            assert_eq!(account["version"].as_u64(), Some(entries as u64), "{user}");
            assert_eq!(balance(account), sum(current), "{user}");
            versions.entry(user.clone()).or_default().push(entries);
        }
    }
    assert!(calls.stop().await > 0);
    let changed = |versions: &Vec<usize>| versions.last() > versions.first();
    assert!(versions.len() == 2 && versions.values().all(changed), "they changed meanwhile: {versions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_server_is_told_to_leave_its_data_first() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[]);
    local.client().stats("alice").await;
    let (code, users, said) = export(folder.path(), &[], &[]);
    assert_eq!((code, users.len()), (2, 0), "{said}");
    drop(local);
    let (code, users, said) = export(folder.path(), &[], &[]);
    assert_eq!((code, users.len()), (0, 1), "{said}");
}
