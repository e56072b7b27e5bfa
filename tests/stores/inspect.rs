//! What the operator's commands look at: all users, stored entries, archives, notes.

use std::collections::BTreeSet;

use jeton::{
    ledger::{Command, UserId},
    store::{
        History, StoreError,
        inspect::{Inspect, StoredEntry},
        redis::RedisStore,
    },
};

use super::{Kept, at, user};
use crate::support::{
    cluster::{Cluster, Move},
    redis::Redis,
    world::{DAY, START, World, credit, debit},
};

/// All users, met page by page.
async fn walk(store: &dyn Inspect, limit: usize) -> Vec<UserId> {
    let (mut users, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.users(cursor, limit).await.unwrap();
        users.extend(page.users);
        pages += 1;
        assert!(pages < 100_000, "{}: no end", store.name());
        let Some(next) = page.next else { return users };
        cursor = Some(next);
    }
}

fn set(users: impl IntoIterator<Item = UserId>) -> BTreeSet<String> {
    users.into_iter().map(|user| user.as_str().to_owned()).collect()
}

#[tokio::test]
async fn a_walk_meets_every_user() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.inspect());
        assert_eq!(walk(store, 10).await, [], "{name}");
        let mut all: BTreeSet<String> = ["history", "u:once:k", "a|b@c.d+e~f-g", "z"].map(str::to_owned).into();
        all.extend((0..200).map(|number| format!("user-{number}")));
        for id in &all {
            World::new(kept.store(), id).apply(&[Command::Touch, Command::Reset, debit("ARTICLE", 3)], START).await;
        }
        // A note alone makes no user.
        kept.store().note_due(&user("noted"), at(START)).await.unwrap();
        for limit in [1, 7, 50, 1_000] {
            let users = walk(store, limit).await;
            // Where others write at the same time, Redis may be growing its table, and name some twice.
            assert!(users.len() == all.len() || kept.cluster.is_some(), "{name}: {limit}");
            assert_eq!(set(users), all, "{name}: {limit}");
        }

        // Who had an account when a walk began is met, whoever comes meanwhile.
        let mut page = store.users(None, 5).await.unwrap();
        let mut met = Vec::new();
        for number in 0.. {
            met.extend(page.users);
            if number < 20 {
                World::new(kept.store(), &format!("new-{number}")).apply(&[Command::Touch], START).await;
            }
            let Some(next) = page.next else { break };
            page = store.users(Some(next), 5).await.unwrap();
        }
        assert!(set(met).is_superset(&all), "{name}");
    }
}

#[tokio::test]
async fn a_walk_in_redis_meets_lost_accounts_and_passes_over_what_is_not_jetons() {
    let redis = Redis::start();
    for prefix in ["jeton", "jeton:a", "j*", "[j]?\\"] {
        let store = RedisStore::new(&redis.url(), prefix).unwrap();
        let key = |id: &str, kind: &str| format!("{prefix}:{{{id}}}:{kind}");
        for id in ["u", "no-account", "no-history", "archives"] {
            let mut world = World::new(&store, id);
            world.apply(&[Command::Touch, Command::Reset], START).await;
            world.apply(&[Command::Reset], START + 1).await;
        }
        redis.command::<u64>(&["DEL", &key("no-account", "account")]);
        redis.command::<u64>(&["DEL", &key("no-history", "history")]);
        redis.command::<u64>(&["DEL", &key("archives", "account"), &key("archives", "history")]);
        let others = [
            key("u", "once:a}:account"),
            key("u", "once:history"),
            key("no user", "account"),
            key("", "account"),
            key("other", "archive:01"),
            key("other", "archive:4294967296"),
            key("other", "archive:"),
            key("other", "accounts"),
            format!("{prefix}{prefix}:{{other}}:account"),
            format!("{prefix}:other:account"),
        ];
        for other in &others {
            redis.command::<()>(&["SET", other, "theirs"]);
        }
        let mut binary = redis::cmd("SET");
        binary.arg([prefix.as_bytes(), b":{\xff}:account"].concat()).arg("theirs");
        binary.query::<()>(&mut redis.connect()).unwrap();
        for limit in [1, 1_000] {
            let mut users = walk(&store, limit).await;
            users.sort_unstable();
            assert_eq!(users, ["archives", "no-account", "no-history", "u"].map(user), "{prefix}");
        }
    }
}

