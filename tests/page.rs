//! The page in a real browser: each test starts what the page needs, and a scenario of `tests/browser` looks at it.

use std::fs;

use crate::support::{process::free_port, redis::Redis, scenario::Scenario, server::Local, vercel::root};

/// Starts `tests/browser/{name}.mjs` on the server at `url`.
fn scenario(name: &str, url: &str) -> Scenario {
    Scenario::start(root(), &format!("tests/browser/{name}.mjs"), &[url], &[])
}

/// A local server on a folder of its own, with these settings, as a scenario sees it.
fn shows(scenario: &str, settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], settings);
    self::scenario(scenario, local.base()).succeeds();
}

#[test]
fn two_windows_show_each_change() {
    shows("windows", &[]);
}

#[test]
fn what_comes_in_between_or_in_disorder_is_put_right() {
    shows("order", &[]);
}

#[test]
fn offline_and_back_nothing_is_missing() {
    shows("offline", &[]);
}

#[test]
fn a_line_that_is_dead_without_a_word_is_left() {
    shows("silent", &[]);
}

#[test]
fn hidden_pages_leave_their_lines_to_others_and_miss_nothing() {
    shows("hidden", &[]);
}

#[test]
fn streams_that_end_lose_and_repeat_nothing() {
    shows("endings", &[("JETON_EVENTS_SECONDS", "1")]);
}

#[test]
fn the_page_says_when_it_needs_a_key() {
    shows("locked", &[("VERCEL_ENV", "production")]);
}

#[test]
fn a_server_that_is_killed_and_starts_again_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let start = |port| Local::start_on(port, folder.path(), &[], &[]);
    let port = free_port();
    let mut local = start(port);
    let scenario = scenario("outage", local.base());
    scenario.says("stop it");
    local.process.kill();
    scenario.says("start it");
    let _local = start(port);
    scenario.succeeds();
}

#[test]
fn a_store_that_is_away_is_waited_for() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = data.path().to_str().unwrap();
    let mut redis = Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]);
    let local = Local::start(folder.path(), &["--redis", &redis.url()], &[]);
    let scenario = scenario("outage", local.base());
    scenario.says("stop it");
    redis.stop();
    scenario.says("start it");
    redis.start_again();
    scenario.succeeds();
}

#[test]
fn each_scenario_is_run() {
    let tests = include_str!("page.rs");
    // What the scenarios share.
    let parts = ["browser.mjs", "line.mjs"];
    for file in fs::read_dir(root().join("tests/browser")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".mjs").filter(|_| !parts.contains(&&*file)) else { continue };
        assert!(tests.contains(&format!("(\"{name}\", ")), "{file} is not run");
    }
}

#[test]
fn the_pages_policy_names_its_own_style_and_script() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use sha2::{Digest, Sha256};
    let page = include_str!("../public/index.html");
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let text = page.split_once(&format!("<{tag}>")).unwrap().1.split_once(&format!("</{tag}>")).unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        assert!(page.contains(&format!("{directive} 'sha256-{hash}'")), "the {tag} changed: its hash is {hash}");
    }
}
