//! Old, foreign and damaged data, through the public door: every call says that something is wrong, the log says what
//! and quotes nothing, and what is there stays as it is.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use jeton::store::embedded::EmbeddedStore;
use redb::{Database, Key, ReadableDatabase, ReadableTable, TableDefinition, Value as RedbValue};
use serde_json::{Value, json};

use crate::support::{
    client::Client,
    past::{billing_days_ago, open_at},
    process::Process,
    redis::Redis,
    server::{Deployment, FUNCTIONS, Local},
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

/// Stands in all that is damaged, where an error could quote it.
const WORD: &str = "hush-hush";

/// A document of an account, made into what is none.
type Damage = fn(&mut Value) -> String;

/// What has happened, and what stands there then.
const DAMAGES: [(&str, Damage); 16] = [
    ("nothing", |_| String::new()),
    ("another program's text", |_| format!("<!doctype html><p>{WORD}")),
    ("the module before Jeton", |_| format!(r#"{{"memberId":"{WORD}","tokenBalance":4991,"tokensUsed":9}}"#)),
    ("cut off", |document| document.to_string()[..200].to_owned()),
    ("written twice", |document| format!("{document}{document}")),
    ("in a list", |document| json!([document, WORD]).to_string()),
    ("a later format", |document| with(document, "/format", json!(2))),
    ("a field of a later version", |document| {
        document["unheardOf"] = json!(WORD);
        document.to_string()
    }),
    ("somebody else's", |document| with(document, "/userId", json!(WORD))),
    ("a text for a number", |document| with(document, "/tokensUsed", json!(WORD))),
    ("an unknown source", |document| with(document, "/grants/0/source", json!(WORD))),
    ("more than a balance", |document| with(document, "/grants/0/remaining", json!(1_u64 << 53))),
    ("an id with zeros before it", |document| with(document, "/lastEntry", json!("01-0"))),
    ("the last id of all", |document| with(document, "/lastEntry", json!("253402300799999-4294967295"))),
    ("billed since the Stone Age", |document| with(document, "/billing/firstMonth", json!("-10000-01-01"))),
    ("on a plan that is gone", |document| with(document, "/plan", json!("gold"))),
];

fn with(document: &mut Value, place: &str, value: Value) -> String {
    *document.pointer_mut(place).unwrap() = value;
    document.to_string()
}

/// The users, one for each damage.
fn users() -> Vec<String> {
    (0..DAMAGES.len()).map(|number| format!("u{number}")).collect()
}

fn damaged(document: &str, number: usize) -> String {
    DAMAGES[number].1(&mut serde_json::from_str(document).unwrap())
}

/// All that Redis holds.
fn dump(redis: &Redis) -> BTreeMap<String, Vec<u8>> {
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    keys.into_iter().map(|key| (key.clone(), redis.command(&["DUMP", &key]))).collect()
}

/// All that the embedded store in `folder` holds.
fn rows(folder: &Path) -> Vec<String> {
    fn of<K: Key + 'static, V: RedbValue + 'static>(
        database: &Database,
        table: TableDefinition<'_, K, V>,
    ) -> Vec<String> {
        let table = database.begin_read().unwrap().open_table(table).unwrap();
        let row = |row: Result<(redb::AccessGuard<'_, K>, redb::AccessGuard<'_, V>), _>| {
            let (key, value) = row.unwrap();
            format!("{:?} {:?}", key.value(), value.value())
        };
        table.iter().unwrap().map(row).collect()
    }
    let database = Database::create(folder.join("jeton.redb")).unwrap();
    [
        of(&database, TableDefinition::<&str, (&str, &str)>::new("accounts")),
        of(&database, TableDefinition::<(&str, u32, u64, u32), (&str, &str)>::new("entries")),
        of(&database, TableDefinition::<(&str, &str), (u64, &str)>::new("once")),
        of(&database, TableDefinition::<(u64, &str, &str), ()>::new("once_expiry")),
        of(&database, TableDefinition::<(&str, &str), &str>::new("usage")),
        of(&database, TableDefinition::<(u64, &str), ()>::new("due")),
        of(&database, TableDefinition::<&str, u64>::new("due_of")),
    ]
    .concat()
}

/// Every call for every user says `internal`, and every user is in the log.
async fn assert_told(client: &Client, users: &[String], processes: &[&Process]) {
    for user in users {
        let (one, some) = (json!({"userId": user}), json!({"userId": user, "amount": 1}));
        for answer in [
            client.get(&format!("stats?userId={user}")).await,
            client.get(&format!("transactions?userId={user}")).await,
            client.get(&format!("accounts?limit=1&query={user}")).await,
            client.get(&format!("usage?userId={user}")).await,
            client.get(&format!("events?userId={user}")).await,
            client.clone().with("Accept", "text/csv").get(&format!("transactions?userId={user}")).await,
            client.post_once("sessions", "another", one.clone()).await,
            client.post("generations", one.clone()).await,
            client.post_once("generations", "key", one.clone()).await,
            client.post("tokens", some.clone()).await,
            client.post_once("tokens", "key", some.clone()).await,
            client.post("reservations", some.clone()).await,
            client.post_once("reservations", "key", some.clone()).await,
            client.post("reset", one.clone()).await,
            client.post_once("reset", "key", one.clone()).await,
        ] {
            assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{user}: {answer:?}");
            assert!(!answer.body.contains(WORD), "{answer:?}");
        }
    }
    let report = client.get("billing").await.ok();
    assert_eq!((&report["failed"], &report["billed"]), (&json!(users.len()), &json!(0)), "{report}");
    for user in users {
        let named = |line: &str| line.contains("\"error\"") && line.contains(&format!("user {user}"));
        for process in processes {
            process.wait_for_line(|line| named(line));
        }
    }
    for process in processes {
        assert!(!process.lines().iter().any(|line| line.contains(WORD)), "{:#?}", process.lines());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_account_in_redis_is_told_by_every_call_and_left_as_it_is() {
    let redis = Redis::start();
    open_at(redis.store(), &users(), &billing_days_ago(1).0).await;
    for (number, user) in users().iter().enumerate() {
        let key = format!("jeton:{{{user}}}:account");
        let document: String = redis.command(&["HGET", &key, "doc"]);
        redis.command::<u64>(&["HSET", &key, "doc", &damaged(&document, number)]);
    }
    let before = dump(&redis);
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let functions = FUNCTIONS.into_iter().filter(|function| *function != "health");
    let processes: Vec<&Process> = functions.map(|function| &deployment.instance(function).process).collect();
    assert_told(&deployment.client(), &users(), &processes).await;
    assert_eq!(dump(&redis), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_account_in_the_embedded_store_is_told_by_every_call_and_left_as_it_is() {
    const ACCOUNTS: TableDefinition<'_, &str, (&str, &str)> = TableDefinition::new("accounts");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join(".jeton");
    open_at(Arc::new(EmbeddedStore::open(&data).unwrap()), &users(), &billing_days_ago(1).0).await;
    let database = Database::create(data.join("jeton.redb")).unwrap();
    let writing = database.begin_write().unwrap();
    for (number, user) in users().iter().enumerate() {
        let mut accounts = writing.open_table(ACCOUNTS).unwrap();
        let (revision, document) = {
            let stored = accounts.get(user.as_str()).unwrap().unwrap();
            let (revision, document) = stored.value();
            (revision.to_owned(), damaged(document, number))
        };
        accounts.insert(user.as_str(), (revision.as_str(), document.as_str())).unwrap();
    }
    writing.commit().unwrap();
    drop(database);
    let before = rows(&data);
    let local = Local::start(folder.path(), &[], &DEVELOPMENT);
    assert_told(&local.client(), &users(), &[&local.process]).await;
    drop(local);
    assert_eq!(rows(&data), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_answer_is_told_and_never_a_second_debit() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let debit = json!({"userId": "u"});
    client.post_once("generations", "key", debit.clone()).await.ok();
    let key = "jeton:{u}:once:key";
    let record: Value = serde_json::from_str(&redis.command::<String>(&["GET", key])).unwrap();
    let mut damages: Vec<Vec<u8>> = [0, 99, 101, 204, 304, 500, 599, 1_000, 65_535, 65_536, -1]
        .map(|status| with(&mut record.clone(), "/status", json!(status)).into_bytes())
        .into();
    damages.extend([
        Vec::new(),
        WORD.into(),
        json!([record, WORD]).to_string().into(),
        record.to_string().as_bytes()[..100].to_vec(),
        with(&mut record.clone(), "/status", json!(WORD)).into(),
        with(&mut record.clone(), "/body", json!({"not": WORD})).into(),
        b"{\"body\":\"\xff hush-hush\"}".to_vec(),
    ]);
    let process = &deployment.instance("generations").process;
    for damaged in &damages {
        let () = redis::Commands::set(&mut redis.connect(), key, damaged.as_slice()).unwrap();
        let before = dump(&redis);
        let answer = client.post_once("generations", "key", debit.clone()).await;
        let shown = String::from_utf8_lossy(damaged);
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{shown}: {answer:?}");
        assert!(!answer.body.contains(WORD), "{answer:?}");
        let id = answer.header("x-request-id").unwrap().to_owned();
        let line: Value = serde_json::from_str(&process.wait_for_line(|line| line.contains(&id))).unwrap();
        let cause = line["message"].as_str().unwrap();
        let told = cause.starts_with("an idempotency record of user u is ") || cause.contains("of another form");
        assert!(told && !cause.contains(WORD), "{shown}: {line}");
        assert_eq!(dump(&redis), before, "{shown}");
    }
    client.post_once("generations", "another", debit).await.ok();
    assert_eq!(client.stats("u").await["tokenBalance"], 5000 - 2 * 3, "the account itself is in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_entry_is_told_and_not_left_out() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let process = &deployment.instance("transactions").process;
    for (user, damaged) in [
        ("nothing", String::new()),
        ("text", WORD.to_owned()),
        ("amount", format!(r#"{{"type":"DEBIT","amount":"{WORD}","description":"","balance":0}}"#)),
        ("kind", format!(r#"{{"type":"{WORD}","amount":1,"description":"","balance":0}}"#)),
    ] {
        let balance = client.stats(user).await["tokenBalance"].clone();
        redis.command::<String>(&["XADD", &format!("jeton:{{{user}}}:history"), "*", "tx", &damaged, "c", "r"]);
        let before = dump(&redis);
        for accept in ["application/json", "text/csv"] {
            let history = client.clone().with("Accept", accept);
            let answer = history.get(&format!("transactions?userId={user}")).await;
            assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{user}: {answer:?}");
        }
        process.wait_for_line(|line| line.contains(&format!("in the history of user {user} is damaged")));
        assert_eq!(client.stats(user).await["tokenBalance"], balance);
        assert_eq!(dump(&redis), before, "{user}");
    }
    assert!(!process.lines().iter().any(|line| line.contains(WORD)), "{:#?}", process.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_note_of_who_is_due_holds_nobody_up() {
    let redis = Redis::start();
    let users: Vec<String> = ["one", "two", "three", "four"].map(str::to_owned).into();
    open_at(redis.store(), &users, &billing_days_ago(1).0).await;
    let keys: Vec<String> = redis.command(&["KEYS", "jeton:due:*"]);
    for (score, member) in [("1.5", "one"), ("-7", "two"), ("-inf", "three"), ("0", "no user"), ("1e3", "nobody")] {
        for key in &keys {
            redis.command::<u64>(&["ZADD", key, score, member]);
        }
    }
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let report = client.get("billing").await.ok();
    assert_eq!((&report["billed"], &report["credited"], &report["failed"]), (&json!(4), &json!(1_200), &json!(0)));
    assert_eq!(report["more"], false, "it ends by itself, whatever stands in keys of others: {report}");
}
