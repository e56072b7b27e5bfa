//! The test clock: an account's time goes on with it, and only forward, and only in development.

use jeton::{
    ledger::{Command, Refusal, Source},
    stage::Stage,
};

use super::{
    DAY,
    asks::{reserve, until},
    at,
    limits::{Desk, JANUARY, credit, debit},
};

const FEBRUARY: u64 = JANUARY + 31 * DAY;
const YEAR: u64 = 365 * DAY;

fn desk() -> Desk {
    let mut desk = Desk::with(10, "20");
    desk.stage = Stage::Development;
    desk
}

fn set(instant: u64) -> Command {
    Command::SetClock(at(instant))
}

#[test]
fn what_falls_due_by_the_clock_happens_at_its_own_instant_and_stays() {
    let mut desk = desk();
    desk.done(&credit(6, until(Source::Promotion, JANUARY + DAY)));
    desk.done(&reserve("a", 3, 2 * DAY));
    let moved = desk.ask(&set(FEBRUARY + 9));
    let written: Vec<_> = moved.entries.iter().map(|each| (each.id.timestamp(), each.entry.amount.get())).collect();
    assert_eq!(written, [(at(JANUARY + DAY), 6), (at(FEBRUARY), 20)]);
    assert_eq!((moved.closed[0].closed_at, moved.billed.periods), (Some(at(JANUARY + 2 * DAY)), 1));
    assert!(moved.result.unwrap().transaction.is_none());
    // Its own time is the clock's, whatever the real one is, until that has come so far.
    for (real, own) in [(0, FEBRUARY + 9), (DAY, FEBRUARY + 9), (40 * DAY, JANUARY + 40 * DAY)] {
        desk.now = at(JANUARY + real);
        assert_eq!(desk.done(&debit(Some(1))).transaction.unwrap().id.timestamp(), at(own));
    }
    desk.assert_sound();
}

#[test]
fn the_clock_goes_only_forward_and_no_further_than_ten_years_at_once() {
    for (to, accepted) in [
        (JANUARY - 1, false),
        (JANUARY + DAY - 1, false),
        (JANUARY + DAY, true),
        (JANUARY + DAY + 1, true),
        (JANUARY + 10 * YEAR, true),
        (JANUARY + 11 * YEAR, false),
        (253_402_300_799_999, false),
    ] {
        let mut desk = desk();
        desk.done(&set(JANUARY + DAY));
        desk.now = at(JANUARY + 7);
        let (before, version) = (desk.account.clone(), desk.stats().version);
        let decided = desk.ask(&set(to));
        let refusal = decided.result.as_ref().err().map(|refused| refused.refusal.clone());
        assert_eq!(refusal, (!accepted).then_some(Refusal::ClockRefused), "{to}");
        if to <= JANUARY + DAY {
            assert_eq!((desk.account.clone(), desk.stats().version), (before, version), "nothing is another: {to}");
        }
    }
    // Nor behind the real time.
    let mut desk = desk();
    desk.done(&set(JANUARY + 5));
    desk.now = at(JANUARY + 9);
    assert_eq!(desk.ask(&set(JANUARY + 8)).result.unwrap_err().refusal, Refusal::ClockRefused);
    desk.done(&set(JANUARY + 9));
}

#[test]
fn a_clock_opens_an_account_and_outlives_a_reset() {
    let mut desk = desk();
    let stats = desk.done(&set(FEBRUARY)).stats;
    assert_eq!((stats.created_at, stats.token_balance), (at(JANUARY), 30));
    let stats = desk.done(&Command::Reset).stats;
    assert_eq!((stats.created_at, stats.token_balance), (at(FEBRUARY), 10));
    assert_eq!(stats.next_billing_date, at(FEBRUARY + 28 * DAY));
    desk.assert_sound();
}

#[test]
fn production_refuses_a_clock_and_drops_one_that_is_there() {
    let mut desk = desk();
    desk.stats();
    desk.done(&set(JANUARY + DAY));
    let with_clock = desk.account.clone();
    for ask in [Command::Touch, set(JANUARY + 2 * DAY), debit(Some(1))] {
        let mut desk = Desk::with(10, "20");
        desk.account.clone_from(&with_clock);
        desk.now = at(JANUARY + 5);
        let decided = desk.ask(&ask);
        let refused = matches!(ask, Command::SetClock(_));
        assert_eq!(decided.result.is_err(), refused, "{ask:?}");
        assert!(!decided.account.to_document().unwrap().contains("clock"), "{ask:?}");
        for entry in decided.entries {
            assert_eq!(entry.id.timestamp(), at(JANUARY + 5), "the real time");
        }
    }
}
