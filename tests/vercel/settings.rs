//! The settings files as they are found in projects, read by functions under `vercel dev`.

use serde_json::json;

use crate::{
    refusals::assert_problem,
    support::{redis::Redis, vercel::Dev},
};

/// `.env.development.local` as `vercel env pull` writes it, with these settings among those that the platform adds.
fn pulled(settings: &[(&str, &str)]) -> String {
    let platform = [("TURBO_CACHE", "remote:rw"), ("VERCEL", "1"), ("VERCEL_ENV", "development"), ("VERCEL_URL", "")];
    let mut all: Vec<_> = platform.iter().chain(settings).collect();
    all.sort_unstable();
    let lines = all.into_iter().map(|(name, value)| format!("{name}=\"{value}\"\n"));
    format!("# Created by Vercel CLI\n{}", lines.collect::<String>())
}

#[tokio::test(flavor = "multi_thread")]
async fn pulled_settings_are_taken() {
    let redis = Redis::start();
    let empty =
        pulled(&[("REDIS_URL", &redis.url()), ("JETON_API_KEYS", ""), ("CRON_SECRET", ""), ("JETON_LOCALE", "")]);
    let mut dev = Dev::with(&[(".env.development.local", &empty)]).await;
    let client = dev.client();
    assert_eq!(client.get("stats").await.ok()["memberId"], "test-user-id", "without keys everything is open");

    let keys = "web:read:look-7a31,app:spend:pay-55d8";
    let file = pulled(&[("REDIS_URL", &redis.url()), ("JETON_API_KEYS", keys), ("CRON_SECRET", "tick-0c2e")]);
    dev.set(&[(".env.development.local", &file)]);
    let nobody = client.get("stats?userId=u").await;
    assert_problem(&nobody, 401, "unauthenticated");
    assert_eq!(nobody.header("www-authenticate").map(|value| value.starts_with("Bearer")), Some(true));
    let reader = client.clone().with_key("look-7a31");
    assert_eq!(reader.get("stats?userId=u").await.ok()["tokenBalance"], 5000);
    let refused = reader.post("generations", json!({"userId": "u"})).await;
    assert_eq!(assert_problem(&refused, 403, "forbidden")["requiredScope"], "spend");
    let spender = client.clone().with_key("pay-55d8");
    assert_eq!(spender.post("generations", json!({"userId": "u"})).await.ok()["stats"]["tokenBalance"], 4997);
    assert_problem(&client.get("billing").await, 401, "unauthenticated");
    assert_eq!(client.clone().with_key("tick-0c2e").get("billing").await.ok()["failed"], 0);
    assert_eq!(client.get("health").await.ok()["status"], "ok");
    let secrets = ["look-7a31", "pay-55d8", "tick-0c2e"];
    for line in dev.process().lines() {
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pulled_settings_come_before_ones_own() {
    let (pulled_redis, own_redis) = (Redis::start(), Redis::start());
    let own = format!("REDIS_URL={}\nJETON_PREFIX=jeton-dev\n", own_redis.url());
    let dev =
        Dev::with(&[(".env.development.local", &pulled(&[("REDIS_URL", &pulled_redis.url())])), (".env.local", &own)])
            .await;
    dev.client().stats("u").await;
    let keys: Vec<String> = pulled_redis.command(&["KEYS", "jeton-dev:{u}:account"]);
    assert_eq!(keys.len(), 1, "the pulled Redis, under the prefix of one's own");
    assert_eq!(own_redis.command::<u64>(&["DBSIZE"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_line_reads_itself_counts_as_the_environment() {
    let redis = Redis::start();
    let own = format!("REDIS_URL={}\nJETON_LOCALE=fr\nJETON_PREFIX=own\n", redis.url());
    let _dev = Dev::with(&[(".env", "JETON_LOCALE=en\n"), (".env.local", &own)]).await;
    // It reads `.env` when it starts.
    let server = Dev::another_server();
    let answer = server.client().get("stats?userId=u").await;
    assert_eq!((answer.status, answer.header("content-language")), (200, Some("en")), "{answer:?}");
    assert_eq!(redis.command::<Vec<String>>(&["KEYS", "own:{u}:account"]).len(), 1);
}
