//! Captures of what is not there, where the plan lets the balance go below zero, and who pays for it.

use jeton::ledger::{Command, Refusal, Source};

use super::{
    DAY,
    asks::{capture, capture_part, refund, release, reserve, until},
    at,
    limits::{Desk, JANUARY, balance_or_refusal, credit, debit},
    tokens,
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

/// 10 tokens, of which none is left, and 8 owed.
fn owing(plan: &str) -> Desk {
    let mut desk = Desk::with(10, &format!("{plan}\ncapture_above = {{ allow = 100 }}"));
    desk.done(&reserve("a", 10, DAY));
    desk.done(&capture("a", Some(18)));
    assert_eq!(desk.stats().token_balance, -8);
    desk
}

#[test]
fn what_comes_in_pays_what_is_owed_first() {
    let expiry = JANUARY + DAY;
    for (amount, balance, left) in [(7, -1, 0), (8, 0, 0), (9, 1, 1)] {
        let mut desk = owing("0");
        let entry = desk.done(&credit(amount, until(Source::Promotion, expiry))).transaction.unwrap().entry;
        assert_eq!((entry.amount.get(), entry.balance), (amount, balance), "the whole credit is in the history");
        let stats = desk.stats();
        let found: Vec<_> = stats.grants.iter().map(|grant| (grant.remaining, grant.amount.get())).collect();
        assert_eq!((stats.token_balance, found), (balance, vec![(left, left); left as usize]));
        // Only what did not pay can expire.
        let expired = desk.ask_at(expiry, &Command::Touch).entries;
        assert_eq!(expired.iter().map(|each| each.entry.amount.get()).sum::<u64>(), left);
        assert_eq!(desk.stats().token_balance, balance.min(0));
        desk.assert_sound();
    }
}

#[test]
fn an_allowance_pays_what_is_owed_and_the_rest_of_it_stays() {
    for (allowance, left) in [(5, -3), (8, 0), (20, 12)] {
        for carry_over in ["", "\ncarry_over = \"none\"", "\ncarry_over = 3"] {
            let mut desk = owing(&format!("{allowance}{carry_over}"));
            let billed = desk.ask_at(JANUARY + 31 * DAY, &Command::Touch);
            assert_eq!((billed.billed.tokens, billed.account.balance()), (allowance, left), "{carry_over}");
            desk.assert_sound();
            desk.now = at(JANUARY + 59 * DAY);
            desk.stats();
            desk.assert_sound();
        }
    }
}

#[test]
fn whoever_owes_can_spend_nothing() {
    let mut desk = owing("0");
    let few = |required| Err(Refusal::InsufficientTokens { required: tokens(required), available: 0 });
    assert_eq!(balance_or_refusal(&desk.ask(&debit(Some(1)))), few(1));
    assert_eq!(balance_or_refusal(&desk.ask(&reserve("b", 1, DAY))), few(1));
    desk.done(&credit(9, Source::Purchase));
    assert_eq!(balance_or_refusal(&desk.ask(&debit(Some(1)))), Ok(0));
    desk.assert_sound();
}

#[test]
fn a_refund_pays_what_is_owed_also_with_tokens_that_have_expired() {
    let expiry = JANUARY + DAY;
    // What was spent of tokens that have expired when it is given back, and what is left then.
    for (spent, left) in [(5, -3), (8, 0), (9, 0)] {
        let mut desk = desk();
        desk.done(&reserve("a", 10, 2 * DAY));
        desk.done(&credit(spent, until(Source::Purchase, expiry)));
        let paid = desk.done(&debit(Some(spent))).transaction.unwrap();
        desk.done(&capture("a", Some(18)));
        let back = desk.ask_at(expiry, &refund(&paid));
        let gone: u64 = back.entries[1..].iter().map(|each| each.entry.amount.get()).sum();
        assert_eq!((back.account.balance(), gone), (left, spent.saturating_sub(8)), "{spent}");
        desk.assert_sound();
    }
}
