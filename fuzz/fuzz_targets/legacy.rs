//! Any bytes as what the module that Jeton replaces kept of a user: refused without being quoted, or an account that keeps
//! the balance and the counters, whose history adds up, and in which `jeton verify` finds nothing.
//!
//! The first line of the input is the stats object. What follows is the history: an array if it begins with `[`, otherwise a
//! list of which each line is an entry; nothing is none.

#![no_main]

use jeton::{
    ledger::{
        Account, Command, Legacy, LegacyHistory, LegacyRecords, LegacyStats, TakenOver, Terms, Timestamp, Transaction,
        TransactionType, UserId, decide, take_over,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    store::{History, inspect::StoredEntry},
    verify::Checker,
};
use libfuzzer_sys::fuzz_target;

/// 2026-11-20, 12:00, in milliseconds.
const NOW: u64 = 1_795_176_000_000;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(2, |byte| *byte == b'\n');
    let stats = parts.next().filter(|stats| !stats.is_empty()).map(<[u8]>::to_vec);
    let history = match parts.next() {
        None => LegacyHistory::Missing,
        Some(text) if text.starts_with(b"[") => LegacyHistory::Array(text.to_vec()),
        Some(text) => LegacyHistory::List(text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()),
    };
    let user = UserId::new("somebody").unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let now = Timestamp::from_millis(NOW).unwrap();
    let terms = Terms { catalogue, now, locale: Locale::French, stage: Stage::Production };
    let records = LegacyRecords { stats, history };
    let legacy = match Legacy::read(&user, &records) {
        Ok(legacy) => legacy,
        Err(damage) => return quotes_nothing(&damage.to_string()),
    };
    match take_over(&legacy, terms) {
        Ok(taken) => check(&user, taken, &records, terms),
        Err(refused) => quotes_nothing(&refused.to_string()),
    }
});

/// What is said of damage has the names of fields and places, and none of what stands there: no quotation mark, no control
/// character, nothing long.
fn quotes_nothing(told: &str) {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " :,-^".contains(letter);
    assert!(told.len() < 160 && told.chars().all(plain), "{told:?}");
}

fn check(user: &UserId, taken: TakenOver, records: &LegacyRecords, terms: Terms<'_>) {
    let TakenOver { account, entries, report, .. } = taken;
    let stats = LegacyStats::read(user, records.stats.as_deref().unwrap()).unwrap();
    let mut balance = 0;
    for Transaction { id, entry } in &entries {
        let amount = i64::try_from(entry.amount.get()).unwrap();
        balance += if entry.kind == TransactionType::Credit { amount } else { -amount };
        assert_eq!(balance, entry.balance);
        assert!(balance >= 0 && id.timestamp() <= terms.now);
        assert!((1..=500).contains(&entry.description.chars().count()));
        let metadata = serde_json::to_string(entry.metadata.as_ref().unwrap()).unwrap();
        assert!(metadata.len() <= 2_048, "{metadata}");
    }
    assert_eq!(balance, i64::try_from(stats.balance).unwrap());
    assert_eq!(account.balance(), balance);
    let added = u64::from(report.opening.is_some()) + u64::from(report.closing.is_some());
    assert_eq!(entries.len() as u64, report.entries + added);
    assert_eq!(&Account::from_document(&account.to_document().unwrap(), user).unwrap(), &account);
    verify(&account, &entries, terms.catalogue);
    let settled = decide(Some(account), user, &Command::Touch, terms).unwrap();
    verify(&settled.account, &[entries, settled.entries].concat(), terms.catalogue);
}

fn verify(account: &Account, entries: &[Transaction], catalogue: &Catalogue) {
    let mut checker = Checker::new(account, catalogue).unwrap();
    checker.begin(History::Current);
    for Transaction { id, entry } in entries {
        checker.entry(&StoredEntry { id: id.to_string(), document: serde_json::to_vec(entry).unwrap() });
    }
    checker.end();
    checker.finish();
    assert_eq!(checker.take_findings(), []);
}
