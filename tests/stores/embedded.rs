//! What the embedded store alone promises: one process at a time, and nothing lost when it ends.

use jeton::{
    ledger::Command,
    store::{
        History, Store,
        embedded::{EmbeddedStore, OpenError},
    },
};

use super::at;
use crate::support::world::{START, World, credit, debit, once};

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
