//! In a cluster: a connection to each node that has somebody who is watched, wherever that is now.

use jeton::{
    ledger::Command,
    store::{
        Store,
        follow::{Follow, Watch},
        redis::RedisStore,
    },
};

use super::{PROMPT, assert_becomes_prompt, assert_woken, is_asleep, subscribers, user};
use crate::support::{
    again::unstalled,
    cluster::{Cluster, Move, PRIMARIES},
    process::{wait_until, wait_until_so},
    redis::Redis,
    world::{START, World, debit},
};

fn store_in(cluster: &Cluster) -> RedisStore {
    RedisStore::new(&cluster.url(), "jeton").unwrap()
}

/// A user of each primary.
fn one_each(cluster: &Cluster) -> [String; PRIMARIES] {
    [0, 1, 2].map(|node| {
        (0..100).map(|number| format!("user-{number}")).find(|id| cluster.owner(id) == node).expect("somebody")
    })
}

/// How many connections to this node are subscribed to the changes of `id`: as in a cluster, and as at a single server.
fn subscribed(node: &Redis, id: &str) -> [u64; 2] {
    let channel = format!("jeton:{{{id}}}:changes");
    ["SHARDNUMSUB", "NUMSUB"].map(|ask| node.command::<(String, u64)>(&["PUBSUB", ask, &channel]).1)
}

/// Waits until changes of `id` are told by `node`, and by no other.
fn assert_settles(cluster: &Cluster, node: usize, id: &str, watch: &Watch) {
    let tells = |at: usize| subscribed(&cluster.nodes[at], id) == [u64::from(at == node), 0];
    cluster.wait_until("the node tells, and no other", || (0..cluster.nodes.len()).all(tells));
    wait_until("it is known that changes are told", || watch.is_prompt());
}

