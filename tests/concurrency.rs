//! Many callers at once, in several processes, on one Redis and on a cluster: nothing lost, nothing twice, nothing
//! oversold.

use std::collections::HashMap;

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, sum},
    cluster::Cluster,
    load::assert_running_balances,
    redis::Redis,
    server::{Backend, Deployment, Instance},
    verify::assert_sound,
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// Further instances of a function with this `REDIS_URL`, and a client for each.
fn instances(url: &str, function: &'static str, count: usize) -> Vec<(Instance, Client)> {
    let start = |_| {
        let instance = Instance::start(function, &[("REDIS_URL", url), DEVELOPMENT]);
        let client = instance.client();
        (instance, client)
    };
    (0..count).map(start).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_tokens_are_spent_once() {
    let (redis, cluster) = (Redis::start(), Cluster::start_with(1, &[]));
    for url in [redis.url(), cluster.url()] {
        spend_the_last_tokens(&url).await;
    }
}

async fn spend_the_last_tokens(url: &str) {
    let deployment = Deployment::over(url, &[DEVELOPMENT]);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u", "tokenCost": 4997})).await.ok();
    let processes = instances(url, "generations", 4);
    let debit = |number: usize| {
        let client = &processes[number % 4].1;
        client.post("generations", json!({"userId": "u", "tokenCost": 3}))
    };
    let answers = join_all((0..64).map(debit)).await;
    let paid = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(paid, 1);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((refused.status, &refused.json()["available"]), (402, &json!(0)), "{refused:?}");
        assert_eq!(refused.json()["stats"]["tokenBalance"], 0);
    }
    assert_eq!(client.history("u").await.len(), 3, "the opening, the first debit, one of the 64");
    assert_eq!(client.stats("u").await["tokenBalance"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_tokens_are_spent_once_in_the_local_server() {
    let backend = Backend::embedded(&[]);
    let client = backend.client();
    client.post("generations", json!({"userId": "u", "tokenCost": 4997})).await.ok();
    let answers = join_all((0..64).map(|_| client.post("generations", json!({"userId": "u"})))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 402).count(), 63);
    assert_eq!(client.history("u").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_debits_from_four_processes_all_count_once() {
    let redis = Redis::start();
    debit_from_four_processes(&redis.url(), 20_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_thousand_debits_on_a_cluster_all_count_once() {
    let cluster = Cluster::start_with(1, &[]);
    debit_from_four_processes(&cluster.url(), 6_000).await;
}

async fn debit_from_four_processes(url: &str, debits: usize) {
    const USERS: usize = 50;
    let deployment = Deployment::over(url, &[DEVELOPMENT]);
    let client = deployment.client();
    let processes = instances(url, "generations", 4);
    let debit = |number: usize| {
        let client = processes[number % 4].1.clone();
        // A cost of its own for each debit of a user, so that each can be told from the others.
        let (user, cost) = (format!("user-{}", number % USERS), number / USERS + 1);
        async move {
            let answer = client.post("generations", json!({"userId": user, "tokenCost": cost})).await;
            (user, cost as u64, answer)
        }
    };
    for user in 0..USERS {
        client.post("tokens", json!({"userId": format!("user-{user}"), "amount": 1_000_000})).await.ok();
    }
    let answers: Vec<_> = stream::iter(0..debits).map(debit).buffer_unordered(128).collect().await;
    let mut costs: HashMap<String, Vec<u64>> = HashMap::new();
    for (user, cost, answer) in answers {
        let result = answer.ok();
        assert_eq!(result["transaction"]["amount"].as_u64(), Some(cost), "each caller gets their own entry");
        costs.entry(user).or_default().push(cost);
    }
    for (user, mut acknowledged) in costs {
        let history = client.history(&user).await;
        let debits = history.iter().filter(|entry| entry["type"] == "DEBIT");
        let mut written: Vec<u64> = debits.map(|entry| entry["amount"].as_u64().unwrap()).collect();
        written.sort_unstable();
        acknowledged.sort_unstable();
        assert_eq!(written, acknowledged, "{user}");
        assert_eq!(i128::from(client.stats(&user).await["tokenBalance"].as_u64().unwrap()), sum(&history));
        assert_running_balances(&history);
    }
    assert_sound(url, USERS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_debits_in_the_local_server_all_count_once() {
    let backend = Backend::embedded(&[]);
    let client = backend.client();
    let debit = |number: usize| {
        let client = client.clone();
        async move { client.post("generations", json!({"userId": format!("u{}", number % 10), "tokenCost": 1})).await }
    };
    let answers: Vec<_> = stream::iter(0..2_000).map(debit).buffer_unordered(64).collect().await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    for user in 0..10 {
        let history = client.history(&format!("u{user}")).await;
        assert_eq!((history.len(), sum(&history)), (201, 4800));
        assert_running_balances(&history);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_first_touches_at_once_open_once() {
    let cluster = Cluster::start_with(1, &[]);
    let on_cluster = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let backends = Backend::both(&[DEVELOPMENT]);
    let clients = backends.iter().map(|backend| (format!("{backend:?}"), backend.client()));
    for (backend, client) in clients.chain([("functions on a cluster".to_owned(), on_cluster.client())]) {
        for round in 0..10 {
            let user = format!("new-{round}");
            let path = format!("stats?userId={user}");
            let read = client.get(&path);
            let debit = client.post("generations", json!({"userId": user}));
            let credit = client.post("tokens", json!({"userId": user, "amount": 10}));
            let (read, debit, credit) = tokio::join!(read, debit, credit);
            assert_eq!((read.status, debit.status, credit.status), (200, 200, 200), "{backend}");
            let history = client.history(&user).await;
            let openings = history.iter().filter(|entry| entry["source"] == "initial").count();
            assert_eq!((openings, history.len(), sum(&history)), (1, 3, 5007), "{backend}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resets_during_debits_lose_no_entry() {
    let (redis, cluster) = (Redis::start(), Cluster::start_with(1, &[]));
    reset_during_debits(&redis.url(), |key| redis.command(&["XRANGE", key, "-", "+"])).await;
    reset_during_debits(&cluster.url(), |key| cluster.command(&["XRANGE", key, "-", "+"])).await;
}

/// The entries of a stream: ids and fields.
type Stream = Vec<(String, HashMap<String, String>)>;

async fn reset_during_debits(url: &str, stream_at: impl Fn(&str) -> Stream) {
    let deployment = Deployment::over(url, &[DEVELOPMENT]);
    let client = deployment.client();
    client.stats("u").await;
    let processes = instances(url, "generations", 2);
    let debits = stream::iter(0..600).map(|number: usize| {
        let client = processes[number % 2].1.clone();
        async move { client.post("generations", json!({"userId": "u", "tokenCost": number % 7 + 1})).await }
    });
    let debits = debits.buffer_unordered(24).collect::<Vec<_>>();
    let resets = stream::iter(0..12).then(|_| client.post("reset", json!({"userId": "u"}))).collect::<Vec<_>>();
    let (debits, resets) = tokio::join!(debits, resets);
    assert!(resets.iter().all(|reset| reset.status == 200));
    let mut acknowledged: Vec<String> =
        debits.iter().map(|debit| debit.ok()["transaction"]["id"].as_str().unwrap().to_owned()).collect();

    let mut written = Vec::new();
    for key in (0..12).map(|number| format!("jeton:{{u}}:archive:{number}")).chain(["jeton:{u}:history".to_owned()]) {
        let entries = stream_at(&key);
        assert!(!entries.is_empty(), "{key}");
        for (id, fields) in entries {
            let entry: Value = serde_json::from_str(&fields["tx"]).unwrap();
            if entry["type"] == "DEBIT" {
                written.push(id);
            } else {
                assert_eq!(entry["source"], "initial");
            }
        }
    }
    acknowledged.sort_unstable();
    written.sort_unstable();
    assert_eq!(written, acknowledged, "each acknowledged debit is in one history, and only there");
    assert_eq!(i128::from(client.stats("u").await["tokenBalance"].as_u64().unwrap()), sum(&client.history("u").await));
    assert_sound(url, 1);
}
