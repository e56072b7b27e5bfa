//! Reservations: who is first at one instant, what goes back where, what a capture takes and says.

use jeton::ledger::{Refusal, Source};

use super::{
    DAY,
    asks::{capture, release, reserve, until},
    limits::{Desk, JANUARY, balance_or_refusal, credit, debit},
    tokens,
};

#[test]
fn what_a_plan_lets_a_capture_owe_is_measured_by_the_balance() {
    let few = |required, available| Err(Refusal::InsufficientTokens { required: tokens(required), available });
    // What may be owed in the end, what the last capture asks for of a reservation of 5, and what comes of it.
    for (limit, amount, expected) in [
        // It is covered by what is set aside, whatever is owed.
        (3, 5, Ok(-8)),
        (3, 6, few(6, 5)),
        (8, 6, few(6, 5)),
        (9, 6, Ok(-9)),
        (9, 7, few(7, 5)),
    ] {
        let mut desk = Desk::with(20, "0\ncapture_above = { allow = 8 }");
        for name in ["a", "b", "c"] {
            desk.done(&reserve(name, if name == "a" { 10 } else { 5 }, DAY));
        }
        desk.done(&capture("b", Some(13)));
        desk.catalogue = Desk::with(20, &format!("0\ncapture_above = {{ allow = {limit} }}")).catalogue;
        assert_eq!(balance_or_refusal(&desk.ask(&capture("c", Some(amount)))), expected, "{limit} {amount}");
        desk.assert_sound();
        // What comes back is a balance again, and may be owed again.
        desk.done(&release("a"));
        assert_eq!(desk.stats().token_balance, expected.unwrap_or(-8) + 10);
        desk.assert_sound();
    }
    let mut desk = Desk::with(20, "0\ncapture_above = { allow = 10 }");
    for name in ["a", "b", "c"] {
        desk.done(&reserve(name, if name == "a" { 10 } else { 5 }, DAY));
    }
    desk.done(&capture("b", Some(15)));
    desk.done(&release("a"));
    assert_eq!(desk.stats().token_balance, 0);
    assert_eq!(balance_or_refusal(&desk.ask(&capture("c", Some(16)))), few(16, 5));
    assert_eq!(balance_or_refusal(&desk.ask(&capture("c", Some(15)))), Ok(-10));
    desk.assert_sound();
}

#[test]
fn what_a_clock_that_is_behind_gives_back_has_expired_if_it_had_by_the_last_entry() {
    let expiry = JANUARY + DAY;
    // The instant of the last entry, which another clock wrote, seen from the expiry; and what is left of the tokens.
    for (last, left) in [(-1, 6), (0, 0), (1, 0)] {
        let mut desk = Desk::with(10, "0");
        desk.done(&credit(6, until(Source::Promotion, expiry)));
        desk.done(&reserve("a", 16, 2 * DAY));
        desk.ask_at(expiry.checked_add_signed(last).unwrap(), &credit(1, Source::Purchase));
        desk.ask_at(expiry - 2, &release("a")).result.unwrap();
        assert_eq!(desk.stats().token_balance, 11 + left, "{last}");
        desk.done(&debit(Some(1)));
        desk.assert_sound();
    }
}
