//! SIGTERM: what is under way is finished, and then the process ends cleanly.

use std::{io::Write, net::TcpStream};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    client::sum,
    host::{Host, Invocation, key_of},
    process::Process,
    redis::Redis,
    server::{Deployment, FUNCTIONS, Local},
    sockets::{announce, answer_to, wait_until_read},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
const CALLERS: usize = 100;
const DEBIT: &str = "POST /api/generations";

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_an_idle_function_at_once() {
    let redis = Redis::start();
    let url = redis.url();
    for function in FUNCTIONS {
        for asked_before in [false, true] {
            let mut host = Host::start(function, &[("REDIS_URL", &url), key_of(function)]);
            if asked_before {
                // Its connections, to the caller and to Redis, stay open.
                assert_eq!(host.call("u").await.0.status, 200, "{function}");
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
    let mut host = Host::start("generations", &[("REDIS_URL", &redis.url()), key_of("generations")]);
    let port = host.port();
    let first = host.client().request(Method::POST, "generations").json(&json!({"userId": "u0", "tokenCost": 1}));
    host.send(host.invocation(), first).await.ok();
    let invocations: Vec<Invocation> = (0..CALLERS).map(|_| host.invocation()).collect();
    let head = |number: usize, more: &str| invocations[number].head(DEBIT, more);
    end_with_a_hundred_under_way(&redis, port, head, &mut host.process).await;
    for (number, invocation) in invocations.into_iter().enumerate() {
        let line = host.line_of(invocation);
        let told = ["requestId", "user", "status", "level"].map(|field| &line[field]);
        assert_eq!(told, [&json!(invocation.id()), &json!(user(number)), &json!(200), &json!("info")]);
    }
    assert_eq!(host.process.lines(), [""; 0], "nothing is said elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_hundred_requests_to_the_local_server_finish() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let mut local = Local::start(folder.path(), &["--redis", &redis.url()], &[]);
    let port = local.base().rsplit(':').next().unwrap().parse().unwrap();
    local.client().post("generations", json!({"userId": "u0", "tokenCost": 1})).await.ok();
    let head = |_, more: &str| format!("{DEBIT} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}");
    end_with_a_hundred_under_way(&redis, port, head, &mut local.process).await;
}

/// Whose tokens the caller of this number debits.
fn user(number: usize) -> String {
    format!("u{}", number % 4)
}

/// Has `process`, which has made one debit and listens at `port`, end while it works on a hundred more. `head` makes the
/// beginning of each request, by its number and with further headers.
async fn end_with_a_hundred_under_way(
    redis: &Redis,
    port: u16,
    head: impl Fn(usize, &str) -> String,
    process: &mut Process,
) {
    // Redis holds its answers back until the signal has come.
    redis.process().signal(Signal::STOP);
    let call = |number| {
        let body = json!({"userId": user(number), "tokenCost": 1}).to_string();
        let mut caller = announce(port, &body, |more| head(number, more));
        caller.write_all(body.as_bytes()).unwrap();
        caller
    };
    let callers: Vec<TcpStream> = (0..CALLERS).map(call).collect();
    wait_until_read(port, &callers);
    process.signal(Signal::TERM);
    redis.process().signal(Signal::CONT);
    for caller in callers {
        let answer = answer_to(caller);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with('}'), "{answer:?}");
    }
    assert!(process.wait(), "a clean end");

    let deployment = Deployment::start(redis, &[DEVELOPMENT]);
    let mut debits = 0;
    for user in (0..4).map(user) {
        let history = deployment.client().history(&user).await;
        debits += history.iter().filter(|entry| entry["type"] == "DEBIT").count();
        assert_eq!(sum(&history), 5000 - (history.len() as i128 - 1));
    }
    assert_eq!(debits, CALLERS + 1, "all that was answered was done, once");
}
