//! Accounts shown live: every change reaches every open browser, in order, none missed and none twice (contract §6).
//!
//! - **A wake-up says when, the history says what.** A feed for each user who is listened to waits until the account may
//!   have changed, or time changes it, and reads what is new. So nothing depends on a wake-up that is lost or late: the
//!   next look finds all of it.
//! - **A listener has a place** in the history: the newest entry that it was told. What the feed tells begins and ends at a
//!   place, so a listener sees a gap when there is one, and reads the history itself from where it stands.
//! - **What is too much is said to be.** A listener that has missed more than [`REPLAYED_MAX`] entries, or whose place is
//!   not in the history, as after a reset, is told to begin anew.

mod catching_up;
mod events;
mod feed;
mod listener;

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    sync::{broadcast::Receiver, watch},
    time::Instant,
};

use self::feed::{Feed, News};
pub use self::listener::Listener;
use crate::{
    ledger::{Transaction, TransactionId, UserId},
    locale::Locale,
    log,
    stats_service::{Moment, StatsService},
    store::{
        Answer, StoreError,
        follow::{Follow, FollowLimit},
        in_time,
    },
};

/// How many missed entries are told at most.
pub const REPLAYED_MAX: usize = 1_000;

/// How many of them are read at once, so that one who comes back keeps neither the line to the store nor memory for long.
const READ_AT_ONCE: usize = 250;

/// All that is shown live by this process.
pub struct Live {
    shared: Arc<Shared>,
    closing: watch::Sender<bool>,
}

/// What feeds and listeners share.
struct Shared {
    service: Arc<StatsService>,
    store: Arc<dyn Follow>,
    /// The language of what is written because nobody but time asks for it.
    locale: Locale,
    feeds: Mutex<HashMap<UserId, Weak<Feed>>>,
    /// That the store does not answer was told to the operator: the same would be told for every user.
    told_outage: AtomicBool,
}

/// From where on somebody is to be told what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// From now on.
    Now,
    /// After this entry of the history, if it has it and what came after it is not too much.
    After(TransactionId),
    /// From now on, and what was told before is worth nothing.
    Anew,
}

/// How far somebody was told a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Which history: how many were archived before it.
    archives: u32,
    /// Its newest entry; [`TransactionId::ZERO`] while it has none.
    last: TransactionId,
}

impl Live {
    /// Shows the accounts of `service`, whose store is `store`. `locale` is the language of entries that only time brings
    /// about.
    #[must_use]
    pub fn new(service: Arc<StatsService>, store: Arc<dyn Follow>, locale: Locale) -> Self {
        let shared = Shared { service, store, locale, feeds: Mutex::default(), told_outage: AtomicBool::new(false) };
        Self { shared: Arc::new(shared), closing: watch::Sender::new(false) }
    }

    /// Listens to what happens to the account of `user` from `start` on until `ends`. An account that there is not is
    /// opened.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer.
    pub async fn listen(&self, user: &UserId, start: Start, ends: Instant) -> Result<Listener, StoreError> {
        in_time(Listener::begin(Arc::clone(&self.shared), user.clone(), start, ends, self.closing.subscribe())).await
    }

    /// Ends all streams, as the process is about to end. Those who begin later end at once.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until [they are ended](Self::close).
    pub async fn closed(&self) {
        // It cannot fail, as the sender is here.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}

impl Shared {
    /// The feed of `user`, the one that is there or a new one, and its news from now on.
    fn join(self: &Arc<Self>, user: &UserId) -> (Arc<Feed>, Receiver<Arc<News>>) {
        // One that has ended is let go of without the lock, which it takes at its end.
        let ended;
        let mut feeds = self.feeds();
        if let Some(feed) = feeds.get(user).and_then(Weak::upgrade) {
            if let Some(news) = feed.news() {
                return (feed, news);
            }
            ended = Some(feed);
        } else {
            ended = None;
        }
        let (feed, news) = Feed::start(self, user);
        feeds.insert(user.clone(), Arc::downgrade(&feed));
        drop(feeds);
        drop(ended);
        (feed, news)
    }

    /// Forgets the feed of `user` if nobody has it any more.
    fn forget_feed(&self, user: &UserId) {
        if let Entry::Occupied(feed) = self.feeds().entry(user.clone())
            && feed.get().strong_count() == 0
        {
            feed.remove();
        }
    }

    /// The events of `user` end, as the store does not answer, or not rightly. Those who listen are told by that.
    fn broke_off(&self, user: &UserId, error: &StoreError) {
        let is_outage = matches!(error, StoreError::Unavailable { .. });
        if !is_outage || !self.told_outage.swap(true, Ordering::Relaxed) {
            let others = if is_outage { ", as may those of others" } else { "" };
            log::warning(&format!("the events of user {user} broke off{others}: {error}"));
        }
    }

    fn feeds(&self) -> MutexGuard<'_, HashMap<UserId, Weak<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The account as it is, and its history from `from` on, that entry included: as much as is read at once, and counted
    /// as far as it takes to see that it is too much. Without `from` its newest entry.
    fn look<'a>(&'a self, user: &'a UserId, from: Option<TransactionId>) -> Answer<'a, Moment> {
        let limit = FollowLimit { entries: READ_AT_ONCE.saturating_add(1), count: REPLAYED_MAX.saturating_add(2) };
        // Boxed, so that those who wait, which is nearly always, have no room for a look.
        Box::pin(async move {
            let moment = self.service.follow(self.store.as_ref(), user, from, limit, self.locale).await?;
            self.told_outage.store(false, Ordering::Relaxed);
            Ok(moment)
        })
    }
}

impl Place {
    /// Where one stands who was told this.
    fn of(moment: &Moment) -> Self {
        let last = moment.entries.last().map_or(TransactionId::ZERO, |newest| newest.id);
        Self { archives: moment.archives, last }
    }
}

impl Moment {
    /// The entries after `last`, in what was read from there on; `None` where it is no place in this history, or where there
    /// are too many.
    fn since(&self, last: TransactionId) -> Option<&[Transaction]> {
        let (since, count) = if last == TransactionId::ZERO {
            (self.entries.as_slice(), self.count)
        } else {
            let (_, since) = self.entries.split_first().filter(|(first, _)| first.id == last)?;
            (since, self.count.saturating_sub(1))
        };
        (count <= REPLAYED_MAX).then_some(since)
    }

    /// The same for who was told the account of this version besides. It may be gone too: a server that takes over need not
    /// have all that the one before had.
    fn goes_on_from(&self, place: Place, version: u64) -> Option<&[Transaction]> {
        self.since(place.last).filter(|_| self.archives == place.archives && self.stats.version >= version)
    }

    /// Whether all of the history that was asked for was read.
    const fn is_whole(&self) -> bool {
        self.entries.len() == self.count
    }
}
