//! The connection to Redis: one for each process, opened at the first need, and opened anew when it is gone.

use std::{
    collections::HashMap,
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};

use crate::support::{
    again::undisturbed,
    cluster::Cluster,
    host::{Host, Invocation, key_of},
    load::assert_running_balances,
    process::{PATIENCE, TOO_LATE, wait_until},
    redis::{Redis, info_over},
    server::{Deployment, FUNCTIONS, Instance, Local},
    sockets::{announce, answer_to},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
const BODY: &str = r#"{"userId":"u","tokenCost":4}"#;

/// How many connections were opened to some servers, besides the test's own.
struct Opened {
    own: Vec<redis::Connection>,
    before: u64,
}

impl Opened {
    fn to<'a>(servers: impl IntoIterator<Item = &'a Redis>) -> Self {
        let mut opened = Self { own: servers.into_iter().map(Redis::connect).collect(), before: 0 };
        opened.before = opened.now();
        opened
    }

    fn now(&mut self) -> u64 {
        let received = |connection| info_over(connection, "stats", "total_connections_received");
        self.own.iter_mut().map(received).sum::<u64>() - self.before
    }
}

/// A debit that the function is about to get: all but its body.
struct Announced {
    caller: TcpStream,
    invocation: Invocation,
}

impl Announced {
    fn to(host: &Host) -> Self {
        let invocation = host.invocation();
        let caller = announce(host.port(), BODY, |more| invocation.head("POST /api/generations", more));
        Self { caller, invocation }
    }

