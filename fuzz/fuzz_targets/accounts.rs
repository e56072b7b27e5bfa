//! Any text as the stored document of an account: refused without quoting it, or an account that loses nothing when it
//! is written again, and that every command leaves readable and in balance.
//!
//! The last line of the input, if it is a number, is the instant of the commands.

#![no_main]

use jeton::{
    ledger::{
        AMOUNT_MAX, Account, Amount, CapChange, Command, ContentType, Decided, Effective, GrantKind, Outcome,
        PlanChange, Priority, Refused, ReservationAction, ReservationId, Source, Terms, Timestamp, TransactionType,
        UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// Commands come at most so long after the next billing, in milliseconds: four years, so that an input is soon done.
const LATE_MAX: u64 = 4 * 366 * 24 * 60 * 60 * 1_000;
/// 1 January 9999: near the end of the calendar nothing more is promised.
const END: u64 = 253_370_764_800_000;

fuzz_target!(|input: &str| {
    let (document, instant) = match input.rsplit_once('\n') {
        Some((document, instant)) => (document, instant.parse().unwrap_or(0)),
        None => (input, 0),
    };
    let user = UserId::new("somebody").unwrap();
    match Account::from_document(document, &user) {
        Ok(account) => check(&account, document, instant),
        Err(damage) => quotes_nothing(&damage.to_string()),
    }
});

/// All that can be said of a damaged document, with `#` for numbers. Nothing of it is the document's own text.
const TOLD: [&str; 10] = [
    "the document is not an account that this version of Jeton knows: it is not JSON at line #, column #",
    "the document is not an account that this version of Jeton knows: it ends too early at line #, column #",
    "the document is not an account that this version of Jeton knows: it holds what does not belong there at line #, \
     column #",
    "the document has format #, this version of Jeton knows format #",
    "the document belongs to another user",
    "the last entry in the document leaves no room for another",
    "the billing cycle in the document is not one",
    "the grants in the document do not form a balance",
    "the reservations in the document do not hold what its grants have set aside",
    "the days in the document are more than are remembered",
];

fn quotes_nothing(told: &str) {
    let mut form = String::new();
    for letter in told.chars() {
        match letter {
            '0'..='9' if form.ends_with('#') => {}
            '0'..='9' => form.push('#'),
            letter => form.push(letter),
        }
    }
    assert!(TOLD.contains(&form.as_str()), "{told:?}");
}

fn check(account: &Account, document: &str, instant: u64) {
    let (catalogue, user) = (Catalogue::built_in().unwrap(), account.user_id());
    let written = account.to_document().unwrap();
    assert_eq!(Account::from_document(&written, user).unwrap(), *account);
    assert_eq!(members(&written), members(document), "something is lost when it is written again");

    let Ok(plan) = catalogue.plan(account.plan()) else { return };
    if account.last_entry().timestamp().as_millis() > END {
        return;
    }
    let due = account.billing().next(plan.time_zone()).as_millis();
    let now = instant.min(due.saturating_add(LATE_MAX)).min(END);
    for now in [0, now, due.min(END)] {
        let terms = Terms {
            catalogue,
            now: Timestamp::from_millis(now).unwrap(),
            locale: Locale::English,
            stage: Stage::Production,
        };
        for command in commands(account, terms.now) {
            let decided = decide(Some(account.clone()), user, &command, terms).unwrap();
            in_order(account, &command, &decided);
            assert!(decided.account.billing().next(plan.time_zone()) > terms.now, "{command:?} left something due");
            let (Ok(Outcome { stats, .. }) | Err(Refused { stats, .. })) = decided.result;
            let mut expiries = stats.grants.iter().filter_map(|grant| grant.expires_at);
            assert!(expiries.all(|expires_at| expires_at > terms.now), "{command:?} left something that has expired");
        }
    }
}

/// A document as JSON, without what can be written in several ways: a month, what a grant had at first if it has all of it,
/// and what says nothing.
fn members(document: &str) -> Value {
    let mut document: Value = serde_json::from_str(document).unwrap();
    document["billing"]["firstMonth"] = Value::Null;
    for grant in document["grants"].as_array_mut().into_iter().flatten() {
        let tokens = |name: &str| grant[name].as_u64().unwrap_or(0);
        let left = Value::from(tokens("remaining").saturating_add(tokens("held")));
        grant.as_object_mut().unwrap().retain(|name, value| name != "granted" || *value != left);
    }
    forget_nothing(&mut document);
    document
}

/// Takes out the members that are null, 0, or empty.
fn forget_nothing(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(forget_nothing);
            let empty = [Value::Null, Value::from(0), Value::Array(Vec::new()), Value::Object(Map::new())];
            members.retain(|_, value| !empty.contains(value));
        }
        Value::Array(items) => items.iter_mut().for_each(forget_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn commands(account: &Account, now: Timestamp) -> Vec<Command> {
    let document: Value = serde_json::from_str(&account.to_document().unwrap()).unwrap();
    let open = document["reservations"][0]["id"].as_str().unwrap_or("res_closed");
    let id = ReservationId::new(open).unwrap();
    let expires_at = Timestamp::from_millis(now.as_millis() + 1);
    let expiring = GrantKind { source: Source::Promotion, priority: Priority::new(0), expires_at };
    let debit =
        |cost| Command::Debit { content_type: ContentType::new("ARTICLE"), cost, description: None, metadata: None };
    let credit = |amount, grant: GrantKind| Command::Credit { amount, grant, description: None, metadata: None };
    let (one, most) = (Amount::new(1).unwrap(), Amount::new(AMOUNT_MAX).unwrap());
    let reserve = |amount, lasts_ms| {
        let id = ReservationId::new("res_fuzzed").unwrap();
        Command::Reserve { id, amount, content_type: None, lasts_ms, metadata: None }
    };
    let reservation = |action| Command::Reservation { id: id.clone(), action, closed: None };
    let capture = |amount, is_final| reservation(ReservationAction::Capture { amount, is_final });
    let caps = PlanChange { plan: None, daily: Some(CapChange::Set(0)), monthly: Some(CapChange::Lift) };
    let mut commands = vec![
        reserve(one, 1),
        capture(None, true),
        capture(Some(one), false),
        capture(Some(most), true),
        reservation(ReservationAction::Release),
        reservation(ReservationAction::Extend { lasts_ms: u64::MAX }),
        Command::Change { change: caps.clone(), effective: Effective::Now },
        Command::Change { change: caps, effective: Effective::NextPeriod },
        Command::SetClock(now),
        Command::Touch,
        Command::Reset,
        debit(None),
        debit(Some(most)),
        credit(one, Source::Purchase.into()),
        credit(one, expiring),
        credit(most, Source::Promotion.into()),
    ];
    commands.extend(Amount::new(account.available()).map(|all| debit(Some(all))));
    commands.extend(Amount::new(account.available()).map(|all| reserve(all, u64::MAX)));
    let room = AMOUNT_MAX.checked_add_signed(-account.ledger_balance());
    commands.extend(room.and_then(Amount::new).map(|rest| credit(rest, Source::Adjustment.into())));
    commands
}

/// What was decided is an account in balance, and the history goes on where it was.
fn in_order(before: &Account, command: &Command, decided: &Decided) {
    let after = &decided.account;
    let document = after.to_document().unwrap();
    assert_eq!(Account::from_document(&document, before.user_id()).unwrap(), *after, "{command:?}: {document}");

    let (mut last, mut balance) = (before.last_entry(), before.ledger_balance());
    for (index, transaction) in decided.entries.iter().enumerate() {
        if decided.archive_after == Some(index) {
            balance = 0;
        }
        assert!(transaction.id > last, "{command:?}: {} comes after {last}", transaction.id);
        last = transaction.id;
        let entry = &transaction.entry;
        balance = match entry.kind {
            TransactionType::Credit => balance + entry.amount.get().cast_signed(),
            TransactionType::Debit => balance - entry.amount.get().cast_signed(),
        };
        assert!(
            entry.balance == balance && balance <= AMOUNT_MAX.cast_signed(),
            "{command:?}: {entry:?} after {balance}"
        );
    }
    assert_eq!(after.last_entry(), last);
    assert_eq!(after.ledger_balance(), balance);
    let stats = match &decided.result {
        Ok(outcome) => &outcome.stats,
        Err(refused) => {
            assert!(
                decided.entries.iter().filter(|each| !each.entry.is_expiration()).count() as u64
                    <= decided.billed.periods,
                "{command:?}: refused, and yet an entry"
            );
            &refused.stats
        }
    };
    assert_eq!(stats.token_balance + stats.tokens_reserved.cast_signed(), balance);
}
