//! The simulated store itself: it does what `commit.lua` does, one commit at a time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use jeton::{
    ledger::{Account, Entry, Timestamp, Transaction, TransactionId, UserId},
    mutation::{Mutation, planted},
    store::{Commit, Committed, EntryRange, Order, RecordName, Revision, Stored},
};

use crate::trace::Start;

/// What all instances share.
pub(crate) struct Server {
    pub(crate) start: Start,
    users: Mutex<BTreeMap<UserId, Kept>>,
    instances: AtomicU64,
}

/// What is kept of one user.
#[derive(Clone, Default)]
pub(crate) struct Kept {
    account: Option<(Revision, String)>,
    /// All entries ever written, in their order.
    pub(crate) written: Vec<Written>,
    /// All commits ever written, in their order.
    pub(crate) commits: Vec<Logged>,
    /// When each is forgotten, in milliseconds, and what it says.
    records: HashMap<RecordName, (u64, String)>,
    /// By field.
    pub(crate) usage: BTreeMap<String, String>,
    pub(crate) due: Option<Timestamp>,
}

/// An entry, the history it is in, and who wrote it.
#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) transaction: Transaction,
    pub(crate) history: u32,
    pub(crate) mark: Revision,
}

/// A commit, and when it was written by the true time, in milliseconds.
#[derive(Clone)]
pub(crate) struct Logged {
    pub(crate) commit: Commit,
    pub(crate) at: u64,
}

impl Kept {
    pub(crate) fn account(&self, user: &UserId) -> Option<Stored> {
        let (revision, document) = self.account.clone()?;
        Some(Stored { revision, account: Account::from_document(&document, user).unwrap() })
    }

    pub(crate) fn archives(&self, user: &UserId) -> u32 {
        self.account(user).map_or(0, |stored| stored.account.archives())
    }

    fn commit(&mut self, commit: &Commit, at: u64, remembers: bool) -> Committed {
        let texts: Vec<_> = commit.records.iter().map(|(name, _)| self.record(name, at)).collect();
        if texts.iter().any(Option::is_some) {
            return Committed::Taken(texts);
        }
        let current = self.account.as_ref().map(|(revision, _)| revision);
        if current != commit.expected.as_ref() && !planted(Mutation::SkipRevisionCheck) {
            return Committed::Conflict(self.account(&commit.user));
        }
        let before = self.archives(&commit.user);
        for (index, (id, entry)) in commit.entries.iter().enumerate() {
            let put_away = commit.archive.is_some_and(|archive| index >= archive.after);
            let entry: Entry = serde_json::from_str(entry).unwrap();
            let transaction = Transaction { id: *id, entry };
            let history = before + u32::from(put_away);
            self.written.push(Written { transaction, history, mark: commit.revision.clone() });
        }
        self.commits.push(Logged { commit: commit.clone(), at });
        self.account = Some((commit.revision.clone(), commit.document.clone()));
        if commit.archive.is_some() {
            self.usage.clear();
        }
        self.usage.extend(commit.usage.iter().cloned());
        if remembers {
            self.remember(commit, at);
        }
        self.due = commit.due.or(self.due);
        Committed::Done
    }

    /// Entries of the current history, from one end of a range.
    pub(crate) fn entries(&self, user: &UserId, range: EntryRange) -> Vec<Transaction> {
        let current = self.archives(user);
        let within = |id: TransactionId| {
            range.after.is_none_or(|after| id > after) && range.before.is_none_or(|before| id < before)
        };
        let entries = self.written.iter().filter(|entry| entry.history == current && within(entry.transaction.id));
        let mut found: Vec<_> = entries.map(|entry| entry.transaction.clone()).collect();
        if range.order == Order::Descending {
            found.reverse();
        }
        found.truncate(range.count);
        found
    }

    pub(crate) fn usage(&self, field: &str) -> Option<String> {
        self.usage.get(field).cloned()
    }

    fn remember(&mut self, commit: &Commit, at: u64) {
        for (name, text) in &commit.records {
            let forgotten = name.lifetime().map_or(u64::MAX, |lifetime| at + lifetime.as_millis() as u64);
            self.records.extend(text.clone().map(|text| (name.clone(), (forgotten, text))));
        }
    }

    fn record(&self, name: &RecordName, at: u64) -> Option<String> {
        self.records.get(name).filter(|(forgotten, _)| at < *forgotten).map(|(_, text)| text.clone())
    }
}

impl Server {
    pub(crate) fn new(start: Start) -> Arc<Self> {
        Arc::new(Self { start, users: Mutex::default(), instances: AtomicU64::new(1) })
    }

    /// The number of a further instance.
    pub(crate) fn next_instance(&self) -> u64 {
        self.instances.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn users(&self) -> MutexGuard<'_, BTreeMap<UserId, Kept>> {
        self.users.lock().unwrap()
    }

    /// Looks at what is kept of a user.
    pub(crate) fn look<T>(&self, user: &UserId, at: impl FnOnce(&Kept) -> T) -> T {
        at(self.users().entry(user.clone()).or_default())
    }

    /// `remembers` is false only where a bug makes the writing of the records a step of its own.
    pub(crate) fn commit(&self, commit: &Commit, remembers: bool) -> Committed {
        let at = self.start.now_ms();
        self.users().entry(commit.user.clone()).or_default().commit(commit, at, remembers)
    }

    pub(crate) fn record(&self, user: &UserId, name: &RecordName) -> Option<String> {
        self.look(user, |kept| kept.record(name, self.start.now_ms()))
    }

    /// That step: [`Mutation::RememberAfterAnswering`].
    pub(crate) fn remember(&self, commit: &Commit) {
        let at = self.start.now_ms();
        self.users().entry(commit.user.clone()).or_default().remember(commit, at);
    }
}
