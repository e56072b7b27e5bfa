//! What those who show an account live ask of a store besides: to be woken when it changes, and to read it with its
//! history at one moment.

pub use super::watch::Watch;
use super::{Answer, Store, Stored};
use crate::ledger::{Transaction, TransactionId, UserId};

/// A store whose accounts can be followed. The wake-up says only that there may be something new; what it is, the
/// history says.
pub trait Follow: Store {
    /// The account of `user` and entries of its current history, all at one moment: from the entry `from` on, or without
    /// it the newest one alone. `None` when there is no account.
    fn follow<'a>(
        &'a self,
        user: &'a UserId,
        from: Option<TransactionId>,
        limit: FollowLimit,
    ) -> Answer<'a, Option<Followed>>;

    /// Tells, from now on and as long as it is kept, when the account of `user` may have changed.
    fn watch(&self, user: &UserId) -> Watch;
}

/// How much of a history is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowLimit {
    /// How many entries are read at most.
    pub entries: usize,
    /// How many are counted at most.
    pub count: usize,
}

/// An account and a part of its history at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The account.
    pub stored: Stored,
    /// The entries, oldest first.
    pub entries: Vec<Transaction>,
    /// How many there are, with those that were not read.
    pub count: usize,
}
