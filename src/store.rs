//! What keeps accounts and histories: one contract, two implementations, one conformance suite (`tests/stores.rs`).
//!
//! A store knows no rule. It keeps, for each user, an account document under a revision, a history of entries, the
//! histories that resets archived, records of what must not be done twice, and what was used when; and for all users
//! together an index of who is due for billing, and a list of them by name. The one operation that changes an account is
//! [`Store::commit`]: compare and write, atomic. What the operator's commands look at besides is in [`inspect`], and what
//! those need who show an account live in [`follow`].

pub mod embedded;
pub mod follow;
pub mod inspect;
pub mod keys;
mod record;
pub mod redis;
mod watch;

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout};

pub use self::{
    record::{IdempotencyKey, ONCE_LIFETIME, OnceRecord, RESERVATION_RECORD_LIFETIME, RecordName},
    redis::{LegacyPage, LegacySource},
};
use crate::ledger::{Account, DamagedAccount, Timestamp, Transaction, TransactionId, UserId};

/// A caller is answered within this time, if only with [`StoreError::Unavailable`] (contract §3: within 5 s).
pub const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// When a caller who comes now must have an answer.
#[must_use]
pub fn deadline() -> Instant {
    let now = Instant::now();
    now.checked_add(ANSWER_WITHIN).unwrap_or(now)
}

/// Waits for an answer of the store no longer than a caller may wait, however many questions it takes.
///
/// # Errors
/// Those of `answer`, and [`StoreError::Unavailable`] when the time is up.
pub async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    timeout(ANSWER_WITHIN, answer).await.unwrap_or_else(|_| Err(StoreError::late(true)))
}

/// What a store's operation gives, later.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// The contract. An operation that fails has changed nothing, but for [`StoreError::Unavailable`] with `sent`, which
/// may have, and [`StoreError::Unconfirmed`].
pub trait Store: Send + Sync {
    /// What it is, for people: `redis`, `embedded`.
    fn name(&self) -> &'static str;

    /// Begins to open what the first operation would have to open, while its caller is still busy with something else.
    /// Nobody waits for it, and if it fails the operation tries again.
    fn prepare(&self) {}

    /// The account of `user`; `None` when there is none.
    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>>;

    /// The same for who knows an account of `user`, which need not be read again if it is still what there is.
    fn reload<'a>(&'a self, user: &'a UserId, known: Stored) -> Answer<'a, Option<Stored>> {
        drop(known);
        self.load(user)
    }

    /// Writes all of `commit`, or, if another came before it, none. Once it answers that it was done, or that it was
    /// done before, that is as safe as the store was set up to make it. A conflict tells what there is, as a load does.
    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed>;

    /// Which commit wrote the entry `id` of a history; `None` when there is no such entry. What it tells is as safe as
    /// what [`Self::commit`] does.
    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>>;

    /// What is recorded under `name`, as safe as what [`Self::commit`] tells. It may still be told when its lifetime is
    /// over.
    fn record<'a>(&'a self, user: &'a UserId, name: &'a RecordName) -> Answer<'a, Option<String>>;

    /// What is kept of the usage of `user` under each of `fields`, in their order. All that is asked for is not read at
    /// one moment.
    fn usage<'a>(&'a self, user: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>>;

    /// Entries of the current history, at most `range.count`, from one end of the range.
    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>>;

    /// The first `limit` users whose noted billing time is at or before `until`, in the order of those times. A hint:
    /// a user may be noted too early, never too late.
    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>>;

    /// The first `limit` users whose names begin with `prefix` and come after `after`, in the order of bytes. A hint: it
    /// has everybody whose account was opened, or whose billing was noted, by a version that keeps this list, and may have
    /// somebody whose opening never came about.
    fn listed<'a>(&'a self, prefix: &'a str, after: Option<&'a UserId>, limit: usize) -> Answer<'a, Vec<UserId>>;

    /// Notes when `user` is billed next, and lists the user by name.
    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()>;

    /// Answers when the store does.
    fn ping(&self) -> Answer<'_, ()>;
}

/// Names one state of an account: unique to the commit that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(String);

impl Revision {
    /// The revision of this name.
    #[must_use]
    pub const fn new(name: String) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An account and the revision it was read at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The state's name.
    pub revision: Revision,
    /// The state.
    pub account: Account,
}

impl Stored {
    /// Reads a document, as every store must: damage is an error, never an empty account.
    fn read(user: &UserId, revision: String, document: &str) -> Result<Self, StoreError> {
        let account = Account::from_document(document, user).map_err(|damage| StoreError::damaged(user, &damage))?;
        Ok(Self { revision: Revision(revision), account })
    }
}

