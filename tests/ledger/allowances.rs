//! How a plan carries its allowance over, and how long it lasts.

use jeton::ledger::{Account, Command, Source, TransactionType};

use super::{
    DAY, at,
    histories::assert_verified,
    limits::{Desk, JANUARY, credit, debit},
};

#[test]
fn what_a_plan_does_not_carry_over_expires_before_the_next_allowance_and_nothing_else_does() {
    // What the plan says, what is spent in the first month, and what is left of each grant after the second billing.
    for (plan, spent, expected) in [
        ("20", 0, vec![("initial", 10), ("monthly", 40), ("promotion", 30), ("purchase", 50)]),
        ("20\ncarry_over = \"all\"", 15, vec![("monthly", 35), ("promotion", 30), ("purchase", 50)]),
        ("20\ncarry_over = \"none\"", 0, vec![("monthly:e", 20), ("initial", 10), ("promotion", 30), ("purchase", 50)]),
        (
            "20\ncarry_over = \"none\"",
            15,
            vec![("monthly:e", 20), ("initial", 10), ("promotion", 30), ("purchase", 50)],
        ),
        ("20\ncarry_over = 0", 21, vec![("monthly:e", 20), ("initial", 9), ("promotion", 30), ("purchase", 50)]),
        ("20\ncarry_over = \"none\"", 35, vec![("monthly:e", 20), ("promotion", 25), ("purchase", 50)]),
        ("20\ncarry_over = 7", 0, vec![("initial", 10), ("monthly", 27), ("promotion", 30), ("purchase", 50)]),
        ("20\ncarry_over = 7", 23, vec![("monthly", 27), ("promotion", 30), ("purchase", 50)]),
        ("20\ncarry_over = 7", 24, vec![("monthly", 26), ("promotion", 30), ("purchase", 50)]),
    ] {
        let mut desk = Desk::with(10, plan);
        for (amount, source) in [(50, Source::Purchase), (30, Source::Promotion)] {
            desk.ask(&credit(amount, source));
        }
        desk.now = at(JANUARY + 31 * DAY);
        desk.ask(&Command::Touch);
        if spent > 0 {
            desk.ask(&debit(Some(spent)));
        }
        desk.now = at(JANUARY + 59 * DAY);
        let billed = desk.ask(&Command::Touch);
        let until = format!(":e{}", JANUARY + 90 * DAY);
        let expected: Vec<_> = expected.iter().map(|(id, tokens)| (id.replace(":e", &until), *tokens)).collect();
        assert_eq!(desk.grants(), expected, "{plan}");
        let kinds: Vec<_> = billed.entries.iter().map(|each| (each.entry.is_expiration(), each.id)).collect();
        assert!(kinds.iter().all(|(_, id)| id.timestamp() == at(JANUARY + 59 * DAY)), "{plan}: {kinds:?}");
        assert!(
            kinds.is_sorted_by(|(one, _), (next, _)| one > next) && billed.billed.tokens == 20,
            "{plan}: {kinds:?}"
        );
    }
}

#[test]
fn an_allowance_that_is_not_carried_over_is_spent_before_what_stays() {
    let mut desk = Desk::with(5_000, "300\ncarry_over = \"none\"");
    desk.ask(&Command::Touch);
    let billings = [31, 59, 90, 120, 151, 181, 212].map(|days| JANUARY + days * DAY);
    for (billing, next) in billings.into_iter().zip(&billings[1..]) {
        desk.now = at(billing + DAY);
        assert_eq!(desk.grants(), [(format!("monthly:e{next}"), 300), ("initial".to_owned(), 5_000)]);
        let spent = if billing == billings[5] { 120 } else { 300 };
        assert!(desk.ask(&debit(Some(spent))).result.is_ok());
    }
    assert_eq!(desk.grants(), [(format!("monthly:e{}", billings[6]), 180), ("initial".to_owned(), 5_000)]);
    // What is left of it expires at the billing, once, and the next one is there.
    desk.now = at(billings[6]);
    let billed = desk.ask(&Command::Touch);
    let written: Vec<_> = billed.entries.iter().map(|each| (each.entry.kind, each.entry.amount.get())).collect();
    assert_eq!(written, [(TransactionType::Debit, 180), (TransactionType::Credit, 300)]);
    assert_eq!(billed.account.balance(), 5_300);
}

