//! Damage in what a store holds: told as such, and left as it is.

use std::collections::BTreeMap;

use jeton::{
    history::Selection,
    ledger::{Command, UserId},
    store::{Commit, Store, StoreError, embedded::EmbeddedStore, redis::RedisStore},
};
use redb::{Database, ReadableDatabase, TableDefinition};
use serde_json::{Value, json};

use super::{redis::lived_in, user};
use crate::support::{
    redis::Redis,
    service::{article, caller, service_over, tokens},
    world::{DAY, START, World, debit, once, revision},
};

const DAMAGES: usize = 13;

/// Documents that are no account of a user, made from one that is.
fn damaged(document: &str) -> [String; DAMAGES] {
    let changed = |change: fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(document).unwrap();
        change(&mut document);
        document.to_string()
    };
    [
        String::new(),
        "garbage".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        document[..document.len() - 1].to_owned(),
        format!("{document}{document}"),
        changed(|document| document["format"] = json!(2)),
        changed(|document| document["userId"] = json!("somebody-else")),
        changed(|document| document["unheardOf"] = json!(1)),
        changed(|document| document["tokensUsed"] = json!(-1)),
        changed(|document| document["grants"][0]["remaining"] = json!(9_007_199_254_740_992_u64)),
        changed(|document| {
            let grant = document["grants"][0].clone();
            document["grants"].as_array_mut().unwrap().push(grant);
        }),
    ]
}

/// Commits for `user` by processes that believe in no account, or in another.
fn attempts(store: &dyn Store, user: &UserId) -> [Commit; 2] {
    let mut commit = World::new(store, user.as_str()).draft(&[debit("ARTICLE", 3), Command::Reset], START + DAY).commit;
    commit.records = vec![once("key", "answer")];
    [None, Some(revision())].map(|expected| Commit { expected, ..commit.clone() })
}

/// All that Redis holds, but for what is about all users.
fn dump(redis: &Redis) -> BTreeMap<String, Vec<u8>> {
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    let keys = keys.into_iter().filter(|key| key.starts_with("jeton:{"));
    keys.map(|key| (key.clone(), redis.command(&["DUMP", &key]))).collect()
}

#[tokio::test]
async fn a_damaged_account_in_the_embedded_store_is_told_and_left_as_it_is() {
    const ACCOUNTS: TableDefinition<'_, &str, (&str, &str)> = TableDefinition::new("accounts");
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let mut documents = Vec::new();
    for number in 0..DAMAGES {
        let mut world = World::new(&store, &format!("u{number}"));
        world.apply(&[debit("ARTICLE", 3)], START).await;
        documents.push(damaged(&world.stored.unwrap().account.to_document().unwrap())[number].clone());
    }
    drop(store);
    let users = || (0..DAMAGES).map(|number| user(&format!("u{number}"))).zip(&documents);

    let database = Database::create(folder.path().join("jeton.redb")).unwrap();
    let writing = database.begin_write().unwrap();
    for (user, damaged) in users() {
        writing.open_table(ACCOUNTS).unwrap().insert(user.as_str(), ("r", damaged.as_str())).unwrap();
    }
    writing.commit().unwrap();
    drop(database);

    let store = EmbeddedStore::open(folder.path()).unwrap();
    for (user, damaged) in users() {
        let told = store.load(&user).await;
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{damaged}: {told:?}");
        for commit in attempts(&store, &user) {
            let told = store.commit(&commit).await;
            assert!(matches!(told, Err(StoreError::Damaged(_))), "{damaged}: {told:?}");
        }
    }
    drop(store);
    let database = Database::create(folder.path().join("jeton.redb")).unwrap();
    let accounts = database.begin_read().unwrap().open_table(ACCOUNTS).unwrap();
    for (user, damaged) in users() {
        assert_eq!(accounts.get(user.as_str()).unwrap().unwrap().value(), ("r", damaged.as_str()));
    }
}

