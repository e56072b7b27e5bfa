//! Any query of a history: followed from page to page it gives each entry that it selects once, in order, and ends; an
//! export gives the same.
//!
//! An input is the query of `GET /api/transactions`, with `userId=few` or `userId=many`.

#![no_main]

use std::{collections::BTreeMap, path::Path, sync::Arc};

use chrono::DateTime;
use jeton::{
    config::Config,
    http::{App, Function},
    ledger::{
        Amount, Command, ContentType, Entry, Source, Terms, Timestamp, TransactionId, TransactionType, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    store::{Commit, Committed, Revision, embedded::EmbeddedStore, follow::Follow},
};
use jeton_fuzz::wire::{Answer, ask, runtime};
use libfuzzer_sys::{Corpus, fuzz_target};
use once_cell::sync::Lazy;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How many pages of one input are read.
const PAGES_MAX: usize = 12;
/// How many entries a filtered page looks at.
const LOOKED_AT_MAX: usize = 5_000;

struct Histories {
    runtime: Runtime,
    app: App,
    entries: BTreeMap<&'static str, Vec<(TransactionId, Entry)>>,
    _folder: TempDir,
}

static HISTORIES: Lazy<Histories> = Lazy::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Follow> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let runtime = runtime();
    let id = |millis: u64, number: u32| TransactionId::new(Timestamp::from_millis(millis).unwrap(), number);
    // The first ids that there are, late ones, and several in one millisecond.
    let mut few = vec![id(0, 1), id(0, u32::MAX), id(1, 0)];
    few.extend((0..30).map(|number| id(1_000 + u64::from(number) / 4, number % 4 * 1_000_000_000)));
    few.extend([id(253_402_300_799_000, 0), id(253_402_300_799_000, u32::MAX)]);
    // So many that a page of rare ones stops before it is full.
    let many: Vec<_> = (0..5_600).map(|number| id(1_000_000 + u64::from(number) / 3, number % 3)).collect();
    let mut entries = BTreeMap::new();
    for (user, ids, rare) in [("few", few, 3), ("many", many, 2_500)] {
        let history: Vec<_> = (1..).zip(ids).map(|(number, id)| (id, entry(number, rare))).collect();
        assert_eq!(runtime.block_on(store.commit(&opening(user, &history))).unwrap(), Committed::Done);
        entries.insert(user, history);
    }
    let development = [("VERCEL_ENV".to_owned(), "development".to_owned())].into_iter().collect();
    let app = App::new(Config::read(development, Path::new("/nowhere"), false), Ok(store));
    Histories { runtime, app, entries, _folder: folder }
});

/// Debits of two kinds, and now and then a credit.
fn entry(number: usize, rare: usize) -> Entry {
    let credit = number.is_multiple_of(rare);
    let generated = if number.is_multiple_of(7) { "PRODUCT_DESCRIPTION" } else { "ARTICLE" };
    Entry {
        kind: if credit { TransactionType::Credit } else { TransactionType::Debit },
        amount: Amount::new(1).unwrap(),
        description: "as it was written".into(),
        content_type: (!credit).then(|| ContentType::new(generated)),
        balance: 5_000,
        source: credit.then_some(Source::Purchase),
        reservation_id: None,
        part: None,
        refund_of: None,
        priority: None,
        expires_at: None,
        grants: Vec::new(),
        metadata: None,
    }
}

/// The commit that opens the account of `user` with this history: so late that nothing falls due.
fn opening(user: &str, history: &[(TransactionId, Entry)]) -> Commit {
    let user = UserId::new(user).unwrap();
    let now = Timestamp::from_millis(240_000_000_000_000).unwrap();
    let terms =
        Terms { catalogue: Catalogue::built_in().unwrap(), now, locale: Locale::French, stage: Stage::Development };
    Commit {
        document: decide(None, &user, &Command::Touch, terms).unwrap().account.to_document().unwrap(),
        user,
        expected: None,
        revision: Revision::new("r".to_owned()),
        entries: history.iter().map(|(id, entry)| (*id, serde_json::to_string(entry).unwrap())).collect(),
        archive: None,
        records: Vec::new(),
        usage: Vec::new(),
        due: None,
        now,
    }
}

