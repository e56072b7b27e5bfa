//! What is counted of usage, counted once more: from the entries, by rules of its own.

use std::collections::BTreeMap;

use jeton::ledger::{ClosedUsage, ContentType, TransactionType, UserId};

use crate::server::{Kept, Written};

const QUARTER_MS: u64 = 900_000;

/// What the store and the account have counted, by field and as it is written, is what the history that goes on has spent.
pub(crate) fn adds_up(user: &UserId, kept: &Kept) -> Result<(), String> {
    let mut counted = kept.usage.clone();
    let usage = kept.account(user).map(|stored| stored.account.usage().clone()).unwrap_or_default();
    if let Some(hour) = usage.hour() {
        let (spent, today) = usage.open();
        for open in [ClosedUsage::Hour(hour, spent), ClosedUsage::Day(hour / 24, today)] {
            let (field, text) = open.written().unwrap();
            if let Some(closed) = counted.insert(field.clone(), text) {
                return Err(format!("{field} of {user} is open, and closed with {closed}"));
            }
        }
    }
    let current = kept.written.last().map(|last| last.history);
    let spent = spent(kept.written.iter().filter(|written| Some(written.history) == current));
    if counted == spent {
        return Ok(());
    }
    Err(format!("the usage of {user} is {counted:?}, and its history has spent {spent:?}"))
}

/// Tokens and generations of each quarter of an hour, and of each day.
fn spent<'a>(history: impl Iterator<Item = &'a Written>) -> BTreeMap<String, String> {
    let mut fields: BTreeMap<String, BTreeMap<&str, Vec<u64>>> = BTreeMap::new();
    for Written { transaction, .. } in history {
        let entry = &transaction.entry;
        // What expired was not spent.
        if entry.kind == TransactionType::Credit || (entry.source.is_some() && entry.content_type.is_none()) {
            continue;
        }
        let content_type = entry.content_type.as_ref().map_or("", ContentType::as_str);
        let quarter = transaction.id.timestamp().as_millis() / QUARTER_MS;
        for (field, place) in [(format!("h{}", quarter / 4), quarter % 4), (format!("d{}", quarter / 96), 0)] {
            let numbers = fields.entry(field).or_default().entry(content_type).or_default();
            let place = 2 * place as usize;
            numbers.resize(numbers.len().max(place + 2), 0);
            numbers[place] += entry.amount.get();
            numbers[place + 1] += u64::from(!content_type.is_empty() && entry.part.is_none());
        }
    }
    fields.into_iter().map(|(field, spent)| (field, serde_json::to_string(&spent).unwrap())).collect()
}
