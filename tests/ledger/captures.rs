//! Captures: in parts, beyond what is set aside, and below zero.

use jeton::ledger::{Refusal, Source};

use super::{
    DAY,
    asks::{capture, capture_part, release, reserve, reserve_article},
    limits::{Desk, balance_or_refusal, credit, debit},
    tokens,
};

#[test]
fn captures_in_parts_are_one_generation() {
    let mut desk = Desk::with(20, "0\ncapture_above = \"cap\"");
    desk.done(&reserve_article("a", 10, DAY));
    desk.done(&reserve("b", 5, DAY));
    let counts = |desk: &mut Desk| {
        let stats = desk.stats();
        let balances = (stats.token_balance, stats.tokens_reserved);
        (stats.articles_generated, stats.total_generations, stats.tokens_used, balances)
    };
    // What is captured, which part that is, and what is counted after it.
    for (ask, part, counted) in [
        (capture_part("a", 4), Some(None), (1, 1, 4, (5, 11))),
        (capture_part("a", 6), Some(Some(2)), (1, 1, 10, (5, 5))),
        (capture_part("a", 5), Some(Some(3)), (1, 1, 15, (0, 5))),
        (capture_part("a", 5), None, (1, 1, 15, (0, 5))),
        (capture_part("b", 2), Some(None), (1, 1, 17, (0, 3))),
        (capture("b", Some(1)), Some(Some(2)), (1, 1, 18, (2, 0))),
        (capture("a", Some(3)), Some(Some(4)), (1, 1, 20, (0, 0))),
    ] {
        let version = desk.stats().version;
        let done = desk.done(&ask);
        let told = done.transaction.map(|entry| entry.entry.part);
        assert_eq!((told, counts(&mut desk)), (part, counted), "{ask:?}");
        assert!(desk.stats().version > version, "{ask:?}");
        desk.assert_sound();
    }
}

#[test]
fn the_first_capture_that_takes_something_is_the_generation() {
    let mut desk = Desk::with(7, "0\ncapture_above = \"cap\"");
    desk.done(&reserve_article("a", 2, DAY));
    desk.done(&reserve_article("b", 5, DAY));
    desk.done(&capture_part("a", 2));
    desk.done(&capture_part("b", 5));
    assert_eq!(desk.stats().articles_generated, 2);
    // Nothing is there: no entry, and the outcome says what is missing.
    let nothing = desk.done(&capture_part("a", 3));
    let reservation = nothing.reservation.unwrap();
    assert_eq!((nothing.transaction, reservation.captured, reservation.shortfall), (None, 2, 3));
    desk.done(&credit(4, Source::Purchase));
    let last = desk.done(&capture("a", Some(3)));
    assert_eq!(last.transaction.unwrap().entry.part, Some(2));
    assert_eq!((last.reservation.unwrap().shortfall, last.stats.articles_generated), (3, 2));
    desk.assert_sound();
}

#[test]
fn a_capture_beyond_its_reservation_goes_as_the_plan_says() {
    let told = |refusal: Refusal| {
        let cap = matches!(refusal, Refusal::SpendingCapReached { .. });
        if cap { "the cap".to_owned() } else { format!("{refusal:?}") }
    };
    let capped = || Err("the cap".to_owned());
    let few = |available| Err(told(Refusal::InsufficientTokens { required: tokens(15), available }));
    // The plan, what else there is beside a reservation of 10 of which 15 are captured, and what comes of it: what is
    // captured, what is missing, the balance.
    for (plan, more, expected) in [
        ("", 5, Ok((15, 0, 0))),
        ("", 4, few(14)),
        ("\ncapture_above = \"reject\"", 4, few(14)),
        ("\ncapture_above = \"cap\"", 5, Ok((15, 0, 0))),
        ("\ncapture_above = \"cap\"", 4, Ok((14, 1, 0))),
        ("\ncapture_above = \"cap\"", 0, Ok((10, 5, 0))),
        ("\ncapture_above = { allow = 5 }", 0, Ok((15, 0, -5))),
        ("\ncapture_above = { allow = 4 }", 0, few(10)),
        ("\ncapture_above = { allow = 4 }", 1, Ok((15, 0, -4))),
        ("\ncapture_above = { allow = 0 }", 4, few(14)),
        // A cap says no where the balance would have been enough, and gives what is left of it.
        ("\ndaily_cap = 15", 9, Ok((15, 0, 4))),
        ("\ndaily_cap = 14", 9, capped()),
        ("\ndaily_cap = 14", 4, few(14)),
        ("\nmonthly_cap = 14\ncapture_above = { allow = 9 }", 0, capped()),
        ("\ndaily_cap = 15\ncapture_above = { allow = 9 }", 0, Ok((15, 0, -5))),
        ("\nmonthly_cap = 12\ncapture_above = \"cap\"", 9, Ok((12, 3, 7))),
        ("\ndaily_cap = 13\nmonthly_cap = 12\ncapture_above = \"cap\"", 1, Ok((11, 4, 0))),
        ("\ndaily_cap = 10\ncapture_above = \"cap\"", 9, Ok((10, 5, 9))),
    ] {
        let mut desk = Desk::with(10 + more, &format!("0{plan}"));
        desk.done(&reserve("a", 10, DAY));
        let before = desk.account.clone();
        let done = desk.ask(&capture("a", Some(15)));
        let outcome = done.result.map_err(|refused| told(refused.refusal)).map(|done| {
            let reservation = done.reservation.unwrap();
            assert_eq!(done.transaction.unwrap().entry.amount.get(), reservation.captured);
            (reservation.captured, reservation.shortfall, done.stats.token_balance)
        });
        assert_eq!(outcome, expected, "{plan} {more}");
        assert_eq!(desk.account == before, expected.is_err(), "{plan} {more}");
        desk.assert_sound();
    }
}

#[test]
fn a_cap_that_has_become_smaller_is_not_in_the_way_of_what_is_set_aside() {
    let mut desk = Desk::with(20, "0");
    desk.done(&reserve("a", 10, DAY));
    desk.done(&debit(Some(4)));
    desk.catalogue = Desk::with(20, "0\ndaily_cap = 3").catalogue;
    assert_eq!(balance_or_refusal(&desk.ask(&capture("a", None))), Ok(6));
    assert!(matches!(desk.ask(&debit(Some(1))).result, Err(refused) if refused.stats.token_balance == 6));
}

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
