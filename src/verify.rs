//! Proves accounts against their histories, for the operator: every account is counted again from its first entry, and
//! every difference is named.
//!
//! The [`Checker`] compares and is pure; `account` reads what the checker is shown, a page at a time, also while the account
//! changes; `usage` compares what is counted of usage; [`Verification`] walks through all users. Nothing is held that grows with a history or with the number of
//! users.

mod account;
mod checker;
mod difference;
mod usage;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    sync::mpsc::Sender,
    task::{JoinError, JoinSet},
};

pub use self::{
    checker::Checker,
    difference::{Difference, Finding},
};
use crate::{
    ledger::{Timestamp, UserId},
    plans::Catalogue,
    store::{StoreError, inspect::Inspect},
};

/// How many accounts are read at once.
const AT_ONCE: usize = 16;
/// How many users are asked for at once.
const USERS_PAGE: usize = 1_000;

/// A run: what it looks at, and what it has seen so far.
pub struct Verification {
    store: Arc<dyn Inspect>,
    catalogue: &'static Catalogue,
    began: Timestamp,
    repair: bool,
    findings: Sender<Finding>,
    seen: Seen,
}

#[derive(Debug, Default)]
struct Seen {
    accounts: AtomicU64,
    entries: AtomicU64,
    differences: AtomicU64,
    repaired: AtomicU64,
    noted: AtomicU64,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Accounts that were looked at.
    pub accounts: u64,
    /// Entries that were read.
    pub entries: u64,
    /// Differences that are still there.
    pub differences: u64,
    /// Differences that were put right.
    pub repaired: u64,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Interrupted {
    /// The store did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A check ended before its end.
    #[error("a check broke off: {0}")]
    Check(#[from] JoinError),
}

impl Verification {
    /// A run over `store` that begins at `began`. It tells `findings` what it finds, and with `repair` writes what can be
    /// derived: the notes of who is due that are missing or too late, who is not in the list of users, and what is counted of
    /// usage, in the account too. Otherwise it writes neither accounts nor histories.
    #[must_use]
    pub fn new(
        store: Arc<dyn Inspect>,
        catalogue: &'static Catalogue,
        began: Timestamp,
        repair: bool,
        findings: Sender<Finding>,
    ) -> Self {
        Self { store, catalogue, began, repair, findings, seen: Seen::default() }
    }

    /// Looks at one user: whether there is one.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub async fn one(&self, user: &UserId) -> Result<bool, Interrupted> {
        Ok(account::check(self, user).await?)
    }

    /// Looks at all users. Gives the number of notes of who is due that belong to nobody: openings that never came. They
    /// do no harm; while accounts are opened the number is a little off.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub async fn all(self: &Arc<Self>) -> Result<u64, Interrupted> {
        let mut checks = JoinSet::new();
        let mut cursor = None;
        loop {
            let page = self.store.users(cursor, USERS_PAGE).await?;
            for user in page.users {
                if checks.len() >= AT_ONCE
                    && let Some(checked) = checks.join_next().await
                {
                    checked??;
                }
                let run = Arc::clone(self);
                checks.spawn(async move {
                    // Whoever was met has something: if nothing of it is found, it is a history far from its account.
                    if !account::check(&run, &user).await? {
                        account::tell_lost(&run, &user).await?;
                    }
                    Ok::<_, StoreError>(())
                });
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        while let Some(checked) = checks.join_next().await {
            checked??;
        }
        Ok(self.store.notes().await?.saturating_sub(self.seen.noted.load(Ordering::Relaxed)))
    }

    /// How far it has come.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let Seen { accounts, entries, differences, repaired, noted: _ } = &self.seen;
        let [accounts, entries, differences, repaired] =
            [accounts, entries, differences, repaired].map(|count| count.load(Ordering::Relaxed));
        Tally { accounts, entries, differences, repaired }
    }

    async fn tell(&self, finding: Finding) {
        let count = if finding.repaired { &self.seen.repaired } else { &self.seen.differences };
        count.fetch_add(1, Ordering::Relaxed);
        // Who does not listen has the tally.
        let _ = self.findings.send(finding).await;
    }
}
