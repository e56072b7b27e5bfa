//! What the operator's commands look at beyond what a call needs: all users, histories as they are stored, usage,
//! notes.

use std::ops::Range;

use super::{Answer, History, Revision, follow::Follow};
use crate::ledger::{Timestamp, TransactionId, UserId};

/// How many entries are read at once, at most and at first.
const ENTRIES_PAGE: (usize, usize) = (1_000, 100);
/// How large a page should be, in bytes of JSON.
const PAGE_BYTES: usize = 128 * 1_024;

/// A store that can be looked through. Every answer is bounded, so that no look takes memory that grows with the data.
pub trait Inspect: Follow {
    /// Some users, about `limit`, from `cursor` on. A walk that follows the cursors to their end meets everybody who had
    /// an account when it began, and everybody who has a history but no account; where that cannot be said, as data moved
    /// between servers meanwhile, it fails. Somebody may come twice.
    fn users(&self, cursor: Option<UserCursor>, limit: usize) -> Answer<'_, UserPage>;

    /// The entries of a history as they are stored, oldest first: at most `count`, from those after the id `after` on.
    fn stored_entries<'a>(
        &'a self,
        user: &'a UserId,
        history: History,
        after: Option<&'a str>,
        count: usize,
    ) -> Answer<'a, Vec<StoredEntry>>;

    /// Those of `numbers` under which a history of `user` is archived.
    fn archives<'a>(&'a self, user: &'a UserId, numbers: Range<u32>) -> Answer<'a, Vec<u32>>;

    /// How many fields the usage of `user` has.
    fn usage_size<'a>(&'a self, user: &'a UserId) -> Answer<'a, u64>;

    /// Makes `fields` and their texts the whole usage of `user`, if the account still is that of the revision `expected`:
    /// whether it was.
    fn write_usage<'a>(
        &'a self,
        user: &'a UserId,
        expected: &'a Revision,
        fields: &'a [(String, String)],
    ) -> Answer<'a, bool>;

    /// The billing time that is noted for `user`, if one is.
    fn noted<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Timestamp>>;

    /// For how many users a billing time is noted.
    fn notes(&self) -> Answer<'_, u64>;

    /// Whether [`Store::listed`](super::Store::listed) names `user`.
    fn is_listed<'a>(&'a self, user: &'a UserId) -> Answer<'a, bool>;

    /// Lists `user`, who has an account.
    fn list<'a>(&'a self, user: &'a UserId) -> Answer<'a, ()>;
}

/// Where a walk through the users goes on: known to the store that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCursor(pub(super) String);

/// A part of a walk through the users.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPage {
    /// Who was met; perhaps nobody.
    pub users: Vec<UserId>,
    /// Where it goes on; `None` at its end.
    pub next: Option<UserCursor>,
}

/// An entry that nobody has read yet: it may be damaged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its id as the store has it.
    pub id: String,
    /// What should be its JSON; empty where there is none.
    pub document: Vec<u8>,
}

impl StoredEntry {
    /// The id, if it is one that Jeton gives.
    #[must_use]
    pub fn transaction_id(&self) -> Option<TransactionId> {
        self.id.parse().ok()
    }
}

/// Where a walk through a history is, and how many entries it takes next.
#[derive(Debug)]
pub struct Pages {
    after: Option<String>,
    count: usize,
    more: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { after: None, count: ENTRIES_PAGE.1, more: true }
    }
}

impl Pages {
    /// A walk that begins after the entry `id`.
    #[must_use]
    pub fn after_id(id: Option<String>) -> Self {
        Self { after: id, ..Self::default() }
    }

    /// How many entries the next page has; `None` at the end.
    #[must_use]
    pub const fn next_count(&self) -> Option<usize> {
        if self.more { Some(self.count) } else { None }
    }

    /// The id that the next page comes after.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// The page has been read: the next one is as long as makes it [`PAGE_BYTES`] large.
    pub fn turn(&mut self, page: &[StoredEntry]) {
        self.more = page.len() >= self.count;
        let Some(last) = page.last() else { return };
        self.after = Some(last.id.clone());
        let bytes = page.iter().fold(0_usize, |bytes, entry| bytes.saturating_add(entry.document.len()));
        let fitting = PAGE_BYTES.saturating_mul(page.len()).checked_div(bytes).unwrap_or(ENTRIES_PAGE.0);
        self.count = fitting.clamp(1, ENTRIES_PAGE.0);
    }
}
