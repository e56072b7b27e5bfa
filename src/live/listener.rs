use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{
        broadcast::{Receiver, error::RecvError},
        watch,
    },
    time::{Instant, Interval, MissedTickBehavior, interval_at, sleep_until},
};

use super::{
    Place, Shared, Start,
    events::{COMMENT, Events, RETRY, stats_json},
    feed::{Feed, News, What},
    missed,
};
use crate::{
    ledger::{TransactionId, UserId},
    log,
    stats_service::Moment,
    store::StoreError,
};

/// How often the line is kept open (contract §6).
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// One who listens: what it is to be sent, piece by piece, as fast as it takes it.
pub struct Listener {
    shared: Arc<Shared>,
    user: UserId,
    /// It looks as long as somebody has it.
    _feed: Arc<Feed>,
    news: Receiver<Arc<News>>,
    place: Place,
    version: u64,
    first: Option<Bytes>,
    comments: Interval,
    ends: Instant,
    closing: watch::Receiver<bool>,
    ended: bool,
}

/// What brings somebody to the present, and where that is.
struct CaughtUp {
    events: Events,
    place: Place,
    version: u64,
}

impl CaughtUp {
    fn with(moment: &Moment, events: impl FnOnce(TransactionId, &str) -> Events) -> Self {
        let (place, version) = (Place::of(moment), moment.stats.version);
        Self { events: events(place.last, &stats_json(&moment.stats)), place, version }
    }

    /// Without a past.
    async fn now(
        shared: &Shared,
        user: &UserId,
        events: impl FnOnce(TransactionId, &str) -> Events,
    ) -> Result<Self, StoreError> {
        Ok(Self::with(&shared.look(user, None).await?, events))
    }

    /// After the entry `last` of the current history, or of the one that had so many archives before it.
    async fn after(
        shared: &Shared,
        user: &UserId,
        last: TransactionId,
        archives: Option<u32>,
    ) -> Result<Self, StoreError> {
        let moment = shared.look(user, Some(last)).await?;
        let same = archives.is_none_or(|archives| archives == moment.archives);
        match missed(&moment, last).filter(|_| same) {
            Some(missed) => Ok(Self::with(&moment, |newest, stats| Events::of(missed, newest, stats))),
            None => Self::now(shared, user, Events::anew).await,
        }
    }
}

impl Listener {
    pub(super) async fn begin(
        shared: Arc<Shared>,
        user: UserId,
        start: Start,
        ends: Instant,
        closing: watch::Receiver<bool>,
    ) -> Result<Self, StoreError> {
        // The feed first: what happens while the history is read waits in it.
        let (feed, news) = shared.join(&user);
        let CaughtUp { events, place, version } = match start {
            Start::Now => CaughtUp::now(&shared, &user, |newest, stats| Events::of(&[], newest, stats)).await?,
            Start::After(last) => CaughtUp::after(&shared, &user, last, None).await?,
            Start::Anew => CaughtUp::now(&shared, &user, Events::anew).await?,
        };
        let first = Some([RETRY, events.into_bytes()].concat().into());
        let begun = Instant::now();
        let mut comments = interval_at(begun.checked_add(COMMENT_EVERY).unwrap_or(begun), COMMENT_EVERY);
        comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { shared, user, _feed: feed, news, place, version, first, comments, ends, closing, ended: false })
    }

    /// Waits for what is to be sent next; `None` at the end.
    pub async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let news = tokio::select! {
                biased;
                () = over(&mut self.closing, self.ends) => None,
                news = self.news.recv() => Some(news),
                _ = self.comments.tick() => return Some(COMMENT),
            };
            let Some(news) = news else { return Some(self.end()) };
            match self.take(news).await {
                Ok(Some(events)) => return Some(events),
                Ok(None) => {}
                Err(error) => {
                    log::warning(&format!("the events of user {} broke off: {error}", self.user));
                    return Some(self.end());
                }
            }
        }
    }

    /// What the news are to this listener: events, or nothing.
    async fn take(&mut self, news: Result<Arc<News>, RecvError>) -> Result<Option<Bytes>, StoreError> {
        match news {
            Ok(news) => match &news.what {
                What::Break => self.catch_up().await,
                // This listener looked later.
                _ if (news.place, news.version) < (self.place, self.version) => Ok(None),
                What::Since(from, events) if *from == self.place => {
                    (self.place, self.version) = (news.place, news.version);
                    Ok(Some(events.clone()))
                }
                What::Present | What::Since(..) if (news.place, news.version) == (self.place, self.version) => Ok(None),
                What::Present | What::Since(..) => self.catch_up().await,
            },
            // There was more than waits for a slow one.
            Err(RecvError::Lagged(_)) => {
                self.news = self.news.resubscribe();
                self.catch_up().await
            }
            // The feed says why it ended.
            Err(RecvError::Closed) => Ok(Some(self.end())),
        }
    }

    /// Reads what this listener missed, from where it stands.
    async fn catch_up(&mut self) -> Result<Option<Bytes>, StoreError> {
        let Place { archives, last } = self.place;
        let CaughtUp { events, place, version } =
            CaughtUp::after(&self.shared, &self.user, last, Some(archives)).await?;
        (self.place, self.version) = (place, version);
        Ok(Some(events.into_bytes()))
    }

    fn end(&mut self) -> Bytes {
        self.ended = true;
        RETRY
    }
}

/// Waits until the time is up, or the process is about to end.
async fn over(closing: &mut watch::Receiver<bool>, ends: Instant) {
    tokio::select! {
        // It fails when whoever could say so is gone, which is the end too.
        _ = closing.wait_for(|closing| *closing) => {}
        () = sleep_until(ends) => {}
    }
}
