//! Refunds: what can be given back, to whom, and what becomes of it there.

use jeton::ledger::{Account, Command, Entry, Refusal, Source, Transaction, TransactionId, UserId};

use super::{
    DAY,
    asks::{capture, capture_part, first_until, refund, reserve, reserve_article},
    at,
    grants::{BEFORE, ENTRIES_BEFORE},
    limits::{Desk, JANUARY, balance_or_refusal, credit, debit},
};

/// The grants that an entry names.
fn grants(entry: &Transaction) -> Vec<(String, u64)> {
    entry.entry.grants.iter().map(|paid| (paid.grant.to_string(), paid.amount.get())).collect()
}

#[test]
fn a_debit_goes_back_to_the_grants_that_paid_it() {
    let mut desk = Desk::with(5, "0");
    let expiry = JANUARY + DAY;
    desk.done(&credit(6, first_until(Source::Promotion, expiry)));
    desk.done(&credit(9, Source::Purchase));
    let before = desk.grants();
    let paid = desk.done(&debit(Some(13))).transaction.unwrap();
    let stats = desk.stats();
    let back = desk.done(&refund(&paid));
    let entry = back.transaction.unwrap();
    let written = serde_json::to_value(&entry.entry).unwrap();
    assert_eq!(
        (written["type"].as_str(), written["source"].as_str(), written["refundOf"].as_str()),
        (Some("CREDIT"), Some("refund"), Some(paid.id.to_string().as_str()))
    );
    assert_eq!((written["amount"].as_u64(), written["balance"].as_u64()), (Some(13), Some(20)));
    assert_eq!(written["description"], "Remboursement");
    assert_eq!(grants(&entry), grants(&paid));
    assert_eq!(desk.grants(), before);
    // They say what was spent, also when it was given back.
    let after = back.stats;
    assert_eq!((after.tokens_used, after.total_generations), (stats.tokens_used, stats.total_generations));
    assert!(after.version > stats.version);
    // What was granted is what it was, with the two that are there again and the one that had been used up.
    let granted: Vec<u64> = after.grants.iter().map(|grant| grant.amount.get()).collect();
    assert_eq!(granted, [6, 5, 9]);
    desk.assert_sound();
}

#[test]
fn what_has_expired_since_expires_again_or_lasts_anew() {
    let expiry = JANUARY + 2 * DAY;
    let old = format!("promotion:p0:e{expiry}");
    // The plan, when the refund comes, to which grants it goes, how much of that expires at once, and what is left.
    for (plan, now, to, gone, left) in [
        ("", expiry - 1, old.clone(), 0, 6),
        ("", expiry, old.clone(), 6, 0),
        ("\nrefund_expired = \"expired\"", expiry + DAY, old.clone(), 6, 0),
        ("\nrefund_expired = { days = 3 }", expiry - 1, old.clone(), 0, 6),
        ("\nrefund_expired = { days = 3 }", expiry, format!("refund:e{}", expiry + 3 * DAY), 0, 6),
        ("\nrefund_expired = { days = 1 }", expiry + 9, format!("refund:e{}", expiry + 9 + DAY), 0, 6),
    ] {
        let mut desk = Desk::with(5, &format!("0{plan}"));
        desk.done(&credit(6, first_until(Source::Promotion, expiry)));
        let paid = desk.done(&debit(Some(8))).transaction.unwrap();
        let decided = desk.ask_at(now, &refund(&paid));
        let back = decided.result.unwrap();
        assert_eq!(grants(&back.transaction.unwrap()), [(to.clone(), 6), ("initial".to_owned(), 2)], "{plan} {now}");
        let expired: u64 =
            decided.entries.iter().filter(|each| each.entry.is_expiration()).map(|each| each.entry.amount.get()).sum();
        assert_eq!((expired, back.stats.token_balance), (gone, 5 + left), "{plan} {now}");
        desk.assert_sound();
        // What lasts anew is gone at its time.
        desk.now = at(expiry + 10 * DAY);
        assert_eq!(desk.stats().token_balance, 5, "{plan} {now}");
        desk.assert_sound();
    }
}

