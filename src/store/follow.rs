//! What those who show an account live ask of a store besides: to be woken when it changes, and to read it with its
//! history at one moment.

pub use super::watch::Watch;
use super::{Answer, Store, Stored};
use crate::ledger::{Transaction, TransactionId, UserId};

/// A store whose accounts can be followed. The wake-up says only that there may be something new; what it is, the
/// history says.
pub trait Follow: Store {
    /// The account of `user` and entries of its current history, all at one moment: from the entry `from` on, oldest
    /// first and at most `limit`, or without `from` the newest one alone. `None` when there is no account.
    fn follow<'a>(
        &'a self,
        user: &'a UserId,
        from: Option<TransactionId>,
        limit: usize,
    ) -> Answer<'a, Option<Followed>>;

    /// Tells, from now on and as long as it is kept, when the account of `user` may have changed.
    fn watch(&self, user: &UserId) -> Watch;
}

/// An account and a part of its history at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The account.
    pub stored: Stored,
    /// The entries, oldest first.
    pub entries: Vec<Transaction>,
}
