use std::{future::ready, sync::Arc, time::Duration};

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
    catching_up::CaughtUp,
    events::{COMMENT, RETRY},
    feed::{Feed, News, What},
};
use crate::{ledger::UserId, store::StoreError};

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
    /// There is more to read before there is anything to wait for.
    is_behind: bool,
    first: Option<Bytes>,
    comments: Interval,
    ends: Instant,
    closing: watch::Receiver<bool>,
    ended: bool,
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
        let CaughtUp { events, place, version, is_whole } = CaughtUp::at(start, &shared, &user).await?;
        let first = Some([RETRY, events.into_bytes()].concat().into());
        let begun = Instant::now();
        let mut comments = interval_at(begun.checked_add(COMMENT_EVERY).unwrap_or(begun), COMMENT_EVERY);
        comments.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            shared,
            user,
            _feed: feed,
            news,
            place,
            version,
            is_behind: !is_whole,
            first,
            comments,
            ends,
            closing,
            ended: false,
        })
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
            let events = tokio::select! {
                biased;
                () = over(&mut self.closing, self.ends) => return Some(self.end()),
                () = ready(()), if self.is_behind => self.catch_up().await,
                news = self.news.recv() => self.take(news).await,
                _ = self.comments.tick() => return Some(COMMENT),
            };
            match events {
                Ok(Some(events)) => return Some(events),
                Ok(None) => {}
                Err(error) => {
                    self.shared.broke_off(&self.user, &error);
                    return Some(self.end());
                }
            }
        }
    }

    /// What the news are to this listener: events, or nothing.
    async fn take(&mut self, news: Result<Arc<News>, RecvError>) -> Result<Option<Bytes>, StoreError> {
        match news {
            Ok(news) => match &news.what {
                What::Since(from, events) if *from == self.place && news.version >= self.version => {
                    (self.place, self.version) = (news.place, news.version);
                    Ok(Some(events.clone()))
                }
                What::Present | What::Since(..) if (news.place, news.version) == (self.place, self.version) => Ok(None),
                // It is older than what this listener knows, or newer, or what this listener knows is gone.
                What::Present | What::Since(..) | What::Break => self.catch_up().await,
            },
            // There was more than waits for a slow one.
            Err(RecvError::Lagged(_)) => self.catch_up().await,
            // The feed says why it ended.
            Err(RecvError::Closed) => Ok(Some(self.end())),
        }
    }

    /// Reads what this listener missed, from where it stands, if it missed anything.
    async fn catch_up(&mut self) -> Result<Option<Bytes>, StoreError> {
        // What waits is older than what is read now.
        self.news = self.news.resubscribe();
        let CaughtUp { events, place, version, is_whole } =
            CaughtUp::from(self.place, self.version, &self.shared, &self.user).await?;
        self.is_behind = !is_whole;
        if (place, version) == (self.place, self.version) {
            return Ok(None);
        }
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
