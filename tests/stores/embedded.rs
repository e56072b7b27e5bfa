//! What the embedded store alone promises: one process at a time, and nothing lost when it ends.

use futures_util::future::{join, join_all};
use jeton::{
    ledger::{Command, ReservationId},
    store::{
        Committed, History, IdempotencyKey, RecordName, Revision, Store, StoreError,
        embedded::{EmbeddedStore, OpenError},
    },
};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use super::at;
use crate::support::world::{DAY, START, World, answer, credit, debit, once};

#[tokio::test]
async fn the_embedded_store_belongs_to_one_process_and_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("not").join("there").join("yet");
    let store = EmbeddedStore::open(&folder).unwrap();
    let mut world = World::new(&store, "u");
    let mut draft = world.draft(&[debit("ARTICLE", 3), Command::Reset, credit(5)], START);
    draft.commit.records = vec![once("key", "answer")];
    let record = draft.commit.records[0].1.clone().unwrap();
    world.write(draft).await;
    let World { user, stored, entries, archives, .. } = world;
    store.note_due(&user, at(START + 1)).await.unwrap();

    assert!(matches!(EmbeddedStore::open(&folder), Err(OpenError::InUse(_))));
    drop(store);
    let store = EmbeddedStore::open(&folder).unwrap();
    let mut world = World { store: &store, user, stored, entries, archives };
    world.assert_kept("after the restart").await;
    assert_eq!(world.remembered(&["key"], START + 1).await.unwrap(), [Some(record)]);
    assert_eq!(store.due(at(START + 1), 2).await.unwrap(), [world.user.clone()]);
    let archived = store.written_by(&world.user, History::Archived(0), world.archives[0][0].id).await.unwrap();
    assert_eq!(archived, world.stored.as_ref().map(|stored| stored.revision.clone()));
    world.apply(&[debit("ARTICLE", 3)], START + 2).await;
    world.assert_kept("and life goes on").await;
}

#[tokio::test]
async fn records_have_names_in_the_file_that_no_key_can_have() {
    const ONCE: TableDefinition<'_, (&str, &str), (u64, &str)> = TableDefinition::new("once");
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let mut world = World::new(&store, "u");
    let mut draft = world.draft(&[Command::Touch], START);
    let names = [
        answer("key"),
        RecordName::Mark(Revision::new("r".to_owned())),
        RecordName::Refund("1-2".parse().unwrap()),
        RecordName::Reservation(ReservationId::named("a").unwrap()),
    ];
    draft.commit.records = names.map(|name| (name, Some("text".to_owned()))).into();
    world.write(draft).await;
    drop(store);
    let database = Database::create(folder.path().join("jeton.redb")).unwrap();
    let records = database.begin_read().unwrap().open_table(ONCE).unwrap();
    // That of an answer is the one that it has always had.
    for (name, expiry) in [
        ("key", START + DAY),
        ("mark r", START + DAY),
        ("refund 1-2", u64::MAX),
        ("reservation res_a", START + 7 * DAY),
    ] {
        assert_eq!(records.get(("u", name)).unwrap().unwrap().value(), (expiry, "text"), "{name}");
        assert_eq!(IdempotencyKey::new(name).is_none(), name != "key", "{name}");
    }
}

#[tokio::test]
async fn answers_of_whole_groups_do_not_pile_up() {
    const ONCE: TableDefinition<'_, (&str, &str), (u64, &str)> = TableDefinition::new("once");
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let mut world = World::new(&store, "u");
    for number in 0..10 {
        let mut draft = world.draft(&[Command::Touch], START + number / 5 * DAY);
        draft.commit.records = (0..20).map(|key| once(&format!("{number}-{key}"), "answer")).collect();
        world.write(draft).await;
    }
    drop(store);
    let database = Database::create(folder.path().join("jeton.redb")).unwrap();
    let remembered = database.begin_read().unwrap().open_table(ONCE).unwrap().len().unwrap();
    assert_eq!(remembered, 100, "those of the second day");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_put_back_hinders_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let mut world = World::new(&store, "put-back");
    world.apply(&[Command::Touch], START).await;
    // A commit that was decided on an older account than its history: it has the first entry again.
    let mut again = World::new(&store, "put-back").draft(&[Command::Touch, debit("ARTICLE", 3)], START).commit;
    again.expected = world.stored.as_ref().map(|stored| stored.revision.clone());
    let put_back = async {
        let told = store.commit(&again).await;
        assert!(matches!(told, Err(StoreError::Damaged(_))), "{told:?}");
    };
    let opening = |number: u32| {
        let opening = World::new(&store, &format!("u{number}")).draft(&[Command::Touch], START).commit;
        let store = &store;
        async move { store.commit(&opening).await.unwrap() }
    };
    let (opened, ()) = join(join_all((0..100).map(opening)), put_back).await;
    assert_eq!(opened, vec![Committed::Done; 100]);
    world.assert_kept("nothing was replaced").await;
}
