//! The package in `client/`: its own tests, each against what it is to meet.

use crate::support::{
    package::{SERVER, Tests},
    server::Local,
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