/// One of a user's histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The one that grows.
    Current,
    /// The one that the reset of this number (0, 1, …) put away.
    Archived(u32),
}

/// A change to one account.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whose.
    pub user: UserId,
    /// The revision that the change was decided on; `None` when there was no account.
    pub expected: Option<Revision>,
    /// The revision of the new state. It marks the entries too.
    pub revision: Revision,
    /// The new state.
    pub document: String,
    /// What joins the history, oldest first, as JSON.
    pub entries: Vec<(TransactionId, String)>,
    /// That the history is archived, and when.
    pub archive: Option<Archive>,
    /// What must not be there yet, and the text to record under each name. A name without one is only looked up.
    pub records: Vec<(RecordName, Option<String>)>,
    /// What is set of the user's usage: fields, and the text of each. A commit that archives the history drops all usage
    /// first.
    pub usage: Vec<(String, String)>,
    /// The next billing time, when the change moved it: it is noted, and the user listed.
    pub due: Option<Timestamp>,
    /// The instant of the decision.
    pub now: Timestamp,
}

/// Where in a commit the history is put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// After how many of the commit's entries.
    pub after: usize,
    /// The archive's number.
    pub number: u32,
}

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is looked at once and gone")]
pub enum Committed {
    /// It was written.
    Done,
    /// Nothing was written: the account is not what was expected, but this.
    Conflict(Option<Stored>),
    /// Nothing was written: some of the names have records. What is recorded under each, in the order of
    /// [`Commit::records`].
    Taken(Vec<Option<String>>),
}

/// A part of a history, read from one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryRange {
    /// Only entries after this one.
    pub after: Option<TransactionId>,
    /// Only entries before this one.
    pub before: Option<TransactionId>,
    /// Which end comes first.
    pub order: Order,
    /// At most so many.
    pub count: usize,
}

impl EntryRange {
    /// This entry alone.
    #[must_use]
    pub fn only(id: TransactionId) -> Self {
        let before = id.sequence().checked_add(1).map(|sequence| TransactionId::new(id.timestamp(), sequence));
        Self { before, ..Self::from(id, 1) }
    }

    /// This entry and those after it, oldest first.
    #[must_use]
    pub fn from(id: TransactionId, count: usize) -> Self {
        let after = match id.sequence().checked_sub(1) {
            Some(sequence) => Some(TransactionId::new(id.timestamp(), sequence)),
            None if id.timestamp() == Timestamp::EPOCH => None,
            None => Some(TransactionId::new(id.timestamp().earlier_by(1), u32::MAX)),
        };
        Self { after, before: None, order: Order::Ascending, count }
    }

    /// The newest entries.
    #[must_use]
    pub const fn newest(count: usize) -> Self {
        Self { after: None, before: None, order: Order::Descending, count }
    }
}

/// The order of a page of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first.
    #[default]
    Descending,
}

/// Why a store could not answer. The text is for the operator's log, never for a caller.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// It did not answer in time, or the line broke.
    #[error("{cause}")]
    Unavailable {
        /// What happened.
        cause: String,
        /// Whether the operation was sent and may have been carried out, or still may be.
        sent: bool,
    },
    /// It cannot say that what it has, with the change in it or without, is as safe as it was set up to make it: a failure
    /// may yet undo it.
    #[error("{0}")]
    Unconfirmed(String),
    /// It answered that it will not do it: out of memory, not permitted.
    #[error("{0}")]
    Refused(String),
    /// It is not set up: no URL, a wrong password.
    #[error("{0}")]
    Misconfigured(String),
    /// Others changed the account so often that no commit came through.
    #[error("the account changed under every attempt to commit")]
    Contended,
    /// What it holds is not what Jeton wrote.
    #[error("{0}")]
    Damaged(String),
}

impl StoreError {
    /// The time is up.
    pub(crate) fn late(sent: bool) -> Self {
        Self::Unavailable { cause: "the store did not answer in time".to_owned(), sent }
    }

    fn damaged(user: &UserId, damage: &DamagedAccount) -> Self {
        Self::Damaged(format!("the account of user {user} is damaged and was left as it is: {damage}"))
    }
}

/// The pause before attempt `attempt` (1, 2, …) to reach a store again: 25 ms doubled each time up to 400 ms, of which a
/// part of up to a half, chosen by `random`, is left out so that many callers don't come back at once.
#[must_use]
pub fn pause_before(attempt: u32, random: u128) -> Duration {
    let full = 25_u64.saturating_mul(1 << attempt.saturating_sub(1).min(4));
    let half = full.checked_div(2).unwrap_or(full);
    let random = u64::try_from(random >> 96).unwrap_or(0);
    Duration::from_millis(half.saturating_add(random.checked_rem(half.max(1)).unwrap_or(0)))
}