fuzz_target!(|query: &str| -> Corpus {
    let fields: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let Some((_, history)) = field("userId").and_then(|user| HISTORIES.entries.get_key_value(user)) else {
        return Corpus::Reject;
    };
    let first = get(&fields, "application/json");
    if first.status == 400 {
        return Corpus::Keep;
    }
    let selected = select(history, &field);
    let limit = field("limit").map_or(50, |limit| limit.parse().unwrap());
    let found = follow(first, &fields, limit, &selected);
    assert_eq!(found, selected[..found.len()], "{query}");

    // An export has no limit. Those that are long are all alike.
    if selected.len() < 100 {
        let export = get(&fields, "application/x-ndjson");
        let lines: Vec<Value> =
            serde_json::Deserializer::from_slice(&export.body).into_iter().map(Result::unwrap).collect();
        assert_eq!(ids(&lines), selected, "{query}");
    }
    Corpus::Keep
});

/// The ids that `history` has for these fields, in the order that they ask for.
fn select<'a>(history: &[(TransactionId, Entry)], field: &impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
    let instant = |name: &str| field(name).map(|text| DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis());
    let (from, to) = (instant("from"), instant("to"));
    let cursor: Option<TransactionId> = field("cursor").map(|cursor| cursor.parse().unwrap());
    let ascending = field("order") == Some("asc");
    let mut selected: Vec<String> = history
        .iter()
        .filter(|(id, entry)| {
            let at = i64::try_from(id.timestamp().as_millis()).unwrap();
            let kind = if entry.kind == TransactionType::Credit { "CREDIT" } else { "DEBIT" };
            let generated = entry.content_type.as_ref().map(ContentType::as_str);
            from.is_none_or(|from| at >= from)
                && to.is_none_or(|to| at < to)
                && cursor.is_none_or(|cursor| if ascending { *id > cursor } else { *id < cursor })
                && field("type").is_none_or(|wanted| wanted == kind)
                && field("contentType").is_none_or(|wanted| generated == Some(wanted))
        })
        .map(|(id, _)| id.to_string())
        .collect();
    if !ascending {
        selected.reverse();
    }
    selected
}

/// The ids of page after page, until the last one or a good number of them.
fn follow(first: Answer, fields: &[(String, String)], limit: usize, selected: &[String]) -> Vec<String> {
    let pages_max = selected.len().div_ceil(limit) + 5_600 / LOOKED_AT_MAX + 1;
    let (mut answer, mut found) = (first, Vec::new());
    for number in 1..=PAGES_MAX {
        assert!(number <= pages_max, "page {number} of {pages_max}");
        assert_eq!(answer.status, 200, "{answer:?}");
        let page: Value = serde_json::from_slice(&answer.body).unwrap();
        let transactions = page["transactions"].as_array().unwrap();
        assert!(transactions.len() <= limit);
        found.extend(ids(transactions));
        let Some(cursor) = page["nextCursor"].as_str() else {
            assert_eq!(found.len(), selected.len(), "the last page");
            return found;
        };
        let mut next: Vec<_> = fields.iter().filter(|(name, _)| name != "cursor").cloned().collect();
        next.push(("cursor".to_owned(), cursor.to_owned()));
        answer = get(&next, "application/json");
    }
    found
}

fn ids(transactions: &[Value]) -> Vec<String> {
    transactions.iter().map(|transaction| transaction["id"].as_str().unwrap().to_owned()).collect()
}

fn get(fields: &[(String, String)], accept: &str) -> Answer {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = format!(
        "GET /api/transactions?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: {accept}\r\n\r\n"
    );
    let Histories { runtime, app, .. } = &*HISTORIES;
    runtime.block_on(ask(app, Function::Transactions, request.as_bytes(), false)).unwrap()
}