/// Commits two debits after another, which who watches must be told of: one wake-up may be that of the subscription.
async fn assert_told(world: &mut World<'_>, watch: &Watch, millis: u64, case: &str) {
    for later in 0..2 {
        while !is_asleep(watch) {}
        world.apply(&[debit("ARTICLE", 1)], START + millis + later).await;
        assert_woken(watch, case).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_tells_of_its_own_and_those_who_have_nobody_are_left_alone() {
    let cluster = Cluster::start();
    let (store, other) = (store_in(&cluster), store_in(&cluster));
    let ids = one_each(&cluster);
    let mut worlds = ids.each_ref().map(|id| World::new(&other, id));
    // What is seen of each user, and should not be.
    let watch_and_leave = async || {
        let mut strange = Vec::new();
        let mut watches: Vec<Watch> = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            watches.push(store.watch(&user(id)));
            assert_becomes_prompt(&watches[number], id).await;
            for (node, redis) in cluster.nodes.iter().enumerate() {
                let seen = (subscribed(redis, id), subscribers(redis));
                if seen != ([u64::from(node == number), 0], usize::from(node <= number)) {
                    strange.push(format!("{id} at {node}: {seen:?}"));
                }
            }
        }
        for (number, world) in worlds.iter_mut().enumerate() {
            world.apply(&[debit("ARTICLE", 1)], START).await;
            assert_becomes_prompt(&watches[number], &ids[number]).await;
            if !watches.iter().all(is_asleep) {
                strange.push(format!("another one than {} is woken", ids[number]));
            }
        }
        for (number, node) in cluster.nodes.iter().enumerate() {
            drop(watches.remove(0));
            wait_until("the connection is closed", || subscribers(node) == 0);
            if !watches.iter().all(Watch::is_prompt) {
                strange.push(format!("more than {} are left", ids[number]));
            }
        }
        strange
    };
    assert_eq!(unstalled(PROMPT, watch_and_leave).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_moves_to_another_node_is_told_of_there() {
    let cluster = Cluster::start();
    let (store, other) = (store_in(&cluster), store_in(&cluster));
    let ids = one_each(&cluster);
    let watches = ids.each_ref().map(|id| store.watch(&user(id)));
    for (watch, id) in watches.iter().zip(&ids) {
        assert_becomes_prompt(watch, id).await;
    }
    let mut world = World::new(&other, &ids[0]);
    world.apply(&[Command::Touch], START).await;
    assert_becomes_prompt(&watches[0], "opened").await;
    // All the way round, and once more.
    for round in 1..=4 {
        Move::begin(&cluster, &ids[0]).finish();
        assert_settles(&cluster, cluster.owner(&ids[0]), &ids[0], &watches[0]);
        assert_told(&mut world, &watches[0], 10 * round, "a commit after the move").await;
    }
    // Somebody new whose slot has moved without anybody here having heard of it.
    let id = (0..1_000).map(|number| format!("new-{number}")).find(|id| cluster.owner(id) == 1).unwrap();
    Move::begin(&cluster, &id).finish();
    let watch = store.watch(&user(&id));
    assert_settles(&cluster, cluster.owner(&id), &id, &watch);
    assert_told(&mut World::new(&other, &id), &watch, 0, "a commit of somebody new").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_over_for_a_node_tells_of_its_users() {
    for killed in [false, true] {
        // A node that is only slow for a while keeps its slots.
        let mut cluster = Cluster::start_with(1, &["--cluster-node-timeout", "5000"]);
        let store = store_in(&cluster);
        let ids = one_each(&cluster);
        let watches = ids.each_ref().map(|id| store.watch(&user(id)));
        let (before, after) = (store_in(&cluster), store_in(&cluster));
        let mut world = World::new(&before, &ids[1]);
        world.apply(&[Command::Touch], START).await;
        for (watch, id) in watches.iter().zip(&ids) {
            wait_until_so(id, async || watch.is_prompt()).await;
        }
        let heir = 1 + PRIMARIES;
        cluster.catch_up(1, heir);
        if killed {
            cluster.nodes[1].stop();
            wait_until("it is known that nothing is told", || !watches[1].is_prompt());
            assert!(watches[0].is_prompt() && watches[2].is_prompt(), "another node is away");
        } else {
            cluster.nodes[heir].command::<()>(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
        }
        cluster.wait_until("its replica tells", || subscribed(&cluster.nodes[heir], &ids[1]) == [1, 0]);
        wait_until("it is known that changes are told", || watches[1].is_prompt());
        // Another process, as this one's own line may yet have to find out.
        wait_until_so("the account can be read", async || after.load(&world.user).await.is_ok()).await;
        world.store = &after;
        assert_told(&mut world, &watches[1], 1, "a commit").await;
        assert!(watches[0].is_prompt() && watches[2].is_prompt(), "another node has taken over");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_has_become_a_replica_unheard_is_not_who_tells() {
    let cluster = Cluster::start_with(1, &[]);
    let (store, other) = (store_in(&cluster), store_in(&cluster));
    let [_, id, _] = one_each(&cluster);
    // From now on it is known who has the user. That it is another leads nobody here to ask again.
    store.load(&user(&id)).await.unwrap();
    let heir = 1 + PRIMARIES;
    cluster.nodes[heir].command::<()>(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
    cluster.wait_until("the node has become a replica", || {
        cluster.nodes[1].command::<String>(&["INFO", "replication"]).contains("role:slave")
    });
    let watch = store.watch(&user(&id));
    assert_settles(&cluster, heir, &id, &watch);
    assert_told(&mut World::new(&other, &id), &watch, 0, "a commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_knows_no_sharded_channels_tells_over_the_others() {
    let unknown = ["--rename-command", "SPUBLISH", "", "--rename-command", "SSUBSCRIBE", ""];
    let cluster = Cluster::start_with(0, &unknown);
    let (store, other) = (store_in(&cluster), store_in(&cluster));
    let ids = one_each(&cluster);
    for (node, id) in ids.iter().enumerate() {
        let watch = store.watch(&user(id));
        assert_becomes_prompt(&watch, id).await;
        assert_eq!(subscribed(&cluster.nodes[node], id), [0, 1], "{id}");
        World::new(&other, id).apply(&[Command::Touch], START).await;
        assert_becomes_prompt(&watch, id).await;
        drop(watch);
        wait_until("the connection is closed", || subscribers(&cluster.nodes[node]) == 0);
    }
}
