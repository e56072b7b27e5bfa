//! Any old history: what is read of it keeps the balance, the counters and every entry, and all that holds of Jeton's own
//! histories holds of it; what is not read is refused.

use std::collections::BTreeMap;

use jeton::{
    ledger::{
        Account, Command, DayUsage, Decided, Legacy, LegacyHistory, LegacyRecords, TakenOver, Terms, Timestamp,
        Transaction, TransactionType, UserId, decide, take_over,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    store::{History, inspect::StoredEntry},
    verify::Checker,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

use crate::support::{
    legacy::{ARTICLE, DESCRIPTION, OPENING, PURCHASE},
    world::{DAY, START, credit, debit},
};

/// When it is taken over: in the middle of the times that entries can have.
const NOW: u64 = START + 200 * DAY;

/// An old entry: credit or debit, how much, what it says, its content type, and when.
type Move = (bool, u64, Option<&'static str>, Option<&'static str>, u64);

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let amount = prop_oneof![8 => 0..400_u64, 1 => Just(9_007_199_254_740_991), 1 => Just(4_503_599_627_370_000)];
    let said = select(vec![
        None,
        Some(OPENING),
        Some("Account opening"),
        Some("Facturation mensuelle du 05/06/2026"),
        Some("Monthly billing of 2026-06-05"),
        Some(PURCHASE),
        Some(ARTICLE),
        Some(DESCRIPTION),
        Some(""),
        Some("\u{0}"),
    ]);
    let content_type =
        select(vec![None, None, Some("ARTICLE"), Some("PRODUCT_DESCRIPTION"), Some("TWEET"), Some("no name")]);
    // Many at the same instant, some before 1970 would be, and some to come.
    let at = prop_oneof![0..300_u64, Just(7), Just(100)].prop_map(|days| days * DAY / 2 * 3);
    vec((any::<bool>(), amount, said, content_type, at), 0..40)
}

fn records(moves: &[Move], stats: &Value, list: bool) -> LegacyRecords {
    let entry = |(number, (is_credit, amount, said, content_type, at)): (usize, &Move)| {
        let timestamp = Timestamp::from_millis(START + at).unwrap().to_string();
        json!({"id": number, "type": if *is_credit { "CREDIT" } else { "DEBIT" }, "amount": amount, "description": said,
            "contentType": content_type, "timestamp": timestamp})
    };
    let entries: Vec<Value> = moves.iter().enumerate().map(entry).collect();
    let history = if list {
        LegacyHistory::List(entries.iter().map(|entry| entry.to_string().into_bytes()).collect())
    } else {
        LegacyHistory::Array(Value::from(entries).to_string().into_bytes())
    };
    LegacyRecords { stats: Some(stats.to_string().into_bytes()), history }
}

fn signed(transaction: &Transaction) -> i128 {
    let amount = i128::from(transaction.entry.amount.get());
    if transaction.entry.kind == TransactionType::Credit { amount } else { -amount }
}

/// `jeton verify` finds nothing.
fn assert_verified(account: &Account, catalogue: &Catalogue, archive: Option<&[Transaction]>, current: &[Transaction]) {
    let mut checker = Checker::new(account, catalogue).unwrap();
    let archive = archive.map(|entries| (History::Archived(0), entries));
    for (which, entries) in archive.into_iter().chain([(History::Current, current)]) {
        checker.begin(which);
        for Transaction { id, entry } in entries {
            checker.entry(&StoredEntry { id: id.to_string(), document: serde_json::to_vec(entry).unwrap() });
        }
        checker.end();
    }
    checker.finish();
    assert_eq!(checker.take_findings(), []);
    assert_eq!(checker.usage(), Some(account.usage()));
}

/// What is counted of usage is what was spent.
fn assert_usage(taken: &TakenOver) {
    let mut counted = DayUsage::default();
    for closed in &taken.usage {
        if let jeton::ledger::ClosedUsage::Day(_, spent) = closed {
            counted.add(spent);
        }
    }
    counted.add(&taken.account.usage().open().1);
    let spent =
        taken.entries.iter().filter(|each| each.entry.kind == TransactionType::Debit && !each.entry.is_adjustment());
    let (tokens, generations) = spent.fold((0, 0), |(tokens, generations), each| {
        (tokens + each.entry.amount.get(), generations + u64::from(each.entry.generation().is_some()))
    });
    assert_eq!((counted.total().tokens, counted.total().generations), (tokens, generations));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_old_history_is_kept_whole_and_adds_up(
        moves in moves(),
        list in any::<bool>(),
        wrong_by in option::of(0..9_000_u64),
        counters in [0..2_000_u64, 0..50, 0..50, 0..90],
        (created, next) in (0..150_u64, 0..400_u64),
    ) {
        let catalogue = Catalogue::built_in().unwrap();
        let user = UserId::new("u").unwrap();
        let sum: i128 = moves.iter().map(|each| if each.0 { i128::from(each.1) } else { -i128::from(each.1) }).sum();
        let balance = wrong_by.unwrap_or_else(|| u64::try_from(sum.max(0)).unwrap_or(u64::MAX).min(9_007_199_254_740_991));
        let at = |days: u64| Timestamp::from_millis(START + days * DAY).unwrap().to_string();
        let stats = json!({"memberId": "u", "tokenBalance": balance, "tokensUsed": counters[0], "articlesGenerated": counters[1],
            "productDescriptionsGenerated": counters[2], "totalGenerations": counters[3], "createdAt": at(created),
            "nextBillingDate": at(next)});
        let legacy = Legacy::read(&user, &records(&moves, &stats, list)).unwrap();
        let now = Timestamp::from_millis(NOW).unwrap();
        let terms = Terms { catalogue, now, locale: Locale::French, stage: Stage::Production };
        // What does not fit in a balance, and a billing before the opening, are refused.
        let Ok(taken) = take_over(&legacy, terms) else {
            let huge = moves.iter().any(|each| each.1 > 1_000);
            prop_assert!(huge || next + 1 < created, "{stats} {moves:?}");
            return Ok(());
        };

        let names = |entry: &Transaction| entry.entry.metadata.as_ref().and_then(|all| all.get("legacyId").cloned());
        let kept: BTreeMap<u64, u64> =
            taken.entries.iter().filter_map(|each| Some((names(each)?.as_u64()?, each.entry.amount.get()))).collect();
        let moved: BTreeMap<u64, u64> = (0..).zip(&moves).filter(|(_, each)| each.1 > 0).map(|(id, each)| (id, each.1)).collect();
        prop_assert_eq!(kept, moved, "every entry that moved something is there, once");
        prop_assert_eq!(taken.entries.iter().map(signed).sum::<i128>(), i128::from(balance));
        prop_assert_eq!(i128::from(taken.account.balance()), i128::from(balance));
        prop_assert!(taken.entries.iter().all(|each| each.entry.balance >= 0 && each.id.timestamp() <= now));
        let adjusted = taken.entries.iter().filter(|each| names(each).is_none()).count();
        let explained = sum == i128::from(balance) && taken.report.least == 0;
        prop_assert_eq!(adjusted == 0, explained);
        prop_assert!(adjusted <= 2);
        prop_assert_eq!(taken.account.tokens_used(), counters[0]);
        assert_usage(&taken);
        let document = taken.account.to_document().unwrap();
        prop_assert_eq!(&Account::from_document(&document, &user).unwrap(), &taken.account);
        assert_verified(&taken.account, catalogue, None, &taken.entries);

        // It goes on as any other.
        let (mut account, mut history) = (taken.account, taken.entries);
        for command in [Command::Touch, credit(50), debit("ARTICLE", 3), debit("TWEET", 1), Command::Touch] {
            let decided = decide(Some(account.clone()), &user, &command, terms);
            // The catalogue does not sell all that the module before did.
            let Ok(Decided { account: after, entries, result, .. }) = decided else { continue };
            if let Ok(outcome) = result {
                prop_assert!(outcome.stats.token_balance >= 0);
            }
            history.extend(entries);
            account = after;
        }
        assert_verified(&account, catalogue, None, &history);
        let reset = decide(Some(account), &user, &Command::Reset, terms).unwrap();
        history.extend(reset.entries);
        let current = history.split_off(history.len() - 1);
        prop_assert_eq!(reset.account.tokens_used(), 0);
        assert_verified(&reset.account, catalogue, Some(&history), &current);
    }
}
