//! A Redis that does not let changes be told: commits are made all the same, and the operator is told once what is needed.

use jeton::store::{Store, follow::Follow, redis::RedisStore};
use serde_json::json;

use super::{assert_becomes_prompt, is_asleep, user, warnings, watching};
use crate::support::{
    process::wait_until,
    redis::Redis,
    server::Local,
    world::{START, World, debit},
};

/// The URL of `redis` for its user `jeton`.
fn url_with_password(redis: &Redis) -> String {
    redis.url().replace("redis://", "redis://jeton:hunter2@")
}

/// How often Redis answered with the error `name`.
fn errors(redis: &Redis, name: &str) -> u64 {
    let info: String = redis.command(&["INFO", "errorstats"]);
    let count = info.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{name}:count=")));
    count.map_or(0, |count| count.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_the_right_to_the_channels_hears_of_nothing_and_commits() {
    let redis = Redis::start();
    let may = |more| {
        redis.command::<()>(&["ACL", "SETUSER", "jeton", "on", ">hunter2", "~jeton:*", "+@all", "resetchannels", more]);
    };
    may("&another:*");
    let url = url_with_password(&redis);
    let store = RedisStore::new(&url, "jeton").unwrap();
    let process = watching(&url, &["u"]);
    let watch = store.watch(&user("u"));
    let mut world = World::new(&store, "u");
    world.apply(&[debit("ARTICLE", 3)], START).await;
    world.assert_kept("committed").await;
    process.wait_for_line(|line| line.contains("refuses to tell of changes"));
    // Each process has asked again.
    wait_until("they are refused again", || errors(&redis, "NOPERM") >= 5);
    assert!(!watch.is_prompt() && is_asleep(&watch));
    let told = warnings(&process);
    assert_eq!(told.len(), 1, "{told:#?}");
    for part in ["every few seconds", "SUBSCRIBE", "UNSUBSCRIBE", "PING", "the channels of Jeton's keys"] {
        assert!(told[0].contains(part), "{part}: {told:#?}");
    }
    assert!(!process.lines().concat().contains("hunter2"), "the password is told");

    // As soon as it may, it does, without a restart.
    may("&jeton:*");
    assert_becomes_prompt(&watch, "with the right").await;
    world.apply(&[debit("ARTICLE", 3)], START + 1).await;
    assert_becomes_prompt(&watch, "a commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_operator_can_help_is_told_also_after_what_passes_by_itself() {
    let mut redis = Redis::start_with(&["--user", "jeton", "on", ">hunter2", "~jeton:*", "+@all", "resetchannels"]);
    redis.stop();
    let process = watching(&url_with_password(&redis), &["u"]);
    process.wait_for_line(|line| line.contains("cannot connect to Redis"));
    redis.start_again();
    process.wait_for_line(|line| line.contains("refuses to tell of changes"));
    let again = errors(&redis, "NOPERM") + 2;
    wait_until("it is refused again", || errors(&redis, "NOPERM") >= again);
    let told = warnings(&process);
    assert_eq!(told.len(), 2, "each once: {told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_told_is_made_and_the_operator_is_told_once() {
    let redis = Redis::start();
    let no_channel = ["ACL", "SETUSER", "jeton", "on", ">hunter2", "~jeton:*", "+@all", "resetchannels"];
    redis.command::<()>(&no_channel);
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &["--redis", &url_with_password(&redis)], &[]);
    let client = local.client();
    for number in 1..=30 {
        let debited = client.post("generations", json!({"userId": format!("user-{}", number % 3)})).await.ok();
        assert_eq!(debited["transaction"]["amount"], 3);
    }
    for number in 0..3 {
        assert_eq!(client.stats(&format!("user-{number}")).await["tokenBalance"], 4970);
    }
    // Lines come in order.
    client.get("stats?userId=user-0").await.line_of(&local.process);
    let lines = local.process.lines();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("refuses to tell of changes")).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("needs the command PUBLISH on the channels of Jeton's keys"), "{told:#?}");
    assert!(!lines.concat().contains("hunter2"), "the password is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_let_one_listen_is_named_without_the_password() {
    for (case, options, url_of, part) in [
        (
            "no HELLO",
            &["--rename-command", "HELLO", "", "--user", "jeton", "on", ">hunter2", "~*", "&*", "+@all"][..],
            url_with_password as fn(&Redis) -> String,
            "RESP3: it must be Redis 6 or later, and know the command HELLO",
        ),
        (
            "a wrong password",
            &["--user", "jeton", "on", ">hunter3", "~*", "&*", "+@all"],
            url_with_password,
            "refuses the user or the password of REDIS_URL",
        ),
        ("no password", &["--requirepass", "hunter2"], Redis::url, "wants a password: put it in REDIS_URL"),
    ] {
        let redis = Redis::start_with(options);
        let url = url_of(&redis);
        let store = RedisStore::new(&url, "jeton").unwrap();
        let watch = store.watch(&user("u"));
        let process = watching(&url, &["u"]);
        process.wait_for_line(|line| line.contains(part));
        let lines = process.lines();
        assert_eq!(warnings(&process).len(), 1, "{case}: {lines:#?}");
        assert!(warnings(&process)[0].contains(&format!("Redis at 127.0.0.1:{}", redis.port())), "{case}: {lines:#?}");
        assert!(!lines.concat().contains("hunter2"), "{case}: the password is told: {lines:#?}");
        assert!(!watch.is_prompt() && is_asleep(&watch), "{case}");
        if case == "no HELLO" {
            World::new(&store, "u").apply(&[debit("ARTICLE", 3)], START).await;
            store.ping().await.unwrap();
        }
    }
}
