//! The list of all users by name.

use jeton::{
    ledger::{Command, UserId},
    store::{Committed, Store, redis::RedisStore},
};

use super::{Kept, at, user};
use crate::support::{
    redis::Redis,
    world::{START, World, debit, revision},
};

/// Names in the order of bytes: beginnings of each other, and every kind of character that a name can have.
fn names() -> Vec<String> {
    let mut names: Vec<String> = [
        "A", "Z", "a", "a+", "a-", "a.", "a:", "a@", "a_", "aA", "aa", "aaa", "ab", "a|", "a|b", "a~", "b", "~", "~~~",
    ]
    .map(str::to_owned)
    .into();
    names.extend((0..60).map(|number| format!("user-{number}")));
    names.push("x".repeat(128));
    names.sort_unstable();
    names
}

/// All that is listed under `prefix`, by pages of `limit`.
async fn pages(store: &dyn Store, prefix: &str, limit: usize) -> Vec<String> {
    let mut all: Vec<UserId> = Vec::new();
    loop {
        let page = store.listed(prefix, all.last(), limit).await.unwrap();
        assert!(page.len() <= limit, "{}", store.name());
        let end = page.len() < limit;
        all.extend(page);
        if end {
            return all.iter().map(|user| user.as_str().to_owned()).collect();
        }
    }
}

#[tokio::test]
async fn users_are_listed_in_the_order_of_their_names() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.store());
        assert_eq!(store.listed("", None, 10).await.unwrap(), [], "{name}");
        // In any order of opening.
        let mut order = names();
        order.reverse();
        order.rotate_left(31);
        for id in &order {
            World::new(store, id).apply(&[Command::Touch, Command::Reset], START).await;
        }
        for prefix in ["", "a", "a|", "a|b", "aa", "user-", "user-1", "user-12", "~", "~~~", "B", "a|bc", "xx", "zzz"] {
            let expected: Vec<String> = names().into_iter().filter(|id| id.starts_with(prefix)).collect();
            for limit in [1, 7, 30, 1_000] {
                assert_eq!(pages(store, prefix, limit).await, expected, "{name}: {prefix:?} by {limit}");
            }
        }
        // After somebody who is not there, before and behind everybody that is asked for.
        let cases: [(&str, &str, &[&str]); 6] = [
            ("", "user-08", &["user-1", "user-10"]),
            ("user-", "user-08", &["user-1", "user-10"]),
            ("user-1", "A", &["user-1", "user-10"]),
            ("user-1", "user-10", &["user-11", "user-12"]),
            ("user-1", "user-2", &[]),
            ("", "~~~~", &[]),
        ];
        for (prefix, after, expected) in cases {
            let found = store.listed(prefix, Some(&user(after)), 2).await.unwrap();
            assert_eq!(found, expected.iter().map(|id| user(id)).collect::<Vec<_>>(), "{name}: {prefix} after {after}");
        }
        assert_eq!(store.listed("", None, 0).await.unwrap(), [], "{name}");
    }
}

#[tokio::test]
async fn whoever_is_opened_or_noted_is_listed_and_nobody_else() {
    for kept in Kept::all() {
        let (name, store) = (kept.store().name(), kept.store());
        let mut opened = World::new(store, "opened");
        opened.apply(&[Command::Touch], START).await;
        // Opened as by a version that kept no list, until a billing moves its note, or a sweep corrects it.
        for id in ["billed", "swept"] {
            let mut world = World::new(store, id);
            let mut opening = world.draft(&[Command::Touch], START);
            opening.commit.due = None;
            world.write(opening).await;
            world.apply(&[debit("ARTICLE", 3)], START + 1).await;
            let listed = pages(store, "", 9).await;
            assert!(name == "embedded" || !listed.contains(&id.to_owned()), "{name}: a debit lists nobody: {listed:?}");
            if id == "billed" {
                let mut billed = world.draft(&[debit("ARTICLE", 3)], START + 2);
                billed.commit.due = Some(at(START + 3));
                world.write(billed).await;
            } else {
                store.note_due(&world.user, at(START + 3)).await.unwrap();
            }
        }
        // A refused commit on an account that there is.
        let mut refused = opened.draft(&[debit("ARTICLE", 1)], START).commit;
        (refused.user, refused.expected, refused.due) = (user("stranger"), Some(revision()), Some(at(START)));
        assert_eq!(store.commit(&refused).await.unwrap(), Committed::Conflict(None));
        assert_eq!(pages(store, "", 9).await, ["billed", "opened", "swept"], "{name}");
    }
}

#[tokio::test]
async fn what_is_no_name_of_a_user_is_passed_over() {
    let redis = Redis::start();
    let store = RedisStore::new(&redis.url(), "jeton").unwrap();
    for id in ["a", "n", "z"] {
        World::new(&store, id).apply(&[Command::Touch], START).await;
    }
    let mut connection = redis.connect();
    for number in 0..16 {
        for other in [&b""[..], b"a b", b"n\xff", b"\xc3\xa9", b"{a}", &[b'n'; 129]] {
            let mut add = redis::cmd("ZADD");
            add.arg(format!("jeton:users:{number:02}")).arg(0).arg(other).query::<()>(&mut connection).unwrap();
        }
    }
    for limit in [1, 2, 9] {
        assert_eq!(pages(&store, "", limit).await, ["a", "n", "z"], "{limit}");
        assert_eq!(pages(&store, "n", limit).await, ["n"], "{limit}");
    }
}
