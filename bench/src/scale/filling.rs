//! Users and entries made by Jeton's own ledger and store, as the functions make them, only many at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::{StreamExt, TryStreamExt, future::try_join_all, stream};
use jeton::{
    committer::{Reply, Surroundings},
    ledger::{Amount, ContentType, Source, Timestamp, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::{Caller, Generation, StatsService, TokenCredit},
    store::redis::RedisStore,
    system::{self, System},
};
use tokio::runtime::{Builder, Runtime};

/// How many users are worked on at once.
const AT_ONCE: usize = 256;
/// How many debits of one user are made at once: so many share a commit.
const DEBITS_AT_ONCE: u32 = 128;
/// In how many instants at least the entries of a history came about.
const INSTANTS: u32 = 1_000;
/// Over how many days a history goes back.
const HISTORY_DAYS: u64 = 90;
/// More than is ever debited.
const PLENTY: u64 = 1_000_000_000_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Fills a Redis.
pub(super) struct Filling {
    runtime: Runtime,
    service: StatsService,
    clock: Arc<Clock>,
}

/// A clock that stands where it is put.
struct Clock(AtomicU64);

impl Surroundings for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed)).unwrap_or(Timestamp::EPOCH)
    }

    fn random(&self) -> u128 {
        system::random()
    }
}

impl Filling {
    /// Of the Redis at `url`.
    pub(super) fn new(url: &str) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(told)?;
        let clock = Arc::new(Clock(AtomicU64::new(System.now().as_millis())));
        let store = Arc::new(RedisStore::new(url, "jeton").map_err(told)?);
        let catalogue = Catalogue::built_in().map_err(told)?;
        let surroundings: Arc<dyn Surroundings> = Arc::<Clock>::clone(&clock);
        let service = StatsService::new(store, catalogue, Stage::Production, surroundings);
        Ok(Self { runtime, service, clock })
    }

    /// Opens an account for each of `users`, so many days ago.
    pub(super) fn open(&self, users: impl Iterator<Item = String>, days_ago: u64) -> Result<(), String> {
        self.clock.set(System.now().earlier_by(DAY_MS.saturating_mul(days_ago)));
        let open =
            async |user: String| self.service.get_user_stats(&known(&user)?, Locale::default()).await.map_err(told);
        self.runtime.block_on(stream::iter(users).map(open).buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())))
    }

    /// Debits each of `users` so many times.
    pub(super) fn debit_each(&self, users: &[String], times: u32) -> Result<(), String> {
        self.clock.set(System.now());
        let debit = async |user: &String| self.debit(&known(user)?, times).await;
        self.runtime.block_on(stream::iter(users).map(debit).buffer_unordered(AT_ONCE).try_for_each(async |()| Ok(())))
    }

    /// Gives `user` a history of so many debits, from some time ago until now.
    pub(super) fn write_history(&self, user: &str, entries: u32) -> Result<(), String> {
        let user = known(user)?;
        let now = System.now();
        let days = HISTORY_DAYS.saturating_mul(DAY_MS);
        let at_once = entries.div_ceil(INSTANTS).min(DEBITS_AT_ONCE);
        let instants = entries.div_ceil(at_once);
        self.runtime.block_on(async {
            self.clock.set(now.earlier_by(days));
            let amount = Amount::new(PLENTY).ok_or("no amount")?;
            let credit = TokenCredit { amount, grant: Source::Purchase.into(), description: None, metadata: None };
            self.service.add_tokens(&user, credit, Caller::default()).await.map_err(told)?;
            let mut left = entries;
            for instant in (0..instants).rev() {
                let ago = days.saturating_mul(instant.into()).checked_div(instants.into()).unwrap_or(0);
                self.clock.set(now.earlier_by(ago));
                self.debit(&user, left.min(at_once)).await?;
                left = left.saturating_sub(at_once);
            }
            Ok(())
        })
    }

    async fn debit(&self, user: &UserId, times: u32) -> Result<(), String> {
        let debit = async |_| {
            let content_type = ContentType::new("ARTICLE");
            let generation = Generation { content_type, token_cost: None, description: None, metadata: None };
            match self.service.record_generation(user, generation, Caller::default()).await.map_err(told)? {
                Reply::Decided { decision: Ok(_), .. } => Ok(()),
                Reply::Decided { .. } | Reply::Replayed(_) => Err(format!("a debit of {user} was refused")),
            }
        };
        try_join_all((0..times).map(debit)).await.map(|_| ())
    }
}

impl Clock {
    fn set(&self, at: Timestamp) {
        self.0.store(at.as_millis(), Ordering::Relaxed);
    }
}

fn known(user: &str) -> Result<UserId, String> {
    UserId::new(user).ok_or_else(|| format!("{user} is no user id"))
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn told(error: impl ToString) -> String {
    error.to_string()
}
