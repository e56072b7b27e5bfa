//! Redis away, wrong or full: a clear answer in time, one clear line in the log, never made-up data, and no restart
//! needed afterwards.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    again::{in_time, says_late, undisturbed},
    client::{Client, send},
    process::free_port,
    proxy::{Fault, Proxy},
    redis::Redis,
    server::{Deployment, FUNCTIONS, Instance, write_settings},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// Calls every function; each must answer that the store is unavailable, in time, and say nothing of the inside. Gives how
/// many debits were asked for.
pub(crate) async fn assert_unavailable(client: &Client) -> usize {
    let calls = FUNCTIONS.map(|function| async move {
        let mut asked = 0;
        undisturbed(function, 3, async || {
            let begun = Instant::now();
            asked += 1;
            let answer = send(client.call(function, "u")).await;
            answer.assert_store_unavailable();
            in_time(begun, ())
        })
        .await;
        if function == "generations" { asked } else { 0 }
    });
    join_all(calls).await.iter().sum()
}

/// A read by this function is answered that the store is unavailable, in time: its line in the log, with the cause.
async fn unavailable_read(instance: &Instance) -> serde_json::Value {
    undisturbed("a read", 3, async || {
        let begun = Instant::now();
        let answer = instance.client().get("stats?userId=u").await;
        answer.assert_store_unavailable();
        in_time(begun, instance.line_of(&answer)).filter(|line| !says_late(line))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_redis_is_a_503_and_a_started_one_works_without_a_restart() {
    let mut redis = Redis::start_with(&["--requirepass", "hunter2"]);
    let url = format!("redis://:hunter2@127.0.0.1:{}", redis.port());
    let instance = Instance::start("stats", &[("REDIS_URL", &url), DEVELOPMENT]);
    let client = instance.client();
    assert_eq!(client.get("stats?userId=u").await.ok()["tokenBalance"], 5000);

    redis.stop();
    let line = unavailable_read(&instance).await;
    assert_eq!(
        (&line["level"], &line["code"], &line["status"]),
        (&json!("error"), &json!("store_unavailable"), &json!(503))
    );
    let message = line["message"].as_str().unwrap();
    assert!(message.contains(&format!("127.0.0.1:{}", redis.port())) && message.contains("REDIS_URL"), "{message}");

    redis.start_again();
    assert_eq!(client.get("stats?userId=u").await.ok()["tokenBalance"], 5000);
    assert!(!instance.process.lines().join("\n").contains("hunter2"), "the password is in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_says_so_when_redis_is_away_and_comes_back() {
    let mut redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    redis.stop();
    assert_unavailable(&client).await;
    redis.start_again();
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4997);
    assert_eq!(client.get("health").await.ok()["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_redis_is_a_503_in_time() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    client.stats("u").await;
    redis.process().signal(Signal::STOP);
    let asked = assert_unavailable(&client).await;
    redis.process().signal(Signal::CONT);
    let stats = client.stats("u").await;
    let history = client.history("u").await;
    // What was asked meanwhile was done once or not at all each time, and it adds up.
    assert_eq!(i128::from(stats["tokenBalance"].as_u64().unwrap()), crate::support::client::sum(&history));
    assert!(history.iter().filter(|entry| entry["type"] == "DEBIT").count() <= asked, "{history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_setting_has_its_own_clear_line() {
    let redis = Redis::start_with(&["--requirepass", "hunter2"]);
    let port = redis.port();
    let closed = free_port();
    let another_server = Instance::start("health", &[DEVELOPMENT]);
    // REDIS_URL, and what the line says.
    let cases: [(Option<String>, &[&str]); 8] = [
        (None, &["REDIS_URL is not set", "redis://localhost:6379", "vercel env pull"]),
        (Some(format!("redis://:wrong-hunter2@127.0.0.1:{port}")), &["refuses the user or the password of REDIS_URL"]),
        (Some(format!("redis://127.0.0.1:{port}")), &["wants a password: put it in REDIS_URL"]),
        (Some(format!("redis://:hunter2@127.0.0.1:{closed}")), &["cannot connect", "refused", "firewall"]),
        (Some(format!("redis://:hunter2@no-such-host.invalid:{port}")), &["cannot connect", "no-such-host.invalid"]),
        (
            Some(format!("redis://:hunter2@127.0.0.1:{}", another_server.port())),
            &["is not a Redis", "names one; if it wants TLS"],
        ),
        (
            Some("http://:hunter2@localhost".to_owned()),
            &["REDIS_URL is not a URL that Jeton can use", "redis://localhost"],
        ),
        (
            Some("redis://:hunter2@host:port".to_owned()),
            &["REDIS_URL is not a URL that Jeton can use", "redis://localhost"],
        ),
    ];
    for (url, says) in cases {
        let mut settings = vec![DEVELOPMENT];
        settings.extend(url.as_deref().map(|url| ("REDIS_URL", url)));
        let instance = Instance::start("stats", &settings);
        let client = instance.client();
        let line = unavailable_read(&instance).await;
        for words in says {
            assert!(line["message"].as_str().unwrap().contains(words), "{url:?}: {line}");
        }
        assert!(!line.to_string().contains("hunter2"), "the password is in the log: {line}");
        // What is wrong with the request is told all the same, and first.
        assert_eq!(client.get("stats?userId=%20").await.code(), "invalid_field");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_that_is_put_right_needs_no_restart() {
    let redis = Redis::start_with(&["--requirepass", "old"]);
    let url = format!("redis://:new@127.0.0.1:{}", redis.port());
    let instance = Instance::start("stats", &[("REDIS_URL", &url), DEVELOPMENT]);
    let client = instance.client();
    client.get("stats?userId=u").await.assert_store_unavailable();
    let mut connection = redis::Client::open(format!("redis://:old@127.0.0.1:{}", redis.port())).unwrap();
    let _: () = redis::cmd("CONFIG").arg(&["SET", "requirepass", "new"]).query(&mut connection).unwrap();
    assert_eq!(client.get("stats?userId=u").await.ok()["tokenBalance"], 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_without_a_connection_left_is_a_503_until_one_is_free() {
    let redis = Redis::start();
    let url = redis.url();
    let mut taken = redis.connect();
    let mut allow = |clients: &str| {
        let _: () = redis::cmd("CONFIG").arg(&["SET", "maxclients", clients]).query(&mut taken).unwrap();
    };
    allow("1");
    let instance = Instance::start("stats", &[("REDIS_URL", &url), DEVELOPMENT]);
    let client = instance.client();
    let answer = client.get("stats?userId=u").await;
    answer.assert_store_unavailable();

    // One that becomes free while a request tries again is taken.
    let answer = undisturbed("a read that waits", 3, async || {
        allow("1");
        let client = client.clone();
        let waiting = tokio::spawn(async move { client.get("stats?userId=u").await });
        allow("100");
        Some(waiting.await.unwrap()).filter(|answer| answer.status != 503)
    })
    .await;
    assert_eq!(answer.ok()["tokenBalance"], 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_wrong_settings_are_named_in_the_log_and_never_stop_the_function() {
    let redis = Redis::start();
    let url = redis.url();
    for (name, value) in [
        ("JETON_API_KEYS", "web:hunter2"),
        ("JETON_API_KEYS", "web:everything:hunter2"),
        ("JETON_LOCALE", "hunter2"),
        ("JETON_PREFIX", "{hunter2}"),
        ("JETON_CORS_ORIGINS", "*,hunter2"),
        ("JETON_BILLING_SECONDS", "hunter2"),
    ] {
        let instance = Instance::start("stats", &[("REDIS_URL", &url), DEVELOPMENT, (name, value)]);
        let client = instance.client();
        let answer = client.get("stats?userId=u").await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{name}");
        let line = instance.line_of(&answer);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with(name) && message.contains("for example"), "{message}");
        assert!(!line.to_string().contains("hunter2") && !answer.body.contains(name), "{line} {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_come_from_the_files_of_a_next_project() {
    let redis = Redis::start();
    for (file, line) in [
        (".env.local", format!("REDIS_URL={}\n", redis.url())),
        (".env.development.local", format!("# Created by Vercel CLI\nREDIS_URL=\"{}\"\n", redis.url())),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_settings(folder.path(), file, &line);
        let instance = Instance::start_in(folder, "stats", &[("VERCEL_DEV", "1"), ("NODE_ENV", "development")]);
        let client = instance.client();
        assert_eq!(client.get("stats").await.ok()["memberId"], "test-user-id", "{file}");
    }
    // In production they do not count.
    let folder = tempfile::tempdir().unwrap();
    write_settings(folder.path(), ".env.local", &format!("REDIS_URL={}\n", redis.url()));
    let settings = [("VERCEL_ENV", "production"), ("JETON_API_KEYS", "ops:admin:secret")];
    let instance = Instance::start_in(folder, "stats", &settings);
    let client = instance.client().with_key("secret");
    client.get("stats?userId=u").await.assert_store_unavailable();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_refuses_and_nothing_is_half_done() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
    client.post("generations", json!({"userId": "u"})).await.assert_store_unavailable();
    client.post("tokens", json!({"userId": "new", "amount": 1})).await.assert_store_unavailable();
    assert_eq!(client.stats("u").await["tokenBalance"], 4997, "reads go on");
    redis.command::<()>(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(client.history("u").await.len(), 2);
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4994);
    assert_eq!(client.stats("new").await["tokenBalance"], 5000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_cannot_begin_is_a_503_in_time() {
    let redis = Redis::start();
    let answer = undisturbed("an export", 3, async || {
        let proxy = Proxy::start(redis.port()).await;
        let instance = Instance::start("transactions", &[("REDIS_URL", &proxy.url()), DEVELOPMENT]);
        let client = instance.client().with("Accept", "text/csv");
        assert_eq!(client.get("transactions?userId=u").await.status, 200);

        // Slow at first, then silent. Without a limit for all of it together that would be too late.
        let slow = async {
            let mut as_slow_as_meant = true;
            for _ in 0..3 {
                proxy.paused().await;
                let begun = Instant::now();
                tokio::time::sleep(Duration::from_millis(750)).await;
                // What takes longer is given up, and asked for again.
                as_slow_as_meant &= begun.elapsed() < Duration::from_millis(1_400);
                proxy.go_on();
            }
            proxy.paused().await;
            proxy.be_silent(true);
            proxy.go_on();
            as_slow_as_meant
        };
        proxy.fail("HMGET", &[Fault::Paused; 2]);
        proxy.fail("XREVRANGE", &[Fault::Paused; 2]);
        let begun = Instant::now();
        let (answer, as_slow_as_meant) = tokio::join!(client.get("transactions?userId=u"), slow);
        in_time(begun, answer).filter(|_| as_slow_as_meant)
    })
    .await;
    answer.assert_store_unavailable();
}

/// The function that exports a history so long that the caller must take some of it before the function reads on.
async fn begun_export(redis: &Redis, deployment: &Deployment) -> reqwest::Response {
    let client = deployment.client();
    client.stats("u").await;
    let mut pipeline = redis::pipe();
    for number in 0..60_000_u64 {
        let entry = json!({"type": "CREDIT", "amount": 1, "description": "x".repeat(400), "balance": 1});
        pipeline.cmd("XADD").arg("jeton:{u}:history").arg(format!("{}-0", 9_000_000_000_000 + number));
        pipeline.arg("tx").arg(entry.to_string()).arg("c").arg("r").ignore();
    }
    pipeline.exec(&mut redis.connect()).unwrap();
    let request = client.request(reqwest::Method::GET, "transactions?userId=u").header("Accept", "text/csv");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.chunk().await.unwrap().is_some());
    response
}

/// Takes the rest: whether it ends as a whole.
async fn ends_well(mut response: reqwest::Response) -> bool {
    loop {
        match response.chunk().await {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_is_seen_to_be_broken() {
    let mut redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    assert!(ends_well(begun_export(&redis, &deployment).await).await);
    redis.command::<()>(&["FLUSHALL"]);

    let export = begun_export(&redis, &deployment).await;
    let reset = deployment.client().post("reset", json!({"userId": "u"})).await;
    assert_eq!(reset.status, 200, "{reset:?}");
    assert!(!ends_well(export).await, "what was read before a reset and after it is not one history");
    redis.command::<()>(&["FLUSHALL"]);

    let export = begun_export(&redis, &deployment).await;
    redis.stop();
    assert!(!ends_well(export).await, "a part of the history must not look like the whole");
}