#[test]
fn what_cannot_be_given_back_is_told_apart_and_leaves_no_trace() {
    let mut desk = Desk::with(5, "0");
    desk.done(&credit(6, first_until(Source::Promotion, JANUARY + DAY)));
    let paid = desk.done(&debit(Some(2))).transaction.unwrap();
    let expired = desk.ask_at(JANUARY + DAY, &Command::Touch).entries.remove(0);
    let opening = desk.history[0].clone();
    let refunded = desk_refund(&mut desk);
    let again = |debit: &Transaction| Command::Refund {
        id: debit.id,
        found: Some(debit.clone()),
        archives: 0,
        refunded: true,
        description: None,
    };
    let unknown = Command::Refund {
        id: TransactionId::new(at(JANUARY), 99),
        found: None,
        archives: 0,
        refunded: false,
        description: None,
    };
    for (command, expected) in [
        (unknown, Refusal::TransactionNotFound),
        (again(&paid), Refusal::AlreadyRefunded),
        (refund(&opening), Refusal::NotRefundable),
        (refund(&expired), Refusal::NotRefundable),
        (refund(&refunded), Refusal::NotRefundable),
    ] {
        let before = desk.account.clone();
        let decided = desk.ask(&command);
        assert_eq!(decided.result.unwrap_err().refusal, expected, "{command:?}");
        assert_eq!((desk.account.clone(), decided.entries), (before, vec![]), "{command:?}");
    }
    // One of a history that was archived meanwhile is gone with it.
    desk.done(&Command::Reset);
    assert_eq!(desk.ask(&refund(&paid)).result.unwrap_err().refusal, Refusal::TransactionNotFound);
}

/// The entry of a refund.
fn desk_refund(desk: &mut Desk) -> Transaction {
    let paid = desk.done(&debit(Some(1))).transaction.unwrap();
    desk.done(&refund(&paid)).transaction.unwrap()
}

#[test]
fn a_refund_must_find_room() {
    const MAX: u64 = jeton::ledger::AMOUNT_MAX;
    let mut desk = Desk::with(MAX, "0");
    let paid = desk.done(&debit(Some(20))).transaction.unwrap();
    desk.done(&credit(1, Source::Purchase));
    assert_eq!(balance_or_refusal(&desk.ask(&refund(&paid))), Err(Refusal::BalanceLimitExceeded));
    // What is set aside may come back, and so takes room; what is captured gives it.
    desk.done(&reserve("a", 1, DAY));
    assert_eq!(balance_or_refusal(&desk.ask(&refund(&paid))), Err(Refusal::BalanceLimitExceeded));
    desk.done(&capture("a", None));
    assert_eq!(balance_or_refusal(&desk.ask(&refund(&paid))), Ok(MAX.cast_signed()));
    desk.assert_sound();
}

#[test]
fn each_part_of_a_capture_is_given_back_by_itself() {
    let mut desk = Desk::with(10, "0\ncapture_above = { allow = 5 }");
    desk.done(&reserve_article("a", 6, DAY));
    let first = desk.done(&capture_part("a", 5)).transaction.unwrap();
    let second = desk.done(&capture("a", Some(9))).transaction.unwrap();
    assert_eq!((desk.stats().token_balance, grants(&second)), (-4, vec![("initial".to_owned(), 5)]));
    // What nobody paid comes as tokens of its own, once what is owed is paid.
    let back = desk.done(&refund(&second));
    assert_eq!(grants(&back.transaction.unwrap()), [("initial".to_owned(), 5), ("refund".to_owned(), 4)]);
    assert_eq!(desk.grants(), [("initial".to_owned(), 1), ("refund".to_owned(), 4)]);
    desk.done(&refund(&first));
    assert_eq!(desk.grants(), [("initial".to_owned(), 6), ("refund".to_owned(), 4)]);
    assert_eq!((desk.stats().tokens_used, desk.stats().articles_generated), (14, 1));
    desk.assert_sound();
}

#[test]
fn a_debit_of_the_first_version_comes_back_as_tokens_of_its_own() {
    let alice = UserId::new("alice").unwrap();
    let mut desk = Desk::with(5_000, "300");
    let account = Account::from_document(BEFORE, &alice).unwrap();
    let debit = ENTRIES_BEFORE.iter().find(|(_, entry)| entry.contains("DEBIT")).unwrap();
    let entry: Entry = serde_json::from_str(debit.1).unwrap();
    let paid = Transaction { id: debit.0.parse().unwrap(), entry };
    desk.account = Some(account);
    desk.now = at(1_795_461_800_000);
    let Command::Refund { id, found, description, .. } = refund(&paid) else { unreachable!() };
    let command = Command::Refund { id, found, archives: 1, refunded: false, description };
    let back = desk.done(&command);
    assert_eq!(grants(&back.transaction.unwrap()), [("refund".to_owned(), 3)]);
    let left = [("initial", 4_997), ("purchase", 10), ("refund", 3)].map(|(id, left)| (id.to_owned(), left));
    assert_eq!(desk.grants(), left);
    assert_eq!(back.stats.token_balance, 5_010);
}
