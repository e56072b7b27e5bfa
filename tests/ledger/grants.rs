//! Grants: which of them pays, and accounts of the first version.

use jeton::{
    ledger::{
        Account, Command, Decided, Entry, GrantKind, Priority, Recount, Refusal, Source, Terms, TransactionType,
        UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{
    DAY, at,
    limits::{Desk, JANUARY, credit, debit},
    tokens,
};

fn kind(source: Source, priority: Option<u8>, expires_at: Option<u64>) -> GrantKind {
    let priority = priority.map(|number| Priority::new(number).unwrap());
    GrantKind { source, priority, expires_at: expires_at.map(at) }
}

#[test]
fn debits_take_by_priority_then_by_expiry_then_by_age() {
    let (soon, late) = (JANUARY + DAY, JANUARY + 2 * DAY);
    // In the order in which they come.
    let grants = [
        (1, kind(Source::Purchase, None, None)),
        (2, kind(Source::Purchase, None, Some(late))),
        (3, kind(Source::Purchase, None, Some(soon))),
        (4, kind(Source::Adjustment, Some(40), Some(soon))),
        (5, kind(Source::Promotion, Some(40), None)),
        (6, kind(Source::Promotion, Some(100), Some(soon))),
        (7, kind(Source::Promotion, None, None)),
        (8, kind(Source::Adjustment, Some(0), None)),
        (9, kind(Source::Purchase, Some(40), Some(soon))),
    ];
    let mut desk = Desk::with(10, "20");
    desk.ask(&Command::Touch);
    for (amount, kind) in grants {
        assert!(desk.ask(&credit(amount, kind)).result.is_ok());
    }
    let expected = [
        ("adjustment:p0".to_owned(), 8),
        ("initial".to_owned(), 10),
        ("promotion".to_owned(), 7),
        (format!("purchase:e{soon}"), 3),
        (format!("adjustment:p40:e{soon}"), 4),
        (format!("purchase:p40:e{soon}"), 9),
        (format!("purchase:e{late}"), 2),
        ("purchase".to_owned(), 1),
        ("promotion:p40".to_owned(), 5),
        (format!("promotion:p100:e{soon}"), 6),
    ];
    assert_eq!(desk.grants(), expected);

    // One debit after the other says which of them paid, in this order.
    let all: u64 = expected.iter().map(|(_, tokens)| tokens).sum();
    let mut paid: Vec<(String, u64)> = Vec::new();
    for cost in [8, 2, 9, 6, 13, 16].into_iter().chain([all - 54]) {
        let entry = desk.ask(&debit(Some(cost))).result.unwrap().transaction.unwrap().entry;
        assert_eq!(entry.grants.iter().map(|paid| paid.amount.get()).sum::<u64>(), cost);
        for part in entry.grants {
            let id = part.grant.to_string();
            match paid.last_mut().filter(|(last, _)| *last == id) {
                Some((_, tokens)) => *tokens += part.amount.get(),
                None => paid.push((id, part.amount.get())),
            }
        }
    }
    assert_eq!(paid, expected);
    assert_eq!(desk.grants(), []);
}

#[test]
fn tokens_can_be_spent_until_the_millisecond_before_they_expire() {
    let expiry = JANUARY + DAY;
    for (now, left) in [(expiry - 1, 2), (expiry, 0), (expiry + 1, 0), (expiry + 3 * DAY, 0)] {
        let mut desk = Desk::with(0, "0");
        desk.ask(&credit(5, kind(Source::Promotion, None, Some(expiry))));
        desk.now = at(now);
        let decided = desk.ask(&debit(None));
        assert_eq!(decided.account.balance(), left, "{now}");
        let Decided { entries, result, .. } = decided;
        let entry = &entries[0].entry;
        if let Err(refused) = result {
            assert_eq!(refused.refusal, Refusal::InsufficientTokens { required: tokens(3), available: 0 });
            assert_eq!(refused.stats.tokens_used, 0);
            assert_eq!((entries.len(), entries[0].id.timestamp()), (1, at(expiry)), "at its own instant");
            let written = [
                r#"{"type":"DEBIT","amount":5,"description":"Expiration","balance":0,"source":"promotion","#,
                &format!(r#""grants":[{{"id":"promotion:e{expiry}","amount":5}}]}}"#),
            ];
            assert_eq!(serde_json::to_string(entry).unwrap(), written.concat());
            assert!(entry.is_expiration());
        } else {
            assert!(left > 0 && !entry.is_expiration(), "{entry:?}");
        }
    }
}

#[test]
fn equal_tokens_are_one_grant_for_as_long_as_there_are_some() {
    let mut desk = Desk::with(0, "0");
    let twice = [None, Some(5)].map(|priority| kind(Source::Promotion, priority, Some(JANUARY + DAY)));
    for amount in [10, 20, 30] {
        for kind in twice {
            desk.ask(&credit(amount, kind));
        }
    }
    let grants = |desk: &mut Desk| -> Vec<(u64, u64)> {
        let stats = desk.ask(&Command::Touch).result.unwrap().stats;
        stats.grants.iter().map(|grant| (grant.remaining, grant.amount.get())).collect()
    };
    assert_eq!(grants(&mut desk), [(60, 60), (60, 60)]);
    desk.ask(&debit(Some(50)));
    desk.ask(&credit(1, twice[1]));
    assert_eq!(grants(&mut desk), [(11, 61), (60, 60)]);
    desk.ask(&debit(Some(11)));
    desk.ask(&credit(2, twice[1]));
    assert_eq!(grants(&mut desk), [(2, 2), (60, 60)], "once there are none left it begins anew");
}

#[test]
fn a_credit_that_has_expired_is_refused_also_by_a_clock_that_is_behind() {
    for (behind, until, accepted) in [(0, 0, false), (0, 1, true), (10, 0, false), (10, -1, false), (10, 1, true)] {
        let mut desk = Desk::with(5, "0");
        desk.ask(&Command::Touch);
        desk.now = at(JANUARY - behind);
        let before = desk.account.clone().unwrap();
        let kind = kind(Source::Purchase, None, Some(JANUARY.checked_add_signed(until).unwrap()));
        let decided = desk.ask(&credit(1, kind));
        let refusal = decided.result.err().map(|refused| refused.refusal);
        assert_eq!(refusal, (!accepted).then_some(Refusal::ExpiredAlready), "{behind} {until}");
        assert_eq!((decided.account == before, decided.entries.is_empty()), (!accepted, !accepted));
    }
}

#[test]
fn the_id_of_a_grant_is_written_in_one_way() {
    let kinds = [kind(Source::Initial, None, None), kind(Source::Purchase, Some(0), None)];
    let more = [kind(Source::Monthly, None, Some(0)), kind(Source::Adjustment, Some(100), Some(253_402_300_799_999))];
    for kind in kinds.into_iter().chain(more) {
        assert_eq!(kind.to_string().parse::<GrantKind>().unwrap(), kind);
    }
    for text in [
        "",
        "gift",
        "Purchase",
        "purchase:",
        "purchase:p",
        "purchase:p101",
        "purchase:p05",
        "purchase:p-1",
        "purchase:p+1",
        "purchase:e",
        "purchase:e253402300800000",
        "purchase:e1:p1",
        "purchase:p1:p1",
        "purchase:e1:e1",
        "purchase:x1",
        "purchase :p1",
        "purchase:p256",
        ":p1",
    ] {
        assert!(text.parse::<GrantKind>().is_err(), "{text:?}");
    }
}

/// The account and the histories that the reference showed for the version before grants had kinds.
pub(crate) const BEFORE: &str = concat!(
    r#"{"format":1,"userId":"alice","plan":"standard","openedAt":1795461725207,"version":5,"#,
    r#""lastEntry":"1795461725224-0","billing":{"firstMonth":"2026-12-01","day":5,"periodsBilled":0},"#,
    r#""tokensUsed":3,"generations":{"ARTICLE":1},"#,
    r#""grants":[{"source":"initial","remaining":4997},{"source":"purchase","remaining":10}],"archives":1}"#,
);
pub(crate) const ENTRIES_BEFORE: [(&str, &str); 3] = [
    (
        "1795461725207-0",
        r#"{"type":"CREDIT","amount":5000,"description":"Initialisation du compte","balance":5000,"source":"initial"}"#,
    ),
    (
        "1795461725216-0",
        concat!(
            r#"{"type":"DEBIT","amount":3,"description":"Génération article","contentType":"ARTICLE","balance":4997,"#,
            r#""metadata":{"a":2,"b":1}}"#,
        ),
    ),
    (
        "1795461725224-0",
        r#"{"type":"CREDIT","amount":10,"description":"Achat de tokens","balance":5007,"source":"purchase"}"#,
    ),
];
pub(crate) const ARCHIVE_BEFORE: [(&str, &str); 2] = [
    (
        "1795461725196-0",
        r#"{"type":"CREDIT","amount":5000,"description":"Initialisation du compte","balance":5000,"source":"initial"}"#,
    ),
    (
        "1795461725196-1",
        r#"{"type":"DEBIT","amount":3,"description":"Génération article","contentType":"ARTICLE","balance":4997}"#,
    ),
];

#[test]
fn an_account_of_the_version_before_opens_settles_and_spends_unchanged() {
    let alice = UserId::new("alice").unwrap();
    let account = Account::from_document(BEFORE, &alice).unwrap();
    assert_eq!(account.to_document().unwrap(), BEFORE);
    let mut recount = Recount::of(&account);
    for (_, written) in ENTRIES_BEFORE {
        let entry: Entry = serde_json::from_str(written).unwrap();
        assert_eq!(serde_json::to_string(&entry).unwrap(), written);
        recount.add(&entry).unwrap();
    }
    assert!(recount.has_the_grants_of(&account));

    let ask = |account: &Account, command: &Command, now: u64| {
        let catalogue = Catalogue::built_in().unwrap();
        let terms = Terms { catalogue, now: at(now), locale: Locale::French, stage: Stage::Production };
        decide(Some(account.clone()), &alice, command, terms).unwrap()
    };
    let read = ask(&account, &Command::Touch, 1_795_461_800_000);
    assert_eq!((&read.account, read.entries.len()), (&account, 0), "a read writes nothing");
    assert_eq!(read.account.to_document().unwrap(), BEFORE);
    let shown: Vec<_> = read.result.unwrap().stats.grants;
    let shown: Vec<_> = shown.iter().map(|grant| (grant.id.to_string(), grant.remaining, grant.amount.get())).collect();
    assert_eq!(shown, [("initial".to_owned(), 4997, 4997), ("purchase".to_owned(), 10, 10)]);

    // The first billing, and then all but three of its tokens.
    let spent = ask(&account, &debit(Some(5_304)), 1_796_428_800_000);
    let amounts: Vec<_> = spent.entries.iter().map(|each| (each.entry.kind, each.entry.amount.get())).collect();
    assert_eq!(amounts, [(TransactionType::Credit, 300), (TransactionType::Debit, 5_304)]);
    assert_eq!(
        serde_json::to_string(&spent.entries[1].entry.grants).unwrap(),
        r#"[{"id":"initial","amount":4997},{"id":"monthly","amount":300},{"id":"purchase","amount":7}]"#
    );
    for each in &spent.entries {
        recount.add(&each.entry).unwrap();
    }
    assert!(recount.has_the_grants_of(&spent.account));
    assert_eq!((recount.sum(), recount.spent(), spent.account.balance()), (3, 5_307, 3));
}
