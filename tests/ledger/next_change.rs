//! When time alone next changes what callers see: whoever shows an account live looks then.

use jeton::ledger::{Source, Timestamp};

use super::{
    DAY,
    asks::{capture_part, reserve, until},
    at,
    caps::desk_in,
    limits::{Desk, JANUARY, credit},
};

const HOUR: u64 = DAY / 24;

/// When it changes next, settled at `now`.
fn next_change(desk: &mut Desk, now: u64) -> Timestamp {
    desk.now = at(now);
    desk.stats();
    desk.account.as_ref().unwrap().next_change(&desk.catalogue, desk.now).unwrap()
}

#[test]
fn it_is_the_first_of_all_that_is_coming_and_at_the_latest_the_end_of_the_day() {
    let mut desk = Desk::with(100, "300");
    // The day ends where the time of the plan says so; the billing is at the end of one.
    for (now, next) in [
        (JANUARY, JANUARY + DAY),
        (JANUARY + DAY - 1, JANUARY + DAY),
        (JANUARY + DAY, JANUARY + 2 * DAY),
        (JANUARY + 31 * DAY - 1, JANUARY + 31 * DAY),
        (JANUARY + 31 * DAY, JANUARY + 32 * DAY),
    ] {
        assert_eq!(next_change(&mut desk, now), at(next), "{now}");
    }
    let mut desk = Desk::with(100, "300");
    desk.done(&credit(6, until(Source::Purchase, JANUARY + 2 * HOUR)));
    assert_eq!(next_change(&mut desk, JANUARY), at(JANUARY + 2 * HOUR), "tokens expire");
    desk.done(&reserve("a", 4, HOUR));
    assert_eq!(next_change(&mut desk, JANUARY), at(JANUARY + HOUR), "a reservation ends");
    assert_eq!(next_change(&mut desk, JANUARY + HOUR), at(JANUARY + 2 * HOUR));
    assert_eq!(next_change(&mut desk, JANUARY + 2 * HOUR), at(JANUARY + DAY));
    // What brings and takes nothing is seen all the same.
    desk.done(&reserve("b", 4, HOUR));
    desk.done(&capture_part("b", 4));
    assert_eq!(next_change(&mut desk, JANUARY + 2 * HOUR), at(JANUARY + 3 * HOUR));
    let mut desk = Desk::with(100, "0");
    assert_eq!(next_change(&mut desk, JANUARY + 31 * DAY - HOUR), at(JANUARY + 31 * DAY), "a billing of nothing");
}

#[test]
fn a_day_is_one_of_the_plans_time_zone() {
    // It is opened on the first of January, at noon in UTC.
    let noon = JANUARY - 4 * DAY + 12 * HOUR;
    for (zone, left) in [
        ("UTC", 12 * HOUR),
        ("Europe/Paris", 11 * HOUR),
        ("America/New_York", 17 * HOUR),
        ("Asia/Kathmandu", 6 * HOUR + HOUR / 4),
    ] {
        let mut desk = desk_in(zone, "daily_cap = 50");
        assert_eq!(next_change(&mut desk, noon), at(noon + left), "{zone}");
        assert_eq!(next_change(&mut desk, noon + left), at(noon + left + DAY), "{zone}");
    }
}
