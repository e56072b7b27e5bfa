//! Brings commands to the store in as few commits as possible, each exactly once.
//!
//! - **Group commit.** Each user has a lane. The first command in it leads: it takes all commands that wait, decides
//!   them one after the other on one account, and commits them together; those that come meanwhile form the next group.
//! - **A cached account is a guess.** It saves the load before a commit, which compares the revision. A read, and every
//!   refusal that writes nothing, is answered only from an account loaded for that group; a read also from the cached one, if the
//!   store has just said that its revision is still the one.
//! - **A lost answer is looked up.** When the line breaks after a commit was sent, it may have been written, may be
//!   written later, or never. The entries carry their commit's revision, so a look at the id of its first entry tells.
//!   A commit that writes no entry leaves a record under a name of its own, which the next attempt meets.
//!   If it is not there the group is decided again, on the revision just loaded: should the lost commit arrive late,
//!   one of the two finds another revision and writes nothing, and the same look settles which.
//! - **Who comes from the module before** is taken over at the first touch, if that is set up: what it has of a user who has no
//!   account here becomes the opening, in the same commit as the command that came.

mod draft;
mod group;
mod lanes;
pub(crate) mod legacy;

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    runtime::Handle,
    sync::oneshot,
    time::{Instant, timeout_at},
};

pub(crate) use self::group::kept_reservation;
use self::{
    group::Group,
    lanes::{Lanes, Waiting},
};
use crate::{
    ledger::{Billed, Command, Legacy, Outcome, Refused, Takeover, Timestamp, UserId},
    locale::Locale,
    mutation::{Mutation, planted},
    plans::Catalogue,
    stage::Stage,
    store::{IdempotencyKey, LegacySource, OnceRecord, Store, StoreError, Stored},
};

/// The clock and the dice.
pub trait Surroundings: Send + Sync {
    /// The instant.
    fn now(&self) -> Timestamp;

    /// 128 random bits.
    fn random(&self) -> u128;
}

/// A command of a caller.
#[derive(Clone)]
pub struct Request {
    /// What is asked.
    pub command: Command,
    /// The language of what is written.
    pub locale: Locale,
    /// How it is made idempotent, if it is.
    pub idempotency: Option<Idempotency>,
}

/// How a request is recognised, and what its answer is.
#[derive(Clone)]
pub struct Idempotency {
    /// The caller's name for the request.
    pub key: IdempotencyKey,
    /// The SHA-256 of the request, in hexadecimal.
    pub fingerprint: String,
    /// The answer to a decision, which is remembered with it.
    pub render: Render,
}

/// Writes the answer to a decision: status and body. The same each time.
pub type Render = Arc<dyn Fn(&Decision) -> (u16, String) + Send + Sync>;

/// What the ledger decided.
pub type Decision = Result<Outcome, Refused>;

/// The answer to a request.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every reply is of the large kind")]
pub enum Reply {
    /// It was decided now.
    Decided {
        /// How.
        decision: Decision,
        /// What billing this request brought about by coming first.
        billed: Billed,
        /// What this request took over from the module before.
        taken_over: Option<Box<Takeover>>,
    },
    /// Its key was used before: this was the answer, or the answer to another request.
    Replayed(OnceRecord),
}

/// The way of all commands to the store. One for each process.
pub struct Committer {
    shared: Arc<Shared>,
}

/// What the module before has of whoever has no account here.
enum Before {
    /// That is not looked for.
    Unasked,
    /// It is looked for there.
    Asked(LegacySource),
    /// It is this, of the one user who comes.
    Known(Legacy),
}

struct Shared {
    store: Arc<dyn Store>,
    catalogue: &'static Catalogue,
    stage: Stage,
    surroundings: Arc<dyn Surroundings>,
    before: Before,
    lanes: Lanes,
}

impl Committer {
    /// A committer to `store`. Who has no account there is taken over from `legacy`, if it has something of them.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        catalogue: &'static Catalogue,
        stage: Stage,
        surroundings: Arc<dyn Surroundings>,
        legacy: Option<LegacySource>,
    ) -> Self {
        Self::after(legacy.map_or(Before::Unasked, Before::Asked), store, catalogue, stage, surroundings)
    }

    /// A committer to `store` for the one user whom `legacy` is of: without an account, that one is taken over.
    pub(crate) fn taking_over(
        store: Arc<dyn Store>,
        catalogue: &'static Catalogue,
        stage: Stage,
        surroundings: Arc<dyn Surroundings>,
        legacy: Legacy,
    ) -> Self {
        Self::after(Before::Known(legacy), store, catalogue, stage, surroundings)
    }

    fn after(
        before: Before,
        store: Arc<dyn Store>,
        catalogue: &'static Catalogue,
        stage: Stage,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        Self { shared: Arc::new(Shared { store, catalogue, stage, surroundings, before, lanes: Lanes::default() }) }
    }

    /// The account of `user` as it is in the store, which is read for this.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&self, user: &UserId) -> Result<Option<Stored>, StoreError> {
        let Shared { store, lanes, .. } = &*self.shared;
        let stored = match lanes.guess(user) {
            Some(known) if planted(Mutation::ReadFromGuess) => Some(known),
            Some(known) => store.reload(user, known).await?,
            None => store.load(user).await?,
        };
        if let Some(stored) = &stored {
            lanes.see(user, stored);
        }
        Ok(stored)
    }

    /// Decides `request` on the account of `user` and commits what comes of it, before `deadline`. Then nothing of it is
    /// under way any more: the platform may freeze the process.
    ///
    /// # Errors
    /// [`StoreError`]. After [`StoreError::Unavailable`] with `sent` the change may have been made, or still be made,
    /// once; after [`StoreError::Unconfirmed`] it may have been made, once, and may yet be undone.
    pub async fn execute(&self, user: &UserId, request: Request, deadline: Instant) -> Result<Reply, StoreError> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { request, deadline, reply };
        let leads = self.shared.lanes.join(user, waiting);
        let mut leading = Leading(leads.then(|| lead(Arc::clone(&self.shared), user.clone()).boxed()));
        match timeout_at(deadline, leading.until(answer)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(StoreError::Damaged("the committer stopped midway".to_owned())),
            Err(_) => Err(StoreError::late(true)),
        }
    }
}

/// What the first caller in a lane does for all who are in it, for as long as that caller waits. What is left then goes on in a
/// task of its own: a caller that has its answer, or goes away, must not take the others' with it.
struct Leading(Option<BoxFuture<'static, ()>>);

impl Leading {
    /// Leads until `answer` is there.
    async fn until<T>(&mut self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        poll_fn(|context| {
            // Should it panic, it is gone.
            self.0 = self.0.take().and_then(|mut lead| lead.poll_unpin(context).is_pending().then_some(lead));
            answer.as_mut().poll(context)
        })
        .await
    }
}

impl Drop for Leading {
    fn drop(&mut self) {
        if let (Some(lead), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(lead);
        }
    }
}

/// Waits until all have had their turn whose requests have come already: they join the first group.
async fn let_others_in() {
    let mut waited = false;
    poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Commits group after group until the lane of `user` is empty.
async fn lead(shared: Arc<Shared>, user: UserId) {
    // Should a group panic, the lane is given up, so that the next command opens it anew.
    let leaving = lanes::Leaving::new(&shared.lanes, &user);
    let_others_in().await;
    while let Some(waiting) = shared.lanes.take(&user) {
        Group::new(&shared, &user, waiting).commit().await;
    }
    leaving.done();
}
