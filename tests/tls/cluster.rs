//! A Redis Cluster whose nodes speak TLS alone, to clients and to each other.

use serde_json::json;

use super::{DEVELOPMENT, use_everything};
use crate::support::{
    cluster::{Cluster, Move, PRIMARIES, id},
    redis::Redis,
    server::{Deployment, Instance},
    tls::{Ca, Says},
};

/// Who has which slot, as `node` tells it.
fn slots(node: &Redis) -> String {
    format!("{:?}", node.command::<redis::Value>(&["CLUSTER", "SLOTS"]))
}

/// The first nodes of `cluster` as `REDIS_URL` lists them, by this host.
fn listed(host: &str, cluster: &Cluster) -> String {
    let nodes = cluster.nodes[..2].iter().map(|node| format!("rediss://{host}:{}", node.port()));
    nodes.collect::<Vec<_>>().join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_works_over_tls_while_slots_move_and_primaries_are_replaced() {
    let ca = Ca::new("ours");
    let mut cluster = Cluster::start_tls(1, &ca, &ca.issue());
    let pem = ca.pem();
    let deployment = Deployment::over(&listed("localhost", &cluster), &[("JETON_REDIS_CA", &pem), DEVELOPMENT]);
    let client = deployment.client();
    for number in 0..12 {
        use_everything(&client, &format!("u{number}")).await;
    }
    let keys = cluster.nodes[..PRIMARIES].iter().map(|node| node.command::<u64>(&["DBSIZE"])).collect::<Vec<_>>();
    assert!(keys.iter().all(|keys| *keys > 0), "each node has some of the users: {keys:?}");

    let moving = Move::begin(&cluster, "u");
    client.post("generations", json!({"userId": "u"})).await.assert_store_unavailable();
    moving.finish();
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4997);

    // The one that has the user is lost, and its place taken by a server that nobody vouches for.
    let lost = cluster.owner("u");
    let (port, follower) = (cluster.nodes[lost].port(), lost + PRIMARIES);
    let name = id(&cluster.nodes[lost]);
    cluster.wait_until("all nodes know who has the user", || {
        cluster.nodes.iter().enumerate().all(|(number, node)| match node.ask::<u64>(&["EXISTS", "{u}"]) {
            Ok(_) => number == lost,
            Err(error) => error.to_string().contains(&format!("127.0.0.1:{port}")),
        })
    });
    assert!(slots(&cluster.nodes[follower]).contains(&name));
    cluster.catch_up(lost, follower);
    cluster.nodes[lost].stop();
    let stranger = Ca::new("theirs");
    let imposter = Redis::start_tls_on(port, &stranger, &stranger.issue(), &[]);
    let answer = client.post("generations", json!({"userId": "u"})).await;
    answer.assert_store_unavailable();
    let line = deployment.instance("generations").line_of(&answer);
    let says = format!("the certificate of Redis at 127.0.0.1:{port} was not issued by a CA that is trusted");
    assert!(line["message"].as_str().unwrap().contains(&says), "{line}");
    assert_eq!(imposter.command::<u64>(&["DBSIZE"]), 0);

    cluster.nodes[follower].command::<()>(&["CLUSTER", "FAILOVER", "TAKEOVER"]);
    cluster.wait_until("the replica has taken over", || {
        let others = cluster.nodes.iter().enumerate().filter(|(number, _)| *number != lost);
        // By its name, as its port may be the number of a slot.
        others.map(|(_, node)| slots(node)).all(|slots| !slots.contains(&name))
    });
    let answer = client.post("generations", json!({"userId": "u"})).await;
    assert_eq!(answer.ok()["stats"]["tokenBalance"], 4994);
    assert_eq!(client.history("u").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_others_tell_of_must_have_a_certificate_for_the_host_that_they_tell() {
    let ca = Ca::new("ours");
    let pem = ca.pem();
    let identity = ca.issue_that(&Says { hosts: &["localhost"], ..Says::USUAL });
    let cluster = Cluster::start_tls(0, &ca, &identity);
    let url = listed("localhost", &cluster);
    let instance = Instance::start("generations", &[("REDIS_URL", &url), ("JETON_REDIS_CA", &pem), DEVELOPMENT]);
    let client = instance.client();
    let answer = client.post("generations", json!({"userId": "u"})).await;
    answer.assert_store_unavailable();
    let line = instance.line_of(&answer);
    let message = line["message"].as_str().unwrap();
    assert!(message.contains("127.0.0.1:") && message.contains("is for localhost, and not for this host"), "{line}");

    for node in &cluster.nodes {
        node.command::<()>(&["CONFIG", "SET", "cluster-announce-hostname", "localhost"]);
        node.command::<()>(&["CONFIG", "SET", "cluster-preferred-endpoint-type", "hostname"]);
    }
    cluster.wait_until("each node tells the name of each", || {
        cluster.nodes.iter().all(|node| slots(node).matches("localhost").count() >= PRIMARIES)
    });
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4997);
}
