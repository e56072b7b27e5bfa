//! What was spent when: what stands beside the account, and what callers are told of it.

mod calls;
pub(crate) mod clocks;
mod moments;
mod sums;
mod zones;

use std::sync::Arc;

use jeton::{
    ledger::UserId,
    locale::Locale,
    store::{Store, embedded::EmbeddedStore},
};

use crate::support::{
    past::service_at,
    redis::Redis,
    service::{article, caller, granted, tokens},
};

fn user() -> UserId {
    UserId::new("u").unwrap()
}

/// What the store keeps of the usage of `u` under these names.
async fn kept<const N: usize>(store: &Arc<dyn Store>, fields: [&str; N]) -> [Option<String>; N] {
    store.usage(&user(), &fields.map(str::to_owned)).await.unwrap().try_into().unwrap()
}

#[tokio::test]
async fn what_is_over_is_written_by_the_commit_that_closes_it() {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let embedded: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    for store in [redis.store(), embedded] {
        let of = |text: &str| Some(text.to_owned());
        // 12:20 is in hour 497628, of day 20734.
        let noon = service_at(Arc::clone(&store), "2026-10-08T12:20:00Z");
        for cost in [3, 4] {
            granted(noon.record_generation(&user(), article(cost), caller(None)).await);
        }
        let fields = ["h497628", "h497629", "d20734"];
        assert_eq!(kept(&store, fields).await, [None, None, None], "{}: nothing is over", store.name());
        let later = service_at(Arc::clone(&store), "2026-10-08T13:00:00Z");
        later.get_user_stats(&user(), Locale::French).await.unwrap();
        assert_eq!(kept(&store, fields).await, [None, None, None], "a read closes nothing");
        let before = redis.command_counts();
        granted(later.record_generation(&user(), article(5), caller(None)).await);
        if store.name() == "redis" {
            let commands = redis.commands_since(&before);
            let calls = ["evalsha", "hset", "xadd", "hmget"].map(|name| commands.get(name).copied());
            let one_commit = [Some(1), Some(2), Some(1), None];
            assert_eq!(calls, one_commit, "by a process that knows the account, as it was read: {commands:?}");
        }
        let noon = of(r#"{"ARTICLE":[0,0,7,2]}"#);
        assert_eq!(kept(&store, fields).await, [noon.clone(), None, None], "{}", store.name());
        let next = service_at(Arc::clone(&store), "2026-10-09T00:00:00Z");
        granted(next.record_generation(&user(), article(6), caller(None)).await);
        let kept_then = [noon, of(r#"{"ARTICLE":[5,1]}"#), of(r#"{"ARTICLE":[12,3]}"#)];
        assert_eq!(kept(&store, fields).await, kept_then, "{}", store.name());

        // What is spent before a reset in the same commit closes hours of the history that is put away.
        let last = service_at(Arc::clone(&store), "2026-10-10T01:00:00Z");
        let user = &user();
        let spend = |cost| last.record_generation(user, article(cost), caller(None));
        // The first of them is committed alone, the others wait for it.
        let (credit, reset) = (last.add_tokens(user, tokens(1), caller(None)), last.reset_stats(user, caller(None)));
        let replies = tokio::join!(credit, spend(7), reset, spend(8));
        for reply in <[_; 4]>::from(replies) {
            granted(reply);
        }
        for field in ["h497628", "h497629", "h497640", "h497665", "d20734", "d20735"] {
            assert_eq!(kept(&store, [field]).await, [None], "{}: {field}", store.name());
        }
        let after = service_at(Arc::clone(&store), "2026-10-10T02:00:00Z");
        granted(after.record_generation(user, article(9), caller(None)).await);
        assert_eq!(kept(&store, ["h497665"]).await, [of(r#"{"ARTICLE":[8,1]}"#)], "{}", store.name());
    }
}
