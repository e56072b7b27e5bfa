//! The forecast: what time changes next, and when the balance is used up.

use jeton::ledger::{Coming, ComingKind, Source};

use super::{
    DAY,
    asks::{capture_part, reserve, until},
    at,
    limits::{Desk, JANUARY, credit},
};

const FEBRUARY: u64 = JANUARY + 31 * DAY;

fn coming(at_millis: u64, what: ComingKind, amount: u64) -> Coming {
    Coming { at: at(at_millis), what, amount }
}

#[test]
fn what_changes_nothing_hides_nothing_that_comes_later() {
    // A billing that brings nothing.
    let mut desk = Desk::with(10, "0");
    let expiry = JANUARY + 100 * DAY;
    desk.done(&credit(6, until(Source::Purchase, expiry)));
    assert_eq!(desk.stats().forecast.next, [coming(expiry, ComingKind::Expiration, 6)]);
    // A reservation that holds nothing any more.
    let mut desk = Desk::with(10, "300");
    desk.done(&reserve("empty", 4, DAY));
    desk.done(&capture_part("empty", 4));
    assert_eq!(desk.stats().forecast.next, [coming(FEBRUARY, ComingKind::Billing, 300)]);
    desk.done(&reserve("a", 3, 2 * DAY));
    assert_eq!(desk.stats().forecast.next, [coming(JANUARY + 2 * DAY, ComingKind::Reservation, 3)]);
    // Nothing at all.
    assert_eq!(Desk::with(10, "0").stats().forecast.next, []);
}

#[test]
fn what_is_set_aside_is_kept_first_of_allowances_also_when_its_time_is_over() {
    let mut desk = Desk::with(0, "20\ncarry_over = 25\nallowance_days = 40");
    let billings = [31, 59, 90].map(|days| JANUARY + days * DAY);
    desk.stats();
    desk.ask_at(billings[0], &reserve("a", 8, 100 * DAY)).result.unwrap();
    desk.ask_at(billings[1], &reserve("b", 1, 1_000)).result.unwrap();
    // 12 of the first allowance expire at 71 days. Of the second 20 are left at the third billing, and 8 of the first are
    // held, so that 17 stay.
    desk.now = at(JANUARY + 80 * DAY);
    let expected = [(ComingKind::Expiration, 3), (ComingKind::Billing, 20)];
    assert_eq!(desk.stats().forecast.next, expected.map(|(what, amount)| coming(billings[2], what, amount)));
    desk.now = at(billings[2]);
    assert_eq!(desk.stats().token_balance, 17 + 20);
}
