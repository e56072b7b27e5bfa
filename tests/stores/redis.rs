//! What the store in Redis alone promises: its script, its keys, its forms.

use std::collections::BTreeMap;

use jeton::{ledger::Command, store::redis::RedisStore};
use serde_json::Value;

use crate::support::{
    redis::Redis,
    world::{START, World, debit, once},
};

/// A Redis that holds the account `u`, with two entries.
pub(super) async fn lived_in() -> (Redis, RedisStore) {
    let redis = Redis::start();
    let store = RedisStore::new(&redis.url(), "jeton").unwrap();
    World::new(&store, "u").apply(&[debit("ARTICLE", 3)], START).await;
    (redis, store)
}

#[tokio::test]
async fn a_redis_that_forgot_the_script_is_told_it_again() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "v");
    for millis in START..START + 3 {
        redis.command::<()>(&["SCRIPT", "FLUSH"]);
        let before = redis.command_counts();
        world.apply(&[debit("ARTICLE", 3)], millis).await;
        let calls = redis.commands_since(&before);
        assert_eq!((calls.get("evalsha"), calls.get("eval")), (Some(&1), Some(&1)), "one trip more: {calls:?}");
        assert!(!calls.keys().any(|name| name.starts_with("script")), "{calls:?}");
    }
    world.assert_kept("after each flush").await;
}

#[tokio::test]
async fn the_data_in_redis_is_json_under_the_documented_keys() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "v@example.com");
    let mut draft = world.draft(&[Command::Touch, Command::Reset], START);
    draft.commit.records = vec![once("a:b", "answer")];
    draft.commit.usage = vec![("h494544".to_owned(), "{}".to_owned())];
    world.write(draft).await;
    let object = |text: &str| assert!(serde_json::from_str::<Value>(text).unwrap().is_object(), "{text}");

    let mut keys: Vec<String> = redis.command(&["KEYS", "*"]);
    keys.sort_unstable();
    let (shared, keys): (Vec<String>, Vec<String>) = keys.into_iter().partition(|key| !key.contains('{'));
    assert_eq!(
        keys,
        [
            "jeton:{u}:account",
            "jeton:{u}:history",
            "jeton:{v@example.com}:account",
            "jeton:{v@example.com}:archive:0",
            "jeton:{v@example.com}:history",
            "jeton:{v@example.com}:once:a:b",
            "jeton:{v@example.com}:usage",
        ]
    );
    assert_eq!(shared, ["jeton:due:00", "jeton:due:04", "jeton:users:00", "jeton:users:04"]);
    let names: Vec<(String, f64)> = redis.command(&["ZRANGE", "jeton:users:00", "0", "-1", "WITHSCORES"]);
    assert_eq!(names, [("u".to_owned(), 0.0)]);
    for key in keys {
        match key.rsplit_once('}').unwrap().1 {
            ":account" => {
                let fields: BTreeMap<String, String> = redis.command(&["HGETALL", &key]);
                assert_eq!(fields.keys().collect::<Vec<_>>(), ["doc", "rev"]);
                object(&fields["doc"]);
            }
            ":history" | ":archive:0" => {
                let found: Vec<(String, Vec<(String, String)>)> = redis.command(&["XRANGE", &key, "-", "+"]);
                assert!(!found.is_empty());
                for (_, fields) in found {
                    assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["tx", "c"]);
                    object(&fields[0].1);
                }
            }
            ":usage" => {
                let fields: BTreeMap<String, String> = redis.command(&["HGETALL", &key]);
                assert_eq!(fields, BTreeMap::from([("h494544".to_owned(), "{}".to_owned())]));
            }
            _ => object(&redis.command::<String>(&["GET", &key])),
        }
    }
}

/// The numbers that follow `before` in `text`.
fn numbers_after(text: &str, before: &str) -> Vec<u32> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split(before).skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

/// A script without its header, and the lines of that.
fn parts(script: &str) -> (String, Vec<&str>) {
    let (header, body): (Vec<&str>, Vec<&str>) = script.lines().partition(|line| line.starts_with("--"));
    (body.join("\n"), header)
}

#[test]
fn the_headers_of_the_scripts_name_all_that_they_take() {
    for (script, text) in [
        ("commit.lua", include_str!("../../src/store/commit.lua")),
        ("confirm.lua", include_str!("../../src/store/confirm.lua")),
        ("follow.lua", include_str!("../../src/store/follow.lua")),
        ("usage.lua", include_str!("../../src/store/usage.lua")),
    ] {
        let (body, header) = parts(text);
        let named = |name: &str| header.iter().any(|line| line.starts_with(&format!("-- {name} ")));
        for array in ["KEYS", "ARGV"] {
            let positions = numbers_after(&body, &format!("{array}["));
            assert!(!positions.is_empty(), "{script}: {array}");
            for position in &positions {
                assert!(named(&format!("{array}[{position}]")), "{script}: {array}[{position}] is not in the header");
            }
            let documented = numbers_after(&header.join("\n"), &format!("-- {array}["));
            let last = *documented.iter().max().unwrap();
            assert_eq!(documented, (1..=last).collect::<Vec<_>>(), "{script}, {array}: each position, once, in order");
            // Only the last ones may be taken in another way: one after the other.
            let rest = named(&format!("{array}[{last}..]")).then_some(last);
            let taken = |position: &u32| positions.contains(position) || rest == Some(*position);
            assert!(documented.iter().all(taken), "{script}, {array}: {documented:?} and {positions:?}");
        }
        assert!(header.iter().any(|line| line.starts_with("-- Repl")), "{script}: it does not say what it replies");
    }
}

#[test]
fn the_header_of_the_commit_says_where_the_rest_begins_and_what_is_replied() {
    let (body, header) = parts(include_str!("../../src/store/commit.lua"));
    let firsts = [("KEYS", "local first_record = "), ("ARGV", "local first_entry, first_field, first_text = ")];
    for (array, first) in firsts {
        let rest = numbers_after(&header.join("\n"), &format!("-- {array}[")).into_iter().max().unwrap();
        let named = format!("-- {array}[{rest}..] ");
        assert!(header.iter().any(|line| line.starts_with(&named)), "the last of {array} are not in the header");
        assert_eq!(numbers_after(&body, first), [rest], "where the rest of {array} begins");
    }

    let mut words: Vec<&str> = ["return '", "return { '", "reply, found = { '"]
        .iter()
        .flat_map(|before| body.split(before).skip(1))
        .filter_map(|rest| rest.split('\'').next())
        .collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words, ["conflict", "done", "orphan", "taken"]);
    let replies: Vec<&str> =
        header.iter().skip_while(|line| **line != "-- Replies").filter_map(|line| line.split('\'').nth(1)).collect();
    for word in words {
        assert!(replies.contains(&word), "the reply {word} is not in the header");
    }
}
