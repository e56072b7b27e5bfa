//! The forecast: what time changes next, and when the balance is used up.

use jeton::{
    ledger::{AMOUNT_MAX, Coming, ComingKind, Command, Effective, Source, Terms, Timestamp, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{
    DAY,
    asks::{capture_part, change, first_until, refund, reserve, until},
    at,
    limits::{Desk, JANUARY, credit, debit},
    plan_changes,
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

#[test]
fn all_that_happens_at_the_next_instant_is_told_in_its_order() {
    use ComingKind::{Billing, Expiration, Reservation};
    // When a reservation of 8 ends that holds all 6 tokens that expire, and when these and 4 others of them do, both seen
    // from the billing; and what comes first.
    for (end, expiry, at_millis, expected) in [
        (1, 1, 0, vec![(Billing, 20)]),
        (0, 1, 0, vec![(Reservation, 8), (Billing, 20)]),
        (1, 0, 0, vec![(Expiration, 4), (Billing, 20)]),
        (0, 0, 0, vec![(Reservation, 8), (Expiration, 10), (Billing, 20)]),
        (-1, 0, -1, vec![(Reservation, 8)]),
        (0, -1, -1, vec![(Expiration, 4)]),
        (-1, -1, -1, vec![(Reservation, 8), (Expiration, 10)]),
        (-2, -1, -2, vec![(Reservation, 8)]),
        (-1, -2, -2, vec![(Expiration, 4)]),
    ] {
        let mut desk = Desk::with(5, "20");
        let from_billing = |millis: i64| FEBRUARY.checked_add_signed(millis).unwrap();
        let kind = first_until(Source::Promotion, from_billing(expiry));
        desk.done(&credit(6, kind));
        desk.done(&reserve("a", 8, from_billing(end) - JANUARY));
        desk.done(&credit(4, kind));
        let next = desk.stats().forecast.next;
        let expected: Vec<_> =
            expected.into_iter().map(|(what, amount)| coming(from_billing(at_millis), what, amount)).collect();
        assert_eq!(next, expected, "{end} {expiry}");
    }
}

#[test]
fn the_next_billing_is_that_of_the_plan_that_will_hold_and_has_the_room_that_will_be() {
    for (gold, expected) in [
        ("50", vec![(ComingKind::Billing, 50)]),
        ("0", vec![]),
        ("50\ncarry_over = \"none\"", vec![(ComingKind::Expiration, 20), (ComingKind::Billing, 50)]),
        ("0\ncarry_over = 15", vec![(ComingKind::Expiration, 5)]),
    ] {
        for effective in [Effective::Now, Effective::NextPeriod] {
            let mut desk = plan_changes::desk(gold, "UTC");
            desk.stats();
            desk.now = at(FEBRUARY);
            desk.done(&change(Some("gold"), effective));
            let next: Vec<_> = desk.stats().forecast.next.iter().map(|next| (next.what, next.amount)).collect();
            assert_eq!(next, expected, "{gold} {effective:?}");
        }
    }
    let mut desk = Desk::with(AMOUNT_MAX - 7, "20");
    assert_eq!(desk.stats().forecast.next, [coming(FEBRUARY, ComingKind::Billing, 7)]);
    desk.done(&debit(Some(2)));
    assert_eq!(desk.stats().forecast.next, [coming(FEBRUARY, ComingKind::Billing, 9)]);
    // What is set aside takes room too.
    desk.done(&reserve("a", 1_000, 100 * DAY));
    assert_eq!(desk.stats().forecast.next, [coming(FEBRUARY, ComingKind::Billing, 9)]);
}

fn runs_out(desk: &mut Desk) -> Option<u64> {
    desk.stats().forecast.runs_out_at.map(Timestamp::as_millis)
}

#[test]
fn the_balance_is_used_up_at_the_pace_of_the_last_thirty_days() {
    let mut desk = Desk::with(100, "0");
    assert_eq!(runs_out(&mut desk), None, "nothing was spent");
    // 10 a day: 90 last nine days, from the debit on.
    let noon = JANUARY + DAY / 2;
    desk.ask_at(noon, &debit(Some(10))).result.unwrap();
    assert_eq!(runs_out(&mut desk), Some(noon + 9 * DAY));
    for read in [noon + 1, noon + 3_600_000, JANUARY + DAY - 1] {
        desk.now = at(read);
        assert_eq!(runs_out(&mut desk), Some(noon + 9 * DAY), "it is the same for all of the day");
    }
    // 5 a day from the next midnight on, as that is the second day; and so on until it is the thirtieth of these.
    for day in 1..30 {
        for read in [day * DAY, day * DAY + DAY - 1] {
            desk.now = at(JANUARY + read);
            assert_eq!(runs_out(&mut desk), Some(JANUARY + day * DAY + 9 * (day + 1) * DAY), "{day}");
        }
    }
    desk.now = at(JANUARY + 30 * DAY);
    assert_eq!(runs_out(&mut desk), None, "it is too long ago");
    // What comes in lasts longer; what is given back was not spent; what is set aside is not there.
    let paid = desk.done(&debit(Some(30))).transaction.unwrap();
    let today = JANUARY + 30 * DAY;
    assert_eq!(runs_out(&mut desk), Some(today + 60 * DAY));
    desk.done(&credit(20, Source::Purchase));
    assert_eq!(runs_out(&mut desk), Some(today + 80 * DAY));
    desk.done(&reserve("a", 50, DAY));
    assert_eq!(runs_out(&mut desk), Some(today + 30 * DAY));
    desk.done(&debit(Some(30)));
    assert_eq!(runs_out(&mut desk), Some(today), "nothing is left");
    desk.done(&refund(&paid));
    assert_eq!(runs_out(&mut desk), Some(today + 30 * DAY));
}

#[test]
fn a_balance_that_lasts_beyond_the_calendar_does_not_run_out() {
    let mut desk = Desk::with(AMOUNT_MAX, "0");
    desk.done(&debit(Some(1)));
    assert_eq!(runs_out(&mut desk), None);
    desk.done(&Command::Reset);
    assert_eq!(runs_out(&mut desk), None);
}

#[test]
fn the_pace_of_the_demo_account_is_that_of_its_history() {
    let catalogue = Catalogue::built_in().unwrap();
    let terms = Terms { catalogue, now: at(JANUARY), locale: Locale::French, stage: Stage::Production };
    let opened = decide(None, &UserId::new("test-user-id").unwrap(), &Command::Touch, terms).unwrap();
    let forecast = opened.result.unwrap().stats.forecast;
    // 13 tokens since six days ago, which is the first day that something was spent on, and today.
    assert_eq!(forecast.runs_out_at, Some(at(JANUARY + 4_987 * 7 * DAY / 13)));
}
