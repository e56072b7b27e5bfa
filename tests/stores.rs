//! What every store promises: one conformance suite for the one in Redis, the one in a Redis Cluster, and the embedded
//! one. `redis` and `embedded` hold what each alone has to show.

mod damage;
mod embedded;
mod follow;
mod inspect;
mod pages;
mod redis;
mod remembered;
mod usage;
mod users;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use jeton::{
    ledger::{Amount, Command, Source, Timestamp, Transaction, TransactionId, UserId},
    store::{
        Committed, EntryRange, History, Order, Store, embedded::EmbeddedStore, follow::Follow, inspect::Inspect,
        keys::Keys, redis::RedisStore,
    },
};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{
    cluster::Cluster,
    redis::Redis,
    world::{DAY, START, World, credit, debit, entries, once, revision},
};

/// A store and where it keeps its data.
struct Kept {
    store: Box<dyn Inspect>,
    redis: Option<Redis>,
    /// The cluster, and what the keys in it begin with.
    cluster: Option<(Arc<Cluster>, String)>,
    _folder: Option<TempDir>,
}

impl Kept {
    fn all() -> [Self; 3] {
        static CLUSTERED: AtomicU32 = AtomicU32::new(0);
        let redis = Redis::start();
        let in_redis = RedisStore::new(&redis.url(), "jeton").unwrap();
        let cluster = Cluster::shared();
        let prefix = format!("jeton-{}", CLUSTERED.fetch_add(1, Ordering::Relaxed));
        let in_cluster = RedisStore::new(&cluster.url(), &prefix).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let embedded = EmbeddedStore::open(folder.path()).unwrap();
        [
            Self { redis: Some(redis), ..Self::of(in_redis) },
            Self { cluster: Some((cluster, prefix)), ..Self::of(in_cluster) },
            Self { _folder: Some(folder), ..Self::of(embedded) },
        ]
    }

    fn of(store: impl Inspect + 'static) -> Self {
        Self { store: Box::new(store), redis: None, cluster: None, _folder: None }
    }

    /// How long Redis still keeps a key of `u`, in milliseconds, -1 for ever, if Redis keeps it.
    fn lifetime(&self, key: &str) -> Option<i64> {
        if let Some((cluster, prefix)) = &self.cluster {
            return Some(cluster.command(&["PTTL", &format!("{prefix}:{{u}}:{key}")]));
        }
        self.redis.as_ref().map(|redis| redis.command(&["PTTL", &format!("jeton:{{u}}:{key}")]))
    }

    fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// The same, for who shows accounts live.
    fn follow(&self) -> &dyn Follow {
        self.store.as_ref()
    }

    /// Another store over the same data, as in another process. The embedded one has none.
    fn another(&self) -> Option<RedisStore> {
        let in_redis = || self.redis.as_ref().map(|redis| RedisStore::new(&redis.url(), "jeton").unwrap());
        let in_cluster = |(cluster, prefix): &(Arc<Cluster>, String)| RedisStore::new(&cluster.url(), prefix).unwrap();
        self.cluster.as_ref().map(in_cluster).or_else(in_redis)
    }

