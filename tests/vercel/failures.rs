//! When settings are wrong or Redis is away, callers under `vercel dev` get Jeton's answer, not the command line's page, and
//! the developer reads why in the terminal.

use serde_json::json;

use super::assert_headers;
use crate::{
    refusals::assert_problem,
    support::{
        again::{says_late, undisturbed},
        process::free_port,
        redis::Redis,
        vercel::Dev,
    },
};

const PASSWORD: &str = "hunter2-never-shown";

#[tokio::test(flavor = "multi_thread")]
async fn without_its_redis_a_call_is_a_503_and_the_terminal_says_why() {
    let locked = Redis::start_with(&["--requirepass", "another"]);
    let nowhere = format!("127.0.0.1:{}", free_port());
    let cases = [
        (
            String::new(),
            "REDIS_URL is not set: set it to the URL of your Redis, for example redis://localhost:6379".to_owned(),
        ),
        (
            format!("REDIS_URL=http://default:{PASSWORD}@{nowhere}\n"),
            "REDIS_URL is not a URL that Jeton can use (it begins with neither redis:// nor rediss://)".to_owned(),
        ),
        (
            format!("REDIS_URL=redis://default:{PASSWORD}@{nowhere}\n"),
            format!("cannot connect to Redis at {nowhere} (Connection refused"),
        ),
        (
            format!("REDIS_URL=redis://default:{PASSWORD}@127.0.0.1:{}\n", locked.port()),
            format!("Redis at 127.0.0.1:{} refuses the user or the password of REDIS_URL", locked.port()),
        ),
    ];
    let mut dev = Dev::with(&[]).await;
    let client = dev.client();
    for (file, cause) in cases {
        dev.set(&[(".env.local", &file)]);
        for function in ["stats", "generations", "health"] {
            let line = undisturbed(function, 3, async || {
                let answer = match function {
                    "generations" => client.post("generations", json!({"userId": "u"})).await,
                    "health" => client.get("health").await,
                    _ => client.get("stats?userId=u").await,
                };
                answer.assert_store_unavailable();
                assert_problem(&answer, 503, "store_unavailable");
                assert_headers(&answer);
                let line = answer.line_of(dev.process());
                assert_eq!(line["requestId"], answer.json()["requestId"], "{line}");
                Some(line).filter(|line| !says_late(line))
            })
            .await;
            assert!(line["message"].as_str().unwrap().starts_with(&cause), "{cause}: {line}");
            assert_eq!(line["level"], "error", "{line}");
        }
    }
    assert_password_is_not_shown(&dev);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_wrong_setting_a_call_is_a_500_and_the_terminal_says_which() {
    let redis = Redis::start();
    let url = format!("REDIS_URL={}\n", redis.url());
    let cases = [
        ("JETON_LOCALE=de", "JETON_LOCALE must be fr or en; for example JETON_LOCALE=fr"),
        ("JETON_API_KEYS=hunter2-never-shown", "JETON_API_KEYS must list name:scope:secret, separated by commas"),
        ("JETON_PREFIX=\"hunter2-never-shown", ".env.local has a line that is not NAME=value or NAME=\"value\""),
    ];
    let mut dev = Dev::with(&[]).await;
    let client = dev.client();
    for (setting, cause) in cases {
        dev.set(&[(".env.local", &format!("{url}{setting}\n"))]);
        let answer = client.get("stats?userId=u").await;
        assert_problem(&answer, 500, "internal");
        assert_headers(&answer);
        let line = answer.line_of(dev.process());
        assert!(line["message"].as_str().unwrap().starts_with(cause), "{line}");
        assert!(!answer.body.contains("JETON_"), "{answer:?}");
    }
    assert_password_is_not_shown(&dev);
    dev.set(&[(".env.local", &url)]);
    assert_eq!(client.stats("u").await["tokenBalance"], 5000, "mended, without a restart");
}

fn assert_password_is_not_shown(dev: &Dev) {
    for line in dev.process().lines() {
        assert!(!line.contains(PASSWORD), "{line}");
    }
}
