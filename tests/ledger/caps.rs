//! Caps: what counts on which day and in which month, and what is given back.

use jeton::{
    ledger::{CapPeriod, CapStats, Command, Refusal, Terms, TransactionType, UserId, decide},
    locale::Locale,
    stage::Stage,
};

use super::{
    DAY,
    asks::refund,
    at,
    limits::{Desk, JANUARY, credit, debit},
};

#[test]
fn a_debit_counts_on_the_day_of_its_entry_and_is_given_back_there() {
    let midnight = JANUARY + DAY;
    let spent = |desk: &mut Desk| desk.stats().caps.unwrap().daily.unwrap().spent;
    let mut desk = Desk::with(100, "0\ndaily_cap = 50");
    desk.done(&debit(Some(1)));
    // One clock is past midnight, and another one behind it: its debit has the instant of the entry before.
    desk.ask_at(midnight + 1_000, &credit(1, jeton::ledger::Source::Purchase)).result.unwrap();
    let late = desk.ask_at(midnight - 1_000, &debit(Some(20))).result.unwrap().transaction.unwrap();
    assert_eq!(late.id.timestamp(), at(midnight + 1_000));
    desk.now = at(midnight + 2_000);
    assert_eq!(spent(&mut desk), 20);
    desk.done(&refund(&late));
    assert_eq!(spent(&mut desk), 0);
}

#[test]
fn the_demo_history_is_what_the_catalogue_says_whatever_the_caps_are() {
    let catalogue = Desk::with(5_000, "300\ndaily_cap = 1\nmonthly_cap = 0").catalogue;
    let user = UserId::new("test-user-id").unwrap();
    let terms = Terms { catalogue: &catalogue, now: at(JANUARY), locale: Locale::French, stage: Stage::Production };
    let opened = decide(None, &user, &Command::Touch, terms).unwrap();
    let amounts: Vec<_> = opened.entries.iter().map(|each| (each.entry.kind, each.entry.amount.get())).collect();
    let [credit, debit] = [TransactionType::Credit, TransactionType::Debit];
    assert_eq!(amounts, [(credit, 5_000), (debit, 3), (debit, 3), (debit, 2), (debit, 3), (debit, 2)]);
    // Of its own it spends nothing under such caps.
    let command = Command::Debit {
        content_type: jeton::ledger::ContentType::new("ARTICLE"),
        cost: None,
        description: None,
        metadata: None,
    };
    let refused = decide(Some(opened.account), &user, &command, terms).unwrap().result.unwrap_err();
    assert!(
        matches!(refused.refusal, Refusal::SpendingCapReached { cap: CapPeriod::Monthly, limit: 0, .. }),
        "{refused:?}"
    );
    let daily = refused.stats.caps.unwrap().daily.unwrap();
    assert_eq!(daily, CapStats { limit: 1, spent: 0, resets_at: at(JANUARY + DAY) });
}
