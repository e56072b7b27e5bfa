//! SIGTERM: what is under way is finished, and then the process ends cleanly.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    client::{Client, sum},
    host::{Host, key_of},
    process::{Process, wait_until},
    redis::Redis,
    server::{Deployment, FUNCTIONS, Instance, Local},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_an_idle_function_at_once() {
    let redis = Redis::start();
    let url = redis.url();
    for function in FUNCTIONS {
        for asked_before in [false, true] {
            let mut host = Host::start(function, &[("REDIS_URL", &url), key_of(function)]);
            if asked_before {
                // Its connections, to the caller and to Redis, stay open.
                host.call("u").await.0.ok();
            } else {
                // The runtime listens for signals only just after it has said that it is ready.
                let ping = reqwest::get(format!("http://127.0.0.1:{}/_vercel/ping", host.port())).await.unwrap();
                assert_eq!(ping.text().await.unwrap(), "OK", "{function}");
            }
            host.process.signal(Signal::TERM);
            assert!(host.process.wait(), "{function}: a clean end");
            assert_eq!(host.process.lines(), [""; 0], "{function}");
        }
    }
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
pub(super) fn wait_until_read(port: u16, count: usize) {
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
