use std::ops::RangeInclusive;

use redb::{Database, ReadableTable, Table, TableDefinition, WriteTransaction};

use super::{Commit, Committed, History, RecordName, Revision, StoreError, Stored, broken};
use crate::{
    ledger::{Account, Timestamp, TransactionId, UserId},
    store::Archive,
};

/// User, history number, milliseconds, sequence. A reset begins the next history number; nothing moves.
pub(super) type EntryKey = (&'static str, u32, u64, u32);
/// The revision that wrote the entry, and the entry as JSON.
pub(super) type EntryValue = (&'static str, &'static str);

/// User → revision, document.
pub(super) const ACCOUNTS: TableDefinition<'_, &str, (&str, &str)> = TableDefinition::new("accounts");
/// All histories.
pub(super) const ENTRIES: TableDefinition<'_, EntryKey, EntryValue> = TableDefinition::new("entries");
/// User, [name](record_name) of a record → when it is forgotten (the last number there is: never), text.
pub(super) const ONCE: TableDefinition<'_, (&str, &str), (u64, &str)> = TableDefinition::new("once");
/// The same by time, to find what is to be forgotten.
pub(super) const ONCE_EXPIRY: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("once_expiry");
/// User, field → text.
pub(super) const USAGE: TableDefinition<'_, (&str, &str), &str> = TableDefinition::new("usage");
/// Billing time, user.
pub(super) const DUE: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("due");
/// User → billing time.
pub(super) const DUE_OF: TableDefinition<'_, &str, u64> = TableDefinition::new("due_of");

/// How many more forgotten records a commit clears away, at most, than it adds: so they do not pile up.
const FORGOTTEN_MORE_MAX: usize = 8;

/// The name of a record in the table. Those of answers are the keys, which have no space in them.
pub(super) fn record_name(name: &RecordName) -> String {
    match name {
        RecordName::Answer(key) => key.to_string(),
        RecordName::Mark(revision) => format!("mark {}", revision.as_str()),
        RecordName::Refund(debit) => format!("refund {debit}"),
        RecordName::Reservation(id) => format!("reservation {id}"),
    }
}

/// Where the usage of `user` is.
pub(super) const fn usage_of(user: &str) -> RangeInclusive<(&str, &str)> {
    (user, "")..=(user, "\u{10ffff}")
}

/// The number of a history: an archive's own, or for the current one the count of archives before it.
pub(super) fn history_number(
    accounts: &impl ReadableTable<&'static str, (&'static str, &'static str)>,
    user: &UserId,
    history: History,
) -> Result<u32, StoreError> {
    match history {
        History::Archived(number) => Ok(number),
        History::Current => {
            let Some(found) = accounts.get(user.as_str()).map_err(broken)? else { return Ok(0) };
            let (revision, document) = found.value();
            Ok(Stored::read(user, revision.to_owned(), document)?.account.archives())
        }
    }
}

/// The tables of a transaction that writes.
pub(super) struct Writing<'a> {
    accounts: Table<'a, &'static str, (&'static str, &'static str)>,
    entries: Table<'a, EntryKey, EntryValue>,
    once: Table<'a, (&'static str, &'static str), (u64, &'static str)>,
    once_expiry: Table<'a, (u64, &'static str, &'static str), ()>,
    usage: Table<'a, (&'static str, &'static str), &'static str>,
    due: Table<'a, (u64, &'static str), ()>,
    due_of: Table<'a, &'static str, u64>,
}

