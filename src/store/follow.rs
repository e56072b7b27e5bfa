//! What those who show an account live ask of a store besides: to be woken when it changes, and to read it with its
//! history at one moment.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

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

/// Who is watched, in one process. The store wakes those who watch.
#[derive(Debug, Default)]
pub(super) struct Watched {
    users: Mutex<HashMap<UserId, Place>>,
    /// Somebody is watched who was not before, or no longer.
    pub(super) changed: Notify,
}

#[derive(Debug)]
struct Place {
    signal: Arc<Signal>,
    watches: usize,
}

#[derive(Debug, Default)]
struct Signal {
    wake: Notify,
    prompt: AtomicBool,
}

/// One who watches a user.
#[derive(Debug)]
pub struct Watch {
    user: UserId,
    signal: Arc<Signal>,
    watched: Arc<Watched>,
}

impl Watch {
    /// Waits until the account may have changed since this was last asked. It may be for nothing. Where a change could not
    /// be told of at once, as the line to the store was broken, it is told of when it is whole again.
    ///
    /// Only one of all who watch the same user in this process is woken.
    pub async fn changed(&self) {
        self.signal.wake.notified().await;
    }

    /// Whether changes are told of at once, as things are now. Otherwise a look from time to time must do.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        self.signal.prompt.load(Ordering::Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut users = self.watched.users();
        if let Some(place) = users.get_mut(&self.user) {
            place.watches = place.watches.saturating_sub(1);
            if place.watches == 0 {
                users.remove(&self.user);
                self.watched.changed.notify_one();
            }
        }
    }
}

impl Watched {
    /// Watches `user`. `prompt` says whether changes are told of at once from the beginning.
    pub(super) fn watch(self: &Arc<Self>, user: &UserId, prompt: bool) -> Watch {
        let mut users = self.users();
        let place = users.entry(user.clone()).or_insert_with(|| {
            self.changed.notify_one();
            Place { signal: Arc::new(Signal { wake: Notify::new(), prompt: AtomicBool::new(prompt) }), watches: 0 }
        });
        place.watches = place.watches.saturating_add(1);
        Watch { user: user.clone(), signal: Arc::clone(&place.signal), watched: Arc::clone(self) }
    }

    /// Tells who watches `user`, if anybody does, that the account may have changed.
    pub(super) fn wake(&self, user: &UserId) {
        if let Some(place) = self.users().get(user) {
            place.signal.wake.notify_one();
        }
    }

    fn users(&self) -> MutexGuard<'_, HashMap<UserId, Place>> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
