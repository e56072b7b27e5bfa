//! The package in `client/`: its own tests, each against what it is to meet.

use std::fs;

use crate::support::{
    node,
    package::{SERVER, Tests},
    process::free_port,
    redis::Redis,
    server::{Local, SHORT_STREAMS},
    vercel::root,
};

/// Runs a file of its tests on a local server of its own, with these settings.
fn passes(tests: &str, settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[&SERVER, settings].concat());
    Tests::start(tests, local.base(), &[]).succeed();
}

#[test]
fn calls_give_what_they_promise() {
    passes("calls", &[]);
}

#[test]
fn problems_are_typed_errors() {
    passes("problems", &[]);
}

#[test]
fn what_is_sent_again_is_made_once() {
    passes("retries", &[]);
}

#[test]
fn the_history_is_walked_through_and_exported() {
    passes("history", &[]);
}

#[test]
fn events_are_read_as_the_standard_says() {
    passes("sse", &[]);
}

#[test]
fn an_account_is_followed_over_lines_that_end_and_break() {
    passes("events", &[SHORT_STREAMS]);
}

#[test]
fn sessions_are_replaced_in_time() {
    passes("sessions", &[SHORT_STREAMS]);
}

#[test]
fn a_store_that_is_away_is_waited_for() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let directory = data.path().to_str().unwrap();
    let mut redis = Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]);
    let local = Local::start(folder.path(), &["--redis", &redis.url()], &SERVER);
    let tests = Tests::start("outage", local.base(), &[("AWAY", "store_unavailable")]);
    tests.says("stop it");
    redis.stop();
    tests.says("start it");
    redis.start_again();
    tests.succeed();
}

#[test]
fn a_server_that_is_killed_and_starts_again_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let start = || Local::start_on(port, folder.path(), &[], &SERVER);
    let mut local = start();
    let tests = Tests::start("outage", local.base(), &[("AWAY", "unreachable")]);
    tests.says("stop it");
    local.process.kill();
    tests.says("start it");
    let _local = start();
    tests.succeed();
}

#[test]
fn the_old_functions_do_what_they_did() {
    passes("stats-service", &[]);
}

#[test]
fn it_works_where_there_is_no_node() {
    let browser = node::tool("browser").join("package.json");
    let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
    let origin = format!("http://127.0.0.1:{port}");
    let local = Local::start(folder.path(), &[], &[&SERVER[..], &[("JETON_CORS_ORIGINS", &origin)]].concat());
    let settings = [("BROWSER", browser.to_str().unwrap()), ("PAGE_PORT", &port.to_string())];
    Tests::start("elsewhere", local.base(), &settings).succeed();
}

#[test]
fn it_is_packed_and_works_elsewhere() {
    passes("package", &[]);
}

#[test]
fn its_types_tell_apart_what_they_should() {
    passes("types", &[]);
}

#[test]
fn each_file_of_its_tests_is_run() {
    let modules = [include_str!("client.rs")];
    for file in fs::read_dir(root().join("client/tests")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some((name, _)) = file.split_once(".test.") else { continue };
        assert!(modules.iter().any(|tests| tests.contains(&format!("(\"{name}\", "))), "{file} is not run");
    }
}

#[test]
fn a_setting_that_the_server_lacks_is_a_problem_too() {
    let folder = tempfile::tempdir().unwrap();
    let [keys, ..] = SERVER;
    let local = Local::start(folder.path(), &[], &[keys]);
    Tests::start("unset", local.base(), &[]).succeed();
}
