//! What was used when: fields and texts beside the account.

use jeton::{
    ledger::{Command, UserId},
    store::{Commit, Committed, inspect::Inspect},
};

use super::{Kept, user};
use crate::support::world::{START, World, answer, debit, once, revision};

/// Fields that begin like each other, and their texts.
const FIELDS: [(&str, &str); 4] =
    [("h494544", r#"{"q":[1,0,0,2]}"#), ("h49454", "« l'été » 漢字 🦀"), ("d20606", "two\nlines \0"), ("d2060", " ")];

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|&(field, text)| (field.to_owned(), text.to_owned())).collect()
}

/// The store has exactly `expected` of the user.
async fn assert_usage(store: &dyn Inspect, user: &UserId, expected: &[(&str, &str)], case: &str) {
    let name = store.name();
    let asked: Vec<String> = FIELDS.iter().map(|(field, _)| (*field).to_owned()).collect();
    let text = |field: &str| expected.iter().find(|(known, _)| *known == field).map(|(_, text)| (*text).to_owned());
    let texts: Vec<_> = asked.iter().map(|field| text(field)).collect();
    assert_eq!(store.usage(user, &asked).await.unwrap(), texts, "{name}: {case}");
    assert_eq!(store.usage_size(user).await.unwrap(), expected.len() as u64, "{name}: {case}");
}

#[tokio::test]
async fn usage_is_told_as_it_was_committed() {
    for kept in Kept::all() {
        let store = kept.inspect();
        // Users whose names begin like each other.
        let ids = ["u", "u0", "u:usage", "t"];
        let mut worlds = Vec::new();
        for id in ids {
            let mut world = World::new(kept.store(), id);
            assert_usage(store, &world.user, &[], "nobody").await;
            world.apply(&[Command::Touch], START).await;
            assert_usage(store, &world.user, &[], "nothing yet").await;
            worlds.push(world);
        }
        let mut draft = worlds[0].draft(&[debit("ARTICLE", 3)], START + 1);
        draft.commit.usage = owned(&FIELDS[..3]);
        worlds[0].write(draft).await;
        worlds[0].assert_kept("with usage").await;
        assert_usage(store, &worlds[0].user, &FIELDS[..3], "set").await;
        worlds[0].apply(&[debit("ARTICLE", 3)], START + 2).await;
        assert_usage(store, &worlds[0].user, &FIELDS[..3], "left").await;
        let mut draft = worlds[0].draft(&[debit("ARTICLE", 3)], START + 3);
        draft.commit.usage = owned(&[("h494544", "another"), FIELDS[3]]);
        worlds[0].write(draft).await;
        let now = [("h494544", "another"), FIELDS[1], FIELDS[2], FIELDS[3]];
        assert_usage(store, &worlds[0].user, &now, "one set again, one more").await;
        for world in &worlds[1..] {
            assert_usage(store, &world.user, &[], "somebody else").await;
        }

        // In the order of the question, also the same twice; and a question of any length.
        let asked = ["d2060", "nothing", "h494544", "d2060"].map(str::to_owned);
        let texts = [Some(" "), None, Some("another"), Some(" ")].map(|text| text.map(str::to_owned));
        assert_eq!(store.usage(&worlds[0].user, &asked).await.unwrap(), texts);
        assert_eq!(store.usage(&worlds[0].user, &[]).await.unwrap(), [] as [Option<String>; 0]);
        let mut asked: Vec<String> = (0..2_500).map(|number| format!("none{number}")).collect();
        asked[999] = "h49454".to_owned();
        asked[2_499] = "d2060".to_owned();
        let found = store.usage(&worlds[0].user, &asked).await.unwrap();
        assert_eq!(found.len(), asked.len());
        let there: Vec<usize> = (0..found.len()).filter(|index| found[*index].is_some()).collect();
        assert_eq!(there, [999, 2_499], "{}", store.name());

        // An opening may bring usage with it.
        let mut world = World::new(kept.store(), "new");
        let mut draft = world.draft(&[debit("ARTICLE", 3)], START);
        draft.commit.usage = owned(&FIELDS);
        world.write(draft).await;
        assert_usage(store, &world.user, &FIELDS, "opened").await;
    }
}

