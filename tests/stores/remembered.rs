//! Keys and the answers that are remembered under them.

use jeton::{
    ledger::Command,
    store::{Committed, OnceRecord},
};

use super::Kept;
use crate::support::world::{DAY, START, World, debit, once, revision};

#[tokio::test]
async fn a_used_key_tells_its_answer_and_nothing_is_written() {
    for kept in Kept::all() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        let mut first = world.draft(&[debit("ARTICLE", 3)], START);
        first.commit.once = vec![once("a", "answer a"), once("c", "answer c")];
        let [a, c] = [0, 1].map(|index: usize| first.commit.once[index].1.clone().unwrap());
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
async fn a_key_without_an_answer_is_looked_up_and_not_taken() {
    for kept in Kept::all() {
        let mut world = World::new(kept.store(), "u");
        world.apply(&[Command::Touch], START).await;
        let only = |key: &str| (once(key, "").0, None);
        // Beside keys with answers and alone; and again.
        for keys in [vec![only("a"), once("b", "answer b"), only("c")], vec![only("a")], vec![only("a"), only("c")]] {
            let mut draft = world.draft(&[debit("ARTICLE", 1)], START + 1);
            draft.commit.once = keys;
            world.write(draft).await;
            world.assert_kept("written").await;
        }
        let remembered = world.remembered(&["a", "b", "c"], START + 1).await.unwrap();
        let told = remembered.iter().map(|record| record.as_ref().map(|record| record.body.as_str()));
        assert_eq!(told.collect::<Vec<_>>(), [None, Some("answer b"), None], "{}", kept.store().name());

        // What is remembered is told, and nothing is written.
        let mut draft = world.draft(&[debit("ARTICLE", 1)], START + 2);
        draft.commit.once = vec![only("a"), only("b")];
        let committed = kept.store().commit(&draft.commit).await.unwrap();
        assert_eq!(committed, Committed::Replays(vec![None, remembered[1].clone()]));
        world.assert_kept("a replay").await;
    }
}

#[tokio::test]
async fn answers_are_remembered_for_a_day() {
    for kept in Kept::all() {
        let mut world = World::new(kept.store(), "u");
        let mut first = world.draft(&[Command::Touch], START);
        // More than one commit clears away.
        first.commit.once = (0..20).map(|number| once(&format!("a{number:02}"), "another")).collect();
        first.commit.once.push(once("key", "first"));
        let record = first.commit.once[20].1.clone().unwrap();
        world.write(first).await;
        assert_eq!(world.remembered(&["key"], START + DAY - 1).await.unwrap(), [Some(record)]);
        if let Some(lifetime) = kept.lifetime("once:key") {
            // Redis keeps the time itself.
            assert!((DAY - 60_000..=DAY).contains(&lifetime), "{lifetime} ms");
            continue;
        }
        assert_eq!(world.remembered(&["key"], START + DAY).await.unwrap(), [None]);
        let mut again = world.draft(&[Command::Touch], START + DAY);
        again.commit.once = vec![once("key", "second")];
        let record = again.commit.once[0].1.clone().unwrap();
        world.write(again).await;
        // What is cleared away by later commits is the first answer, not the second.
        for later in 1..20 {
            world.apply(&[debit("ARTICLE", 1)], START + DAY + later).await;
        }
        assert_eq!(world.remembered(&["key"], START + 2 * DAY - 1).await.unwrap(), [Some(record)]);
    }
}
