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