    /// Sends the body, and reads the answer.
    fn finish(mut self) -> String {
        self.caller.write_all(BODY.as_bytes()).unwrap();
        answer_to(self.caller)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_is_opened_while_the_body_of_the_first_request_is_still_to_come() {
    let (redis, cluster) = (Redis::start(), Cluster::start());
    let replicas = ("JETON_WAIT_REPLICAS", "1");
    // A line of its own for changes that wait for replicas; and in a cluster, to one who knows the others.
    for (url, setting, lines) in [
        (redis.url(), DEVELOPMENT, 1),
        (redis.url(), replicas, 2),
        (cluster.url(), DEVELOPMENT, 1),
        (cluster.url(), replicas, 2),
    ] {
        // What takes longer than a connection waits for an answer opens another one.
        undisturbed("a call over what was opened ahead", 3, async || {
            let mut opened = Opened::to(cluster.nodes.iter().chain([&redis]));
            let host = Host::start("generations", &[("REDIS_URL", &url), setting, key_of("generations")]);
            assert_eq!(opened.now(), 0, "an instance that waits for its first request has no connection");
            let begun = Instant::now();
            let announced = Announced::to(&host);
            let invocation = announced.invocation;
            wait_until("the connection is opened", || opened.now() >= lines);
            assert!(!host.has_ended(invocation));
            let answer = announced.finish();
            let took = begun.elapsed();
            let status = if setting == replicas { "503 Service Unavailable" } else { "200 OK" };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{url}: {answer}");
            host.line_of(invocation);
            if url == redis.url() {
                if took >= Duration::from_millis(1_400) {
                    return None;
                }
                assert_eq!(opened.now(), lines, "what was opened ahead is what is used");
            }
            Some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_refused_by_its_method_or_its_key_opens_nothing() {
    let redis = Redis::start();
    for function in FUNCTIONS {
        let mut opened = Opened::to([&redis]);
        let host = Host::start(function, &[("REDIS_URL", &redis.url()), ("JETON_API_KEYS", "ops:read:open-sesame")]);
        let refused = [
            (host.client().request(Method::PUT, function).body("{}"), 405),
            (host.request("u").header("Authorization", "Bearer another"), 401),
            (host.request("u"), 403),
        ];
        for (request, status) in refused {
            let reads = matches!(function, "events" | "health" | "stats" | "transactions");
            // Whoever has the key may read, and everybody may ask for the health.
            if status == 403 && reads || status == 401 && function == "health" {
                continue;
            }
            let invocation = host.invocation();
            assert_eq!(host.send(invocation, request).await.status, status, "{function}");
            host.line_of(invocation);
        }
        assert_eq!(opened.now(), 0, "{function}");
    }
    let host = Host::start("stats", &[("REDIS_URL", &redis.url()), key_of("stats")]);
    let mut opened = Opened::to([&redis]);
    let request = host.client().request(Method::GET, "stats?userId=%20");
    assert_eq!(host.send(host.invocation(), request).await.status, 400);
    assert_eq!(opened.now(), 0, "what a read asks for is known before anything is opened");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_failed_is_not_remembered() {
    let mut redis = Redis::start();
    let settings = [("REDIS_URL", &*redis.url()), key_of("generations")];
    let [ahead, host] = [(); 2].map(|()| Host::start("generations", &settings));
    redis.stop();
    let begun = Instant::now();
    let (answer, line) = host.call("u").await;
    assert!(begun.elapsed() < TOO_LATE, "{:?}", begun.elapsed());
    answer.assert_store_unavailable();
    assert!(line["message"].as_str().unwrap().contains("REDIS_URL"), "{line}");

    // One that began with the body's reading, and failed while it is still being read.
    let listener = TcpListener::bind(("127.0.0.1", redis.port())).await.unwrap();
    let announced = Announced::to(&ahead);
    drop(timeout(PATIENCE, listener.accept()).await.expect("it is opened ahead").unwrap());
    drop(listener);
    redis.start_again();
    let answer = announced.finish();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");

    let (answer, line) = host.call("u").await;
    assert_eq!((answer.ok()["stats"]["tokenBalance"].as_u64(), &line["level"]), (Some(4_993), &json!("info")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_first_requests_at_once_open_one_connection() {
    let redis = Redis::start();
    for function in ["generations", "stats"] {
        let mut opened = Opened::to([&redis]);
        let host = Host::start(function, &[("REDIS_URL", &redis.url()), key_of(function)]);
        let calls = (0..100).map(|number| host.send(host.invocation(), host.request(&format!("u{number}"))));
        assert!(join_all(calls).await.iter().all(|answer| answer.status == 200));
        assert_eq!(opened.now(), 1, "{function}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_at_once_share_a_process_and_its_connection() {
    let redis = Redis::start();
    let url = redis.url();
    let local = tempfile::tempdir().unwrap();
    // One process with all functions, so that changes and reads meet in it.
    let server = Local::start(local.path(), &["--redis", &url], &[]);
    let instance = Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT]);
    let one_function = instance.client();
    for (name, client) in [("server", server.client()), ("function", one_function)] {
        let before = redis.info("stats", "total_connections_received");
        let calls = (0..200_u64).map(|number| {
            let client = client.clone();
            // Half of them on one user; every other one under a key.
            let user = if number < 100 { format!("{name}-hot") } else { format!("{name}-{}", number % 10) };
            let body = json!({"userId": user, "tokenCost": number % 90 + 1});
            async move {
                let answer = match number % 2 {
                    0 => client.post("generations", body).await,
                    _ => client.post_once("generations", &format!("key-{number}"), body).await,
                };
                (user, answer.ok()["transaction"]["amount"].as_u64().unwrap(), number % 90 + 1)
            }
        });
        let mut acknowledged: HashMap<String, Vec<u64>> = HashMap::new();
        for (user, told, cost) in join_all(calls).await {
            assert_eq!(told, cost, "each caller gets their own entry");
            acknowledged.entry(user).or_default().push(cost);
        }
        // The second one is this test's own, for the figures.
        assert_eq!(redis.info("stats", "total_connections_received") - before, 1 + 1, "{name}");
        assert_eq!(acknowledged.len(), 11);
        for (user, mut costs) in acknowledged {
            let history = server.client().history(&user).await;
            assert_running_balances(&history);
            let debits = history.iter().filter(|entry| entry["type"] == "DEBIT");
            let mut written: Vec<u64> = debits.map(|entry| entry["amount"].as_u64().unwrap()).collect();
            written.sort_unstable();
            costs.sort_unstable();
            assert_eq!(written, costs, "{user}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_died_meanwhile_does_not_fail_the_next_request() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    for round in 1..=10_u64 {
        assert_eq!(client.post("generations", json!({"userId": "u", "tokenCost": 1})).await.status, 200);
        assert_eq!(client.get("stats?userId=u").await.status, 200);
        redis.command::<i64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        redis.command::<()>(&["SCRIPT", "FLUSH"]);
        let result = client.post("generations", json!({"userId": "u", "tokenCost": 1})).await.ok();
        assert_eq!(result["stats"]["tokenBalance"].as_u64(), Some(5000 - 2 * round));
    }
    assert_eq!(client.history("u").await.len(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn deployments_under_different_prefixes_share_a_redis_and_nothing_else() {
    let redis = Redis::start();
    let production = Deployment::start(&redis, &[DEVELOPMENT]);
    let preview = Deployment::start(&redis, &[DEVELOPMENT, ("JETON_PREFIX", "preview")]);
    preview.client().post_once("generations", "key", json!({"userId": "u"})).await.ok();
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    assert!(keys.len() >= 4 && keys.iter().all(|key| key.starts_with("preview:")), "{keys:?}");
    assert_eq!(production.client().stats("u").await["tokenBalance"], 5000);
    assert_eq!(preview.client().stats("u").await["tokenBalance"], 4997);
}
