//! The package in `client/`: its own tests, each against what it is to meet.

use crate::support::{
    package::{SERVER, Tests},
    process::free_port,
    redis::Redis,
    server::{Local, SHORT_STREAMS},
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
