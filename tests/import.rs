//! Users of the module that Jeton replaces, brought over: by `jeton import` and at the first touch.

mod cluster;
mod command;
mod damage;
mod dates;
mod explained;
mod meanwhile;
mod random;
mod touch;
mod verified;

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::support::{
    client::{Client, sum},
    redis::Redis,
    verify::{Verified, run},
};

/// Runs `jeton import` over `redis` with these arguments.
fn import(redis: &Redis, arguments: &[&str]) -> Verified {
    run("import", Path::new("/"), arguments, &[("REDIS_URL", &redis.url())])
}

/// Runs it, and it has nothing that somebody must look at.
fn import_all(redis: &Redis) -> Verified {
    let imported = import(redis, &["--apply"]);
    assert_eq!(imported.code, 0, "{imported:#?}");
    imported
}

/// The stats and the history, oldest first, which add up.
async fn taken(client: &Client, user: &str) -> (Value, Vec<Value>) {
    let (stats, mut history) = (client.stats(user).await, client.history(user).await);
    history.reverse();
    assert_eq!(Some(sum(&history)), stats["tokenBalance"].as_i64().map(i128::from), "{user}: {history:#?}");
    let mut balance = 0;
    let mut last = (0, 0);
    for entry in &history {
        balance += sum(std::slice::from_ref(entry));
        assert_eq!(Some(balance), entry["balance"].as_i64().map(i128::from), "{user}: {entry}");
        assert!(balance >= 0, "{user}: {entry}");
        let id = entry["id"].as_str().unwrap().split_once('-').unwrap();
        let id: (u64, u64) = (id.0.parse().unwrap(), id.1.parse().unwrap());
        assert!(id > last, "{user}: {entry}");
        last = id;
    }
    (stats, history)
}

/// What it says of each user, without the names.
fn told(imported: &Verified) -> BTreeMap<String, String> {
    let lines = imported.lines.iter().filter_map(|line| line.strip_prefix("user ")?.split_once(": "));
    lines.map(|(user, told)| (user.to_owned(), told.to_owned())).collect()
}
