//! The local server as a newcomer meets it.

use std::process::Command;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    client::sum,
    process::{Process, wait_until},
    redis::Redis,
    server::{Local, Settings},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_line_it_prints_works_when_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[]);
    let line = local.process.wait_for_line(|line| line.trim_start().starts_with("curl "));
    let output = Command::new("sh").args(["-c", &format!("{line} --silent")]).output().unwrap();
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&result["success"], &result["stats"]["tokenBalance"]), (&json!(true), &json!(4997)));
    assert!(folder.path().join(".jeton/jeton.redb").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..5 {
        let mut local = Local::start(folder.path(), &["--data", "data"], &[]);
        let client = local.client();
        assert_eq!(client.stats("u").await["tokensUsed"], acknowledged, "round {round}");
        let debits: Vec<_> = (0..200)
            .map(|_| {
                let client = client.clone();
                tokio::spawn(async move {
                    let body = json!({"userId": "u", "tokenCost": 1});
                    let answer = client.request(reqwest::Method::POST, "generations").json(&body).send().await;
                    matches!(answer, Ok(answer) if answer.status() == 200)
                })
            })
            .collect();
        // In the middle of them, as soon as some are answered.
        local.process.wait_for_line(|line| line.contains("\"generations\""));
        local.process.kill();
        let answered = join_all(debits).await.into_iter().filter(|answered| *answered.as_ref().unwrap()).count() as u64;
        let local = Local::start(folder.path(), &["--data", "data"], &[]);
        let used = local.client().stats("u").await["tokensUsed"].as_u64().unwrap();
        assert!(used >= acknowledged + answered, "{used} debits are there, {acknowledged} + {answered} were answered");
        assert_eq!(sum(&local.client().history("u").await), 5000 - i128::from(used));
        acknowledged = used;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let folder = tempfile::tempdir().unwrap();
        let mut local = Local::start(folder.path(), &[], &[]);
        local.client().stats("u").await;
        local.process.signal(signal);
        assert!(local.process.wait(), "{signal:?}");
        local.process.wait_for_line(|line| line == "Jeton has stopped.");
    }
}

#[test]
fn a_signal_as_soon_as_it_is_ready_ends_it_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let mut local = Local::start(folder.path(), &[], &[]);
        local.process.signal(Signal::TERM);
        assert!(local.process.wait(), "round {round}: {:?}", local.process.lines());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_it_answers_who_is_there_and_takes_nobody_else() {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };
    let folder = tempfile::tempdir().unwrap();
    let mut local = Local::start(folder.path(), &[], &[]);
    let address = local.base().trim_start_matches("http://").to_owned();
    let body = "{\"userId\":\"u\"}";
    let (first, rest) = body.split_at(5);
    let head = format!(
        "POST /api/generations HTTP/1.1\r\nHost: jeton\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut caller = TcpStream::connect(&address).await.unwrap();
    caller.write_all(head.as_bytes()).await.unwrap();
    // The server says that it reads the body: the request is under way.
    let mut go_on = [0; 25];
    caller.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    caller.write_all(first.as_bytes()).await.unwrap();

    local.process.signal(Signal::TERM);
    wait_until("it takes no newcomers, whom it would not answer", || std::net::TcpStream::connect(&address).is_err());
    caller.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    caller.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"tokenBalance\":4997"), "{answer}");
    assert!(local.process.wait());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_from_redis_too() {
    let redis = Redis::start();
    let url = redis.url();
    let folder = tempfile::tempdir().unwrap();
    let by_argument = Local::start(folder.path(), &["--redis", &url], &[]);
    by_argument.client().post("generations", json!({"userId": "u"})).await.ok();
    let by_setting = Local::start(folder.path(), &[], &[("REDIS_URL", &url)]);
    assert_eq!(by_setting.client().stats("u").await["tokenBalance"], 4997);
    let embedded = Local::start(folder.path(), &["--data", "here"], &[("REDIS_URL", &url)]);
    assert_eq!(embedded.client().stats("u").await["tokenBalance"], 5000, "--data means the embedded store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stops_it_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let first = Local::start(folder.path(), &[], &[]);
    let port = first.base().rsplit(':').next().unwrap().to_owned();
    // Arguments, settings, and what the line says.
    let cases: [(&[&str], Settings<'_>, &str); 5] = [
        (&["--port", "0"], &[], "in use by another process"),
        (&["--port", &port, "--data", "other"], &[], "choose another with --port"),
        (&["--port", "0", "--redis", "http://hunter2"], &[], "REDIS_URL is not a URL that Jeton can use"),
        (&["--port", "0", "--redis", "redis://h", "--data", "d"], &[], "cannot be used with"),
        (&["--port", "0", "--data", "third"], &[("JETON_LOCALE", "hunter2")], "JETON_LOCALE must be fr or en"),
    ];
    for (arguments, settings, says) in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.current_dir(folder.path()).args(arguments).envs(settings.iter().copied());
        let mut process = Process::start(&mut command);
        let line = process.wait_for_line(|line| line.contains(says));
        assert!(!line.contains("hunter2"), "{line}");
        assert!(!process.wait(), "{arguments:?} is a failure");
    }
}

/// The environment may hold what is not text, as long as it is not ours.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn variables_of_others_that_are_not_text_do_not_matter() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let folder = tempfile::tempdir().unwrap();
    let start = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.current_dir(folder.path()).args(["--port", "0"]).env(name, OsStr::from_bytes(b"\xff"));
        Process::start(&mut command)
    };
    let theirs = start("SOMEBODY_ELSES");
    theirs.wait_for_line(|line| line.starts_with("Jeton is ready") || line.contains("panicked"));
    assert!(!theirs.lines().join("\n").contains("panicked"), "{:?}", theirs.lines());
    let ours = start("JETON_LOCALE");
    ours.wait_for_line(|line| line.contains("JETON_LOCALE must be fr or en"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_the_documents_and_nothing_else_are_beside_the_functions() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[]);
    let get = async |path: &str| reqwest::get(format!("{}{path}", local.base())).await.unwrap();
    for path in ["/", "/index.html"] {
        let page = get(path).await;
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(page.text().await.unwrap(), include_str!("../public/index.html"));
    }
    for (path, text) in [
        ("/openapi.json", include_str!("../public/openapi.json")),
        ("/prices.json", include_str!("../public/prices.json")),
    ] {
        let document = get(path).await;
        assert_eq!(document.headers()["content-type"], "application/json");
        assert_eq!(document.text().await.unwrap(), text);
        let head = reqwest::Client::new().head(format!("{}{path}", local.base())).send().await.unwrap();
        assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""));
    }
    for path in ["/api", "/api/", "/api/nothing", "/Cargo.toml", "/../Cargo.toml", "/api/stats/"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
}
