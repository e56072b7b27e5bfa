//! What must hold of a history whatever was asked.

use std::collections::BTreeSet;

use jeton::{
    ledger::{AMOUNT_MAX, Account, Source, Transaction, TransactionType},
    plans::Catalogue,
    store::{History, inspect::StoredEntry},
    verify::Checker,
};

/// It adds up, its ids increase, no month comes twice.
pub(super) fn assert_history(history: &[Transaction]) {
    let mut balance = 0_i128;
    let mut billed = BTreeSet::new();
    for Transaction { entry, .. } in history {
        let amount = i128::from(entry.amount.get());
        balance += if entry.kind == TransactionType::Credit { amount } else { -amount };
        assert_eq!(balance, i128::from(entry.balance));
        assert!(balance <= i128::from(AMOUNT_MAX));
        let monthly = entry.source == Some(Source::Monthly) && entry.description.contains("mensuelle du");
        assert!(!monthly || billed.insert(&entry.description), "{} comes twice", entry.description);
    }
    assert!(history.is_sorted_by(|earlier, later| earlier.id < later.id));
}

/// `jeton verify` finds nothing in any of its entries.
pub(super) fn assert_verified(account: &Account, catalogue: &Catalogue, history: &[Transaction]) {
    let mut checker = Checker::new(account, catalogue).unwrap();
    show(&mut checker, History::Current, history);
    assert_eq!(checker.take_findings(), []);
}

/// `jeton verify` finds nothing in all of its histories, nor in the account.
pub(super) fn assert_all_verified(
    account: &Account,
    catalogue: &Catalogue,
    archives: &[Vec<Transaction>],
    history: &[Transaction],
) {
    let mut checker = Checker::new(account, catalogue).unwrap();
    let archives = (0..).map(History::Archived).zip(archives.iter().map(Vec::as_slice));
    for (which, entries) in archives.chain([(History::Current, history)]) {
        show(&mut checker, which, entries);
    }
    checker.finish();
    assert_eq!(checker.take_findings(), []);
}

fn show(checker: &mut Checker<'_>, which: History, entries: &[Transaction]) {
    checker.begin(which);
    for Transaction { id, entry } in entries {
        checker.entry(&StoredEntry { id: id.to_string(), document: serde_json::to_vec(entry).unwrap() });
    }
    checker.end();
}
