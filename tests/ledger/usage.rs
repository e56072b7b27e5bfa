//! What the ledger counts of usage: the hour and the day that are open in the account, and those that it closes.

use std::collections::BTreeMap;

use jeton::{
    ledger::{
        Account, ClosedUsage, Command, ContentType, DayUsage, Decided, Entry, HOURS_IN_DAY, QUARTERS_IN_HOUR, Source,
        TransactionId, Usage, UsageField, UserId,
    },
    plans::Catalogue,
};
use serde_json::json;

use super::{
    DAY, at,
    grants::BEFORE,
    life::SOLD,
    limits::{Desk, JANUARY, credit, debit},
    model::{Model, Of},
};

const HOUR: u64 = 3_600_000;
const QUARTER: u64 = HOUR / 4;

/// The closed hours and days of a history, as a store keeps them.
#[derive(Clone, Default)]
pub(super) struct Kept(BTreeMap<UsageField, ClosedUsage>);

impl Kept {
    /// Takes what a decision closed, as the committer does.
    pub(super) fn take(&mut self, decided: &Decided) {
        if decided.archive_after.is_some() {
            self.0.clear();
        }
        for closed in &decided.usage {
            let read = ClosedUsage::read(closed.field(), &closed.written().unwrap().1).unwrap();
            assert_eq!(read, *closed);
            assert_eq!(self.0.insert(closed.field(), read), None, "{} was closed twice", closed.field());
        }
    }

    /// With what is open it says of every quarter and of every day what the model's history does, and nothing else.
    pub(super) fn assert_counted(&self, account: &Account, model: &Model) {
        let (mut quarters, mut days) = (BTreeMap::new(), BTreeMap::new());
        for line in &model.lines {
            let Of::Debit { sold, capture, .. } = line.of else { continue };
            let name = sold.map_or("", |sold| SOLD[sold]);
            let generation = u64::from(sold.is_some() && capture.is_none_or(|(_, part)| part == 1));
            for (sums, length) in [(&mut quarters, QUARTER), (&mut days, DAY)] {
                let sum: &mut [u64; 2] = sums.entry((line.id.0 / length, name.to_owned())).or_default();
                *sum = [sum[0] + line.tokens.unsigned_abs() as u64, sum[1] + generation];
            }
        }
        let mut kept = self.0.clone();
        if let Some(hour) = account.usage().hour() {
            let (spent, today) = account.usage().open();
            let open = [ClosedUsage::Hour(hour, spent), ClosedUsage::Day(hour / HOURS_IN_DAY, today)];
            for open in open {
                assert_eq!(kept.insert(open.field(), open), None, "it is open");
            }
        }
        let (mut counted, mut counted_days) = (BTreeMap::new(), BTreeMap::new());
        let count = |sums: &mut BTreeMap<_, _>, number: u32, spent: &DayUsage| {
            for (content_type, [spent]) in spent.iter() {
                let name = content_type.map_or(String::new(), ContentType::to_string);
                assert_eq!(sums.insert((u64::from(number), name), [spent.tokens, spent.generations]), None);
            }
        };
        for closed in kept.values() {
            match closed {
                ClosedUsage::Hour(hour, spent) => (0..QUARTERS_IN_HOUR).for_each(|number| {
                    let mut quarter = DayUsage::default();
                    quarter.add_quarters(spent, &(number..number + 1));
                    count(&mut counted, hour * QUARTERS_IN_HOUR + number, &quarter);
                }),
                ClosedUsage::Day(day, spent) => count(&mut counted_days, *day, spent),
            }
        }
        assert_eq!((counted, counted_days), (quarters, days));
    }
}

/// Fields and JSON.
fn written(closed: &[ClosedUsage]) -> Vec<(String, String)> {
    closed.iter().map(|closed| closed.written().unwrap()).collect()
}

