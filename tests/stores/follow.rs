//! Accounts that are followed: read with a part of their history at one moment, and told of when they change.

use std::cell::Cell;

use futures_util::FutureExt;
use jeton::{
    ledger::{Command, Timestamp, TransactionId},
    store::follow::{Follow, FollowLimit, Followed, Watch},
};
use tokio::{join, time::timeout};

use super::{Kept, at, user};
use crate::support::{
    process::PATIENCE,
    world::{START, World, credit, debit},
};

const fn limit(entries: usize, count: usize) -> FollowLimit {
    FollowLimit { entries, count }
}

/// Waits until who watches is woken.
pub(super) async fn woken(watch: &Watch, case: &str) {
    assert!(timeout(PATIENCE, watch.changed()).await.is_ok(), "{case}: nobody was woken");
}

/// Whether who watches is not woken, as things are.
pub(super) fn is_asleep(watch: &Watch) -> bool {
    watch.changed().now_or_never().is_none()
}

/// Watches somebody whom nobody in this process watches yet, and waits until changes are told at once.
async fn watch(store: &dyn Follow, id: &str) -> Watch {
    let watch = store.watch(&user(id));
    // A subscription tells when it has come about. The embedded store needs none.
    if store.name() == "redis" {
        woken(&watch, "the subscription").await;
    }
    assert!(watch.is_prompt(), "{}: {id}", store.name());
    watch
}

#[tokio::test]
async fn an_account_is_followed_from_any_place_in_its_history() {
    for kept in Kept::all() {
        let (store, name) = (kept.follow(), kept.store().name());
        for from in [None, Some(TransactionId::ZERO), Some(TransactionId::new(at(START), 0))] {
            assert_eq!(store.follow(&user("nobody"), from, limit(10, 10)).await.unwrap(), None, "{name}: {from:?}");
        }
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch, debit("ARTICLE", 3)], START).await;
        world.apply(&[credit(5), debit("ARTICLE", 1)], START + 1).await;
        for round in ["an opening and three more", "after a reset"] {
            let ids: Vec<TransactionId> = world.entries.iter().map(|entry| entry.id).collect();
            let last = ids.len() - 1;
            let between = TransactionId::new(ids[0].timestamp(), ids[0].sequence() + 70_000);
            let greatest = TransactionId::new(Timestamp::from_millis(253_402_300_799_999).unwrap(), u32::MAX);
            let first_after = |id| ids.iter().position(|own| *own >= id).unwrap_or(ids.len());
            for (case, from, limit, expected) in [
                ("the newest alone", None, 10, last..=last),
                ("the newest alone, one at most", None, 1, last..=last),
                ("all", Some(TransactionId::ZERO), 1_000, 0..=last),
                ("exactly all", Some(TransactionId::ZERO), ids.len(), 0..=last),
                ("the first alone", Some(TransactionId::ZERO), 1, 0..=last),
                ("from the first", Some(ids[0]), 1_000, 0..=last),
                ("from the last", Some(ids[last]), 1_000, last..=last),
                ("from no entry, two at most", Some(between), 2, first_after(between)..=last),
                ("from beyond", Some(greatest), 10, ids.len()..=last),
            ] {
                let found = world.entries.get(expected).unwrap_or_default();
                // No more are read, and some more counted.
                for more in [0, 1, 1_000] {
                    let counted = FollowLimit { entries: limit, count: limit + more };
                    let followed = store.follow(&world.user, from, counted).await.unwrap();
                    let entries = found.iter().take(limit).cloned().collect();
                    let count = found.len().min(limit + more);
                    let all = Followed { stored: world.stored.clone().unwrap(), entries, count };
                    assert_eq!(followed, Some(all), "{name}, {round}: {case}, and {more} more");
                }
            }
            // What is put away is not followed any more.
            world.apply(&[Command::Reset, debit("ARTICLE", 2)], START + 2).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_and_its_entries_are_of_one_moment() {
    for kept in Kept::all() {
        let (store, name) = (kept.follow(), kept.store().name());
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch], START).await;
        let (user, is_over, seen) = (user("u"), Cell::new(false), Cell::new(0_u64));
        let writes = async {
            for millis in 1..=400 {
                let command = if millis % 3 == 0 { credit(4) } else { debit("ARTICLE", 1) };
                world.apply(&[command], START + millis).await;
            }
            is_over.set(true);
        };
        let reads = async {
            let (mut from, mut version) = (None, 0);
            while !is_over.get() {
                let Followed { stored, entries, count } =
                    store.follow(&user, from, limit(1_000, 1_000)).await.unwrap().unwrap();
                assert_eq!(entries.len(), count, "{name}");
                let newest = entries.last().unwrap();
                assert_eq!(newest.entry.balance, stored.account.ledger_balance(), "{name}: {newest:?}");
                assert_eq!(newest.id, stored.account.last_entry(), "{name}");
                seen.set(seen.get() + u64::from(stored.account.version() > version));
                (from, version) = (Some(newest.id), stored.account.version());
            }
        };
        join!(writes, reads);
        assert!(seen.get() > 10, "{name}: only {} states were seen between the commits", seen.get());
    }
}

