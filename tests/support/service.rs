//! The façade in this process, over a Redis, and requests to it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jeton::{
    committer::{Decision, Idempotency, Reply},
    ledger::{Amount, ContentType, Outcome, Refused, Source},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::{Caller, Generation, StatsService, TokenCredit},
    store::{IdempotencyKey, StoreError, redis::RedisStore},
    system::System,
};

use super::{calendar::away_from_billing, process::PATIENCE};

/// A process's service over the Redis at `url`.
pub(crate) fn service_over(url: &str) -> StatsService {
    away_from_billing();
    let store = Arc::new(RedisStore::new(url, "jeton").unwrap());
    StatsService::new(store, Catalogue::built_in().unwrap(), Stage::Development, Arc::new(System))
}

/// What `ask` gives. It is asked again where the store was unavailable: to a process that was not let run for long, a
/// Redis that answers at once is too.
pub(crate) async fn available<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(StoreError::Unavailable { .. }) if begun.elapsed() < PATIENCE => {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            given => return given.unwrap(),
        }
    }
}

/// An article that costs so many tokens.
pub(crate) fn article(cost: u64) -> Generation {
    let content_type = ContentType::new("ARTICLE");
    Generation { content_type, token_cost: Amount::new(cost), description: None, metadata: None }
}

/// So many bought tokens.
pub(crate) fn tokens(amount: u64) -> TokenCredit {
    let amount = Amount::new(amount).unwrap();
    TokenCredit { amount, grant: Source::Purchase.into(), description: None, metadata: None }
}

/// A caller, with this idempotency key if any.
pub(crate) fn caller(key: Option<&str>) -> Caller {
    let idempotency = key.map(|key| Idempotency {
        key: IdempotencyKey::new(key).unwrap(),
        fingerprint: "f".repeat(64),
        render: Arc::new(rendered),
    });
    Caller { locale: Locale::French, idempotency }
}

/// The answer that is remembered with a decision.
pub(crate) fn rendered(decision: &Decision) -> (u16, String) {
    match decision {
        Ok(outcome) => (200, serde_json::to_string(&outcome.stats).unwrap()),
        Err(refused) => (402, serde_json::to_string(&refused.stats).unwrap()),
    }
}

/// The outcome of a request that was decided and granted.
pub(crate) fn granted(reply: Result<Reply, StoreError>) -> Outcome {
    match reply.unwrap() {
        Reply::Decided { decision, .. } => decision.unwrap(),
        replayed @ Reply::Replayed(_) => panic!("{replayed:?}"),
    }
}

/// The refusal of a request that was decided and refused.
pub(crate) fn refused(reply: Result<Reply, StoreError>) -> Refused {
    match reply.unwrap() {
        Reply::Decided { decision, .. } => decision.unwrap_err(),
        replayed @ Reply::Replayed(_) => panic!("{replayed:?}"),
    }
}
