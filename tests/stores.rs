//! What every store promises: one conformance suite for the one in Redis and the embedded one, and what Redis alone
//! has to show.

use std::{collections::BTreeMap, path::Path, thread, time::Instant};

use jeton::{
    history::{self, Selection},
    ledger::{Amount, Command, ContentType, Source, Timestamp, Transaction, TransactionId, TransactionType, UserId},
    store::{
        Commit, Committed, EntryRange, History, OnceRecord, Order, Store, StoreError,
        embedded::{EmbeddedStore, OpenError},
        redis::RedisStore,
    },
};
use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{
    process::PATIENCE,
    redis::Redis,
    service::{article, caller, service_over, tokens},
    world::{DAY, START, World, credit, debit, entries, once, revision},
};

/// A store and where it keeps its data.
struct Kept {
    store: Box<dyn Store>,
    redis: Option<Redis>,
    _folder: Option<TempDir>,
}

impl Kept {
    fn both() -> [Self; 2] {
        let redis = Redis::start();
        let in_redis = RedisStore::new(&redis.url(), "jeton").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let embedded = EmbeddedStore::open(folder.path()).unwrap();
        [
            Self { store: Box::new(in_redis), redis: Some(redis), _folder: None },
            Self { store: Box::new(embedded), redis: None, _folder: Some(folder) },
        ]
    }

