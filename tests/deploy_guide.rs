//! The deploy guide says what is so: every line of `vercel.json`, every setting that the deploy button asks for, and that a
//! key can be changed without a call that fails.

use std::fs;

use jeton::{
    config::{Config, Variables},
    http::Resource,
};
use serde_json::{Value, json};

use crate::support::{
    redis::Redis,
    server::{Deployment, FUNCTIONS},
};

const GUIDE: &str = include_str!("../docs/deploy.md");

/// The part of the guide under this heading.
fn section(heading: &str) -> &'static str {
    let (_, rest) = GUIDE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n## ").next().unwrap()
}

/// The names and values in `value` that somebody may wonder about: members, and the words of lists.
fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                // What a header says is told with its name; these only say that one is coming.
                if !["key", "value", "source", "path", "headers"].contains(&name.as_str()) || found.is_empty() {
                    found.push(format!("\"{name}\""));
                }
                if let Value::Number(number) = value {
                    found.push(format!("\"{name}\": {number}"));
                }
                words(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, found)),
        Value::String(text) if !text.contains("=()") && text != "/(.*)" && !text.starts_with("https://") => {
            found.push(text.clone());
        }
        Value::Number(_) | Value::String(_) | Value::Bool(_) | Value::Null => {}
    }
}

#[test]
fn each_line_of_vercel_json_is_explained() {
    let settings: Value = serde_json::from_str(include_str!("../vercel.json")).unwrap();
    let explained = section("vercel.json, line by line");
    let mut found = Vec::new();
    words(&settings, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for word in found {
        // The schedule's own name is the line's meaning.
        assert!(word == "\"schedule\"" || explained.contains(&word), "the guide does not explain {word}");
    }
    let named =
        explained.lines().filter_map(|line| line.strip_prefix("| `")).map(|line| line.split('`').next().unwrap());
    let file = include_str!("../vercel.json");
    for name in named {
        let word = name.split([':', ' ']).next().unwrap();
        assert!(file.contains(word), "the guide explains {word}, which vercel.json does not have");
    }
}

#[test]
fn the_limits_of_vercel_json_leave_each_function_its_time() {
    let settings: Value = serde_json::from_str(include_str!("../vercel.json")).unwrap();
    let limit = |function: &str, limit: &str| settings["functions"][function][limit].as_u64().unwrap();
    let config = Config::read(Variables::new(), std::path::Path::new("/nonexistent"), false).unwrap();
    assert!(limit("api/billing.rs", "maxDuration") >= config.billing_time.as_secs() + 10);
    assert!(limit("api/events.rs", "maxDuration") >= config.events_time.as_secs() + 10);
    // Callers are answered within 5 s.
    assert!(limit("api/*.rs", "maxDuration") >= 10);
    // What every plan has.
    for (pattern, function) in settings["functions"].as_object().unwrap() {
        assert!(function["maxDuration"].as_u64().unwrap() <= 60 && limit(pattern, "memory") <= 1024, "{pattern}");
    }
    assert!(FUNCTIONS.len() <= 12 && settings["crons"].as_array().unwrap().len() == 1);
    assert!(section("1. The project").contains("Eleven functions"));
    assert_eq!(FUNCTIONS.len(), 11);
}

#[test]
fn what_has_no_function_of_its_own_is_led_to_the_one_that_answers_it() {
    let settings: Value = serde_json::from_str(include_str!("../vercel.json")).unwrap();
    let rewrites = settings["rewrites"].as_array().unwrap();
    for rewrite in rewrites {
        let (source, destination) = (rewrite["source"].as_str().unwrap(), rewrite["destination"].as_str().unwrap());
        let (path, query) = destination.split_once('?').unwrap();
        let (asked, answered) = (Resource::at(source).unwrap(), Resource::at(path).unwrap());
        assert_eq!(query, format!("jeton-resource={}", asked.name()), "{rewrite}");
        assert_eq!(asked.function(), answered.function(), "{rewrite}");
        assert!(FUNCTIONS.contains(&answered.name()) && !FUNCTIONS.contains(&asked.name()), "{rewrite}");
    }
    assert_eq!(rewrites.len(), Resource::ALL.len() - FUNCTIONS.len());
}

#[test]
fn the_deploy_button_asks_for_settings_that_there_are() {
    let button = section("Deploy button");
    let asked = button.split("&env=").nth(1).unwrap().split('&').next().unwrap();
    assert_eq!(asked, "JETON_API_KEYS,CRON_SECRET");
    // What it adds from the Marketplace is a list in JSON, written for a URL.
    let stores = button.split("&stores=").nth(1).unwrap().split(')').next().unwrap();
    let query = format!("stores={stores}");
    let (_, stores) = form_urlencoded::parse(query.as_bytes()).next().unwrap();
    let stores: Value = serde_json::from_str(&stores).unwrap();
    assert_eq!(stores[0]["integrationSlug"], "redis");
    for name in
        ["JETON_API_KEYS", "CRON_SECRET", "JETON_JWT_SECRET", "JETON_PREFIX", "JETON_REDIS_CA", "JETON_WAIT_REPLICAS"]
    {
        assert!(GUIDE.contains(name) && include_str!("../README.md").contains(&format!("| `{name}`")), "{name}");
    }
}

#[test]
fn the_guide_leads_to_headings_that_there_are() {
    for link in GUIDE.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        if link.starts_with("https://") {
            continue;
        }
        let (file, heading) = link.split_once('#').unwrap_or((link, ""));
        let text = match file {
            "" => GUIDE.to_owned(),
            file => fs::read_to_string(format!("{}/docs/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap(),
        };
        let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-'].contains(letter));
            kept.collect::<String>().replace(' ', "-")
        });
        assert!(heading.is_empty() || headings.into_iter().any(|there| there == heading), "{link} leads nowhere");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_changed_without_a_call_that_fails() {
    let redis = Redis::start();
    let deploy = |keys: &str| Deployment::start(&redis, &[("JETON_API_KEYS", keys)]);
    // The deployments in their order: with each step the one before serves on for a moment.
    let before = deploy("web:spend:old");
    let between = deploy("web:spend:old,web-2:spend:new");
    let after = deploy("web-2:spend:new");
    for (deployment, secret, status) in [
        (&before, "old", 200),
        (&between, "old", 200),
        (&between, "new", 200),
        (&after, "new", 200),
        (&after, "old", 401),
    ] {
        let client = deployment.client().with_key(secret);
        assert_eq!(client.post("generations", json!({"userId": "alice"})).await.status, status, "{secret}");
    }
    assert_eq!(after.client().with_key("new").stats("alice").await["tokenBalance"], 5000 - 4 * 3);
}
