//! What is read of one user, in whatever transaction.

use redb::ReadTransaction;

use super::{
    Found, broken,
    tables::{ACCOUNTS, ENTRIES, EntryKey, EntryValue, history_number},
};
use crate::{
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    store::{EntryRange, History, Order, StoreError, Stored},
    unreadable::Unreadable,
};

pub(super) fn account(reading: &ReadTransaction, user: &UserId) -> Result<Option<Stored>, StoreError> {
    let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
    let Some(found) = accounts.get(user.as_str()).map_err(broken)? else { return Ok(None) };
    let (revision, document) = found.value();
    Stored::read(user, revision.to_owned(), document).map(Some)
}

/// Entries of the current history.
pub(super) fn entries(
    reading: &ReadTransaction,
    user: &UserId,
    range: EntryRange,
) -> Result<Vec<Transaction>, StoreError> {
    let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
    let number = history_number(&accounts, user, History::Current)?;
    let entries = reading.open_table(ENTRIES).map_err(broken)?;
    let key = |id: TransactionId| (user.as_str(), number, id.timestamp().as_millis(), id.sequence());
    let first = (user.as_str(), number, 0, 0);
    let last = (user.as_str(), number, u64::MAX, u32::MAX);
    let found = entries.range(first.max(range.after.map_or(first, key))..=last.min(range.before.map_or(last, key)));
    let found = found.map_err(broken)?;
    let transaction = |item: Found<'_, EntryKey, EntryValue>| {
        let (key, value) = item.map_err(broken)?;
        let (_, _, millis, sequence) = key.value();
        let damaged = |cause: String| {
            StoreError::Damaged(format!("entry {millis}-{sequence} of user {user} is damaged: {cause}"))
        };
        let millis = Timestamp::from_millis(millis).ok_or_else(|| damaged("not an instant".to_owned()))?;
        let entry =
            serde_json::from_str(value.value().1).map_err(|error| damaged(Unreadable::from(error).to_string()))?;
        Ok(Transaction { id: TransactionId::new(millis, sequence), entry })
    };
    let beyond = |found: &Result<Transaction, StoreError>| {
        found.as_ref().is_ok_and(|found| Some(found.id) == range.after || Some(found.id) == range.before)
    };
    match range.order {
        Order::Ascending => found.map(transaction).filter(|found| !beyond(found)).take(range.count).collect(),
        Order::Descending => found.rev().map(transaction).filter(|found| !beyond(found)).take(range.count).collect(),
    }
}
