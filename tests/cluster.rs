//! Redis Cluster: the nodes that `REDIS_URL` lists, those that are away, slots that move, primaries that are lost.

mod failover;
mod moves;

use std::time::Instant;

use futures_util::future::join_all;
use jeton::store::redis::RedisStore;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    again::{in_time, says_late, undisturbed},
    cluster::Cluster,
    process::{free_port, wait_until},
    redis::Redis,
    server::{Deployment, Instance},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

#[test]
fn a_bad_list_is_named_in_one_line_without_its_passwords() {
    let item = |number, problem| format!("(item {number}: {problem}; a comma within a password is written %2C)");
    let neither = "it begins with neither redis:// nor rediss://";
    for (list, problem) in [
        ("redis://:hunter2@one,", item("2 of 2", "there is nothing")),
        (",redis://:hunter2@one", item("1 of 2", "there is nothing")),
        ("redis://:hunter2@one,,redis://two", item("2 of 3", "there is nothing")),
        ("redis://:hunter2@one,two:6379", item("2 of 2", neither)),
        ("redis://:hunt,er2@one", item("1 of 2", "it cannot be parsed")),
        ("redis://one,redis://:hunt,er2@two", item("2 of 3", "it cannot be parsed")),
        ("http://:hunter2@one,redis://two", item("1 of 2", neither)),
        ("redis://:hunter2@one,redis://:hunter2@two:port", item("2 of 2", "it cannot be parsed")),
        ("redis://:hunter2@one,redis://:hunter2@two/1", item("2 of 2", "a Redis Cluster has no database but 0")),
        (
            "redis://:hunter2@one,rediss://:hunter2@two",
            "(some nodes are rediss:// and some redis://: all must be the same)".to_owned(),
        ),
    ] {
        let told = RedisStore::new(list, "jeton").expect_err(list).to_string();
        assert!(told.starts_with("REDIS_URL is not a URL that Jeton can use (") && told.contains(&problem), "{told}");
        assert!(told.contains("several of its nodes, separated by commas"), "{told}");
        assert!(!told.contains("hunt") && !told.contains("er2") && told.lines().count() == 1, "{told}");
    }
    for list in ["redis://a,redis://b:7000", " redis://:x@a/0 , redis://:y@b/ ", "rediss://a,rediss://a", "redis://a"] {
        RedisStore::new(list, "jeton").expect(list);
    }
    let told = RedisStore::new("redis://:hunter2@one,redis://two:7000", "jeton").unwrap();
    assert_eq!(told.to_string(), "the Redis Cluster of one:6379, two:7000");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_works_on_a_cluster_of_which_one_listed_node_is_away() {
    let cluster = Cluster::start();
    for node in &cluster.nodes {
        node.command::<()>(&["CONFIG", "SET", "requirepass", "hunter2"]);
    }
    // The first one is away; the second has the password, and is asked for the others.
    let node = &cluster.nodes[1];
    let (gone, port) = (free_port(), node.port());
    let url = format!("redis://:hunter2@127.0.0.1:{gone},redis://:hunter2@127.0.0.1:{port}");
    let deployment = Deployment::over(&url, &[DEVELOPMENT]);
    let client = deployment.client();
    for number in 0..20 {
        let user = format!("u{number}");
        client.post_once("generations", "key", json!({"userId": user})).await.ok();
        let again = client.post_once("generations", "key", json!({"userId": user})).await;
        assert_eq!((again.header("idempotent-replayed"), again.status), (Some("true"), 200));
        client.post("tokens", json!({"userId": user, "amount": 5})).await.ok();
        assert_eq!(client.stats(&user).await["tokenBalance"], 5002);
        assert_eq!(client.history(&user).await.len(), 3);
        assert_eq!(client.post("reset", json!({"userId": user})).await.ok()["stats"]["tokenBalance"], 5000);
    }
    assert_eq!(client.get("health").await.ok()["store"], "redis");
    assert_eq!(client.get("billing").await.ok()["due"], 0);
    let keys = cluster.nodes.iter().map(|node| {
        let mut connection = redis::Client::open(format!("redis://:hunter2@127.0.0.1:{}", node.port())).unwrap();
        redis::cmd("DBSIZE").query::<u64>(&mut connection).unwrap()
    });
    assert!(keys.clone().all(|keys| keys > 0), "each node has some of the users: {:?}", keys.collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_has_one_connection_to_each_node_and_asks_the_right_one() {
    let cluster = Cluster::start();
    let connections = || cluster.nodes.iter().map(|node| node.info("clients", "connected_clients")).collect::<Vec<_>>();
    wait_until("the test's own connections are closed", || connections() == [1, 1, 1]);
    let moved = cluster.errors("MOVED");
    let instance = Instance::start("generations", &[("REDIS_URL", &cluster.url()), DEVELOPMENT]);
    let client = instance.client();
    let debits = (0..100).map(|number| client.post("generations", json!({"userId": format!("u{}", number % 40)})));
    assert!(join_all(debits).await.iter().all(|answer| answer.status == 200));
    wait_until("each node has the connection that asks, and one of the process", || connections() == [2, 2, 2]);
    assert_eq!(cluster.errors("MOVED"), moved, "no call went to another node first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_away_is_a_503_in_time_and_is_found_again() {
    let mut cluster = Cluster::start();
    let deployment = Deployment::over(&cluster.url(), &[DEVELOPMENT]);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    let away = async |attempts: usize, says: &[&str]| {
        // Side by side: while all nodes are stopped, none of them may come to believe that the others are lost.
        let asked = ["stats", "generations", "health"].map(async |function| {
            undisturbed(function, attempts, async || {
                let begun = Instant::now();
                let answer = match function {
                    "generations" => client.post("generations", json!({"userId": "u"})).await,
                    "health" => client.get("health").await,
                    _ => client.get("stats?userId=u").await,
                };
                let answer = in_time(begun, answer)?;
                assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"), "{answer:?}");
                let line = deployment.instance(function).line_of(&answer);
                let message = line["message"].as_str().unwrap();
                let is_told = says.iter().any(|words| message.contains(words));
                assert!(is_told || says_late(&line), "{function}: {message}");
                is_told.then_some(())
            })
            .await;
        });
        join_all(asked).await;
    };

    for node in &cluster.nodes {
        node.process().signal(Signal::STOP);
    }
    // Twice at most, so that they are not away for long.
    away(2, &["they did not answer in time", "lost the connection to Redis at 127.0.0.1", "the store did not answer"])
        .await;
    for node in &cluster.nodes {
        node.process().signal(Signal::CONT);
    }
    client.post("generations", json!({"userId": "u"})).await.ok();

    // One of three: its users and the health of the whole suffer, the others don't.
    let owner = cluster.owner("u");
    cluster.nodes[owner].stop();
    away(3, &["cannot connect to Redis at 127.0.0.1", "lost the connection", "is not ready"]).await;
    for node in &mut cluster.nodes {
        node.stop();
    }
    away(3, &["says who has which slot: cannot connect to Redis at 127.0.0.1"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_named_alone_and_a_lone_redis_named_as_a_cluster_are_told() {
    let (cluster, redis) = (Cluster::start(), Redis::start());
    let alone = cluster.nodes[(cluster.owner("u") + 1) % 3].url();
    let cases = [
        (alone.clone(), "is one node of a cluster, and another has this user: REDIS_URL must list several nodes"),
        (format!("{0},{0}", redis.url()), "is not a node of a cluster: REDIS_URL must name it alone"),
    ];
    for (url, says) in cases {
        for (function, method) in [("stats", "GET"), ("generations", "POST")] {
            let instance = Instance::start(function, &[("REDIS_URL", &url), DEVELOPMENT]);
            let client = instance.client();
            let answer = match method {
                "GET" => client.get("stats?userId=u").await,
                _ => client.post(function, json!({"userId": "u"})).await,
            };
            assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"), "{answer:?}");
            let line = instance.line_of(&answer);
            assert!(line["message"].as_str().unwrap().contains(says), "{line}");
        }
    }
    // The same one twice is enough to find the others.
    let instance = Instance::start("stats", &[("REDIS_URL", &format!("{alone},{alone}")), DEVELOPMENT]);
    let client = instance.client();
    assert_eq!(client.stats("u").await["tokenBalance"], 5000);
}