#[tokio::test]
async fn a_commit_that_archives_drops_the_usage_before() {
    for kept in Kept::all() {
        let store = kept.inspect();
        let mut worlds = ["t", "u", "u0"].map(|id| World::new(kept.store(), id));
        for world in &mut worlds {
            let mut draft = world.draft(&[debit("ARTICLE", 3)], START);
            draft.commit.usage = owned(&FIELDS);
            world.write(draft).await;
        }
        for (millis, usage) in [(1, &FIELDS[..2]), (2, &[]), (3, &[]), (4, &FIELDS[1..3])] {
            let mut draft =
                worlds[1].draft(&[debit("ARTICLE", 1), Command::Reset, debit("ARTICLE", 3)], START + millis);
            draft.commit.usage = owned(usage);
            worlds[1].write(draft).await;
            worlds[1].assert_kept("archived").await;
            assert_usage(store, &worlds[1].user, usage, "archived").await;
        }
        for world in [&worlds[0], &worlds[2]] {
            assert_usage(store, &world.user, &FIELDS, "somebody else").await;
        }
    }
}

#[tokio::test]
async fn a_commit_that_is_not_made_leaves_the_usage_as_it_is() {
    for kept in Kept::all() {
        let store = kept.inspect();
        let mut world = World::new(kept.store(), "u");
        let mut draft = world.draft(&[debit("ARTICLE", 3)], START);
        (draft.commit.usage, draft.commit.records) = (owned(&FIELDS[..2]), vec![once("key", "answer")]);
        world.write(draft).await;
        let mut commit = world.draft(&[debit("ARTICLE", 3), Command::Reset], START + 1).commit;
        commit.usage = owned(&[("h494544", "another"), FIELDS[2]]);
        let current = commit.expected.clone();
        for (case, expected, records) in [
            ("a conflict", Some(revision()), vec![]),
            ("a conflict with an account", None, vec![]),
            ("a record", current.clone(), vec![(answer("key"), None)]),
        ] {
            (commit.expected, commit.records) = (expected, records);
            for archive in [commit.archive, None] {
                let made = store.commit(&Commit { archive, ..commit.clone() }).await.unwrap();
                assert_ne!(made, Committed::Done, "{case}");
                world.assert_kept(case).await;
                assert_usage(store, &world.user, &FIELDS[..2], case).await;
            }
        }
        // An id that is there already: the entries fail, and all with them.
        (commit.expected, commit.archive, commit.records) = (current, None, vec![]);
        commit.entries[0].0 = world.entries[0].id;
        assert!(store.commit(&commit).await.is_err());
        world.assert_kept("an entry that cannot be").await;
        assert_usage(store, &world.user, &FIELDS[..2], "an entry that cannot be").await;
    }
}

#[tokio::test]
async fn usage_is_replaced_while_the_account_stands_still() {
    for kept in Kept::all() {
        let store = kept.inspect();
        let mut worlds = ["u", "u0"].map(|id| World::new(kept.store(), id));
        for world in &mut worlds {
            let mut draft = world.draft(&[debit("ARTICLE", 3)], START);
            draft.commit.usage = owned(&FIELDS[..2]);
            world.write(draft).await;
        }
        let [world, other] = &mut worlds;
        let revision_of = |world: &World<'_>| world.stored.as_ref().unwrap().revision.clone();
        let before = revision_of(world);
        world.apply(&[debit("ARTICLE", 3)], START + 1).await;
        for expected in [before, revision()] {
            assert!(!store.write_usage(&world.user, &expected, &owned(&FIELDS)).await.unwrap(), "{}", store.name());
            assert_usage(store, &world.user, &FIELDS[..2], "the account has moved on").await;
        }
        assert!(!store.write_usage(&user("nobody"), &revision(), &owned(&FIELDS)).await.unwrap());
        assert_usage(store, &user("nobody"), &[], "nobody").await;

        let revision = revision_of(world);
        for fields in [&FIELDS[1..], &[], &FIELDS[..1], &FIELDS[..1]] {
            assert!(store.write_usage(&world.user, &revision, &owned(fields)).await.unwrap(), "{}", store.name());
            assert_usage(store, &world.user, fields, "replaced").await;
        }
        // As many as a user has after years.
        let many: Vec<_> = (0..25_001).map(|number| (format!("h{number}"), format!("text {number}"))).collect();
        assert!(store.write_usage(&world.user, &revision, &many).await.unwrap());
        let (fields, texts): (Vec<_>, Vec<_>) = many.into_iter().map(|(field, text)| (field, Some(text))).unzip();
        assert!(store.usage(&world.user, &fields).await.unwrap() == texts, "{}", store.name());
        assert_eq!(store.usage_size(&world.user).await.unwrap(), 25_001);
        world.assert_kept("the account is not touched").await;
        assert_usage(store, &other.user, &FIELDS[..2], "somebody else").await;
        other.assert_kept("somebody else").await;
    }
}
