//! Who is watched in one process: the store wakes those who watch, and where changes come over a line, one task tends to
//! it as long as anybody does.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::ledger::UserId;

/// One who watches a user.
#[derive(Debug)]
pub struct Watch {
    user: UserId,
    signal: Arc<Signal>,
    watched: Arc<Watched>,
}

/// Those who are watched.
#[derive(Debug, Default)]
pub(super) struct Watched {
    state: Mutex<State>,
    /// There is news, or the end has come.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    places: HashMap<UserId, Place>,
    /// Who is watched, or no longer, since the one who tends was last told. Nobody, where nobody tends.
    news: HashSet<UserId>,
    care: Care,
}

/// Whether somebody tends.
#[derive(Debug, Default, PartialEq, Eq)]
enum Care {
    #[default]
    Untended,
    Tended,
    /// Nobody will any more: the store is gone.
    Closed,
}

/// Those who watch one user.
#[derive(Debug, Default)]
struct Place {
    signals: Vec<Arc<Signal>>,
    prompt: bool,
}

#[derive(Debug, Default)]
struct Signal {
    wake: Notify,
    prompt: AtomicBool,
}

impl Place {
    fn wake(&self) {
        for signal in &self.signals {
            signal.wake.notify_one();
        }
    }

    fn set_prompt(&mut self, prompt: bool) {
        self.prompt = prompt;
        for signal in &self.signals {
            signal.prompt.store(prompt, Ordering::Relaxed);
        }
    }
}

impl Watch {
    /// Waits until the account may have changed since this was last asked. It may be for nothing: as when changes are no
    /// longer told of at once, and when they are again.
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
        let mut state = self.watched.state();
        let Some(place) = state.places.get_mut(&self.user) else { return };
        place.signals.retain(|signal| !Arc::ptr_eq(signal, &self.signal));
        if place.signals.is_empty() {
            state.places.remove(&self.user);
            self.watched.tell(&mut state, &self.user);
        }
    }
}

impl Watched {
    /// Watches `user`. `prompt` says whether changes are told of at once from the beginning.
    pub(super) fn watch(self: &Arc<Self>, user: &UserId, prompt: bool) -> Watch {
        let mut state = self.state();
        if !state.places.contains_key(user) {
            self.tell(&mut state, user);
        }
        let place = state.places.entry(user.clone()).or_insert_with(|| Place { signals: Vec::new(), prompt });
        let signal = Arc::new(Signal { wake: Notify::new(), prompt: AtomicBool::new(place.prompt) });
        place.signals.push(Arc::clone(&signal));
        Watch { user: user.clone(), signal, watched: Arc::clone(self) }
    }

    /// Tells who watches `user`, if anybody does, that the account may have changed.
    pub(super) fn wake(&self, user: &UserId) {
        if let Some(place) = self.state().places.get(user) {
            place.wake();
        }
    }

    /// Begins to tend, if somebody is watched and nobody tends. All who are watched are news then.
    pub(super) fn tend(self: &Arc<Self>) -> Option<Tending> {
        let mut state = self.state();
        if state.places.is_empty() || state.care != Care::Untended {
            return None;
        }
        state.care = Care::Tended;
        state.news = state.places.keys().cloned().collect();
        self.changed.notify_one();
        Some(Tending { watched: Arc::clone(self), is_over: false })
    }

    /// Ends the tending for good.
    pub(super) fn close(&self) {
        self.state().care = Care::Closed;
        self.changed.notify_one();
    }

    fn tell(&self, state: &mut State, user: &UserId) {
        if state.care == Care::Tended {
            state.news.insert(user.clone());
            self.changed.notify_one();
        }
    }

    /// From now on changes of `user` are told of at once, or no longer. Either way there may be some that nobody was told of.
    pub(super) fn set_prompt(&self, user: &UserId, prompt: bool) {
        if let Some(place) = self.state().places.get_mut(user) {
            let is_lost = place.prompt && !prompt;
            place.set_prompt(prompt);
            if prompt || is_lost {
                place.wake();
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tending to all who are watched. There is one at a time; with its value it ends.
#[derive(Debug)]
pub(super) struct Tending {
    watched: Arc<Watched>,
    is_over: bool,
}

impl Tending {
    /// Waits until there is news, or until it may be over.
    pub(super) async fn changed(&self) {
        self.watched.changed.notified().await;
    }

    /// Whose being watched has changed since this was last asked, and whether they are now.
    pub(super) fn news(&self) -> Vec<(UserId, bool)> {
        let mut state = self.watched.state();
        let news = std::mem::take(&mut state.news);
        let told = |user: UserId| {
            let is_watched = state.places.contains_key(&user);
            (user, is_watched)
        };
        news.into_iter().map(told).collect()
    }

    /// Whether it is over: nobody is watched, or nobody is to be any more. Whoever is watched afterwards needs another.
    pub(super) fn is_over(&mut self) -> bool {
        let mut state = self.watched.state();
        if state.places.is_empty() && state.care == Care::Tended {
            state.care = Care::Untended;
            state.news.clear();
            self.is_over = true;
        }
        self.is_over || state.care == Care::Closed
    }

    /// Those who are tended to.
    pub(super) const fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }
}

impl Drop for Tending {
    /// It may have been broken off, as with the runtime that it ran on. Then nobody tells of changes, and the next who is
    /// watched begins another.
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut state = self.watched.state();
        if state.care == Care::Tended {
            state.care = Care::Untended;
            state.news.clear();
        }
        state.places.values_mut().for_each(|place| place.set_prompt(false));
    }
}
