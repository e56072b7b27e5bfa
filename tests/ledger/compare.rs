//! What the ledger says and what the model says are the same.

use chrono::SecondsFormat;
use jeton::ledger::{
    Account, CapPeriod, Entry, GrantKind, Paid, Refusal, ReservationStatus, Source, Stats, Transaction, TransactionType,
};
use serde_json::{Value, json};

use super::{
    at,
    life::{PLANS, SOLD, SOURCE, grant, reservation, transaction_id},
    model::{Answer, Bucket, Cap, Fate, Kind, Line, Model, Of, Reserved, SOURCES},
    tokens,
};

/// A refusal in the words of the model.
pub(super) fn told(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::InsufficientTokens { required, available } => {
            Answer::TooFew { required: required.get(), available: *available }
        }
        Refusal::SpendingCapReached { cap, limit, resets_at } => {
            Answer::CapReached { daily: *cap == CapPeriod::Daily, limit: *limit, resets: resets_at.as_millis() }
        }
        Refusal::BalanceLimitExceeded => Answer::TooMany,
        Refusal::TooManyGrants => Answer::TooManyKinds,
        Refusal::TooManyReservations => Answer::TooManyOpen,
        Refusal::ExpiredAlready => Answer::TooLate,
        Refusal::ReservationNotFound => Answer::NoReservation,
        Refusal::ReservationClosed(ReservationStatus::Captured) => Answer::Closed(Fate::Captured),
        Refusal::ReservationClosed(ReservationStatus::Released) => Answer::Closed(Fate::Released),
        Refusal::ReservationClosed(ReservationStatus::Expired) => Answer::Closed(Fate::Expired),
        Refusal::TransactionNotFound => Answer::NoTransaction,
        Refusal::AlreadyRefunded => Answer::RefundedAlready,
        Refusal::NotRefundable => Answer::NotRefundable,
        other @ (Refusal::ClockRefused | Refusal::ReservationClosed(ReservationStatus::Open)) => panic!("{other:?}"),
    }
}