#[tokio::test]
async fn who_watches_is_woken_by_a_commit_of_any_process() {
    for kept in Kept::all() {
        let (store, name) = (kept.follow(), kept.store().name());
        let watched = watch(store, "u").await;
        let other = kept.another();
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch], START).await;
        woken(&watched, name).await;
        // What came before is not told again, and several changes may be told of as one.
        assert!(is_asleep(&watched), "{name}");
        if let Some(other) = &other {
            world.store = other;
            for millis in 1..=3 {
                world.apply(&[debit("ARTICLE", 1)], START + millis).await;
                woken(&watched, "another process").await;
            }
        }
        // A commit that is not made tells nothing.
        let mut refused = world.draft(&[debit("ARTICLE", 1)], START + 9).commit;
        refused.expected = None;
        let before = world.stored.clone();
        kept.store().commit(&refused).await.unwrap();
        assert_eq!(kept.store().load(&world.user).await.unwrap(), before);
        let last = watch(store, "last").await;
        assert!(is_asleep(&watched), "{name}");
        drop(last);
    }
}

#[tokio::test]
async fn a_commit_for_somebody_else_wakes_nobody() {
    for kept in Kept::all() {
        let (store, name) = (kept.follow(), kept.store().name());
        // In a cluster all three at one node, which tells of changes in their order.
        let all = || (0..100).map(|number| format!("user-{number}"));
        let ids: Vec<String> = match &kept.cluster {
            Some((cluster, _)) => all().filter(|id| cluster.owner(id) == 0).take(3).collect(),
            None => all().take(3).collect(),
        };
        let [watched, other, unwatched] = ids.try_into().unwrap();
        let [watch_of, watch_of_other] = [watch(store, &watched).await, watch(store, &other).await];
        for id in [&unwatched, &other] {
            World::new(kept.store(), id).apply(&[Command::Touch], START).await;
        }
        woken(&watch_of_other, name).await;
        assert!(is_asleep(&watch_of), "{name}");
        World::new(kept.store(), &watched).apply(&[Command::Touch], START).await;
        woken(&watch_of, name).await;
        assert!(is_asleep(&watch_of_other), "{name}");
    }
}

#[tokio::test]
async fn a_user_can_be_watched_twice_and_by_one_after_the_other() {
    for kept in Kept::all() {
        let (store, name) = (kept.follow(), kept.store().name());
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch], START).await;
        let mut watches = vec![watch(store, "u").await];
        for millis in 1..=10 {
            // It shares the place of the one before, and so it is prompt from the beginning.
            watches.push(store.watch(&world.user));
            assert!(watches[1].is_prompt(), "{name}");
            world.apply(&[debit("ARTICLE", 1)], START + millis).await;
            for watch in &watches {
                woken(watch, name).await;
            }
            assert!(is_asleep(&watches[0]) && is_asleep(&watches[1]), "{name}");
            watches.remove(0);
        }
        // The last one leaves, and somebody comes at once.
        for millis in 11..=30 {
            watches.clear();
            watches.push(watch(store, "u").await);
            world.apply(&[debit("ARTICLE", 1)], START + millis).await;
            woken(&watches[0], name).await;
        }
    }
}
