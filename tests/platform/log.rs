//! What the platform is told of each request: its lines, then its end, and nothing of one request among those of another.

use futures_util::future::join_all;
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    again::{says_late, undisturbed},
    host::{Host, key_of},
    redis::Redis,
    server::FUNCTIONS,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_have_each_their_line_and_their_end() {
    let redis = Redis::start();
    let host = Host::start("generations", &[("REDIS_URL", &redis.url()), key_of("generations")]);
    let client = host.client();
    let calls = (0..100_u64).map(|number| {
        let invocation = host.invocation();
        let user = format!("u{}", number % 7);
        // Every tenth is refused by a rule, every tenth for its form.
        let cost = if number % 10 == 3 { json!(1_000_000) } else { json!(1) };
        let cost = if number % 10 == 6 { json!("one") } else { cost };
        let body = json!({"userId": user, "tokenCost": cost});
        let request = client.request(Method::POST, "generations").json(&body);
        let host = &host;
        async move { (invocation, user, host.send(invocation, request).await) }
    });
    for (number, (invocation, user, answer)) in join_all(calls).await.into_iter().enumerate() {
        let expected = match number % 10 {
            3 => 402,
            6 => 400,
            _ => 200,
        };
        assert_eq!(answer.status, expected, "{answer:?}");
        let line = host.line_of(invocation);
        let told = ["requestId", "function", "method", "user", "status", "level"].map(|field| &line[field]);
        let (id, user) = (json!(invocation.id()), json!(user));
        assert_eq!(told, [&id, &json!("generations"), &json!("POST"), &user, &json!(expected), &json!("info")]);
        assert_eq!(line["message"], if expected == 200 { json!("answered") } else { answer.code().into() });
        assert!(line["durationMs"].as_f64().unwrap() >= line["redisMs"].as_f64().unwrap());
    }
    assert_eq!(host.process.lines(), [""; 0], "nothing is said elsewhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_told_with_its_cause_in_the_line_of_its_request() {
    let mut redis = Redis::start();
    let url = redis.url();
    let hosts = FUNCTIONS.map(|function| Host::start(function, &[("REDIS_URL", &url), ("VERCEL_ENV", "development")]));
    for host in &hosts {
        let (invocation, function) = (host.invocation(), host.function());
        let answer = host.send(invocation, host.request("u")).await;
        assert_eq!(answer.status, 200, "{function}: {answer:?}");
        let levels: Vec<Value> = host.lines_of(invocation).into_iter().map(|line| line["level"].clone()).collect();
        // Whoever comes first is told besides that everything is open.
        let expected: &[&str] = if function == "health" { &["info"] } else { &["warn", "info"] };
        assert_eq!(levels, expected, "{function}");
    }
    redis.stop();
    let place = format!("127.0.0.1:{}", redis.port());
    for host in &hosts {
        let line = undisturbed("a call", 3, async || {
            let (answer, line) = host.call("u").await;
            answer.assert_store_unavailable();
            Some(line).filter(|line| !says_late(line))
        })
        .await;
        let told = (&line["level"], &line["status"], &line["code"]);
        assert_eq!(told, (&json!("error"), &json!(503), &json!("store_unavailable")), "{line}");
        assert!(line["message"].as_str().unwrap().contains(&place), "{line}");
        // That changes cannot be told of is no request's affair.
        let is_elsewhere =
            |line: &String| host.function() != "events" || !line.contains("open streams hear of changes");
        let elsewhere: Vec<String> = host.process.lines().into_iter().filter(is_elsewhere).collect();
        assert_eq!(elsewhere, [""; 0], "{}", host.function());
    }
    redis.start_again();
    for host in &hosts {
        let (answer, line) = host.call("u").await;
        assert_eq!((answer.status, &line["level"], &line["message"]), (200, &json!("info"), &json!("answered")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_frozen_between_requests_tells_of_the_next_one_as_ever() {
    let redis = Redis::start();
    let url = redis.url();
    for function in FUNCTIONS {
        let host = Host::start(function, &[("REDIS_URL", &url), key_of(function)]);
        let invocation = host.invocation();
        assert_eq!(host.send(invocation, host.request("u")).await.status, 200, "{function}");
        // The platform freezes what has ended.
        host.lines_of(invocation);
        host.process.signal(Signal::STOP);
        redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        host.process.signal(Signal::CONT);
        let (answer, line) = host.call("u").await;
        assert_eq!((answer.status, &line["status"], &line["level"]), (200, &json!(200), &json!("info")), "{function}");
        assert_eq!(host.process.lines(), [""; 0], "{function}");
    }
}