#[test]
fn allowances_from_before_the_plan_said_that_none_is_carried_over_go_at_the_billing() {
    let mut desk = Desk::with(10, "20\ncarry_over = \"none\"");
    let opened = desk.ask(&Command::Touch).account;
    let document = opened.to_document().unwrap();
    let before = document.replace(r#""remaining":10}"#, r#""remaining":10},{"source":"monthly","remaining":40}"#);
    desk.account = Some(Account::from_document(&before, opened.user_id()).unwrap());
    desk.now = at(JANUARY + 31 * DAY);
    let left = [(format!("monthly:e{}", JANUARY + 59 * DAY), 20), ("initial".to_owned(), 10)];
    assert_eq!(desk.grants(), left);
}

#[test]
fn of_allowances_the_one_that_lasts_longest_is_carried_over() {
    let mut desk = Desk::with(0, "20\ncarry_over = 25\nallowance_days = 80");
    desk.ask(&Command::Touch);
    let billings = [31, 59, 90].map(|days| JANUARY + days * DAY);
    let expiries = billings.map(|billing| billing + 80 * DAY);
    let left = [[20, 0, 0], [20, 20, 0], [5, 20, 20]];
    for (billing, left) in billings.into_iter().zip(left) {
        desk.now = at(billing);
        let expected = expiries.iter().zip(left).filter(|(_, left)| *left > 0);
        let expected: Vec<_> = expected.map(|(expiry, left)| (format!("monthly:e{expiry}"), left)).collect();
        assert_eq!(desk.grants(), expected);
    }
}

#[test]
fn after_ten_years_an_account_is_as_small_as_after_a_month() {
    for (plan, grants_max) in [
        ("300", 1),
        ("300\ncarry_over = \"none\"", 1),
        ("300\nallowance_days = 30", 2),
        ("300\nallowance_days = 366", 13),
        ("300\ncarry_over = 1000\nallowance_days = 366", 5),
    ] {
        let mut desk = Desk::with(0, plan);
        desk.ask(&Command::Touch);
        let mut longest = 0;
        for day in 1..=3_650 {
            desk.now = at(JANUARY + day * DAY);
            desk.ask(&debit(Some(1 + day % 7)));
            if day % 50 == 0 {
                desk.ask(&credit(70, Source::Purchase));
            }
            let account = desk.account.as_ref().unwrap();
            longest = longest.max(account.to_document().unwrap().len());
            let grants = desk.grants().into_iter().filter(|(id, _)| id.starts_with("monthly")).count();
            assert!(grants <= grants_max, "{plan}: {grants}");
        }
        // What the numbers and the grants of one account take at most, whatever its age is.
        assert!(longest < 580 + 70 * grants_max, "{plan}: {longest} bytes");
    }
}

#[test]
fn a_clock_that_is_months_behind_writes_nothing_that_is_told_as_damage() {
    let mut desk = Desk::with(5, "20\ncarry_over = \"none\"");
    desk.now = at(JANUARY + 100 * DAY);
    desk.ask(&Command::Touch);
    desk.now = at(JANUARY);
    let mut history = desk.ask(&Command::Reset).entries;
    // An allowance comes, is spent in part and expires, all of it before the instant of the first entry.
    for (days, cost) in [(31, 1), (58, 2), (59, 3)] {
        desk.now = at(JANUARY + days * DAY);
        history.extend(desk.ask(&debit(Some(cost))).entries);
    }
    let last = at(JANUARY + 100 * DAY);
    assert!(history.len() == 7 && history.iter().all(|each| each.id.timestamp() == last), "{history:#?}");
    assert_verified(desk.account.as_ref().unwrap(), &desk.catalogue, &history);
}
