//! The functions as the platform runs them: its socket, its internal headers, its signals.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::UnixListener,
    process::Command,
    sync::mpsc::{self, Receiver},
    thread,
};

use futures_util::future::join_all;
use reqwest::{Method, header::HeaderMap};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    client::{Client, send, sum},
    load::assert_running_balances,
    process::{PATIENCE, Process, free_port, wait_until},
    redis::Redis,
    server::{Deployment, Instance, Local},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// The platform's side of the Unix socket: the messages of the function, as they come.
fn listen(socket: &std::path::Path) -> Receiver<Value> {
    let listener = UnixListener::bind(socket).unwrap();
    let (sender, messages) = mpsc::channel();
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut bytes = Vec::new();
        for byte in std::io::BufReader::new(stream).bytes().map_while(Result::ok) {
            if byte == 0 {
                sender.send(serde_json::from_slice(&bytes).unwrap()).unwrap();
                bytes.clear();
            } else {
                bytes.push(byte);
            }
        }
    });
    messages
}

fn internal_headers(request: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-vercel-internal-invocation-id", format!("invocation-{request}").parse().unwrap());
    headers.insert("x-vercel-internal-request-id", request.to_string().parse().unwrap());
    headers.insert("x-vercel-id", format!("cdg1::{request}").parse().unwrap());
    headers
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_has_its_own_log_line_and_its_end() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("ipc");
    let messages = listen(&socket);
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_generations"));
    command.current_dir(folder.path()).env("VERCEL_DEV_PORT", port.to_string()).env("VERCEL_IPC_PATH", &socket);
    let _process = Process::start(command.env("REDIS_URL", redis.url()).env("VERCEL_ENV", "development"));
    let started = messages.recv_timeout(PATIENCE).unwrap();
    assert_eq!((&started["type"], &started["payload"]["httpPort"]), (&json!("server-started"), &json!(port)));

    let client = Client::new([("generations", format!("http://127.0.0.1:{port}"))].into());
    let calls = (1..=20).map(|number| {
        let body = json!({"userId": format!("u{}", number % 3), "tokenCost": number});
        send(client.request(Method::POST, "generations").headers(internal_headers(number)).json(&body))
    });
    for (answer, number) in join_all(calls).await.iter().zip(1..) {
        let id: u64 = number;
        assert_eq!((answer.status, answer.header("x-request-id")), (200, Some(format!("cdg1::{id}").as_str())));
    }
    let mut logged = Vec::new();
    let mut ended = Vec::new();
    while ended.len() < 20 {
        let message = messages.recv_timeout(PATIENCE).unwrap();
        let context = &message["payload"]["context"];
        let request = context["requestId"].as_u64().unwrap();
        assert_eq!(context["invocationId"], format!("invocation-{request}"));
        match message["type"].as_str().unwrap() {
            "log" => {
                use base64::{Engine, prelude::BASE64_STANDARD};
                let line = BASE64_STANDARD.decode(message["payload"]["message"].as_str().unwrap()).unwrap();
                let line: Value = serde_json::from_slice(&line).unwrap();
                if line["level"] == "warn" {
                    // Everything is open: told once, whichever request comes first.
                    continue;
                }
                assert_eq!(line["requestId"], format!("cdg1::{request}"));
                for (field, value) in
                    [("function", json!("generations")), ("status", json!(200)), ("method", json!("POST"))]
                {
                    assert_eq!(line[field], value);
                }
                assert_eq!(line["user"], format!("u{}", request % 3));
                assert!(line["durationMs"].as_f64().unwrap() >= line["redisMs"].as_f64().unwrap());
                assert!(!ended.contains(&request), "a line after the end");
                logged.push(request);
            }
            "end" => ended.push(request),
            other => panic!("{other}"),
        }
    }
    logged.sort_unstable();
    assert_eq!(logged, (1..=20).collect::<Vec<u64>>(), "one line for each request");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_hundred_requests_finish() {
    let redis = Redis::start();
    let url = redis.url();
    let mut instance = Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT]);
    let (base, port) = (instance.base(), instance.port());
    end_with_a_hundred_under_way(&redis, base, port, &mut instance.process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_hundred_requests_to_the_local_server_finish() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let mut local = Local::start(folder.path(), &["--redis", &redis.url()], &[]);
    let base = local.base().to_owned();
    let port = base.rsplit(':').next().unwrap().parse().unwrap();
    end_with_a_hundred_under_way(&redis, base, port, &mut local.process).await;
}

/// Has `process`, which generates at `base`, end while it works on a hundred requests.
async fn end_with_a_hundred_under_way(redis: &Redis, base: String, port: u16, process: &mut Process) {
    let client = Client::new([("generations", base)].into());
    client.post("generations", json!({"userId": "u0", "tokenCost": 1})).await.ok();
    drop(client);
    // Redis holds its answers back until the signal has come.
    redis.process().signal(Signal::STOP);
    let mut callers: Vec<TcpStream> = (0..100)
        .map(|number| {
            let body = json!({"userId": format!("u{}", number % 4), "tokenCost": 1}).to_string();
            let head =
                "POST /api/generations HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json";
            let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
            write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
            stream
        })
        .collect();
    wait_until_read(port, callers.len());
    process.signal(Signal::TERM);
    redis.process().signal(Signal::CONT);
    for caller in &mut callers {
        let mut answer = String::new();
        caller.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'), "{answer:?}");
    }
    assert!(process.wait(), "a clean end");

    let deployment = Deployment::start(redis, &[DEVELOPMENT]);
    let mut debits = 0;
    for user in 0..4 {
        let history = deployment.client().history(&format!("u{user}")).await;
        debits += history.iter().filter(|entry| entry["type"] == "DEBIT").count();
        assert_eq!(sum(&history), 5000 - (history.len() as i128 - 1));
    }
    assert_eq!(debits, 101, "all that was answered was done, once");
}

/// Waits until so many connections to `port` are taken and all that was sent over them is read.
fn wait_until_read(port: u16, count: usize) {
    let read = || {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let of_port = format!(":{port:04X}");
        let established = |line: &&str| {
            // Number, local address, remote address, state, queues (bytes to send : bytes to read).
            let words: Vec<&str> = line.split_whitespace().collect();
            words[1].ends_with(&of_port) && words[3] == "01" && words[4].ends_with(":00000000")
        };
        table.lines().skip(1).filter(established).count()
    };
    wait_until("all requests are read", || read() >= count);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_opens_one_connection_and_only_when_it_needs_it() {
    let redis = Redis::start();
    let url = redis.url();
    let before = redis.info("stats", "total_connections_received");
    let instance = Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT]);
    let client = instance.client();
    assert_eq!(client.post("generations", json!({})).await.status, 200);
    assert_eq!(send(client.request(Method::GET, "generations")).await.status, 405);
    let calls = (0..200).map(|number| client.post("generations", json!({"userId": format!("u{number}")})));
    assert!(join_all(calls).await.iter().all(|answer| answer.status == 200));
    // The two are this test's own, for the figures.
    assert_eq!(redis.info("stats", "total_connections_received") - before, 1 + 1);

    let idle = Instance::start("stats", &[("REDIS_URL", &url), DEVELOPMENT]);
    let client = idle.client();
    let before = redis.info("stats", "total_connections_received");
    assert_eq!(client.get("stats?userId=%20").await.status, 400);
    assert_eq!(redis.info("stats", "total_connections_received") - before, 1, "the test's own");
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