fn instant(millis: u64) -> String {
    at(millis).to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The entries are the lines of the model.
pub(super) fn assert_lines(entries: &[Transaction], lines: &[Line]) {
    let told = |Line { id, tokens, balance, description, of }: &Line| {
        let mut entry = Entry {
            kind: if *tokens > 0 { TransactionType::Credit } else { TransactionType::Debit },
            amount: self::tokens(tokens.unsigned_abs() as u64),
            description: description.as_str().into(),
            content_type: None,
            balance: *balance as i64,
            source: None,
            reservation_id: None,
            part: None,
            refund_of: None,
            priority: None,
            expires_at: None,
            grants: Vec::new(),
            metadata: None,
        };
        let part = |kind: Kind, tokens: i128| Paid { grant: grant(kind), amount: self::tokens(tokens as u64) };
        let parts = |parts: &[(Kind, i128)]| parts.iter().map(|(kind, tokens)| part(*kind, *tokens)).collect();
        match of {
            Of::Credit(kind) => {
                let GrantKind { source, priority, expires_at } = grant(*kind);
                (entry.source, entry.priority, entry.expires_at) = (Some(source), priority, expires_at);
            }
            Of::Debit { sold, paid, capture } => {
                entry.content_type = sold.map(|sold| jeton::ledger::ContentType::new(SOLD[sold]));
                entry.grants = parts(paid);
                entry.reservation_id = capture.map(|(place, _)| reservation(place));
                entry.part = capture.map(|(_, number)| number).filter(|number| *number > 1);
            }
            Of::Refund(of, back) => {
                (entry.source, entry.refund_of) = (Some(Source::Refund), Some(transaction_id(*of)));
                entry.grants = parts(back);
            }
            Of::Expiration(kind) => {
                (entry.source, entry.grants) = (Some(SOURCE[kind.source]), vec![part(*kind, -tokens)]);
            }
        }
        Transaction { id: transaction_id(*id), entry }
    };
    assert_eq!(entries, lines.iter().map(told).collect::<Vec<_>>());
}

/// A reservation of the model, as callers see it.
pub(super) fn shown(place: usize, reserved: &Reserved) -> Value {
    let Reserved { amount, held, captured, missed, sold, made, ends, closed, .. } = reserved;
    let status = match closed.map(|(fate, _)| fate) {
        None => "open",
        Some(Fate::Captured) => "captured",
        Some(Fate::Released) => "released",
        Some(Fate::Expired) => "expired",
    };
    let remaining: i128 = held.iter().map(|(_, tokens)| tokens).sum();
    let mut shown = json!({"id": format!("res_{place}"), "status": status, "amount": amount,
        "remaining": remaining as u64, "captured": *captured as u64, "createdAt": instant(*made),
        "expiresAt": instant(*ends)});
    let more = [
        ("shortfall", (*missed > 0).then(|| json!(*missed as u64))),
        ("contentType", sold.map(|sold| json!(SOLD[sold]))),
        ("closedAt", closed.map(|(_, at)| json!(instant(at)))),
    ];
    for (name, value) in more {
        value.map(|value| shown.as_object_mut().unwrap().insert(name.to_owned(), value));
    }
    shown
}

/// What a caller sees later has a greater version if it is something else. What time alone changes of caps and forecast has
/// none.
pub(super) fn assert_grows(before: &Stats, after: &Stats) {
    let (forecast, version, caps) = (after.forecast.clone(), after.version, after.caps);
    let seen = Stats { forecast, version, caps, ..before.clone() };
    assert!(before.version <= after.version);
    assert!(before.version < after.version || seen == *after, "{before:#?} {after:#?}");
}

/// The account, what callers see of it and its document are what the model's history adds up to.
pub(super) fn assert_same(account: &Account, stats: &Stats, model: &Model, now: u64) {
    let [articles, descriptions] = [0, 1].map(|sold| model.generations(sold) as u64);
    assert_eq!(i128::from(stats.token_balance), model.balance());
    assert_eq!(i128::from(stats.tokens_reserved), model.held());
    assert_eq!(i128::from(stats.tokens_used), model.used());
    assert_eq!([stats.articles_generated, stats.product_descriptions_generated], [articles, descriptions]);
    assert_eq!(stats.total_generations, articles + descriptions);
    assert_eq!(json!(stats.generations), json!({"ARTICLE": articles, "PRODUCT_DESCRIPTION": descriptions}));
    assert_eq!(stats.version, model.version + model.changes);
    assert_eq!(stats.next_billing_date.as_millis(), model.next_billing());
    assert_eq!(stats.last_billing_date.as_millis(), model.last_billing());
    assert_eq!(stats.last_updated.as_millis(), model.last_id.0.max(model.opened));
    assert_eq!(stats.created_at.as_millis(), model.opened);
    assert_eq!(*stats.plan, *PLANS[model.plan]);
    assert_eq!(stats.next_plan.as_deref(), model.planned.plan.map(|plan| PLANS[plan]));
    assert_eq!((account.balance(), account.archives()), (stats.token_balance, model.resets));
    assert_eq!((account.version(), account.reserved()), (model.version, stats.tokens_reserved));

    let cap =
        |Cap { limit, spent, resets }| json!({"limit": limit, "spent": spent as u64, "resetsAt": instant(resets)});
    let caps = ["daily", "monthly"].into_iter().zip(model.caps(now));
    let caps: serde_json::Map<_, _> =
        caps.filter_map(|(name, standing)| Some((name.to_owned(), cap(standing?)))).collect();
    assert_eq!(json!(stats.caps), if caps.is_empty() { Value::Null } else { json!(caps) });

    let document = account.to_document().unwrap();
    assert_eq!(Account::from_document(&document, account.user_id()).unwrap(), *account);
    let purse = &model.purse;
    let stored = |Bucket { kind, left, held, granted }: Bucket| {
        let mut grant = json!({"source": SOURCES[kind.source], "remaining": left as u64});
        let more = [
            ("priority", kind.priority.map(u64::from)),
            ("expiresAt", kind.expires),
            ("held", (held > 0).then_some(held as u64)),
            ("granted", (granted != left + held).then_some(granted as u64)),
        ];
        for (name, number) in more.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            grant[name] = json!(number);
        }
        grant
    };
    let document: Value = serde_json::from_str(&document).unwrap();
    let grants: Vec<Value> = purse.buckets.clone().into_iter().map(stored).collect();
    assert_eq!(document["grants"], json!(grants));
    assert_eq!(document["overdrawn"].as_u64().unwrap_or(0), purse.owed as u64);
    for (place, reserved) in model.reservations.iter().enumerate() {
        let open = account.reservation(&reservation(place)).map(|open| serde_json::to_value(open).unwrap());
        assert_eq!(open, reserved.closed.is_none().then(|| shown(place, reserved)));
    }

    let shown = |Bucket { kind, left, granted, .. }: Bucket| {
        let part =
            |letter: char, number: Option<u64>| number.map_or(String::new(), |number| format!(":{letter}{number}"));
        let id = [SOURCES[kind.source], &part('p', kind.priority.map(u64::from)), &part('e', kind.expires)].concat();
        let (remaining, amount) = (left as u64, granted as u64);
        let (source, priority) = (SOURCES[kind.source], kind.priority());
        json!({"id": id, "source": source, "remaining": remaining, "amount": amount, "priority": priority,
            "expiresAt": kind.expires.map(instant)})
    };
    let grants: Vec<Value> = purse.in_spending_order().into_iter().map(shown).collect();
    assert_eq!(json!(stats.grants), json!(grants));
}