#[tokio::test]
async fn stored_entries_are_those_of_one_history_in_order() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.inspect());
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch, debit("ARTICLE", 3)], START).await;
        world.apply(&vec![credit(1); 20], START + 1).await;
        for (commands, day) in [(vec![Command::Reset, debit("ARTICLE", 1)], 1), (vec![credit(7), Command::Reset], 5)] {
            world.apply(&commands, START + day * DAY).await;
        }
        let archives = (0_u32..).zip(&world.archives).map(|(number, archive)| (History::Archived(number), archive));
        for (history, entries) in archives.chain([(History::Current, &world.entries)]) {
            let expected: Vec<_> = entries
                .iter()
                .map(|entry| StoredEntry {
                    id: entry.id.to_string(),
                    document: serde_json::to_vec(&entry.entry).unwrap(),
                })
                .collect();
            for count in [1, 3, 1_000] {
                let (mut found, mut after) = (Vec::new(), None::<String>);
                loop {
                    let page = store.stored_entries(&world.user, history, after.as_deref(), count).await.unwrap();
                    assert!(page.len() <= count, "{name}");
                    let Some(last) = page.last() else { break };
                    after = Some(last.id.clone());
                    found.extend(page);
                }
                assert_eq!(found, expected, "{name}: {history:?} by {count}");
            }
        }
        for (id, history) in [("u", History::Archived(2)), ("u", History::Archived(9)), ("nobody", History::Current)] {
            let found = store.stored_entries(&user(id), history, None, 10).await.unwrap();
            assert_eq!(found, [], "{name}: {history:?} of {id}");
        }
    }
}

#[tokio::test]
async fn archives_are_those_that_are_there() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.inspect());
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch], START).await;
        assert_eq!(store.archives(&world.user, 0..16).await.unwrap(), [0; 0], "{name}");
        for millis in 1..=3 {
            world.apply(&[Command::Reset], START + millis).await;
        }
        for (numbers, expected) in [(0..16, vec![0, 1, 2]), (1..2, vec![1]), (3..16, vec![]), (2..2, vec![])] {
            assert_eq!(store.archives(&world.user, numbers.clone()).await.unwrap(), expected, "{name}: {numbers:?}");
        }
        assert_eq!(store.archives(&user("nobody"), 0..16).await.unwrap(), [0; 0], "{name}");
    }
}

#[tokio::test]
async fn a_note_is_told_and_counted() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.inspect());
        assert_eq!(store.notes().await.unwrap(), 0, "{name}");
        for (id, time) in [("a", 5), ("b", 0), ("a", 3), ("c", 253_402_300_799_999 - START)] {
            store.note_due(&user(id), at(START + time)).await.unwrap();
            assert_eq!(store.noted(&user(id)).await.unwrap(), Some(at(START + time)), "{name}");
        }
        assert_eq!(store.noted(&user("nobody")).await.unwrap(), None, "{name}");
        assert_eq!(store.notes().await.unwrap(), 3, "{name}");
    }
}

#[tokio::test]
async fn who_is_not_listed_is_told_and_can_be() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.inspect());
        let mut world = World::new(kept.store(), "u");
        assert!(!store.is_listed(&world.user).await.unwrap(), "{name}");
        let mut opening = world.draft(&[Command::Touch], START);
        // As an older version opened accounts.
        opening.commit.due = None;
        world.write(opening).await;
        // The embedded store has no list beside the accounts.
        assert_eq!(store.is_listed(&world.user).await.unwrap(), name == "embedded", "{name}");
        for _ in 0..2 {
            store.list(&world.user).await.unwrap();
            assert!(store.is_listed(&world.user).await.unwrap(), "{name}");
        }
        assert!(!store.is_listed(&user("U")).await.unwrap(), "{name}");
        assert_eq!(store.listed("", None, 9).await.unwrap(), [world.user.clone()], "{name}");
        assert_eq!(store.noted(&world.user).await.unwrap(), None, "{name}: listing notes nothing");
    }
}

#[tokio::test]
async fn what_is_of_another_type_in_redis_is_damage() {
    let (redis, store) = super::redis::lived_in().await;
    let user = user("u");
    for kind in ["account", "history"] {
        redis.command::<u64>(&["DEL", &format!("jeton:{{u}}:{kind}")]);
        redis.command::<()>(&["SET", &format!("jeton:{{u}}:{kind}"), "text"]);
    }
    let told = [
        jeton::store::Store::load(&store, &user).await.map(|_| ()),
        store.stored_entries(&user, History::Current, None, 1).await.map(|_| ()),
    ];
    assert!(told.iter().all(|told| matches!(told, Err(StoreError::Damaged(_)))), "{told:?}");
}

#[tokio::test]
async fn a_walk_through_a_cluster_whose_slots_move_says_so() {
    let cluster = Cluster::start();
    let store = RedisStore::new(&cluster.url(), "jeton").unwrap();
    for number in 0..50 {
        World::new(&store, &format!("user-{number}")).apply(&[Command::Touch], START).await;
    }
    assert_eq!(walk(&store, 10).await.len(), 50);
    let begun = store.users(None, 1).await.unwrap();
    let moving = Move::begin(&cluster, "nobody");
    moving.finish();
    let gone_on = store.users(begun.next, 1).await;
    assert!(matches!(gone_on, Err(StoreError::Unavailable { .. })), "{gone_on:?}");
    assert_eq!(walk(&store, 10).await.len(), 50, "the next one goes through");
}
