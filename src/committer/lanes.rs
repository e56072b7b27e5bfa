use std::{
    collections::{HashMap, HashSet},
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use lru::LruCache;
use tokio::{sync::oneshot, time::Instant};

use super::{Reply, Request};
use crate::{
    ledger::{Command, UserId},
    store::{StoreError, Stored},
};

/// How many commands are committed together at most: what a script can write without holding Redis up.
const GROUP_MAX: usize = 128;

/// How many accounts are remembered as guesses.
const GUESSES_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// A command and who waits for its answer.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Result<Reply, StoreError>>,
}

/// The commands under way, by user, and the accounts as they were seen last.
pub(super) struct Lanes {
    state: Mutex<State>,
}

struct State {
    /// A user is in here while somebody leads their lane.
    waiting: HashMap<UserId, Vec<Waiting>>,
    /// None while somebody leads the lane, who has taken it: its place is kept.
    guesses: LruCache<UserId, Option<Stored>>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { state: Mutex::new(State { waiting: HashMap::new(), guesses: LruCache::new(GUESSES_MAX) }) }
    }
}

impl Lanes {
    /// Adds a command to the lane of `user`. True when nobody leads it: then the caller must.
    pub(super) fn join(&self, user: &UserId, command: Waiting) -> bool {
        let mut state = self.state();
        if let Some(lane) = state.waiting.get_mut(user) {
            lane.push(command);
            return false;
        }
        state.waiting.insert(user.clone(), vec![command]);
        true
    }

    /// The next group: the commands that wait, as far as they can be committed together. `None` when nobody waits; then
    /// the lane is closed.
    pub(super) fn take(&self, user: &UserId) -> Option<Vec<Waiting>> {
        let mut state = self.state();
        let lane = state.waiting.get_mut(user)?;
        let count = together(lane);
        if count == 0 {
            state.waiting.remove(user);
            return None;
        }
        Some(lane.drain(..count).collect())
    }

    /// Takes the account of `user` as it was seen last. Whoever leads the lane puts it, or what it has become, back.
    pub(super) fn take_guess(&self, user: &UserId) -> Option<Stored> {
        self.state().guesses.get_mut(user)?.take()
    }

    /// The account of `user` as it was seen last, unless somebody has taken it.
    pub(super) fn guess(&self, user: &UserId) -> Option<Stored> {
        self.state().guesses.get(user)?.clone()
    }

    /// An account was read. What is known already, of the same age or newer, or is being changed, stays.
    pub(super) fn see(&self, user: &UserId, stored: &Stored) {
        let mut state = self.state();
        match state.guesses.get_mut(user) {
            Some(Some(guess)) if guess.account.is_older_than(&stored.account) => *guess = stored.clone(),
            Some(_) => {}
            None => drop(state.guesses.put(user.clone(), Some(stored.clone()))),
        }
    }

    pub(super) fn remember(&self, user: &UserId, stored: Stored) {
        let mut state = self.state();
        match state.guesses.get_mut(user) {
            Some(guess) => *guess = Some(stored),
            None => drop(state.guesses.put(user.clone(), Some(stored))),
        }
    }

    pub(super) fn forget(&self, user: &UserId) {
        self.state().guesses.pop(user);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of the first commands can share a commit: up to a number, up to the second reset (a commit archives one
/// history), and up to a key or a refunded debit that is in it already (the second is answered from what the first leaves).
fn together(lane: &[Waiting]) -> usize {
    let mut keys = HashSet::new();
    let mut refunds = HashSet::new();
    let mut reset = false;
    for (count, waiting) in lane.iter().take(GROUP_MAX).enumerate() {
        let idempotency = waiting.request.idempotency.as_ref();
        let known_key = idempotency.is_some_and(|idempotency| !keys.insert(&idempotency.key));
        let known_refund = matches!(&waiting.request.command, Command::Refund { id, .. } if !refunds.insert(*id));
        let resets = waiting.request.command == Command::Reset;
        if known_key || known_refund || (resets && reset) {
            return count;
        }
        reset |= resets;
    }
    lane.len().min(GROUP_MAX)
}

/// Closes a lane whose leader ends without having emptied it; those who wait learn that their command was not decided.
pub(super) struct Leaving<'a> {
    lanes: &'a Lanes,
    user: &'a UserId,
    emptied: bool,
}

impl<'a> Leaving<'a> {
    pub(super) const fn new(lanes: &'a Lanes, user: &'a UserId) -> Self {
        Self { lanes, user, emptied: false }
    }

    pub(super) fn done(mut self) {
        self.emptied = true;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if !self.emptied {
            self.lanes.forget(self.user);
            let abandoned = self.lanes.state().waiting.remove(self.user);
            drop(abandoned);
        }
    }
}
