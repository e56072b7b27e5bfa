//! A primary that is killed under load: its replica takes over, and so does the service, by itself.

use rustix::process::Signal;
use serde_json::json;

use super::DEVELOPMENT;
use crate::support::{
    cluster::{Cluster, PRIMARIES},
    load::{Debit, Ledger, Load, users},
    server::{Deployment, Settings},
};

/// After how long, in milliseconds, the other nodes believe that one is lost.
const NODE_TIMEOUT: &str = "1500";

/// Kills, under load, a primary, and then the replica that took over and has been followed since by who was killed
/// first. What callers were told meanwhile is to be held against what is left: what they were told in an even phase of the
/// load had a follower before the next kill.
async fn kill_primaries_under_load(settings: Settings<'_>) -> (Cluster, Ledger) {
    let mut cluster = Cluster::start_with(1, &["--cluster-node-timeout", NODE_TIMEOUT]);
    let load = Load::start_with(&cluster.url(), settings).await;
    load.acknowledges(200).await;
    for _ in 0..2 {
        let lost = cluster.owner(&users()[0]);
        let follower = (lost + PRIMARIES) % cluster.nodes.len();
        load.next_phase();
        cluster.catch_up(lost, follower);
        cluster.nodes[lost].stop();
        cluster.wait_until("the replica takes over", || {
            cluster.nodes[follower].command::<String>(&["INFO", "replication"]).contains("role:master")
        });
        cluster.nodes[lost].start_again();
        cluster.wait_until("it follows who took over", || {
            cluster.nodes[lost].command::<String>(&["INFO", "replication"]).contains("master_link_status:up")
        });
        load.next_phase();
        load.acknowledges(200).await;
    }
    (cluster, load.stop().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_primary_that_was_replaced_does_not_use_up_a_callers_time() {
    let cluster = Cluster::start_with(1, &[]);
    let deployment = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let client = deployment.client();
    for _ in 0..2 {
        client.post("generations", json!({"userId": "u"})).await.ok();
        client.stats("u").await;
        client.history("u").await;
        client.get("health").await.ok();
    }
    let silent = cluster.owner("u");
    let replica = &cluster.nodes[silent + PRIMARIES];
    cluster.catch_up(silent, silent + PRIMARIES);
    // Its lines stay open, and it says nothing any more.
    cluster.nodes[silent].process().signal(Signal::STOP);
    replica.command::<()>(&["CLUSTER", "FAILOVER", "TAKEOVER"]);

    let debit = client.post("generations", json!({"userId": "u"}));
    let (debit, stats, health) = tokio::join!(debit, client.get("stats?userId=u"), client.get("health"));
    assert_eq!(debit.ok()["stats"]["tokenBalance"], 4991);
    assert!([4994, 4991].contains(&stats.ok()["tokenBalance"].as_u64().unwrap()));
    assert_eq!(health.ok()["status"], "ok");
    assert_eq!(client.history("u").await.len(), 4);

    // It wakes up, with the debit that it was sent and never answered, and learns that it is a replica now.
    cluster.nodes[silent].process().signal(Signal::CONT);
    cluster.wait_until("it follows who took over", || {
        cluster.nodes[silent].command::<String>(&["INFO", "replication"]).contains("master_link_status:up")
    });
    assert_eq!(client.history("u").await.len(), 4);
    assert_eq!(client.stats("u").await["tokenBalance"], 4991);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_is_replaced_and_what_is_left_adds_up() {
    let (cluster, ledger) = kill_primaries_under_load(&[]).await;
    // Of what was told while a primary was about to be lost some may be: Redis acknowledges before it has replicated.
    let sure = |debit: &Debit| debit.begun == debit.ended && debit.begun.is_multiple_of(2);
    ledger.assert_kept_where(&cluster.url(), sure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_primary_costs_nothing_that_waited_for_its_replica() {
    let (cluster, ledger) = kill_primaries_under_load(&[("JETON_WAIT_REPLICAS", "1")]).await;
    ledger.assert_kept(&cluster.url()).await;
}
