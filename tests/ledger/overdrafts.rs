//! Captures of what is not there, where the plan lets the balance go below zero, and who pays for it.

use jeton::ledger::{Command, Source};

use super::{
    DAY,
    asks::{capture, capture_part, release, reserve, until},
    limits::{Desk, JANUARY, credit},
};

fn desk() -> Desk {
    Desk::with(10, "0\ncapture_above = { allow = 100 }")
}

#[test]
fn a_capture_that_no_grant_pays_is_owed_and_takes_nothing_from_others() {
    let mut desk = desk();
    desk.done(&reserve("a", 4, DAY));
    desk.done(&reserve("b", 6, DAY));
    desk.done(&capture_part("a", 4));
    // Nothing is set aside for it any more, nothing is there, and what others hold is theirs.
    let owing = desk.done(&capture("a", Some(5)));
    let entry = owing.transaction.unwrap().entry;
    assert_eq!((entry.amount.get(), entry.balance, entry.part, entry.grants), (5, 1, Some(2), vec![]));
    assert_eq!((owing.stats.token_balance, owing.stats.tokens_reserved), (-5, 6));
    desk.assert_sound();
    desk.done(&capture("b", None));
    desk.assert_sound();
    desk.done(&credit(7, Source::Purchase));
    assert_eq!(desk.grants(), [("purchase".to_owned(), 2)]);
    desk.assert_sound();
}

#[test]
fn tokens_that_come_back_and_expire_leave_what_is_owed() {
    let mut desk = desk();
    desk.done(&credit(20, until(Source::Promotion, JANUARY + DAY)));
    desk.done(&reserve("a", 10, 2 * DAY));
    desk.done(&reserve("b", 20, 2 * DAY));
    desk.done(&capture("a", Some(25)));
    assert_eq!(desk.stats().token_balance, -15);
    desk.done(&release("b"));
    assert_eq!(desk.stats().token_balance, 5);
    let expired = desk.ask_at(JANUARY + DAY, &Command::Touch);
    assert_eq!(expired.result.unwrap().stats.token_balance, -15);
    desk.assert_sound();
}
