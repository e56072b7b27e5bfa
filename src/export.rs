//! Everything that a store holds of its users, as lines of JSON, for whoever moves elsewhere or keeps a copy.
//!
//! One line for each entry of each history, oldest first, and after them one for the account: `{"userId", "transaction"}`,
//! with `archive` where a reset put the history away, and `{"userId", "account"}`. It may be taken while the functions
//! work: an account is told as it was at one moment, with the entries up to then. Nothing is held that grows with a history
//! or with the number of users.

use std::{io, sync::Arc};

use serde::Serialize;

use crate::{
    ledger::{Account, Entry, Transaction, UserId},
    store::{
        History, StoreError,
        inspect::{Inspect, Pages, StoredEntry},
    },
    unreadable::Unreadable,
};

/// How many users are asked for at once.
const USERS_PAGE: usize = 1_000;

/// A run: what it reads, where it writes, and how far it has come.
pub struct Export<W> {
    store: Arc<dyn Inspect>,
    output: W,
    exported: Exported,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Accounts that are written whole.
    pub accounts: u64,
    /// Entries that are written.
    pub entries: u64,
}

/// Why a user could not be written whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store did not answer.
    #[error(transparent)]
    Store(StoreError),
    /// A line could not be written.
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    /// What is stored of this user cannot be read, or is not whole: `jeton verify` says more. The others can be told all
    /// the same.
    #[error("user {user} is not exported whole: {cause}")]
    Damaged {
        /// Whose.
        user: UserId,
        /// What is wrong.
        cause: String,
    },
}

/// A line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    user_id: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<u32>,
    #[serde(flatten)]
    subject: Subject<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Subject<'a> {
    Transaction(&'a Transaction),
    Account(&'a Account),
}

impl<W: io::Write> Export<W> {
    /// A run from `store` to `output`, which nothing was written to yet.
    pub fn new(store: Arc<dyn Inspect>, output: W) -> Self {
        Self { store, output, exported: Exported::default() }
    }

    /// How far it has come.
    pub const fn exported(&self) -> Exported {
        self.exported
    }

    /// Writes all users. Those who cannot be written whole are told to `told`.
    ///
    /// # Errors
    /// [`ExportError::Store`] and [`ExportError::Output`].
    pub async fn all(&mut self, mut told: impl FnMut(&ExportError)) -> Result<(), ExportError> {
        let mut cursor = None;
        loop {
            let page = self.store.users(cursor, USERS_PAGE).await.map_err(ExportError::Store)?;
            for user in page.users {
                match self.user(&user).await {
                    Err(damage @ ExportError::Damaged { .. }) => told(&damage),
                    Err(error) => return Err(error),
                    Ok(true) => {}
                    // Whoever was met has something: it can only be a history.
                    Ok(false) => told(&damaged(&user, "a history belongs to no account".to_owned())),
                }
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(self.output.flush()?)
    }

    /// Writes one user: whether there is one.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn one(&mut self, user: &UserId) -> Result<bool, ExportError> {
        let found = self.user(user).await?;
        self.output.flush()?;
        Ok(found)
    }

    async fn user(&mut self, user: &UserId) -> Result<bool, ExportError> {
        let Some(stored) = self.store.load(user).await.map_err(|error| of_user(user, error))? else { return Ok(false) };
        let account = stored.account;
        let mut entries = 0_u64;
        for number in 0..account.archives() {
            entries = entries.saturating_add(self.history(&account, History::Archived(number)).await?);
        }
        entries = entries.saturating_add(self.history(&account, History::Current).await?);
        if entries != account.version() {
            let cause = format!("its histories have {entries} entries, and the account counts {}", account.version());
            return Err(damaged(user, cause));
        }
        self.write(&Line { user_id: user, archive: None, subject: Subject::Account(&account) })?;
        self.exported.accounts = self.exported.accounts.saturating_add(1);
        Ok(true)
    }

    /// Writes a history of `account`, up to its last entry: how many entries that are. A reset may put the current one away
    /// at any moment: a page of it counts only if it was still the current one afterwards, and is read from the archive
    /// otherwise.
    async fn history(&mut self, account: &Account, history: History) -> Result<u64, ExportError> {
        let (user, shown) = (account.user_id(), history);
        let (mut history, mut entries) = (history, 0_u64);
        let mut pages = Pages::default();
        while let Some(count) = pages.next_count() {
            let page = self.store.stored_entries(user, history, pages.after(), count).await;
            let page = page.map_err(|error| of_user(user, error))?;
            if history == History::Current {
                let now = self.store.load(user).await.map_err(|error| of_user(user, error))?;
                let Some(now) = now else { return Err(damaged(user, "the account is gone".to_owned())) };
                if now.account.archives() != account.archives() {
                    history = History::Archived(account.archives());
                    continue;
                }
            }
            for stored in &page {
                let transaction = transaction(user, stored)?;
                if transaction.id > account.last_entry() {
                    return Ok(entries);
                }
                let archive = match shown {
                    History::Current => None,
                    History::Archived(number) => Some(number),
                };
                self.write(&Line { user_id: user, archive, subject: Subject::Transaction(&transaction) })?;
                entries = entries.saturating_add(1);
                self.exported.entries = self.exported.entries.saturating_add(1);
            }
            pages.turn(&page);
        }
        Ok(entries)
    }

    fn write(&mut self, line: &Line<'_>) -> Result<(), ExportError> {
        serde_json::to_writer(&mut self.output, line).map_err(io::Error::from)?;
        Ok(self.output.write_all(b"\n")?)
    }
}

fn transaction(user: &UserId, stored: &StoredEntry) -> Result<Transaction, ExportError> {
    let wrong = |cause: String| damaged(user, format!("entry {}: {cause}", stored.id));
    let id = stored.transaction_id().ok_or_else(|| wrong("its id is not <milliseconds>-<n>".to_owned()))?;
    let entry: Entry =
        serde_json::from_slice(&stored.document).map_err(|error| wrong(Unreadable::from(error).to_string()))?;
    Ok(Transaction { id, entry })
}

fn damaged(user: &UserId, cause: String) -> ExportError {
    ExportError::Damaged { user: user.clone(), cause }
}

/// Damage is of one user; everything else, of all.
fn of_user(user: &UserId, error: StoreError) -> ExportError {
    if let StoreError::Damaged(cause) = error { damaged(user, cause) } else { ExportError::Store(error) }
}