impl<'a> Writing<'a> {
    /// Makes the tables that are not there yet, so that readers find them.
    pub(super) fn create_tables(database: &Database) -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        drop(Writing::open(&transaction)?);
        Ok(transaction.commit()?)
    }

    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            accounts: transaction.open_table(ACCOUNTS)?,
            entries: transaction.open_table(ENTRIES)?,
            once: transaction.open_table(ONCE)?,
            once_expiry: transaction.open_table(ONCE_EXPIRY)?,
            usage: transaction.open_table(USAGE)?,
            due: transaction.open_table(DUE)?,
            due_of: transaction.open_table(DUE_OF)?,
        })
    }

    /// [`Store::commit`](crate::store::Store::commit): compares everything, then writes everything.
    pub(super) fn commit(&mut self, commit: &Commit) -> Result<Committed, StoreError> {
        let user = commit.user.as_str();
        let now = commit.now.as_millis();
        let texts = commit.records.iter().map(|(name, _)| self.recorded(user, name, now));
        let texts = texts.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        if texts.iter().any(Option::is_some) {
            return Ok(Committed::Taken(texts));
        }
        let stored = match self.accounts.get(user).map_err(broken)? {
            Some(found) => {
                let (revision, document) = found.value();
                Some(Stored::read(&commit.user, revision.to_owned(), document)?)
            }
            None => None,
        };
        if stored.as_ref().map(|stored| &stored.revision) != commit.expected.as_ref() {
            return Ok(Committed::Conflict(stored));
        }

        let before = stored.as_ref().map(|stored| &stored.account).map_or(0, Account::archives);
        let revision = commit.revision.as_str();
        let place = |index: usize, id: &TransactionId| {
            let put_away = commit.archive.is_some_and(|Archive { after, .. }| index >= after);
            let history = before.saturating_add(u32::from(put_away));
            (user, history, id.timestamp().as_millis(), id.sequence())
        };
        for (index, (id, _)) in commit.entries.iter().enumerate() {
            if self.entries.get(place(index, id)).map_err(broken)?.is_some() {
                return Err(StoreError::Damaged(format!(
                    "user {user} has an entry {id} already, as if an older account had been put back: nothing was \
                     changed"
                )));
            }
        }
        for (index, (id, entry)) in commit.entries.iter().enumerate() {
            self.entries.insert(place(index, id), (revision, entry.as_str())).map_err(broken)?;
        }
        self.accounts.insert(user, (revision, commit.document.as_str())).map_err(broken)?;
        self.forget(now, commit.records.len().saturating_add(FORGOTTEN_MORE_MAX)).map_err(broken)?;
        for (name, text) in &commit.records {
            let Some(text) = text else { continue };
            self.record(user, name, now, text).map_err(broken)?;
        }
        if commit.archive.is_some() {
            self.drop_usage(user).map_err(broken)?;
        }
        self.set_usage(user, &commit.usage).map_err(broken)?;
        if let Some(at) = commit.due {
            self.note_due(&commit.user, at).map_err(broken)?;
        }
        Ok(Committed::Done)
    }

    /// [`Inspect::write_usage`](crate::store::inspect::Inspect::write_usage).
    pub(super) fn write_usage(
        &mut self,
        user: &UserId,
        expected: &Revision,
        fields: &[(String, String)],
    ) -> Result<bool, redb::StorageError> {
        let user = user.as_str();
        if self.accounts.get(user)?.is_none_or(|found| found.value().0 != expected.as_str()) {
            return Ok(false);
        }
        self.drop_usage(user)?;
        self.set_usage(user, fields)?;
        Ok(true)
    }

    fn drop_usage(&mut self, user: &str) -> Result<(), redb::StorageError> {
        self.usage.retain_in::<(&str, &str), _>(usage_of(user), |_, _| false)
    }

    fn set_usage(&mut self, user: &str, fields: &[(String, String)]) -> Result<(), redb::StorageError> {
        for (field, text) in fields {
            self.usage.insert((user, field.as_str()), text.as_str())?;
        }
        Ok(())
    }

    fn recorded(&self, user: &str, name: &RecordName, now: u64) -> Result<Option<String>, redb::StorageError> {
        let found = self.once.get((user, record_name(name).as_str()))?;
        Ok(found.filter(|found| found.value().0 > now).map(|found| found.value().1.to_owned()))
    }

    fn record(&mut self, user: &str, name: &RecordName, now: u64, text: &str) -> Result<(), redb::StorageError> {
        let expiry = name.lifetime_ms().map_or(u64::MAX, |lifetime| now.saturating_add(lifetime));
        let name = record_name(name);
        self.once.insert((user, name.as_str()), (expiry, text))?;
        if expiry < u64::MAX {
            self.once_expiry.insert((expiry, user, name.as_str()), ())?;
        }
        Ok(())
    }

    fn forget(&mut self, now: u64, count_max: usize) -> Result<(), redb::StorageError> {
        for _ in 0..count_max {
            let first = self.once_expiry.first()?.map(|(key, _)| {
                let (expiry, user, name) = key.value();
                (expiry, user.to_owned(), name.to_owned())
            });
            let Some((expiry, user, name)) = first.filter(|(expiry, _, _)| *expiry <= now) else { return Ok(()) };
            self.once_expiry.remove((expiry, user.as_str(), name.as_str()))?;
            // The same name may have been used again since: then it has a later expiry.
            let same = self.once.get((user.as_str(), name.as_str()))?.is_some_and(|found| found.value().0 == expiry);
            if same {
                self.once.remove((user.as_str(), name.as_str()))?;
            }
        }
        Ok(())
    }

    /// [`Store::note_due`](crate::store::Store::note_due).
    pub(super) fn note_due(&mut self, user: &UserId, at: Timestamp) -> Result<(), redb::StorageError> {
        let user = user.as_str();
        let noted = self.due_of.insert(user, at.as_millis())?.map(|noted| noted.value());
        if let Some(noted) = noted {
            self.due.remove((noted, user))?;
        }
        self.due.insert((at.as_millis(), user), ())?;
        Ok(())
    }
}
