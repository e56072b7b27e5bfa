use std::ops::{Bound, Range};

use redb::{ReadTransaction, ReadableTableMetadata};

use super::{
    EmbeddedStore, Job, broken,
    tables::{ACCOUNTS, DUE_OF, ENTRIES, USAGE, history_number, usage_of},
};
use crate::{
    ledger::{Timestamp, UserId},
    store::{
        Answer, History, Revision, StoreError,
        inspect::{Inspect, StoredEntry, UserCursor, UserPage},
    },
};

impl Inspect for EmbeddedStore {
    fn users(&self, cursor: Option<UserCursor>, limit: usize) -> Answer<'_, UserPage> {
        Box::pin(self.read(move |reading| {
            let mut cursor = cursor.map(|UserCursor(name)| name);
            let mut users = Vec::new();
            for _ in 0..limit.max(1) {
                let Some(name) = next_name(reading, cursor.as_deref())? else {
                    return Ok(UserPage { users, next: None });
                };
                users.extend(UserId::new(&name));
                cursor = Some(name);
            }
            Ok(UserPage { users, next: cursor.map(UserCursor) })
        }))
    }

    fn stored_entries<'a>(
        &'a self,
        user: &'a UserId,
        history: History,
        after: Option<&'a str>,
        count: usize,
    ) -> Answer<'a, Vec<StoredEntry>> {
        let user = user.clone();
        let after = after.map(|id| place(id).ok_or_else(|| StoreError::Damaged(format!("{id} is not an entry's id"))));
        Box::pin(self.read(move |reading| {
            let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
            let number = history_number(&accounts, &user, history)?;
            // The current history stands among the archives, under the next number.
            if history != History::Current && number == history_number(&accounts, &user, History::Current)? {
                return Ok(Vec::new());
            }
            let first = match after.transpose()? {
                Some((millis, sequence)) => Bound::Excluded((user.as_str(), number, millis, sequence)),
                None => Bound::Included((user.as_str(), number, 0, 0)),
            };
            let last = Bound::Included((user.as_str(), number, u64::MAX, u32::MAX));
            let entries = reading.open_table(ENTRIES).map_err(broken)?;
            let found = entries.range::<(&str, u32, u64, u32)>((first, last)).map_err(broken)?.take(count);
            let stored = found.map(|found| {
                let (key, value) = found.map_err(broken)?;
                let (_, _, millis, sequence) = key.value();
                Ok(StoredEntry { id: format!("{millis}-{sequence}"), document: value.value().1.into() })
            });
            stored.collect()
        }))
    }

    fn archives<'a>(&'a self, user: &'a UserId, numbers: Range<u32>) -> Answer<'a, Vec<u32>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
            let current = history_number(&accounts, &user, History::Current)?;
            let entries = reading.open_table(ENTRIES).map_err(broken)?;
            let mut found = Vec::new();
            for number in numbers.filter(|number| *number != current) {
                let name = user.as_str();
                let history = (name, number, 0, 0)..=(name, number, u64::MAX, u32::MAX);
                if entries.range::<(&str, u32, u64, u32)>(history).map_err(broken)?.next().is_some() {
                    found.push(number);
                }
            }
            Ok(found)
        }))
    }

    fn usage_size<'a>(&'a self, user: &'a UserId) -> Answer<'a, u64> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let usage = reading.open_table(USAGE).map_err(broken)?;
            let fields = usage.range::<(&str, &str)>(usage_of(user.as_str())).map_err(broken)?;
            fields.map(|field| field.map(|_| 1).map_err(broken)).sum()
        }))
    }

    fn write_usage<'a>(
        &'a self,
        user: &'a UserId,
        expected: &'a Revision,
        fields: &'a [(String, String)],
    ) -> Answer<'a, bool> {
        let (user, expected, fields) = (user.clone(), expected.clone(), fields.to_vec());
        Box::pin(self.write(move |reply| Job::WriteUsage(user, expected, fields, reply)))
    }

    fn noted<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Timestamp>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let noted = reading.open_table(DUE_OF).map_err(broken)?.get(user.as_str()).map_err(broken)?;
            let Some(millis) = noted.map(|noted| noted.value()) else { return Ok(None) };
            let at = Timestamp::from_millis(millis);
            at.map(Some)
                .ok_or_else(|| StoreError::Damaged(format!("the noted billing time {millis} is not an instant")))
        }))
    }

    fn notes(&self) -> Answer<'_, u64> {
        Box::pin(self.read(|reading| reading.open_table(DUE_OF).map_err(broken)?.len().map_err(broken)))
    }

    fn is_listed<'a>(&'a self, user: &'a UserId) -> Answer<'a, bool> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
            Ok(accounts.get(user.as_str()).map_err(broken)?.is_some())
        }))
    }

    fn list<'a>(&'a self, _: &'a UserId) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}

/// The first name after `name` that has an account or an entry.
fn next_name(reading: &ReadTransaction, name: Option<&str>) -> Result<Option<String>, StoreError> {
    let name = name.unwrap_or_default();
    let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
    let mut accounts = accounts.range::<&str>((Bound::Excluded(name), Bound::Unbounded)).map_err(broken)?;
    let account = accounts.next().transpose().map_err(broken)?.map(|(key, _)| key.value().to_owned());
    let entries = reading.open_table(ENTRIES).map_err(broken)?;
    let beyond = Bound::Excluded((name, u32::MAX, u64::MAX, u32::MAX));
    let mut entries = entries.range::<(&str, u32, u64, u32)>((beyond, Bound::Unbounded)).map_err(broken)?;
    let entry = entries.next().transpose().map_err(broken)?.map(|(key, _)| key.value().0.to_owned());
    Ok([account, entry].into_iter().flatten().min())
}

/// Milliseconds and number of an id.
fn place(id: &str) -> Option<(u64, u32)> {
    let (millis, sequence) = id.split_once('-')?;
    Some((millis.parse().ok()?, sequence.parse().ok()?))
}
