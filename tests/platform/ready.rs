//! A function says that it is ready whatever its settings are, and tells what is wrong with them when it is asked.

use std::fs;

use serde_json::Value;

use crate::support::{
    host::{Host, key_of},
    redis::Redis,
    server::{FUNCTIONS, write_settings},
};

const PRODUCTION: (&str, &str) = ("VERCEL_ENV", "production");
const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// Calls a function whose settings are wrong: the line that it logs. The function goes on.
async fn line_of_a_call(host: &mut Host, status: u16, code: &str) -> Value {
    let mut lines = Vec::new();
    for _ in 0..2 {
        let (answer, line) = host.call("u").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{}: {answer:?}", host.function());
        assert_eq!((&line["status"], &line["level"]), (&status.into(), &"error".into()), "{line}");
        for told in [&answer.body, &line.to_string()] {
            assert!(!told.contains("hunter2"), "{}: {told}", host.function());
        }
        assert!(!answer.body.contains("REDIS_URL") && !answer.body.contains("JETON_"), "{answer:?}");
        lines.push(line);
    }
    assert!(host.process.is_running(), "{} has ended", host.function());
    assert_eq!(host.process.lines(), [""; 0], "all of it is in the lines of the requests");
    lines.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_every_function_is_ready_and_names_the_setting() {
    const EXAMPLE: &str = "redis://localhost:6379";
    for function in FUNCTIONS {
        for (url, says) in [
            (None, "REDIS_URL is not set"),
            (Some(""), "REDIS_URL is not set"),
            (Some("hunter2"), "REDIS_URL is not a URL that Jeton can use"),
            (Some("http://:hunter2@localhost"), "REDIS_URL is not a URL that Jeton can use"),
            (Some("redis://:hunter2@host:port"), "REDIS_URL is not a URL that Jeton can use"),
            (Some("redis://:hunter2@a,rediss://b"), "REDIS_URL is not a URL that Jeton can use"),
        ] {
            let mut settings = vec![PRODUCTION, key_of(function)];
            settings.extend(url.map(|url| ("REDIS_URL", url)));
            let mut host = Host::start(function, &settings);
            let line = line_of_a_call(&mut host, 503, "store_unavailable").await;
            let message = line["message"].as_str().unwrap();
            assert!(message.starts_with(says) && message.contains(EXAMPLE), "{function}, {url:?}: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_bad_setting_every_function_is_ready_and_names_it() {
    let redis = Redis::start();
    let url = redis.url();
    for function in FUNCTIONS {
        for (settings, example) in [
            (&[("JETON_API_KEYS", "web:hunter2")][..], "JETON_API_KEYS=web:spend:"),
            (&[("JETON_API_KEYS", "web:everything:hunter2")], "JETON_API_KEYS=web:spend:"),
            (
                &[("CRON_SECRET", "hunter2"), ("JETON_API_KEYS", "web:spend:hunter2")],
                "CRON_SECRET=a-long-random-secret",
            ),
            (&[("JETON_BILLING_SECONDS", "hunter2")], "JETON_BILLING_SECONDS=45"),
            (&[("JETON_EVENTS_SECONDS", "hunter2")], "JETON_EVENTS_SECONDS=50"),
            (&[("JETON_CORS_ORIGINS", "*,hunter2")], "JETON_CORS_ORIGINS=https://app.example"),
            (&[("JETON_JWKS_URL", "http://:hunter2@auth.example")], "JETON_JWKS_URL=https://auth.example/"),
            (&[("JETON_LOCALE", "hunter2")], "JETON_LOCALE=fr"),
            (&[("JETON_PREFIX", "{hunter2}")], "JETON_PREFIX=jeton-preview"),
            (&[("JETON_REDIS_CA", "hunter2")], "JETON_REDIS_CA=\"-----BEGIN CERTIFICATE-----"),
            (&[("JETON_WAIT_REPLICAS", "hunter2")], "JETON_WAIT_REPLICAS=1"),
        ] {
            let name = settings[0].0;
            for stage in [PRODUCTION, DEVELOPMENT] {
                let mut host = Host::start(function, &[&[("REDIS_URL", &*url), stage], settings].concat());
                let line = line_of_a_call(&mut host, 500, "internal").await;
                let message = line["message"].as_str().unwrap();
                assert!(message.starts_with(name) && message.contains(&format!("for example {example}")), "{line}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_bad_env_file_every_function_is_ready_and_names_it() {
    for function in FUNCTIONS {
        let line = format!("{function}: hunter2\nREDIS_URL hunter2\n");
        // A folder cannot be read as a file, by nobody.
        for (text, says) in [(None, ".env.local cannot be read"), (Some(line), ".env.local has a line that is not")] {
            let folder = tempfile::tempdir().unwrap();
            match text {
                Some(text) => write_settings(folder.path(), ".env.local", &text),
                None => fs::create_dir(folder.path().join(".env.local")).unwrap(),
            }
            let mut host = Host::start_in(folder, function, &[DEVELOPMENT]);
            let line = line_of_a_call(&mut host, 500, "internal").await;
            assert!(line["message"].as_str().unwrap().starts_with(says), "{line}");
        }
    }
}
