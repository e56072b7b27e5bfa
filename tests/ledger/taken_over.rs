//! An account that was taken over: its document, and what its entries are.

use jeton::ledger::{Account, Entry, Legacy, LegacyHistory, LegacyRecords, TakenOver, Terms, UserId, take_over};
use jeton::{locale::Locale, plans::Catalogue, stage::Stage};

use super::at;

/// 2026-11-20, 12:00.
const NOW: u64 = 1_795_176_000_000;

/// Spent 3 of 5 000 and 2 that are in no entry, when 4 were lost.
const STATS: &str = r#"{"memberId":"somebody","tokenBalance":4993,"tokensUsed":5,"articlesGenerated":0,
    "productDescriptionsGenerated":1,"totalGenerations":1,"createdAt":"2026-10-20T00:00:00.000Z",
    "nextBillingDate":"2026-12-05T00:00:00.000Z"}"#;
const HISTORY: &str = r#"[
    {"id":"b","type":"DEBIT","amount":3,"description":"A","contentType":"ARTICLE","timestamp":"2026-10-21T10:07:00.000Z"},
    {"id":"a","type":"CREDIT","amount":5000,"description":"Initialisation du compte","timestamp":"2026-10-20T00:00:00.000Z"}]"#;

const DOCUMENT: &str = concat!(
    r#"{"format":1,"userId":"somebody","plan":"standard","openedAt":1792454400000,"version":3,"#,
    r#""lastEntry":"1792577220000-1","billing":{"firstMonth":"2026-12-01","day":5,"periodsBilled":0},"#,
    r#""tokensUsed":5,"generations":{"ARTICLE":0,"PRODUCT_DESCRIPTION":1},"#,
    r#""grants":[{"source":"initial","remaining":4993,"granted":5000}],"archives":0,"days":{"last":739910,"spent":[3]},"#,
    r#""usage":{"hour":497938,"spent":{"ARTICLE":[0,0,3,1]}},"imported":{"at":1795176000000,"balance":4993,"nextBilling":1796428800000},"#,
    r#""carried":{"tokensUsed":2,"generations":{"ARTICLE":-1,"PRODUCT_DESCRIPTION":1}}}"#,
);

fn taken() -> TakenOver {
    let user = UserId::new("somebody").unwrap();
    let records = LegacyRecords { stats: Some(STATS.into()), history: LegacyHistory::Array(HISTORY.into()) };
    let catalogue = Catalogue::built_in().unwrap();
    let legacy = Legacy::read(&user, catalogue.test_user(), &records).unwrap();
    take_over(&legacy, Terms { catalogue, now: at(NOW), locale: Locale::English, stage: Stage::Production }).unwrap()
}

#[test]
fn its_document_is_as_written_here() {
    let account = taken().account;
    assert_eq!(account.to_document().unwrap(), DOCUMENT);
    let user = UserId::new("somebody").unwrap();
    assert_eq!(Account::from_document(DOCUMENT, &user).unwrap(), account);
    for (part, damaged) in [
        (r#""nextBilling":1796428800000}"#, r#""nextBilling":1796428800000,"by":"x"}"#),
        (r#""at":1795176000000,"#, ""),
        (r#""carried":{"tokensUsed":2,"#, r#""carried":{"tokensUsed":2.5,"#),
        (r#""carried":{"tokensUsed":2,"#, r#""carried":{"tokens":2,"#),
    ] {
        assert!(DOCUMENT.contains(part), "{part}");
        Account::from_document(&DOCUMENT.replace(part, damaged), &user).expect_err(damaged);
    }
}

#[test]
fn its_entries_are_as_written_here() {
    let entries: Vec<String> = taken().entries.iter().map(|entry| serde_json::to_string(entry).unwrap()).collect();
    assert_eq!(
        entries,
        [
            r#"{"id":"1792454400000-0","type":"CREDIT","amount":5000,"description":"Initialisation du compte","balance":5000,"source":"initial","metadata":{"legacyId":"a"},"timestamp":"2026-10-20T00:00:00.000Z"}"#,
            r#"{"id":"1792577220000-0","type":"DEBIT","amount":3,"description":"A","contentType":"ARTICLE","balance":4997,"grants":[{"id":"initial","amount":3}],"metadata":{"legacyId":"b"},"timestamp":"2026-10-21T10:07:00.000Z"}"#,
            r#"{"id":"1792577220000-1","type":"DEBIT","amount":4,"description":"Balance adjustment","balance":4993,"source":"adjustment","grants":[{"id":"initial","amount":4}],"metadata":{"import":{"balance":4993,"history":4997}},"timestamp":"2026-10-21T10:07:00.000Z"}"#,
        ]
    );
}

#[test]
fn an_adjustment_is_told_from_an_adjustment_that_expires() {
    // A debit in its stored form: what expires names one grant and when, an adjustment the grants that there were.
    let cases = [
        (r#""source":"adjustment","grants":[{"id":"initial","amount":4}]"#, (false, true)),
        (r#""source":"adjustment","grants":[{"id":"adjustment","amount":4}]"#, (false, true)),
        (r#""source":"adjustment","grants":[{"id":"initial","amount":1},{"id":"purchase","amount":3}]"#, (false, true)),
        (r#""source":"adjustment","grants":[{"id":"adjustment:e1795176000000","amount":4}]"#, (true, false)),
        (r#""source":"adjustment","grants":[{"id":"adjustment:p9:e1795176000000","amount":4}]"#, (true, false)),
        (r#""source":"promotion","grants":[{"id":"promotion:e1795176000000","amount":4}]"#, (true, false)),
        (r#""source":"monthly","grants":[{"id":"monthly","amount":4}]"#, (true, false)),
        (r#""contentType":"ARTICLE","grants":[{"id":"adjustment","amount":4}]"#, (false, false)),
    ];
    for (says, expected) in cases {
        let text = format!(r#"{{"type":"DEBIT","amount":4,"description":"","balance":0,{says}}}"#);
        let entry: Entry = serde_json::from_str(&text).unwrap();
        assert_eq!((entry.is_expiration(), entry.is_adjustment()), expected, "{says}");
        assert_eq!(entry.is_unspent(), expected.0 || expected.1, "{says}");
        let credit: Entry = serde_json::from_str(&text.replace("DEBIT", "CREDIT")).unwrap();
        assert!(!credit.is_unspent(), "{says}");
    }
}
