//! Brings the users of the module that Jeton replaces over, for the operator: from its keys, which stay as they are, into
//! accounts that go on where it left them.
//!
//! A run looks, and says what it would do; or does it, by the same committer that takes a user over at the first touch, so
//! that whoever comes meanwhile is taken over once. Who has an account is left alone, so a run that broke off is begun again.
//! Nothing is held that grows with the number of users.

mod met;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc::Sender,
    task::{JoinError, JoinSet},
    time::Instant,
};

pub use self::met::{Met, MetUser, Tally, Written};
use crate::{
    committer::{Committer, Reply, Request, Surroundings, legacy},
    ledger::{Account, Command, Legacy, LegacyStats, TakenOver, Terms, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    store::{LegacySource, Store, StoreError},
};

/// How many users are brought over at once. Each of them is held whole.
const AT_ONCE: usize = 8;
/// How many users are asked for at once.
const USERS_PAGE: usize = 1_000;
/// How long one user may take: nobody waits for an answer, and a history may be long.
const USER_TAKES_MAX: Duration = Duration::from_mins(1);

/// Where the users come from, and where they go.
pub struct Ways {
    /// The keys of the module before.
    pub source: LegacySource,
    /// Where the accounts are. `None` where there is nothing yet, and nothing is to be done.
    pub store: Option<Arc<dyn Store>>,
    /// Plans and texts.
    pub catalogue: &'static Catalogue,
    /// The language of what is written.
    pub locale: Locale,
    /// The clock and the dice.
    pub surroundings: Arc<dyn Surroundings>,
}

/// A run.
pub struct Import {
    ways: Ways,
    /// Whether it is to be done.
    apply: bool,
    told: Sender<MetUser>,
    tally: Mutex<Tally>,
}

/// Why a run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// One of the stores did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work on a user ended before its end.
    #[error("the work on a user broke off: {0}")]
    User(#[from] JoinError),
}

impl Import {
    /// A run that tells `told` of each user. With `apply` it brings them over, otherwise it only looks.
    #[must_use]
    pub fn new(ways: Ways, apply: bool, told: Sender<MetUser>) -> Self {
        Self { ways, apply, told, tally: Mutex::default() }
    }

    /// How far it has come.
    #[must_use]
    pub fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes through all users. False when there is nobody.
    ///
    /// # Errors
    /// [`ImportError`]. Who was brought over before stays so.
    pub async fn all(self: &Arc<Self>) -> Result<bool, ImportError> {
        let mut under_way = JoinSet::new();
        let mut is_somebody = false;
        let mut cursor = None;
        loop {
            let page = self.ways.source.users(cursor, USERS_PAGE).await?;
            is_somebody |= !page.ids.is_empty();
            for id in page.ids {
                if under_way.len() >= AT_ONCE
                    && let Some(done) = under_way.join_next().await
                {
                    done??;
                }
                let run = Arc::clone(self);
                under_way.spawn(async move { run.user(id).await });
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        while let Some(done) = under_way.join_next().await {
            done??;
        }
        Ok(is_somebody)
    }

    /// Brings one user over: whether there is one.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn one(&self, user: &UserId) -> Result<bool, ImportError> {
        // What is there and cannot be read is told of the user.
        let is_there = match self.ways.source.stats(user.as_str()).await {
            Ok(None) => !matches!(self.ways.source.find(user).await, Ok(None)),
            Ok(Some(_)) | Err(_) => true,
        };
        if !is_there {
            return Ok(false);
        }
        self.user(user.as_str().to_owned()).await?;
        Ok(true)
    }

    async fn user(&self, id: String) -> Result<(), StoreError> {
        let met = match UserId::new(&id) {
            None => Met::NotAUser,
            Some(user) => match self.meet(&user).await {
                Ok(met) => met,
                // That is of this user alone.
                Err(StoreError::Damaged(cause)) => Met::Damaged(cause),
                Err(error) => return Err(error),
            },
        };
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).count(&met);
        // Who does not listen has the tally.
        let _ = self.told.send(MetUser { id, met }).await;
        Ok(())
    }

    async fn meet(&self, user: &UserId) -> Result<Met, StoreError> {
        if user == self.ways.catalogue.test_user() {
            return Ok(Met::TestUser);
        }
        if let Some(account) = self.account(user).await? {
            return self.known(user, &account).await;
        }
        let Ways { source, store, catalogue, locale, surroundings } = &self.ways;
        // What is read here is taken over, whatever becomes of the keys: so who is not there any more is not opened.
        let Some(legacy) = legacy::find(source, user, catalogue, surroundings.now()).await? else {
            return Ok(Met::Gone);
        };
        let Some(store) = store.as_ref().filter(|_| self.apply) else { return self.foresee(user, &legacy) };
        let (store, surroundings) = (Arc::clone(store), Arc::clone(surroundings));
        let committer = Committer::taking_over(store, catalogue, Stage::Production, surroundings, legacy);
        let request = Request { command: Command::Touch, locale: *locale, idempotency: None };
        let now = Instant::now();
        let deadline = now.checked_add(USER_TAKES_MAX).unwrap_or(now);
        match committer.execute(user, request, deadline).await? {
            Reply::Decided { taken_over: Some(report), billed, .. } => Ok(Met::TakenOver(report, billed)),
            // Somebody was faster.
            Reply::Decided { taken_over: None, .. } | Reply::Replayed(_) => match self.account(user).await? {
                Some(account) => self.known(user, &account).await,
                None => Ok(Met::Gone),
            },
        }
    }

    /// What would be done.
    fn foresee(&self, user: &UserId, found: &Legacy) -> Result<Met, StoreError> {
        let Ways { catalogue, locale, surroundings, .. } = &self.ways;
        let terms = Terms { catalogue, now: surroundings.now(), locale: *locale, stage: Stage::Production };
        let TakenOver { account, report, .. } = legacy::take(user, found, terms)?;
        let settled = decide(Some(account), user, &Command::Touch, terms);
        let settled = settled.map_err(|missing| StoreError::Damaged(missing.to_string()))?;
        Ok(Met::TakenOver(Box::new(report), settled.billed))
    }

    async fn account(&self, user: &UserId) -> Result<Option<Account>, StoreError> {
        let Some(store) = &self.ways.store else { return Ok(None) };
        Ok(store.load(user).await?.map(|stored| stored.account))
    }

    /// Who has an account already is left alone.
    async fn known(&self, user: &UserId, account: &Account) -> Result<Met, StoreError> {
        let stats = self.ways.source.stats(user.as_str()).await?;
        let test_user = self.ways.catalogue.test_user();
        let stats = stats.and_then(|stats| LegacyStats::read(user, test_user, &stats).ok());
        Ok(match (account.imported(), stats) {
            (Some(then), Some(now)) => Met::Imported { then, written: Written::since(&then, &now) },
            (Some(then), None) => Met::Imported { then, written: Written::Unreadable },
            (None, now) => Met::Own { balance: account.ledger_balance(), before: now.map(|stats| stats.balance) },
        })
    }
}