#[tokio::test]
async fn a_damaged_account_in_redis_is_told_and_left_as_it_is() {
    let (redis, store) = lived_in().await;
    let document: String = redis.command(&["HGET", "jeton:{u}:account", "doc"]);
    for damaged in damaged(&document) {
        redis.command::<u64>(&["HSET", "jeton:{u}:account", "doc", &damaged]);
        assert_damaged(&redis, &store, &damaged).await;
    }
    for (field, left) in [("doc", "rev"), ("rev", "doc")] {
        redis.command::<u64>(&["HSET", "jeton:{u}:account", "rev", "r", "doc", &document]);
        redis.command::<u64>(&["HDEL", "jeton:{u}:account", field]);
        assert_damaged(&redis, &store, &format!("only {left}")).await;
    }
    redis.command::<u64>(&["HSET", "jeton:{u}:account", "rev", "r", "doc", &document]);
    assert!(store.load(&user("u")).await.unwrap().is_some(), "the undamaged document is fine");
}

async fn assert_damaged(redis: &Redis, store: &RedisStore, case: &str) {
    let before = dump(redis);
    let loaded = store.load(&user("u")).await;
    assert!(matches!(loaded, Err(StoreError::Damaged(_))), "{case}: {loaded:?}");
    // Without a revision there is nothing to compare: that a load fails keeps every commit away.
    if redis.command::<bool>(&["HEXISTS", "jeton:{u}:account", "rev"]) {
        for commit in attempts(store, &user("u")) {
            let committed = store.commit(&commit).await;
            assert!(matches!(committed, Err(StoreError::Damaged(_))), "{case}: {committed:?}");
        }
    }
    let (service, user) = (service_over(&redis.url()), user("u"));
    let locale = jeton::locale::Locale::French;
    let told = [
        service.get_user_stats(&user, locale).await.map(|_| ()),
        service.get_transaction_history(&user, &Selection::default(), None, 5, locale).await.map(|_| ()),
        service.record_generation(&user, article(1), caller(None)).await.map(|_| ()),
        service.add_tokens(&user, tokens(1), caller(Some("key"))).await.map(|_| ()),
        service.reset_stats(&user, caller(None)).await.map(|_| ()),
    ];
    for told in told {
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{case}: {told:?}");
    }
    assert_eq!(dump(redis), before, "{case}");
}

#[tokio::test]
async fn a_history_without_its_account_is_told_and_left_as_it_is() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "archived");
    world.apply(&[Command::Touch, Command::Reset], START).await;
    redis.command::<u64>(&["DEL", "jeton:{u}:account"]);
    redis.command::<u64>(&["DEL", "jeton:{archived}:account", "jeton:{archived}:history"]);
    let before = dump(&redis);
    for (id, commands) in [
        ("u", vec![Command::Touch]),
        ("u", vec![debit("ARTICLE", 3)]),
        ("u", vec![Command::Reset]),
        ("archived", vec![Command::Touch, Command::Reset]),
    ] {
        let commit = World::new(&store, id).draft(&commands, START).commit;
        let committed = store.commit(&commit).await;
        assert!(matches!(committed, Err(StoreError::Damaged(_))), "{id}, {commands:?}: {committed:?}");
        assert_eq!(dump(&redis), before, "{id}, {commands:?}");
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_told_and_left_as_it_is() {
    for key in ["account", "history", "once:key", "usage"] {
        let (redis, store) = lived_in().await;
        let mut world = World::new(&store, "u");
        world.stored = store.load(&world.user).await.unwrap();
        let mut commit = world.draft(&[debit("ARTICLE", 3)], START + 1).commit;
        commit.records = vec![once("key", "answer")];
        commit.usage = vec![("h494544".to_owned(), "text".to_owned())];
        let key = format!("jeton:{{u}}:{key}");
        redis.command::<u64>(&["DEL", &key]);
        redis.command::<u64>(&["SADD", &key, "somebody else's"]);
        let before = dump(&redis);
        let committed = store.commit(&commit).await;
        assert!(matches!(committed, Err(StoreError::Damaged(_))), "{key}: {committed:?}");
        assert_eq!(dump(&redis), before, "{key}");
    }
}

#[tokio::test]
async fn a_damaged_answer_is_told_and_left_as_it_is() {
    let (redis, _) = lived_in().await;
    let service = service_over(&redis.url());
    for damaged in ["", "garbage", "{}"] {
        redis.command::<()>(&["SET", "jeton:{u}:once:key", damaged]);
        let before = dump(&redis);
        let told = service.record_generation(&user("u"), article(1), caller(Some("key"))).await;
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{damaged:?}: {told:?}");
        assert_eq!(dump(&redis), before, "{damaged:?}");
    }
}
