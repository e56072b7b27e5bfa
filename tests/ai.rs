//! The AI SDK's middleware in `client/`, with the SDK's own mock models: each file of its tests on a local server of its own.

use std::fs;

use crate::support::{
    package::{SERVER, Tests},
    server::Local,
    vercel::root,
};

fn passes(tests: &str) {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &SERVER);
    Tests::start(&format!("ai/{tests}"), local.base(), &[]).succeed();
}

#[test]
fn answers_of_one_piece_cost_what_the_model_used() {
    passes("generate");
}

#[test]
fn streams_cost_what_the_model_used() {
    passes("stream");
}

#[test]
fn prices_are_the_tables_or_the_callers() {
    passes("prices");
}

#[test]
fn a_refusal_comes_to_the_user() {
    passes("interface");
}

#[test]
fn a_killed_process_gives_back_what_it_had_set_aside() {
    passes("killed");
}

#[test]
fn each_file_is_run() {
    let tests = include_str!("ai.rs");
    for file in fs::read_dir(root().join("client/tests/ai")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".test.ts") else { continue };
        assert!(tests.contains(&format!("(\"{name}\")")), "{file} is not run");
    }
}