    fn store(&self) -> &dyn Store {
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
    for kept in Kept::both() {
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
    for kept in Kept::both() {
        let store = kept.store();
        let mut worlds = Vec::new();
        for id in &users {
            let mut world = World::new(store, id);
            let described = texts.map(|text| Command::Credit {
                amount: Amount::new(1).unwrap(),
                source: Source::Promotion,
                description: Some(text.to_owned()),
                metadata: json!({ text: [text, null, 1.5, {"deep": true}] }).as_object().cloned(),
            });
            let mut draft = world.draft(&described, START);
            draft.commit.once = keys.iter().zip(texts).map(|(key, text)| once(key, &format!("{id} {text}"))).collect();
            let records: Vec<_> = draft.commit.once.iter().map(|(_, record)| Some(record.clone())).collect();
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
    for kept in Kept::both() {
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
            commit.once = vec![once("key", "answer")];
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
async fn a_used_key_tells_its_answer_and_nothing_is_written() {
    for kept in Kept::both() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        let mut first = world.draft(&[debit("ARTICLE", 3)], START);
        first.commit.once = vec![once("a", "answer a"), once("c", "answer c")];
        let [a, c] = [0, 1].map(|index: usize| first.commit.once[index].1.clone());
        world.write(first).await;

        let current = world.stored.as_ref().map(|stored| stored.revision.clone());
        let stranger = World::new(store, "somebody-else");
        assert_eq!(stranger.remembered(&["a"], START).await.unwrap(), [None], "a key belongs to its user");
        let cases = [
            ("the only key", current.clone(), vec!["a"], vec![Some(&a)]),
            ("one of several", current.clone(), vec!["b", "a", "d"], vec![None, Some(&a), None]),
            ("in the order of the commit", current, vec!["c", "b", "a"], vec![Some(&c), None, Some(&a)]),
            ("before a conflict", Some(revision()), vec!["b", "c"], vec![None, Some(&c)]),
            ("before a conflict with an account", None, vec!["a", "c"], vec![Some(&a), Some(&c)]),
        ];
        for (case, expected, keys, records) in cases {
            let mut commit = world.draft(&[debit("ARTICLE", 3)], START + 1).commit;
            commit.expected = expected;
            commit.due = None;
            commit.once = keys.iter().map(|key| once(key, "another answer")).collect();
            let records = records.into_iter().map(Option::<&OnceRecord>::cloned).collect();
            assert_eq!(store.commit(&commit).await.unwrap(), Committed::Replays(records), "{}: {case}", store.name());
            world.assert_kept(case).await;
            assert_eq!(world.remembered(&["a", "b", "d"], START + 1).await.unwrap(), [Some(a.clone()), None, None]);
        }
    }
}

#[tokio::test]
async fn entries_are_read_from_either_end_and_carry_their_commit() {
    for kept in Kept::both() {
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

/// What the history gains at step `step` of a mixed life.
fn step(step: u64) -> Command {
    match step % 4 {
        0 => credit(step + 1),
        1 => debit("PRODUCT_DESCRIPTION", 2),
        _ => debit("ARTICLE", 3),
    }
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_while_entries_arrive() {
    const STEPS: u64 = 20;
    let debits = Selection { kind: Some(TransactionType::Debit), ..Selection::default() };
    let credits = Selection { kind: Some(TransactionType::Credit), ..Selection::default() };
    let articles = Selection { content_type: Some(ContentType::new("ARTICLE")), ..Selection::default() };
    let time =
        |from: Option<u64>, to: Option<u64>| Selection { from: from.map(at), to: to.map(at), ..Selection::default() };
    let selections = [
        Selection::default(),
        debits.clone(),
        credits.clone(),
        articles.clone(),
        Selection { content_type: Some(ContentType::new("UNHEARD_OF")), ..Selection::default() },
        Selection { content_type: Some(ContentType::new("ARTICLE")), ..credits },
        time(Some(START + 3), Some(START + 6)),
        time(Some(START + 3), None),
        time(None, Some(START + STEPS + 1)),
        time(Some(START + 4), Some(START + 4)),
        time(Some(START + 6), Some(START + 3)),
        time(Some(0), Some(0)),
        time(None, Some(0)),
        Selection { from: Some(at(START + 2)), to: Some(at(START + STEPS + 1)), ..articles },
        Selection { from: Some(at(START + 2)), ..debits },
    ];
    for kept in Kept::both() {
        let store = kept.store();
        for (number, selection) in selections.iter().enumerate() {
            for (order, limit) in
                [Order::Ascending, Order::Descending].into_iter().flat_map(|order| [1, 2, 7, 1_000].map(|n| (order, n)))
            {
                let selection = Selection { order, ..selection.clone() };
                let case = format!("{}: {limit} of {selection:?}", store.name());
                let mut world = World::new(store, &format!("u{number}-{order:?}-{limit}"));
                // Two entries at each instant.
                for instant in 0..STEPS / 2 {
                    world.apply(&[step(2 * instant), step(2 * instant + 1)], START + instant).await;
                }
                let begun_with = world.entries.clone();

                let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
                loop {
                    let page = history::page(store, &world.user, &selection, cursor, limit).await.unwrap();
                    assert!(page.transactions.len() <= limit, "{case}");
                    found.extend(page.transactions);
                    pages += 1;
                    assert!(pages < 100, "{case}: no end");
                    let Some(next) = page.next_cursor else { break };
                    cursor = Some(next);
                    if pages <= 2 {
                        world.apply(&[step(STEPS + pages)], START + STEPS + pages).await;
                    }
                }

                let mut expected = if order == Order::Ascending { world.entries.clone() } else { begun_with };
                expected.retain(|Transaction { id, entry }| {
                    selection.kind.is_none_or(|kind| entry.kind == kind)
                        && (selection.content_type.is_none() || entry.content_type == selection.content_type)
                        && selection.from.is_none_or(|from| id.timestamp() >= from)
                        && selection.to.is_none_or(|to| id.timestamp() < to)
                });
                if order == Order::Descending {
                    expected.reverse();
                }
                assert_eq!(found, expected, "{case}");
            }
        }
        // A cursor before everything is as good as any.
        let user = user("u0-Ascending-1");
        for (order, any) in [(Order::Ascending, true), (Order::Descending, false)] {
            let selection = Selection { order, ..Selection::default() };
            let page = history::page(store, &user, &selection, Some(TransactionId::ZERO), 5).await.unwrap();
            assert_eq!(!page.transactions.is_empty(), any, "{}: {order:?}", store.name());
        }
    }
}

#[tokio::test]
async fn a_long_history_is_read_in_order_and_a_rare_entry_is_found_in_it() {
    const LENGTH: usize = 10_000;
    const RARE: [usize; 3] = [1, 6_000, LENGTH - 1];
    for kept in Kept::both() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        for thousand in 0..LENGTH / 1_000 {
            let kind = |index| if RARE.contains(&index) { "PRODUCT_DESCRIPTION" } else { "ARTICLE" };
            let opening = usize::from(thousand == 0);
            let commands: Vec<Command> = (1_000 * thousand + opening..1_000 * (thousand + 1))
                .map(|index| if index % 3 == 0 && !RARE.contains(&index) { credit(2) } else { debit(kind(index), 1) })
                .collect();
            world.apply(&commands, START + thousand as u64).await;
        }
        assert_eq!(world.entries.len(), LENGTH);
        world.assert_kept("oldest first").await;
        let range = EntryRange { after: None, before: None, order: Order::Descending, count: LENGTH + 1 };
        let mut newest_first = store.entries(&world.user, range).await.unwrap();
        newest_first.reverse();
        assert!(newest_first == world.entries, "newest first");

        for (order, limit) in [(Order::Ascending, 1), (Order::Descending, 1), (Order::Descending, 50)] {
            let content_type = Some(ContentType::new("PRODUCT_DESCRIPTION"));
            let selection = Selection { content_type, order, ..Selection::default() };
            let (mut found, mut cursor, mut pages) = (Vec::new(), None, 0);
            let reads = || {
                let counts = kept.redis.as_ref().map(Redis::command_counts).unwrap_or_default();
                ["xrange", "xrevrange"].iter().filter_map(|name| counts.get(*name)).sum::<u64>()
            };
            let reads_before = reads();
            loop {
                let page = history::page(store, &world.user, &selection, cursor, limit).await.unwrap();
                found.extend(page.transactions);
                pages += 1;
                match page.next_cursor {
                    Some(next) if pages < 50 => cursor = Some(next),
                    Some(_) => panic!("{}: no end", store.name()),
                    None => break,
                }
            }
            let mut expected = RARE.map(|index| world.entries[index].clone());
            if order == Order::Descending {
                expected.reverse();
            }
            assert_eq!(found, expected, "{}: {limit}, {order:?}", store.name());
            // Each entry is read once, but for what a page had read of the next one's first chunk.
            let reads = reads() - reads_before;
            assert!(reads <= LENGTH as u64 / 500 + 1 + pages, "{reads} reads for {pages} pages of {limit}, {order:?}");
        }
    }
}

#[tokio::test]
async fn a_reset_puts_the_history_away() {
    for kept in Kept::both() {
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
    for kept in Kept::both() {
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Reset], START).await;
        world.assert_kept("opened, put away, opened again").await;
        assert_eq!((world.entries.len(), world.archives.len()), (1, 1));
    }
}

#[tokio::test]
async fn due_users_come_in_the_order_of_their_times() {
    let noted = [("eve", 5), ("adam", 5), ("zoe", 1), ("later", 9), ("bob", 3), ("Al", 5)];
    for kept in Kept::both() {
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
async fn answers_are_remembered_for_a_day() {
    for kept in Kept::both() {
        let mut world = World::new(kept.store(), "u");
        let mut first = world.draft(&[Command::Touch], START);
        // More than one commit clears away.
        first.commit.once = (0..20).map(|number| once(&format!("a{number:02}"), "another")).collect();
        first.commit.once.push(once("key", "first"));
        let record = first.commit.once[20].1.clone();
        world.write(first).await;
        assert_eq!(world.remembered(&["key"], START + DAY - 1).await.unwrap(), [Some(record)]);
        if let Some(redis) = &kept.redis {
            // Redis keeps the time itself.
            let lifetime: u64 = redis.command(&["PTTL", "jeton:{u}:once:key"]);
            assert!((DAY - 60_000..=DAY).contains(&lifetime), "{lifetime} ms");
            continue;
        }
        assert_eq!(world.remembered(&["key"], START + DAY).await.unwrap(), [None]);
        let mut again = world.draft(&[Command::Touch], START + DAY);
        again.commit.once = vec![once("key", "second")];
        let record = again.commit.once[0].1.clone();
        world.write(again).await;
        // What is cleared away by later commits is the first answer, not the second.
        for later in 1..20 {
            world.apply(&[debit("ARTICLE", 1)], START + DAY + later).await;
        }
        assert_eq!(world.remembered(&["key"], START + 2 * DAY - 1).await.unwrap(), [Some(record)]);
    }
}

#[tokio::test]
async fn the_embedded_store_belongs_to_one_process_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("not").join("there").join("yet");
    let store = EmbeddedStore::open(&folder).unwrap();
    let mut world = World::new(&store, "u");
    let mut draft = world.draft(&[debit("ARTICLE", 3), Command::Reset, credit(5)], START);
    draft.commit.once = vec![once("key", "answer")];
    let record = draft.commit.once[0].1.clone();
    world.write(draft).await;
    let World { user, stored, entries, archives, .. } = world;
    store.note_due(&user, at(START + 1)).await.unwrap();

    assert!(matches!(EmbeddedStore::open(&folder), Err(OpenError::InUse(_))));
    drop(store);
    let store = reopened(&folder);
    let mut world = World { store: &store, user, stored, entries, archives };
    world.assert_kept("after the restart").await;
    assert_eq!(world.remembered(&["key"], START + 1).await.unwrap(), [Some(record)]);
    assert_eq!(store.due(at(START + 1), 2).await.unwrap(), [world.user.clone()]);
    let archived = store.written_by(&world.user, History::Archived(0), world.archives[0][0].id).await.unwrap();
    assert_eq!(archived, world.stored.as_ref().map(|stored| stored.revision.clone()));
    world.apply(&[debit("ARTICLE", 3)], START + 2).await;
    world.assert_kept("and life goes on").await;
}

/// Opens a store that was just dropped: its writing thread may still be letting go of the file.
fn reopened(folder: &Path) -> EmbeddedStore {
    let begun = Instant::now();
    loop {
        match EmbeddedStore::open(folder) {
            Ok(store) => return store,
            Err(OpenError::InUse(_)) if begun.elapsed() < PATIENCE => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

const DAMAGES: usize = 13;

/// Documents that are no account of a user, made from one that is.
fn damaged(document: &str) -> [String; DAMAGES] {
    let changed = |change: fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(document).unwrap();
        change(&mut document);
        document.to_string()
    };
    [
        String::new(),
        "garbage".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        "null".to_owned(),
        document[..document.len() - 1].to_owned(),
        format!("{document}{document}"),
        changed(|document| document["format"] = json!(2)),
        changed(|document| document["userId"] = json!("somebody-else")),
        changed(|document| document["unheardOf"] = json!(1)),
        changed(|document| document["tokensUsed"] = json!(-1)),
        changed(|document| document["grants"][0]["remaining"] = json!(9_007_199_254_740_992_u64)),
        changed(|document| {
            let grant = document["grants"][0].clone();
            document["grants"].as_array_mut().unwrap().push(grant);
        }),
    ]
}

#[tokio::test]
async fn a_damaged_account_in_the_embedded_store_is_told_and_left_as_it_is() {
    const ACCOUNTS: TableDefinition<'_, &str, (&str, &str)> = TableDefinition::new("accounts");
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let mut documents = Vec::new();
    for number in 0..DAMAGES {
        let mut world = World::new(&store, &format!("u{number}"));
        world.apply(&[debit("ARTICLE", 3)], START).await;
        documents.push(damaged(&world.stored.unwrap().account.to_document().unwrap())[number].clone());
    }
    drop(store);
    let users = || (0..DAMAGES).map(|number| user(&format!("u{number}"))).zip(&documents);

    let database = raw(folder.path());
    let writing = database.begin_write().unwrap();
    for (user, damaged) in users() {
        writing.open_table(ACCOUNTS).unwrap().insert(user.as_str(), ("r", damaged.as_str())).unwrap();
    }
    writing.commit().unwrap();
    drop(database);

    let store = reopened(folder.path());
    for (user, damaged) in users() {
        let told = store.load(&user).await;
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{damaged}: {told:?}");
        for commit in attempts(&store, &user) {
            let told = store.commit(&commit).await;
            assert!(matches!(told, Err(StoreError::Damaged(_))), "{damaged}: {told:?}");
        }
    }
    drop(store);
    let database = raw(folder.path());
    let accounts = database.begin_read().unwrap().open_table(ACCOUNTS).unwrap();
    for (user, damaged) in users() {
        assert_eq!(accounts.get(user.as_str()).unwrap().unwrap().value(), ("r", damaged.as_str()));
    }
}

/// The database in `folder`, as soon as nobody has it.
fn raw(folder: &Path) -> Database {
    let begun = Instant::now();
    loop {
        match Database::create(folder.join("jeton.redb")) {
            Ok(database) => return database,
            Err(DatabaseError::DatabaseAlreadyOpen) if begun.elapsed() < PATIENCE => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A Redis that holds the account `u`, with two entries.
async fn lived_in() -> (Redis, RedisStore) {
    let redis = Redis::start();
    let store = RedisStore::new(&redis.url(), "jeton").unwrap();
    World::new(&store, "u").apply(&[debit("ARTICLE", 3)], START).await;
    (redis, store)
}

/// All that Redis holds, but for the notes of who is due.
fn dump(redis: &Redis) -> BTreeMap<String, Vec<u8>> {
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    let keys = keys.into_iter().filter(|key| !key.starts_with("jeton:due:"));
    keys.map(|key| (key.clone(), redis.command(&["DUMP", &key]))).collect()
}

/// Commits for `user` by processes that believe in no account, or in another.
fn attempts(store: &dyn Store, user: &UserId) -> [Commit; 2] {
    let mut commit = World::new(store, user.as_str()).draft(&[debit("ARTICLE", 3), Command::Reset], START + DAY).commit;
    commit.once = vec![once("key", "answer")];
    [None, Some(revision())].map(|expected| Commit { expected, ..commit.clone() })
}

#[tokio::test]
async fn a_damaged_account_in_redis_is_told_and_left_as_it_is() {
    let (redis, store) = lived_in().await;
    let document: String = redis.command(&["HGET", "jeton:{u}:account", "doc"]);
    for damaged in damaged(&document) {
        redis.command::<u64>(&["HSET", "jeton:{u}:account", "doc", &damaged]);
        assert_damaged(&redis, &store, &damaged).await;
    }
    for (field, left) in [("doc", "rev"), ("rev", "doc")] {
        redis.command::<u64>(&["HSET", "jeton:{u}:account", "rev", "r", "doc", &document]);
        redis.command::<u64>(&["HDEL", "jeton:{u}:account", field]);
        assert_damaged(&redis, &store, &format!("only {left}")).await;
    }
    redis.command::<u64>(&["HSET", "jeton:{u}:account", "rev", "r", "doc", &document]);
    assert!(store.load(&user("u")).await.unwrap().is_some(), "the undamaged document is fine");
}

async fn assert_damaged(redis: &Redis, store: &RedisStore, case: &str) {
    let before = dump(redis);
    let loaded = store.load(&user("u")).await;
    assert!(matches!(loaded, Err(StoreError::Damaged(_))), "{case}: {loaded:?}");
    // Without a revision there is nothing to compare: that a load fails keeps every commit away.
    if redis.command::<bool>(&["HEXISTS", "jeton:{u}:account", "rev"]) {
        for commit in attempts(store, &user("u")) {
            let committed = store.commit(&commit).await;
            assert!(matches!(committed, Err(StoreError::Damaged(_))), "{case}: {committed:?}");
        }
    }
    let (service, user) = (service_over(&redis.url()), user("u"));
    let locale = jeton::locale::Locale::French;
    let told = [
        service.get_user_stats(&user, locale).await.map(|_| ()),
        service.get_transaction_history(&user, &Selection::default(), None, 5, locale).await.map(|_| ()),
        service.record_generation(&user, article(1), caller(None)).await.map(|_| ()),
        service.add_tokens(&user, tokens(1), caller(Some("key"))).await.map(|_| ()),
        service.reset_stats(&user, caller(None)).await.map(|_| ()),
    ];
    for told in told {
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{case}: {told:?}");
    }
    assert_eq!(dump(redis), before, "{case}");
}

#[tokio::test]
async fn a_history_without_its_account_is_told_and_left_as_it_is() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "archived");
    world.apply(&[Command::Reset], START).await;
    redis.command::<u64>(&["DEL", "jeton:{u}:account"]);
    redis.command::<u64>(&["DEL", "jeton:{archived}:account", "jeton:{archived}:history"]);
    let before = dump(&redis);
    for (id, command) in
        [("u", Command::Touch), ("u", debit("ARTICLE", 3)), ("u", Command::Reset), ("archived", Command::Reset)]
    {
        let commit = World::new(&store, id).draft(std::slice::from_ref(&command), START).commit;
        let committed = store.commit(&commit).await;
        assert!(matches!(committed, Err(StoreError::Damaged(_))), "{id}, {command:?}: {committed:?}");
        assert_eq!(dump(&redis), before, "{id}, {command:?}");
    }
}

#[tokio::test]
async fn a_key_of_another_type_is_told_and_left_as_it_is() {
    for key in ["account", "history", "once:key"] {
        let (redis, store) = lived_in().await;
        let mut world = World::new(&store, "u");
        world.stored = store.load(&world.user).await.unwrap();
        let mut commit = world.draft(&[debit("ARTICLE", 3)], START + 1).commit;
        commit.once = vec![once("key", "answer")];
        let key = format!("jeton:{{u}}:{key}");
        redis.command::<u64>(&["DEL", &key]);
        redis.command::<u64>(&["SADD", &key, "somebody else's"]);
        let before = dump(&redis);
        let committed = store.commit(&commit).await;
        assert!(matches!(committed, Err(StoreError::Refused(_))), "{key}: {committed:?}");
        assert_eq!(dump(&redis), before, "{key}");
    }
}

#[tokio::test]
async fn a_redis_that_forgot_the_script_is_told_it_again() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "v");
    for millis in START..START + 3 {
        redis.command::<()>(&["SCRIPT", "FLUSH"]);
        world.apply(&[debit("ARTICLE", 3)], millis).await;
    }
    world.assert_kept("after each flush").await;
}

#[tokio::test]
async fn the_data_in_redis_is_json_under_the_documented_keys() {
    let (redis, store) = lived_in().await;
    let mut world = World::new(&store, "v@example.com");
    let mut draft = world.draft(&[Command::Reset], START);
    draft.commit.once = vec![once("a:b", "answer")];
    world.write(draft).await;
    let object = |text: &str| assert!(serde_json::from_str::<Value>(text).unwrap().is_object(), "{text}");

    let mut keys: Vec<String> = redis.command(&["KEYS", "*"]);
    keys.sort_unstable();
    let (due, keys): (Vec<String>, Vec<String>) = keys.into_iter().partition(|key| key.starts_with("jeton:due:"));
    assert_eq!(
        keys,
        [
            "jeton:{u}:account",
            "jeton:{u}:history",
            "jeton:{v@example.com}:account",
            "jeton:{v@example.com}:archive:0",
            "jeton:{v@example.com}:history",
            "jeton:{v@example.com}:once:a:b",
        ]
    );
    assert!((1..=2).contains(&due.len()), "{due:?}");
    for key in keys {
        match key.rsplit_once('}').unwrap().1 {
            ":account" => {
                let fields: BTreeMap<String, String> = redis.command(&["HGETALL", &key]);
                assert_eq!(fields.keys().collect::<Vec<_>>(), ["doc", "rev"]);
                object(&fields["doc"]);
            }
            ":history" | ":archive:0" => {
                let found: Vec<(String, Vec<(String, String)>)> = redis.command(&["XRANGE", &key, "-", "+"]);
                assert!(!found.is_empty());
                for (_, fields) in found {
                    assert_eq!(fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["tx", "c"]);
                    object(&fields[0].1);
                }
            }
            _ => object(&redis.command::<String>(&["GET", &key])),
        }
    }
}

/// The numbers that follow `before` in `text`.
fn numbers_after(text: &str, before: &str) -> Vec<u32> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split(before).skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

#[test]
fn the_header_of_the_script_names_all_that_it_takes_and_says() {
    let script = include_str!("../src/store/commit.lua");
    let (header, body): (Vec<&str>, Vec<&str>) = script.lines().partition(|line| line.starts_with("--"));
    let body = body.join("\n");
    let named = |name: &str| header.iter().any(|line| line.starts_with(&format!("-- {name} ")));

    for array in ["KEYS", "ARGV"] {
        let positions = numbers_after(&body, &format!("{array}["));
        assert!(positions.len() >= 3, "{array}: {positions:?}");
        for position in &positions {
            assert!(named(&format!("{array}[{position}]")), "{array}[{position}] is not in the header");
        }
        let documented = numbers_after(&header.join("\n"), &format!("-- {array}["));
        let rest = documented.iter().max().unwrap();
        assert!(named(&format!("{array}[{rest}..]")), "the last of {array} are not in the header");
        assert_eq!(documented, (1..=*rest).collect::<Vec<_>>(), "{array}: every position, once, in order");
        assert!(documented.iter().all(|position| position == rest || positions.contains(position)), "{array}");
        let first = if array == "KEYS" { "local first_once = " } else { "local first_entry, first_record = " };
        assert_eq!(numbers_after(&body, first), [*rest], "where the rest of {array} begins");
    }

    let mut words: Vec<&str> = ["return '", "return { '", "reply, found = { '"]
        .iter()
        .flat_map(|before| body.split(before).skip(1))
        .filter_map(|rest| rest.split('\'').next())
        .collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words, ["conflict", "done", "orphan", "replay"]);
    let replies: Vec<&str> =
        header.iter().skip_while(|line| **line != "-- Replies").filter_map(|line| line.split('\'').nth(1)).collect();
    for word in words {
        assert!(replies.contains(&word), "the reply {word} is not in the header");
    }
}