/// What stands in the account's document.
fn in_document(account: &Account) -> String {
    let document = account.to_document().unwrap();
    let usage = document.split_once(r#","usage":"#).map_or("", |(_, usage)| usage);
    usage.strip_suffix('}').unwrap_or(usage).to_owned()
}

/// When, what, what it closes, and what stands in the account then.
type Step<'a> = (u64, &'a Command, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn an_hour_and_a_day_are_closed_by_the_first_debit_after_them() {
    let mut desk = Desk::with(10_000, "20");
    let article = debit(Some(3));
    let other = Command::Debit {
        content_type: ContentType::new("PRODUCT_DESCRIPTION"),
        cost: None,
        description: None,
        metadata: None,
    };
    // JANUARY is hour 499752, day 20823.
    let steps: [Step<'_>; 11] = [
        (0, &Command::Touch, &[], ""),
        (QUARTER - 1, &article, &[], r#"{"hour":499752,"spent":{"ARTICLE":[0,0,3,1]}}"#),
        (QUARTER, &article, &[], r#"{"hour":499752,"spent":{"ARTICLE":[0,0,3,1,3,1]}}"#),
        // A clock that is behind does not turn the counters back.
        (0, &article, &[], r#"{"hour":499752,"spent":{"ARTICLE":[0,0,3,1,6,2]}}"#),
        (
            HOUR - 1,
            &other,
            &[],
            r#"{"hour":499752,"spent":{"ARTICLE":[0,0,3,1,6,2],"PRODUCT_DESCRIPTION":[0,0,0,0,0,0,0,0,2,1]}}"#,
        ),
        // Nobody spends in the hour after, and what is not spent closes nothing.
        (
            HOUR,
            &credit(1, Source::Promotion),
            &[],
            r#"{"hour":499752,"spent":{"ARTICLE":[0,0,3,1,6,2],"PRODUCT_DESCRIPTION":[0,0,0,0,0,0,0,0,2,1]}}"#,
        ),
        (
            2 * HOUR,
            &article,
            &[("h499752", r#"{"ARTICLE":[3,1,6,2],"PRODUCT_DESCRIPTION":[0,0,0,0,0,0,2,1]}"#)],
            r#"{"hour":499754,"spent":{"ARTICLE":[9,3,3,1],"PRODUCT_DESCRIPTION":[2,1]}}"#,
        ),
        (
            DAY - 1,
            &other,
            &[("h499754", r#"{"ARTICLE":[3,1]}"#)],
            r#"{"hour":499775,"spent":{"ARTICLE":[12,4],"PRODUCT_DESCRIPTION":[2,1,0,0,0,0,0,0,2,1]}}"#,
        ),
        (
            DAY,
            &article,
            &[
                ("h499775", r#"{"PRODUCT_DESCRIPTION":[0,0,0,0,0,0,2,1]}"#),
                ("d20823", r#"{"ARTICLE":[12,4],"PRODUCT_DESCRIPTION":[4,2]}"#),
            ],
            r#"{"hour":499776,"spent":{"ARTICLE":[0,0,3,1]}}"#,
        ),
        (
            40 * DAY,
            &article,
            &[("h499776", r#"{"ARTICLE":[3,1]}"#), ("d20824", r#"{"ARTICLE":[3,1]}"#)],
            r#"{"hour":500712,"spent":{"ARTICLE":[0,0,3,1]}}"#,
        ),
        // What is put away keeps nothing open, and closes nothing.
        (41 * DAY, &Command::Reset, &[], ""),
    ];
    for (number, (millis, command, closed, open)) in steps.into_iter().enumerate() {
        desk.now = at(JANUARY + millis);
        let decided = desk.ask(command);
        assert!(decided.result.is_ok(), "step {number}");
        let found = written(&decided.usage);
        let found: Vec<(&str, &str)> = found.iter().map(|(field, json)| (field.as_str(), json.as_str())).collect();
        assert_eq!(found, closed, "step {number}");
        assert_eq!(in_document(&decided.account), open, "step {number}");
        let document = decided.account.to_document().unwrap();
        assert_eq!(Account::from_document(&document, decided.account.user_id()).unwrap(), decided.account);
    }
    // What is refused counts nothing.
    let refused = desk.ask(&debit(Some(20_000)));
    assert!(refused.result.is_err() && refused.usage.is_empty() && refused.account.usage().is_empty());
}

#[test]
fn what_has_no_content_type_is_counted_without_one_and_what_expired_is_not() {
    let entry = |json: serde_json::Value| -> Entry { serde_json::from_value(json).unwrap() };
    let spent = entry(json!({"type": "DEBIT", "amount": 7, "description": "", "balance": 9, "grants": []}));
    let expired = entry(json!({"type": "DEBIT", "amount": 5, "description": "", "balance": 4, "source": "purchase"}));
    let credited = entry(json!({"type": "CREDIT", "amount": 5, "description": "", "balance": 4, "source": "purchase"}));
    let article =
        entry(json!({"type": "DEBIT", "amount": 2, "description": "", "balance": 2, "contentType": "ARTICLE"}));
    let mut usage = Usage::default();
    let mut count = |millis, entry| usage.count(TransactionId::new(at(millis), 0), entry);
    for entry in [&expired, &credited, &spent, &article, &expired, &spent] {
        assert_eq!(count(HOUR, entry), [None, None]);
    }
    assert_eq!(count(2 * HOUR, &expired), [None, None]);
    let [Some(hour), None] = count(2 * HOUR, &spent) else { panic!("one hour is over") };
    assert_eq!(written(&[hour])[0], ("h1".to_owned(), r#"{"":[14,0],"ARTICLE":[2,1]}"#.into()));
    let [Some(_), Some(day)] = count(DAY, &spent) else { panic!("an hour and a day are over") };
    assert_eq!(written(&[day])[0], ("d0".to_owned(), r#"{"":[21,0],"ARTICLE":[2,1]}"#.into()));
}

#[test]
fn counters_that_jeton_does_not_write_are_refused() {
    let read = |field, text: &str| ClosedUsage::read(field, text).is_ok();
    let (hour, day) = (UsageField::Hour(7), UsageField::Day(7));
    for good in [r#"{"":[1,0],"A":[1,1]}"#, r#"{"A":[18446744073709551615,1]}"#] {
        assert!(read(hour, good) && read(day, good), "{good}");
    }
    for bad in [
        "",
        "null",
        "[]",
        "{}",
        "7",
        r#"{"A":[1,1]}{}"#,
        r#"{"A":[]}"#,
        r#"{"A":[0,0]}"#,
        r#"{"A":[1]}"#,
        r#"{"A":[1,1,0]}"#,
        r#"{"A":[1,1,0,0]}"#,
        r#"{"A":[1,-1]}"#,
        r#"{"A":[1.5,1]}"#,
        r#"{"A":["1",1]}"#,
        r#"{"A":[18446744073709551616,1]}"#,
        r#"{"A":[1,1],"A":[1,1]}"#,
        r#"{"B":[1,1],"A":[1,1]}"#,
        r#"{"A":[1,1],"":[1,0]}"#,
        r#"{"A":[0,0,0,0,0,0,0,0,1,1]}"#,
    ] {
        assert!(!read(hour, bad) && !read(day, bad), "{bad}");
    }
    let full = r#"{"A":[0,0,0,0,0,0,1,1]}"#;
    assert!(read(hour, full) && !read(day, full), "{full}");

    let alice = UserId::new("alice").unwrap();
    let with = |usage: &str| BEFORE.replace(r#""archives":1}"#, &format!(r#""archives":1,"usage":{usage}}}"#));
    let open = r#"{"hour":498739,"spent":{"A":[1,1,0,0,0,0,0,0,1,1],"B":[1,1]}}"#;
    assert_eq!(Account::from_document(&with(open), &alice).unwrap().to_document().unwrap(), with(open));
    for bad in [
        "null",
        "{}",
        r#"{"hour":498739}"#,
        r#"{"hour":498739,"spent":{}}"#,
        r#"{"hour":498739,"spent":{"A":[0,0]}}"#,
        // Nothing in the hour itself.
        r#"{"hour":498739,"spent":{"A":[1,1]}}"#,
        r#"{"hour":498739,"spent":{"A":[0,0,0,0,0,0,0,0,0,0,1,1]}}"#,
        r#"{"hour":-1,"spent":{"A":[0,0,1,1]}}"#,
        // The first hour of the year 10000.
        r#"{"hour":70389528,"spent":{"A":[0,0,1,1]}}"#,
        r#"{"hour":498739,"spent":{"A":[0,0,1,1]},"day":20780}"#,
    ] {
        assert!(Account::from_document(&with(bad), &alice).is_err(), "{bad}");
    }
}

#[test]
fn an_account_of_the_version_before_counts_from_its_next_debit_on() {
    let account = Account::from_document(BEFORE, &UserId::new("alice").unwrap()).unwrap();
    assert!(account.usage().is_empty());
    let mut desk = Desk::on(Catalogue::parse(super::PLANS_TOML).unwrap());
    (desk.account, desk.now) = (Some(account), at(0));
    desk.now = at(1_795_461_800_000);
    assert_eq!(desk.ask(&Command::Touch).account.to_document().unwrap(), BEFORE);
    let decided = desk.ask(&debit(Some(4)));
    assert_eq!(decided.usage, []);
    assert_eq!(in_document(&decided.account), r#"{"hour":498739,"spent":{"ARTICLE":[0,0,0,0,4,1]}}"#);
}

#[test]
fn the_demo_account_has_counted_its_week() {
    let mut desk = Desk::on(Catalogue::parse(super::PLANS_TOML).unwrap());
    let user = UserId::new("test-user-id").unwrap();
    let ask = |desk: &mut Desk, command| {
        let terms = jeton::ledger::Terms {
            catalogue: &desk.catalogue,
            now: desk.now,
            locale: jeton::locale::Locale::French,
            stage: jeton::stage::Stage::Production,
        };
        let decided = jeton::ledger::decide(desk.account.take(), &user, &command, terms).unwrap();
        desk.account = Some(decided.account.clone());
        decided
    };
    let week = |now: u64| {
        let hour = |ago: u64| (now / HOUR - ago).to_string();
        let day = |ago: u64| ((now / HOUR - ago) / 24).to_string();
        let (article, other) = (r#"{"ARTICLE":[3,1]}"#, r#"{"PRODUCT_DESCRIPTION":[2,1]}"#);
        let closed = [
            (format!("h{}", hour(144)), article.to_owned()),
            (format!("d{}", day(144)), r#"{"ARTICLE":[3,1]}"#.to_owned()),
            (format!("h{}", hour(96)), article.to_owned()),
            (format!("d{}", day(96)), r#"{"ARTICLE":[3,1]}"#.to_owned()),
            (format!("h{}", hour(48)), other.to_owned()),
            (format!("d{}", day(48)), r#"{"PRODUCT_DESCRIPTION":[2,1]}"#.to_owned()),
            (format!("h{}", hour(24)), article.to_owned()),
        ];
        (closed, hour(12))
    };
    // At midnight what was generated 24 and 12 hours ago is of one day.
    for (number, command) in [Command::Touch, Command::Reset, Command::Reset].into_iter().enumerate() {
        desk.now = at(JANUARY + number as u64 * DAY);
        let decided = ask(&mut desk, command);
        let (closed, open) = week(desk.now.as_millis());
        assert_eq!(written(&decided.usage), closed);
        let spent = r#""spent":{"ARTICLE":[3,1],"PRODUCT_DESCRIPTION":[0,0,2,1]}"#;
        assert_eq!(in_document(&decided.account), format!(r#"{{"hour":{open},{spent}}}"#));
    }
}
