//! What happened in a run, for people.

use std::sync::{Arc, Mutex};

use jeton::{
    ledger::{Transaction, TransactionType, UserId},
    store::{Commit, Committed, Revision, Stored},
};
use tokio::time::Instant;

use crate::calendar;

/// Takes lines, or drops them unread.
#[derive(Clone)]
pub(crate) struct Trace(Option<Arc<Mutex<Vec<String>>>>);

impl Trace {
    pub(crate) fn new(kept: bool) -> Self {
        Self(kept.then(Arc::default))
    }

    /// Adds a line: when, who, what.
    pub(crate) fn say(&self, start: Start, who: &str, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let now = calendar::shown(start.now_ms());
            lines.lock().unwrap().push(format!("{now}  {who:<11} {}", what()));
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.lock().unwrap().clone()).unwrap_or_default()
    }
}

/// Where virtual time begins, and what the calendar says then. This is the true time; the instances' clocks are wrong.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) began: Instant,
    pub(crate) millis: u64,
}

impl Start {
    /// The true time, in milliseconds since 1970.
    pub(crate) fn now_ms(self) -> u64 {
        self.millis + self.began.elapsed().as_millis() as u64
    }
}

/// What instances and the store tell each other, for people.
pub(crate) trait Shown {
    fn shown(&self) -> String;
}

impl Shown for () {
    fn shown(&self) -> String {
        "done".to_owned()
    }
}

impl Shown for UserId {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for Revision {
    fn shown(&self) -> String {
        self.as_str().to_owned()
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for Stored {
    fn shown(&self) -> String {
        let (revision, account) = (self.revision.as_str(), &self.account);
        let (balance, reserved) = (account.balance(), account.reserved());
        format!("{revision}: balance {balance}, set aside {reserved}, last entry {}", account.last_entry())
    }
}

impl Shown for Transaction {
    fn shown(&self) -> String {
        let sign = if self.entry.kind == TransactionType::Credit { '+' } else { '-' };
        format!("{} {sign}{} = {}", self.id, self.entry.amount.get(), self.entry.balance)
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "nothing".to_owned(), T::shown)
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        format!("[{}]", self.iter().map(T::shown).collect::<Vec<_>>().join(", "))
    }
}

impl Shown for Committed {
    fn shown(&self) -> String {
        match self {
            Self::Done => "done".to_owned(),
            Self::Conflict(stored) => format!("conflict, there is {}", stored.shown()),
            Self::Taken(texts) => format!("taken: {}", texts.shown()),
        }
    }
}

impl Shown for Commit {
    fn shown(&self) -> String {
        let (revision, expected, user) = (self.revision.as_str(), self.expected.shown(), &self.user);
        let records: Vec<_> = self.records.iter().map(|(name, _)| name).collect();
        let entries = self.entries.iter().map(|(id, entry)| {
            let entry = serde_json::from_str(entry).unwrap();
            Transaction { id: *id, entry }.shown()
        });
        let entries: Vec<_> = entries.collect();
        let archive = self.archive.map_or_else(String::new, |archive| format!(", archives after {}", archive.after));
        format!("commits {revision} on {expected} of {user}: {}, records {records:?}{archive}", entries.join(", "))
    }
}
