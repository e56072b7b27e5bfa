//! Slots that move to another node under load: nothing is lost, nothing is made twice, nobody sees more than a 503.

use std::{sync::Arc, time::Instant};

use serde_json::json;

use super::DEVELOPMENT;
use crate::support::{
    again::served,
    cluster::{Cluster, Move},
    load::{Load, users},
    process::{TOO_LATE, wait_until},
    server::Deployment,
};

const ROUNDS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn slots_that_move_under_load_lose_nothing_and_double_nothing() {
    let cluster = Cluster::start();
    let load = Load::start(&cluster.url()).await;
    for _ in 0..ROUNDS {
        for user in &users() {
            let count = |error| cluster.errors(error);
            let moving = Move::begin(&cluster, user);
            // A debit under a key names one that is in neither place: it has to wait until the slot has arrived.
            let before = count("TRYAGAIN");
            wait_until("a debit meets the moving slot", || count("TRYAGAIN") > before);
            // The account is there, and the history still here.
            moving.key(&format!("jeton:{{{user}}}:account"));
            let before = count("ASK");
            wait_until("the account is asked for where it is", || count("ASK") > before);
            moving.finish();
            load.acknowledges(20).await;
        }
    }
    let ledger = load.stop().await;
    assert!(cluster.errors("MOVED") > 0);
    ledger.assert_kept(&cluster.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_without_a_key_does_not_wait_for_a_moving_slot() {
    let cluster = Cluster::start();
    // Nor does it matter that the nodes tell ports alone, as some do: each is where the one is that tells of it.
    for node in &cluster.nodes {
        node.command::<()>(&["CONFIG", "SET", "cluster-preferred-endpoint-type", "unknown-endpoint"]);
    }
    let deployment = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    let moving = Move::begin(&cluster, "u");
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4994);
    for key in ["account", "history"] {
        moving.key(&format!("jeton:{{u}}:{key}"));
    }
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4991);
    assert_eq!(cluster.errors("TRYAGAIN"), 0);
    assert!(cluster.errors("ASK") > 0);
    moving.finish();
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4988);
    assert_eq!(client.history("u").await.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_new_whose_slot_is_moving_is_opened_once() {
    let cluster = Arc::new(Cluster::start());
    let deployment = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let client = deployment.client();
    for round in 0..6 {
        let user = format!("new-{round}");
        let moving = Move::begin(&cluster, &user);
        // A read asks where the slot is going to; a commit cannot be made before it has arrived. Whoever has waited as long as
        // they may comes again.
        let before = ["ASK", "TRYAGAIN"].map(|error| cluster.errors(error));
        let debit = {
            let (client, user) = (client.clone(), user.clone());
            tokio::spawn(served(move || {
                let (client, body) = (client.clone(), json!({"userId": user}));
                async move { client.post_once("generations", "key", body).await }
            }))
        };
        let read = {
            let (client, path) = (client.clone(), format!("stats?userId={user}"));
            tokio::spawn(served(move || {
                let (client, path) = (client.clone(), path.clone());
                async move { client.get(&path).await }
            }))
        };
        wait_until("the calls meet the moving slot", || {
            cluster.errors("ASK") > before[0] && cluster.errors("TRYAGAIN") > before[1]
        });
        moving.finish();
        assert_eq!(debit.await.unwrap().ok()["transaction"]["amount"], 3);
        let balance = read.await.unwrap().ok()["tokenBalance"].as_u64().unwrap();
        assert!([5000, 4997].contains(&balance), "{balance}");
        assert_eq!(client.history(&user).await.len(), 2);
        assert_eq!(client.stats(&user).await["tokenBalance"], 4997);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_waits_for_a_moving_slot_and_is_a_503_in_time_if_it_does_not_arrive() {
    let cluster = Cluster::start();
    let deployment = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let client = deployment.client();
    for (user, keyed) in [("plain", false), ("keyed", true)] {
        let caller = client.clone();
        let reset = move |number: u64| {
            let (client, body) = (caller.clone(), json!({"userId": user}));
            async move {
                if keyed {
                    client.post_once("reset", &format!("key-{number}"), body).await
                } else {
                    client.post("reset", body).await
                }
            }
        };
        let assert_entries = async |current, archived| {
            assert_eq!(client.history(user).await.len(), current, "{user}");
            let archives = [0, 1].map(|number| format!("jeton:{{{user}}}:archive:{number}"));
            assert_eq!(archives.map(|key| cluster.command::<u64>(&["XLEN", &key])), archived, "{user}");
        };
        client.post("generations", json!({"userId": user})).await.ok();

        // The archive that the history is to become is in neither place.
        let moving = Move::begin(&cluster, user);
        let (before, begun) = (cluster.errors("TRYAGAIN"), Instant::now());
        let answer = reset(0).await;
        assert!(begun.elapsed() < TOO_LATE, "{user}: {:?}", begun.elapsed());
        answer.assert_store_unavailable();
        assert!(cluster.errors("TRYAGAIN") > before, "{user}");
        moving.finish();
        assert_eq!(client.stats(user).await["tokenBalance"], 4997, "{user}");
        assert_entries(2, [0, 0]).await;
        assert_eq!(reset(0).await.ok()["stats"]["tokenBalance"], 5000, "{user}");
        assert_entries(1, [2, 0]).await;

        client.post("generations", json!({"userId": user})).await.ok();
        let moving = Move::begin(&cluster, user);
        let before = cluster.errors("TRYAGAIN");
        // One that has waited as long as it may was not made, and comes again.
        let waiting = tokio::spawn(served({
            let reset = reset.clone();
            move || reset(1)
        }));
        wait_until("the reset meets the moving slot", || cluster.errors("TRYAGAIN") > before);
        moving.finish();
        assert_eq!(waiting.await.unwrap().ok()["stats"]["tokenBalance"], 5000, "{user}");
        assert_entries(1, [2, 2]).await;
    }
}
