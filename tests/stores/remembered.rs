//! Records, and what is told of them: above all the answers that are remembered under keys.

use jeton::{
    ledger::{Command, ReservationId},
    store::{Committed, RecordName, Revision},
};

use super::{Kept, user};
use crate::support::world::{DAY, START, World, answer, debit, once, revision};

#[tokio::test]
async fn a_used_key_tells_its_answer_and_nothing_is_written() {
    for kept in Kept::all() {
        let store = kept.store();
        let mut world = World::new(store, "u");
        let mut first = world.draft(&[debit("ARTICLE", 3)], START);
        first.commit.records = vec![once("a", "answer a"), once("c", "answer c")];
        let [a, c] = [0, 1].map(|index: usize| first.commit.records[index].1.clone().unwrap());
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
            commit.records = keys.iter().map(|key| once(key, "another answer")).collect();
            let records = records.into_iter().map(Option::<&String>::cloned).collect();
            assert_eq!(store.commit(&commit).await.unwrap(), Committed::Taken(records), "{}: {case}", store.name());
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
            draft.commit.records = keys;
            world.write(draft).await;
            world.assert_kept("written").await;
        }
        let remembered = world.remembered(&["a", "b", "c"], START + 1).await.unwrap();
        assert_eq!(remembered.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
        assert!(remembered[1].as_ref().unwrap().contains("answer b"), "{}: {remembered:?}", kept.store().name());

        // What is remembered is told, and nothing is written.
        let mut draft = world.draft(&[debit("ARTICLE", 1)], START + 2);
        draft.commit.records = vec![only("a"), only("b")];
        let committed = kept.store().commit(&draft.commit).await.unwrap();
        assert_eq!(committed, Committed::Taken(vec![None, remembered[1].clone()]));
        world.assert_kept("a replay").await;
    }
}

#[tokio::test]
async fn answers_are_remembered_for_a_day() {
    for kept in Kept::all() {
        let mut world = World::new(kept.store(), "u");
        let mut first = world.draft(&[Command::Touch], START);
        // More than one commit clears away.
        first.commit.records = (0..20).map(|number| once(&format!("a{number:02}"), "another")).collect();
        first.commit.records.push(once("key", "first"));
        let record = first.commit.records[20].1.clone().unwrap();
        world.write(first).await;
        assert_eq!(world.remembered(&["key"], START + DAY - 1).await.unwrap(), [Some(record)]);
        if let Some(lifetime) = kept.lifetime("once:key") {
            // Redis keeps the time itself.
            assert!((DAY - 60_000..=DAY).contains(&lifetime.cast_unsigned()), "{lifetime} ms");
            continue;
        }
        assert_eq!(world.remembered(&["key"], START + DAY).await.unwrap(), [None]);
        let mut again = world.draft(&[Command::Touch], START + DAY);
        again.commit.records = vec![once("key", "second")];
        let record = again.commit.records[0].1.clone().unwrap();
        world.write(again).await;
        // What is cleared away by later commits is the first answer, not the second.
        for later in 1..20 {
            world.apply(&[debit("ARTICLE", 1)], START + DAY + later).await;
        }
        assert_eq!(world.remembered(&["key"], START + 2 * DAY - 1).await.unwrap(), [Some(record)]);
    }
}

/// One of each kind, all alike; how its key in Redis ends; and for how many days it is kept at least, if not for ever.
fn every_kind() -> [(RecordName, &'static str, Option<u64>); 4] {
    let id = "1780358400000-7";
    [
        (answer(id), "once:1780358400000-7", Some(1)),
        (RecordName::Mark(Revision::new(id.to_owned())), "mark:1780358400000-7", Some(1)),
        (RecordName::Refund(id.parse().unwrap()), "refund:1780358400000-7", None),
        (RecordName::Reservation(ReservationId::named(id).unwrap()), "reservation:res_1780358400000-7", Some(7)),
    ]
}

#[tokio::test]
async fn a_record_of_any_kind_is_told_and_keeps_a_commit_away() {
    let names = every_kind().map(|(name, ..)| name);
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.store());
        let texts = ["{\"a\": 1}", "« l'été » 漢字 🦀", "two\nlines \0", " "];
        for (index, (written, text)) in names.iter().zip(texts).enumerate() {
            // Each has a user of its own, who has none of the others.
            let mut world = World::new(store, &format!("u{index}"));
            world.apply(&[Command::Touch], START).await;
            assert_eq!(store.record(&world.user, written).await.unwrap(), None, "{name}: {written:?}");
            let mut draft = world.draft(&[debit("ARTICLE", 3)], START + 1);
            draft.commit.records = vec![(written.clone(), Some(text.to_owned()))];
            world.write(draft).await;
            let mut commit = world.draft(&[debit("ARTICLE", 3)], START + 2).commit;
            commit.records = names.iter().map(|name| (name.clone(), Some("another".to_owned()))).collect();
            let mut told = vec![None; names.len()];
            told[index] = Some(text.to_owned());
            for _ in 0..2 {
                assert_eq!(store.commit(&commit).await.unwrap(), Committed::Taken(told.clone()), "{name}: {written:?}");
                world.assert_kept("taken").await;
            }
            for (other, told) in names.iter().zip(told) {
                assert_eq!(store.record(&world.user, other).await.unwrap(), told, "{name}: {other:?}");
            }
            assert_eq!(store.record(&user("somebody-else"), written).await.unwrap(), None, "{name}: {written:?}");
        }
    }
}

#[tokio::test]
async fn a_record_is_kept_as_long_as_its_kind_is() {
    for kept in Kept::all() {
        let mut world = World::new(kept.store(), "u");
        let mut draft = world.draft(&[Command::Touch], START);
        draft.commit.records = every_kind().map(|(name, ..)| (name, Some("text".to_owned()))).into();
        world.write(draft).await;
        for (name, key, days) in every_kind() {
            if let Some(lifetime) = kept.lifetime(key) {
                let days =
                    days.map_or(-1..=-1, |days| (days * DAY).cast_signed() - 60_000..=(days * DAY).cast_signed());
                assert!(days.contains(&lifetime), "{key}: {lifetime} ms");
                continue;
            }
            // Whether the others are cleared away meanwhile or not.
            for (millis, there) in [
                (START + days.unwrap_or(1) * DAY - 1, true),
                (START + days.unwrap_or(1) * DAY, days.is_none()),
                (START + 36_500 * DAY, days.is_none()),
            ] {
                let mut commit = world.draft(&[Command::Touch], millis).commit;
                commit.expected = Some(revision());
                commit.records = vec![(name.clone(), Some("another".to_owned()))];
                let taken = kept.store().commit(&commit).await.unwrap();
                assert_eq!(matches!(taken, Committed::Taken(_)), there, "{name:?} at {millis}: {taken:?}");
            }
        }
        if kept.redis.is_some() || kept.cluster.is_some() {
            continue;
        }
        // What is kept for ever is not cleared away with the others.
        world.apply(&[Command::Touch], START + 10 * DAY).await;
        for (name, _, days) in every_kind() {
            let told = kept.store().record(&world.user, &name).await.unwrap();
            assert_eq!(told.is_some(), days.is_none(), "{name:?}: {told:?}");
        }
    }
}
