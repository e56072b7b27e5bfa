//! Nothing is wrong in any run, and every bug that is put in is found.
#![allow(clippy::panic, reason = "a test that meets the unexpected fails, and says where")]

use jeton::mutation::Mutation;

/// How many runs the tests make.
const RUNS: u64 = 10_000;
/// Within how many runs each bug is found.
const RUNS_FOR_A_BUG: u64 = 1_000;

#[test]
fn every_run_is_one_that_a_sequential_ledger_could_have_given() {
    if let Some((seed, wrong)) = simulation::search(0..RUNS, None) {
        panic!("{wrong}\nsee how: cargo run --release -p simulation -- --seed {seed}");
    }
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..50 {
        let run = simulation::run(seed, None, true);
        assert!(run.trace.len() > 10, "seed {seed}: {:?}", run.trace);
        assert_eq!(run, simulation::run(seed, None, true), "seed {seed}");
    }
}

#[test]
fn every_bug_is_found() {
    for mutation in Mutation::ALL {
        let found = simulation::search(0..RUNS_FOR_A_BUG, Some(mutation));
        assert!(found.is_some(), "{mutation:?} is found by none of {RUNS_FOR_A_BUG} runs");
    }
}
