//! Callers who are gone before they are answered: the platform is told of them all the same, and what they asked for is
//! done once or not at all.

use std::{
    io::Write,
    net::TcpStream,
    slice,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    again::undisturbed,
    host::{Host, Invocation, key_of},
    process::wait_until,
    redis::Redis,
    server::Instance,
    sockets::{announce, open_to, wait_until_read},
};

const BODY: &str = r#"{"userId":"u","tokenCost":1}"#;

/// How a caller goes away.
#[derive(Clone, Copy, Debug)]
enum Leave {
    /// The connection is closed.
    Closing,
    /// The connection is reset.
    Resetting,
}

impl Leave {
    fn of(self, caller: TcpStream) {
        if matches!(self, Self::Resetting) {
            caller.set_nonblocking(true).unwrap();
            tokio::net::TcpStream::from_std(caller).unwrap().set_zero_linger().unwrap();
        }
    }
}

/// Sends a debit of one token under the key `k`, but only so much of its body.
fn debit(host: &Host, invocation: Invocation, sent: usize) -> TcpStream {
    let head = |more: &str| invocation.head("POST /api/generations", &format!("Idempotency-Key: k\r\n{more}"));
    let mut caller = announce(host.port(), BODY, head);
    caller.write_all(&BODY.as_bytes()[..sent]).unwrap();
    caller
}

async fn debits(redis: &Redis) -> usize {
    let instance = Instance::start("transactions", &[("REDIS_URL", &redis.url()), ("VERCEL_ENV", "development")]);
    let history: Vec<Value> = instance.client().history("u").await;
    history.iter().filter(|entry| entry["type"] == "DEBIT").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_whose_caller_is_gone_has_its_line_and_its_end_and_is_made_once_or_not() {
    for leave in [Leave::Closing, Leave::Resetting] {
        // Redis is away for less time than it may take to answer.
        let (redis, host, invocation) = undisturbed("a caller who goes", 3, async || {
            let redis = Redis::start();
            let host = Host::start("generations", &[("REDIS_URL", &redis.url()), key_of("generations")]);
            // Redis holds its answers back until the caller is gone.
            let begun = Instant::now();
            redis.process().signal(Signal::STOP);
            let invocation = host.invocation();
            let caller = debit(&host, invocation, BODY.len());
            wait_until_read(host.port(), slice::from_ref(&caller));
            leave.of(caller);
            wait_until("the function's side of the connection knows", || open_to(host.port()) == 0);
            redis.process().signal(Signal::CONT);
            (begun.elapsed() < Duration::from_millis(1_400)).then_some((redis, host, invocation))
        })
        .await;
        let line = host.line_of(invocation);
        assert_eq!((&line["user"], &line["status"]), (&json!("u"), &json!(200)), "{leave:?}: {line}");

        // Whoever comes back with the key is told what became of it.
        let before = debits(&redis).await;
        assert!(before <= 1, "{leave:?}");
        let again = host
            .send(
                host.invocation(),
                host.client()
                    .request(reqwest::Method::POST, "generations")
                    .header("Idempotency-Key", "k")
                    .header("Content-Type", "application/json")
                    .body(BODY),
            )
            .await;
        assert_eq!(again.ok()["stats"]["tokenBalance"], 4_999, "{leave:?}");
        assert_eq!(again.header("idempotent-replayed").is_some(), before == 1, "{leave:?}");
        assert_eq!(debits(&redis).await, 1, "{leave:?}");
        assert_eq!(host.process.lines(), [""; 0], "{leave:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_breaks_off_has_its_line_and_its_end_and_changes_nothing() {
    for leave in [Leave::Closing, Leave::Resetting] {
        let redis = Redis::start();
        let host = Host::start("generations", &[("REDIS_URL", &redis.url()), key_of("generations")]);
        let invocation = host.invocation();
        let caller = debit(&host, invocation, BODY.len() / 2);
        wait_until_read(host.port(), slice::from_ref(&caller));
        leave.of(caller);
        let line = host.line_of(invocation);
        assert_eq!((&line["status"], &line["code"]), (&json!(400), &json!("invalid_json")), "{leave:?}: {line}");
        assert!(line["message"].as_str().unwrap().starts_with("the body broke off: "), "{leave:?}: {line}");
        assert_eq!(debits(&redis).await, 0, "{leave:?}");
    }
}
