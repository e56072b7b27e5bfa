//! Nothing is wrong in any run, and every bug that is put in is found.
#![allow(clippy::panic, reason = "a test that meets the unexpected fails, and says where")]

use jeton::mutation::Mutation;

/// How many runs the tests make.
const RUNS: u64 = 10_000;
/// Each bug, and the first seed whose run finds it: docs/guarantees.md has the same table.
const FOUND_BY: [(Mutation, u64); Mutation::ALL.len()] = [
    (Mutation::SkipRevisionCheck, 0),
    (Mutation::AcknowledgeBeforeWriting, 0),
    (Mutation::RememberAfterAnswering, 0),
    (Mutation::AnswerRefusalFromGuess, 3),
    (Mutation::ReadFromGuess, 5),
    (Mutation::ForgetMark, 8),
    (Mutation::LookInCurrentHistory, 359),
    (Mutation::DecideApart, 4),
    (Mutation::SwapAnswers, 2),
    (Mutation::ForgetRefusals, 4),
    (Mutation::IgnoreTokenCost, 0),
    (Mutation::BillFromPreviousDate, 5),
    (Mutation::BillOnePeriod, 12),
    (Mutation::SpendWithoutSettling, 5),
    (Mutation::IdsFollowClock, 0),
    (Mutation::ExpireAtBilling, 0),
    (Mutation::RefuseWithoutLooking, 7),
    (Mutation::ExpireLate, 36),
    (Mutation::ExpireEarly, 5),
    (Mutation::PayByAge, 0),
    (Mutation::CarryOverTakesPurchases, 0),
    (Mutation::KeepOldUsage, 1092),
    (Mutation::LeaveNoMark, 8),
    (Mutation::LookOnlyAfterLosses, 595),
    (Mutation::ForgetReservations, 0),
    (Mutation::ForgetRefunds, 14),
    (Mutation::ReserveWhatIsHeld, 23),
    (Mutation::ReturnToOldest, 5),
    (Mutation::ReturnLateAlive, 12),
    (Mutation::CaptureNoMoreThanHeld, 4),
    (Mutation::CaptureAsItExpires, 6),
    (Mutation::OverdrawWithoutLimit, 119),
    (Mutation::ResetForgetsReservations, 6),
    (Mutation::RefundAsNewTokens, 3),
    (Mutation::RefundCountsAsSpent, 8),
    (Mutation::IgnoreCaps, 2),
    (Mutation::CapsForgetReservations, 8),
    (Mutation::ChangePlanAtOnce, 2),
];

#[test]
fn every_run_is_one_that_a_sequential_ledger_could_have_given() {
    if let Some((seed, wrong)) = simulation::search(0..RUNS, None) {
        panic!("{wrong}\nsee how: cargo run --release -p simulation -- --seed {seed}");
    }
}

#[test]
fn most_calls_are_answered() {
    // A run in which nobody is answered would be right, and show nothing.
    let runs = (0..200).map(|seed| simulation::run(seed, None, false).calls);
    let (calls, answered) = runs.fold((0, 0), |sum, run| (sum.0 + run.0, sum.1 + run.1));
    assert!(answered * 10 > calls * 7, "{answered} of {calls}");
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
    let guarantees = include_str!("../../docs/guarantees.md");
    let found_by = |mutation| (mutation, simulation::search(0..RUNS, Some(mutation)).map(|(seed, _)| seed));
    // All of them, as a change to what instances do moves many.
    assert_eq!(Mutation::ALL.map(found_by), FOUND_BY.map(|(mutation, first)| (mutation, Some(first))));
    for (mutation, first) in FOUND_BY {
        let told = guarantees.lines().find(|line| line.starts_with(&format!("| `{mutation:?}`: ")));
        assert!(told.is_some_and(|line| line.ends_with(&format!(" | {first} |"))), "{mutation:?}: {told:?}");
    }
}
