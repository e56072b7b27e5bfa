use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    sync::broadcast,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    Place, Shared,
    events::{Events, stats_json},
};
use crate::{
    ledger::{TransactionId, UserId},
    stats_service::Moment,
    store::{StoreError, follow::Watch, pause_before},
    system,
};

/// How much news waits for a listener who is slow, at most. Who is slower reads the history.
const NEWS_WAITING_MAX: usize = 16;

/// How long nobody looks, at most, although nothing was told: should a wake-up be lost, its change is seen after this.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The same while the store cannot tell of changes at once.
const LOOK_OFTEN: Duration = Duration::from_secs(2);

/// How long a store may not answer before the streams end, so that nobody takes an old balance for the present one
/// (contract §3: within 5 s).
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads what happens to one account, once for all who listen to it.
pub(super) struct Feed {
    user: UserId,
    news: broadcast::WeakSender<Arc<News>>,
    task: AbortHandle,
    shared: Weak<Shared>,
}

/// What a look has shown.
pub(super) struct News {
    /// Where one stands who knows it.
    pub(super) place: Place,
    /// The version of the stats.
    pub(super) version: u64,
    pub(super) what: What,
}

/// What there is to tell.
pub(super) enum What {
    /// Nothing to who stands there: it was the first look.
    Present,
    /// These events, to who stood at that place.
    Since(Place, Bytes),
    /// Too much, or the history is another one: everybody has to look for themselves.
    Break,
}

/// What was told last.
struct Told {
    place: Place,
    version: u64,
    stats: String,
}

impl Feed {
    /// Starts to look at the account of `user`.
    pub(super) fn start(shared: &Arc<Shared>, user: &UserId) -> (Arc<Self>, broadcast::Receiver<Arc<News>>) {
        let (news, first) = broadcast::channel(NEWS_WAITING_MAX);
        let looking = Looking { shared: Arc::clone(shared), user: user.clone(), news: news.clone() };
        let (news, task) = (news.downgrade(), tokio::spawn(looking.run()).abort_handle());
        (Arc::new(Self { user: user.clone(), news, task, shared: Arc::downgrade(shared) }), first)
    }

    /// The news from now on; `None` when the feed has ended.
    pub(super) fn news(&self) -> Option<broadcast::Receiver<Arc<News>>> {
        self.news.upgrade().map(|news| news.subscribe())
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(shared) = self.shared.upgrade() {
            shared.forget_feed(&self.user);
        }
    }
}

/// The feed's task.
struct Looking {
    shared: Arc<Shared>,
    user: UserId,
    news: broadcast::Sender<Arc<News>>,
}

impl Looking {
    async fn run(self) {
        let watch = self.shared.store.watch(&self.user);
        let mut told = None;
        loop {
            let (moment, news) = match self.look(told.as_ref()).await {
                Ok(looked) => looked,
                Err(error) => return self.shared.broke_off(&self.user, &error),
            };
            let (place, version) = (Place::of(&moment), moment.stats.version);
            if let Some(what) = news {
                // Where nobody listens any more, there is nobody to tell.
                let _ = self.news.send(Arc::new(News { place, version, what }));
            }
            told = Some(Told { place, version, stats: stats_json(&moment.stats) });
            let changes_in = Duration::from_millis(moment.changes_in);
            // It may have many entries, and the next look may be long in coming.
            drop(moment);
            wait(&watch, changes_in).await;
        }
    }

    /// The account as it is, and what is new about it.
    async fn look(&self, told: Option<&Told>) -> Result<(Moment, Option<What>), StoreError> {
        let Some(told) = told else { return Ok((self.patiently(None).await?, Some(What::Present))) };
        let moment = self.patiently(Some(told.place.last)).await?;
        let missed = moment.goes_on_from(told.place, told.version).filter(|_| moment.is_whole());
        let Some(missed) = missed else { return Ok((self.patiently(None).await?, Some(What::Break))) };
        let stats = stats_json(&moment.stats);
        if missed.is_empty() && stats == told.stats {
            return Ok((moment, None));
        }
        let mut events = Events::default();
        events.transactions(missed);
        events.stats(Place::of(&moment).last, &stats);
        Ok((moment, Some(What::Since(told.place, events.into_bytes()))))
    }

    /// Looks again as long as the store does not answer and there is time.
    async fn patiently(&self, from: Option<TransactionId>) -> Result<Moment, StoreError> {
        let mut failed = StoreError::late(true);
        let looking = async {
            let mut attempt = 0_u32;
            loop {
                match self.shared.look(&self.user, from).await {
                    Ok(moment) => return Ok(moment),
                    Err(error @ StoreError::Unavailable { .. }) => failed = error,
                    Err(error) => return Err(error),
                }
                attempt = attempt.saturating_add(1);
                sleep(pause_before(attempt, system::random())).await;
            }
        };
        let looked = timeout(PATIENCE, looking).await;
        looked.unwrap_or(Err(failed))
    }
}

/// Waits until the account may have changed, or time changes it.
async fn wait(watch: &Watch, changes_in: Duration) {
    let look_again = if watch.is_prompt() { LOOK_AGAIN } else { LOOK_OFTEN };
    // Due is due from its own millisecond on, and the clock that says so may be a little behind this one.
    let due = changes_in.saturating_add(Duration::from_millis(1));
    tokio::select! {
        () = watch.changed() => {}
        () = sleep(due.min(look_again)) => {}
    }
}
