//! A Redis behind a line that breaks, and processes on both sides of it.

use jeton::{
    ledger::{Transaction, TransactionType, UserId},
    locale::Locale,
    stats_service::StatsService,
    store::redis::RedisStore,
};
use tempfile::TempDir;

use super::{
    cluster,
    proxy::{Fault, Proxy},
    redis::Redis,
    service::service_over,
    world::entries,
};

/// What can become of a commit that writes no entry, and so is not looked up in the history: the retry loads (HMGET) and
/// commits (EVALSHA).
pub(crate) const FAULTS: [&[Fault]; 8] = [
    &[Fault::AnswerLost],
    &[Fault::RequestLost],
    &[Fault::LateAfter("HMGET")],
    &[Fault::LateAfter("EVALSHA")],
    &[Fault::RequestLost, Fault::AnswerLost],
    &[Fault::AnswerLost, Fault::AnswerLost],
    &[Fault::RequestLost, Fault::LateAfter("HMGET")],
    &[Fault::RequestLost, Fault::RequestLost, Fault::RequestLost],
];

/// A Redis that knows the script, and the line to it that breaks.
pub(crate) struct Broken {
    pub(crate) redis: Redis,
    pub(crate) proxy: Proxy,
    /// `REDIS_URL` of a process behind the line.
    pub(crate) url: String,
    pub(crate) store: RedisStore,
    _folder: Option<TempDir>,
}

impl Broken {
    /// One server.
    pub(crate) async fn start() -> Self {
        Self::over(Redis::start()).await
    }

    async fn over(redis: Redis) -> Self {
        redis.command::<String>(&["SCRIPT", "LOAD", include_str!("../../src/store/commit.lua")]);
        let proxy = Proxy::start(redis.port()).await;
        let store = RedisStore::new(&redis.url(), "jeton").unwrap();
        Self { redis, url: proxy.url(), proxy, store, _folder: None }
    }

    /// The same, where Redis is a cluster of one node, which tells that it is at the other end of the line.
    pub(crate) async fn start_cluster() -> Self {
        let (redis, folder) = cluster::lone_node();
        let broken = Self::over(redis).await;
        let url = broken.proxy.url();
        let port = url.rsplit(':').next().unwrap();
        broken.redis.command::<()>(&["CONFIG", "SET", "cluster-announce-port", port]);
        Self { url: format!("{url},{url}"), _folder: Some(folder), ..broken }
    }

    /// A process behind the breaking line.
    pub(crate) fn service(&self) -> StatsService {
        service_over(&self.url)
    }

    /// A process on a line of its own.
    pub(crate) fn other_service(&self) -> StatsService {
        service_over(&self.redis.url())
    }

    /// The lengths of the first archives.
    pub(crate) fn archives(&self, user: &UserId) -> [u64; 2] {
        [0, 1].map(|number| self.redis.command(&["XLEN", &format!("jeton:{{{user}}}:archive:{number}")]))
    }

    /// The amounts of the history, debits negative, if they add up to the balance with what is reserved, and to what each entry says.
    pub(crate) async fn history(&self, user: &UserId, case: &str) -> Vec<i64> {
        let mut balance = 0;
        let amounts = entries(&self.store, user).await.into_iter().map(|Transaction { entry, .. }| {
            let amount = i64::try_from(entry.amount.get()).unwrap();
            let amount = if entry.kind == TransactionType::Credit { amount } else { -amount };
            balance += amount;
            assert_eq!(entry.balance, balance, "{case}");
            amount
        });
        let amounts = amounts.collect();
        let stats = self.other_service().get_user_stats(user, Locale::French).await.unwrap();
        let reserved = i64::try_from(stats.tokens_reserved).unwrap();
        assert_eq!(stats.token_balance + reserved, balance, "{case}");
        amounts
    }
}
