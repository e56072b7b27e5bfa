//! Redis killed and started again under load, with a log that it writes before it answers: what was acknowledged is
//! there, once, and what was not is there once at most.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    client::{Client, sum},
    redis::Redis,
    server::{Deployment, Instance},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
const KILLS: u64 = 5;
const CALLERS: usize = 16;
const USERS: usize = 3;

/// What the callers and the test tell each other.
#[derive(Default)]
struct Load {
    acknowledged: AtomicU64,
    over: AtomicBool,
}

/// Debits one token again and again, every other time under a key. Gives the tag of each debit, and whether it was
/// acknowledged.
async fn spend(caller: usize, client: Client, load: Arc<Load>) -> Vec<(String, bool)> {
    let mut debits = Vec::new();
    let mut number = 0;
    while !load.over.load(Ordering::SeqCst) {
        let tag = format!("{caller}-{number}");
        let body = json!({"userId": format!("u{}", number % USERS), "tokenCost": 1, "metadata": {"tag": tag}});
        let acknowledged = if number % 2 == 0 {
            client.post("generations", body).await.status == 200
        } else {
            // With a key a caller tries until it is sure.
            loop {
                if client.post_once("generations", &tag, body.clone()).await.status == 200 {
                    break true;
                }
            }
        };
        load.acknowledged.fetch_add(u64::from(acknowledged), Ordering::SeqCst);
        debits.push((tag, acknowledged));
        number += 1;
    }
    debits
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_redis() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let mut redis = Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]);
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    for user in 0..USERS {
        client.post("tokens", json!({"userId": format!("u{user}"), "amount": 1_000_000})).await.ok();
    }
    let url = redis.url();
    let instances: Vec<Instance> =
        (0..2).map(|_| Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT])).collect();
    let load = Arc::new(Load::default());
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let client = Client::new([("generations", instances[caller % 2].base())].into());
            tokio::spawn(spend(caller, client, Arc::clone(&load)))
        })
        .collect();
    for kill in 0..=KILLS {
        // In the middle of the load: some more debits came through since the last time.
        while load.acknowledged.load(Ordering::SeqCst) < (kill + 1) * 200 {
            tokio::task::yield_now().await;
        }
        if kill < KILLS {
            redis.stop();
            redis.start_again();
        }
    }
    load.over.store(true, Ordering::SeqCst);
    let debits: Vec<(String, bool)> = join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();

    let mut written: HashMap<String, u64> = HashMap::new();
    for user in 0..USERS {
        let user = format!("u{user}");
        let history = client.history(&user).await;
        assert_eq!(i128::from(client.stats(&user).await["tokenBalance"].as_u64().unwrap()), sum(&history));
        for tag in history.iter().filter_map(|entry: &Value| entry["metadata"]["tag"].as_str()) {
            *written.entry(tag.to_owned()).or_default() += 1;
        }
    }
    for (tag, acknowledged) in debits {
        let times = written.remove(&tag).unwrap_or(0);
        assert!(if acknowledged { times == 1 } else { times <= 1 }, "{tag}: {acknowledged}, written {times} times");
    }
    assert!(written.is_empty(), "nobody asked for {written:?}");
}