    /// The same, for who looks closer.
    fn inspect(&self) -> &dyn Inspect {
        self.store.as_ref()
    }
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

#[tokio::test]
async fn nobody_has_nothing() {
    for kept in Kept::all() {
        let (store, nobody) = (kept.store(), user("nobody"));
        store.ping().await.unwrap();
        assert_eq!(store.load(&nobody).await.unwrap(), None);
        assert_eq!(entries(store, &nobody).await, []);
        assert_eq!(store.due(at(START), 10).await.unwrap(), []);
        for history in [History::Current, History::Archived(0)] {
            assert_eq!(store.written_by(&nobody, history, TransactionId::new(at(START), 0)).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn what_is_committed_is_read_back_as_it_was() {
    let every_character: String = (33..127_u8).map(char::from).collect();
    let users = [
        "u".to_owned(),
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@|+~-".to_owned(),
        "history".to_owned(),
        "u:once:k".to_owned(),
        "x".repeat(128),
    ];
    let keys = ["k".to_owned(), every_character, "k".repeat(255), "{u}:account".to_owned(), "*".to_owned()];
    let texts = ["plain", "« l'été » \"quoted\" \\ 漢字 🦀", "two\nlines\r\n\ttabbed", "nul \0 and \u{7f}\u{2028}", ""];
    for kept in Kept::all() {
        let store = kept.store();
        let mut worlds = Vec::new();
        for id in &users {
            let mut world = World::new(store, id);
            let described = texts.map(|text| Command::Credit {
                amount: Amount::new(1).unwrap(),
                grant: Source::Promotion.into(),
                description: Some(text.to_owned()),
                metadata: json!({ text: [text, null, 1.5, {"deep": true}] }).as_object().cloned(),
            });
            let mut draft = world.draft(&described, START);
            draft.commit.records =
                keys.iter().zip(texts).map(|(key, text)| once(key, &format!("{id} {text}"))).collect();
            let records: Vec<_> = draft.commit.records.iter().map(|(_, record)| record.clone()).collect();
            world.write(draft).await;
            worlds.push((world, records));
        }
        // Users and keys that resemble each other don't meet.
        for (world, records) in &worlds {
            world.assert_kept(world.user.as_str()).await;
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!(world.remembered(&keys, START).await.unwrap(), *records, "{}", world.user);
            assert_eq!(world.remembered(&["another"], START).await.unwrap(), [None], "{}", world.user);
        }
    }
}

#[tokio::test]
async fn a_commit_on_another_revision_tells_the_account_and_writes_nothing() {
    for kept in Kept::all() {
        let store = kept.store();
        let mut present = World::new(store, "present");
        present.apply(&[Command::Touch], START).await;
        let first = present.stored.as_ref().unwrap().revision.clone();
        present.apply(&[debit("ARTICLE", 3)], START + 1).await;
        let absent = World::new(store, "absent");

        let cases = [
            ("the revision before", &present, Some(first)),
            ("a revision that never was", &present, Some(revision())),
            ("no account, and there is one", &present, None),
            ("an account, and there is none", &absent, Some(revision())),
        ];
        for (case, world, expected) in cases {
            let mut commit = world.draft(&[debit("ARTICLE", 3), Command::Reset], START + 2).commit;
            commit.expected = expected;
            commit.records = vec![once("key", "answer")];
            commit.due = None;
            let committed = store.commit(&commit).await.unwrap();
            assert_eq!(committed, Committed::Conflict(world.stored.clone()), "{}: {case}", store.name());
            world.assert_kept(case).await;
            assert_eq!(world.remembered(&["key"], START + 2).await.unwrap(), [None], "{case}");
            let archived = store.written_by(&world.user, History::Archived(0), commit.entries[0].0).await.unwrap();
            assert_eq!(archived, None, "{case}");
        }
    }
}

#[tokio::test]
async fn entries_are_read_from_either_end_and_carry_their_commit() {
    for kept in Kept::all() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        let mut marks = Vec::new();
        for (commands, millis) in [(3, START), (4, START), (1, START - 5_000), (2, START + 1)] {
            world.apply(&vec![debit("ARTICLE", 1); commands], millis).await;
            marks.resize(world.entries.len(), world.stored.as_ref().unwrap().revision.clone());
        }
        let ids: Vec<TransactionId> = world.entries.iter().map(|entry| entry.id).collect();
        assert!(ids.is_sorted_by(|earlier, later| earlier < later), "also when the clock goes back");
        for (id, mark) in ids.iter().zip(&marks) {
            assert_eq!(store.written_by(&world.user, History::Current, *id).await.unwrap().as_ref(), Some(mark));
        }
        let between = TransactionId::new(at(START), 1_000);
        assert_eq!(store.written_by(&world.user, History::Current, between).await.unwrap(), None);

        // Every range between two bounds that lie on, beside, before or after the entries.
        let greatest = TransactionId::new(at(253_402_300_799_999), u32::MAX);
        let mut bounds = vec![None, Some(TransactionId::ZERO), Some(between), Some(greatest)];
        bounds.extend([0, 1, 5, ids.len() - 1].map(|index| Some(ids[index])));
        for (&after, &before) in bounds.iter().flat_map(|after| bounds.iter().map(move |before| (after, before))) {
            for (order, count) in [(Order::Ascending, 3), (Order::Descending, 3), (Order::Descending, 100)] {
                let inside = |entry: &&Transaction| {
                    after.is_none_or(|after| entry.id > after) && before.is_none_or(|before| entry.id < before)
                };
                let mut expected: Vec<_> = world.entries.iter().filter(inside).cloned().collect();
                if order == Order::Descending {
                    expected.reverse();
                }
                expected.truncate(count);
                let range = EntryRange { after, before, order, count };
                let found = store.entries(&world.user, range).await;
                assert_eq!(found.unwrap(), expected, "{}: {range:?}", store.name());
            }
        }
    }
}

#[tokio::test]
async fn a_reset_puts_the_history_away() {
    for kept in Kept::all() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        let mut marks = BTreeMap::new();
        // Billing falls due with the second reset: its entry belongs to the history that is put away.
        let life: [(u64, &[Command]); 6] = [
            (START, &[Command::Touch, debit("ARTICLE", 3)]),
            (START + 1, &[debit("ARTICLE", 3), Command::Reset, debit("ARTICLE", 1)]),
            (START + 2, &[debit("PRODUCT_DESCRIPTION", 2)]),
            (START + 5 * DAY, &[Command::Reset]),
            (START + 5 * DAY, &[Command::Reset]),
            (START + 5 * DAY + 1, &[credit(7)]),
        ];
        for (millis, commands) in life {
            let draft = world.draft(commands, millis);
            let mark = draft.commit.revision.clone();
            marks.extend(draft.commit.entries.iter().map(|(id, _)| (id.to_string(), mark.clone())));
            world.write(draft).await;
        }
        assert_eq!(world.archives.iter().map(Vec::len).collect::<Vec<_>>(), [3, 4, 1], "entries in each archive");
        assert_eq!(world.archives[1][3].entry.source, Some(Source::Monthly));
        world.assert_kept("the current history").await;

        let numbered = (0_u32..).zip(&world.archives).map(|(number, archive)| (History::Archived(number), archive));
        let histories: Vec<(History, &Vec<Transaction>)> =
            numbered.chain([(History::Current, &world.entries)]).collect();
        for (history, own) in &histories {
            for (of, entries) in &histories {
                for Transaction { id, .. } in *entries {
                    let found = store.written_by(&world.user, *history, *id).await.unwrap();
                    let expected = own.iter().any(|entry| entry.id == *id).then(|| marks[&id.to_string()].clone());
                    assert_eq!(found, expected, "{}: {id} of {of:?} in {history:?}", store.name());
                }
            }
        }
        let beyond = store.written_by(&world.user, History::Archived(7), world.entries[0].id).await.unwrap();
        assert_eq!(beyond, None);
    }
}

#[tokio::test]
async fn a_first_touch_may_be_a_reset() {
    for kept in Kept::all() {
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Reset], START).await;
        world.assert_kept("opened").await;
        assert_eq!((world.entries.len(), world.archives.len()), (1, 0));
        // In one commit with what comes before it, it has something to put away.
        let mut world = World::new(kept.store(), "v");
        world.apply(&[Command::Touch, Command::Reset], START).await;
        world.assert_kept("opened, put away, opened again").await;
        assert_eq!((world.entries.len(), world.archives.len()), (1, 1));
    }
}

#[tokio::test]
async fn due_users_come_in_the_order_of_their_times() {
    let noted = [("eve", 5), ("adam", 5), ("zoe", 1), ("later", 9), ("bob", 3), ("Al", 5)];
    for kept in Kept::all() {
        let store = kept.store();
        for (id, time) in noted {
            store.note_due(&user(id), at(START + time)).await.unwrap();
        }
        let cases: [(u64, usize, &[&str]); 7] = [
            (0, 100, &[]),
            (1, 100, &["zoe"]),
            (4, 100, &["zoe", "bob"]),
            (5, 100, &["zoe", "bob", "Al", "adam", "eve"]),
            (5, 3, &["zoe", "bob", "Al"]),
            (9, 1, &["zoe"]),
            (100, 100, &["zoe", "bob", "Al", "adam", "eve", "later"]),
        ];
        for (until, limit, expected) in cases {
            let due = store.due(at(START + until), limit).await.unwrap();
            assert_eq!(due, expected.iter().map(|id| user(id)).collect::<Vec<_>>(), "{}: {until}", store.name());
        }

        // A note replaces the one before, earlier or later; a commit notes too, unless it is not made.
        store.note_due(&user("zoe"), at(START + 8)).await.unwrap();
        store.note_due(&user("later"), at(START)).await.unwrap();
        store.note_due(&user("later"), at(START)).await.unwrap();
        let mut world = World::new(store, "committed");
        let mut opening = world.draft(&[Command::Touch], START);
        opening.commit.due = Some(at(START + 2));
        world.write(opening).await;
        let mut moved = world.draft(&[debit("ARTICLE", 1)], START);
        moved.commit.due = Some(at(START + 4));
        let mut refused = moved.commit.clone();
        refused.expected = Some(revision());
        refused.due = Some(at(START + 1));
        assert!(matches!(store.commit(&refused).await.unwrap(), Committed::Conflict(_)));
        assert_eq!(store.due(at(START + 3), 9).await.unwrap(), ["later", "committed", "bob"].map(user));
        world.write(moved).await;
        let due = store.due(at(START + 8), 9).await.unwrap();
        let expected = ["later", "bob", "committed", "Al", "adam", "eve", "zoe"];
        assert_eq!(due, expected.map(user), "{}", store.name());
    }
}

#[tokio::test]
async fn due_users_come_in_order_wherever_their_notes_stand() {
    // In Redis: many of one key, who are first, last and in between, and some of all keys.
    let keys = Keys::new("x");
    let crowded = keys.due(3);
    let of_one_key = (0..).map(|number| user(&format!("one-{number}"))).filter(|user| keys.due_of(user) == crowded);
    let of_all_keys = (0..100).map(|number| user(&format!("any-{number}")));
    let times = |number: u64| [number % 7, number % 3 * 40, 60][usize::try_from(number % 3).unwrap()];
    let mut noted: Vec<(u64, UserId)> =
        of_one_key.take(150).chain(of_all_keys).zip(0..).map(|(user, number)| (times(number), user)).collect();
    for kept in Kept::all() {
        let store = kept.store();
        for (time, user) in &noted {
            store.note_due(user, at(START + time)).await.unwrap();
        }
        noted.sort_unstable();
        for until in [0, 6, 40, 60, 100] {
            for limit in [1, 20, 24, 64, 150, 249, 300] {
                let due = store.due(at(START + until), limit).await.unwrap();
                let first = noted.iter().filter(|(time, _)| *time <= until).take(limit);
                let expected: Vec<UserId> = first.map(|(_, user)| user.clone()).collect();
                assert_eq!(due, expected, "{}: {limit} until {until}", store.name());
            }
        }
    }
}
