//! The keys in Redis, each written out: another version, or another implementation, must find what this one stored.

use std::collections::BTreeSet;

use jeton::{
    ledger::{ReservationId, UserId},
    store::{
        History, IdempotencyKey, RecordName, Revision,
        keys::{Keys, LEGACY_KEYS, LegacyKey, Owned, SHARED_KEYS, legacy_history, legacy_stats},
    },
};

/// Every character that a user id can have (contract §5).
const ALL_CHARACTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@|+~-";

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn answer(key: &str) -> RecordName {
    RecordName::Answer(IdempotencyKey::new(key).unwrap())
}

/// Names of the other kinds of records, and how their keys end.
fn other_records() -> [(RecordName, &'static str); 3] {
    [
        (RecordName::Mark(Revision::new("aZ09-_aZ09-_".to_owned())), ":mark:aZ09-_aZ09-_"),
        (RecordName::Refund("1780358400000-12".parse().unwrap()), ":refund:1780358400000-12"),
        (RecordName::Reservation(ReservationId::named("aZ09-_").unwrap()), ":reservation:res_aZ09-_"),
    ]
}

#[test]
fn every_key_is_as_written_here() {
    let once = answer("order:{42}/a");
    for (prefix, id) in [("jeton", "user-id"), ("shop:preview", "auth0|a.b_c:d@e+f~g-H9"), ("", ALL_CHARACTERS)] {
        let keys = Keys::new(prefix);
        let user = user(id);
        assert_eq!(keys.account(&user), [prefix, ":{", id, "}:account"].concat());
        assert_eq!(keys.history(&user, History::Current), [prefix, ":{", id, "}:history"].concat());
        assert_eq!(keys.history(&user, History::Archived(0)), [prefix, ":{", id, "}:archive:0"].concat());
        assert_eq!(
            keys.history(&user, History::Archived(4_294_967_295)),
            [prefix, ":{", id, "}:archive:4294967295"].concat()
        );
        assert_eq!(keys.usage(&user), [prefix, ":{", id, "}:usage"].concat());
        assert_eq!(keys.record(&user, &once), [prefix, ":{", id, "}:once:order:{42}/a"].concat());
        for (name, end) in other_records() {
            assert_eq!(keys.record(&user, &name), [prefix, ":{", id, "}", end].concat());
        }
        assert_eq!(keys.due(0), [prefix, ":due:00"].concat());
        assert_eq!(keys.due(15), [prefix, ":due:15"].concat());
        assert_eq!(keys.users(0), [prefix, ":users:00"].concat());
        assert_eq!(keys.users(15), [prefix, ":users:15"].concat());
    }
    // And one of each, without any help.
    let keys = Keys::new("jeton");
    let user = user("user-id");
    assert_eq!(keys.account(&user), "jeton:{user-id}:account");
    assert_eq!(keys.history(&user, History::Current), "jeton:{user-id}:history");
    assert_eq!(keys.history(&user, History::Archived(7)), "jeton:{user-id}:archive:7");
    assert_eq!(keys.record(&user, &answer("k1")), "jeton:{user-id}:once:k1");
    assert_eq!(keys.due(9), "jeton:due:09");
    assert_eq!(keys.users(9), "jeton:users:09");
}

#[test]
fn a_key_tells_whose_it_is() {
    for prefix in ["jeton", "shop:preview", ""] {
        let keys = Keys::new(prefix);
        for id in ["user-id", ALL_CHARACTERS, "account", "history"] {
            let user = user(id);
            let owned = |key: &str| keys.owner(key);
            assert_eq!(owned(&keys.account(&user)), Some(Owned::Account(user.clone())));
            for history in [History::Current, History::Archived(0), History::Archived(4_294_967_295)] {
                assert_eq!(owned(&keys.history(&user, history)), Some(Owned::History(user.clone(), history)));
            }
            assert_eq!(owned(&keys.usage(&user)), None);
            assert_eq!(owned(&keys.record(&user, &answer("a}:account"))), None);
            for (name, _) in other_records() {
                assert_eq!(owned(&keys.record(&user, &name)), None);
            }
            assert_eq!(owned(&keys.due_of(&user)), None);
            assert_eq!(owned(&keys.users_of(&user)), None);
        }
    }
    let keys = Keys::new("jeton");
    for key in
        ["", "jeton", "jeton:{u}", "jeton:{u}:", "jeton:{}:account", "jeton:{u}:archive:", "jeton:{u}:archive:00"]
    {
        assert_eq!(keys.owner(key), None, "{key}");
    }
    assert_eq!(keys.accounts_and_histories(), "jeton:{*}:[ah]*");
    assert_eq!(Keys::new("a*b?c[d]e\\f").accounts_and_histories(), "a\\*b\\?c\\[d\\]e\\\\f:{*}:[ah]*");
}

#[test]
fn the_keys_of_the_module_before_are_known_whatever_their_ids() {
    for id in ["user-id", ALL_CHARACTERS, "no id", "é", ""] {
        assert_eq!(legacy_stats(id), ["user:stats:", id].concat());
        assert_eq!(legacy_history(id), ["user:transactions:", id].concat());
        assert_eq!(LegacyKey::of(&legacy_stats(id)), Some(LegacyKey::Stats(id.to_owned())));
        assert_eq!(LegacyKey::of(&legacy_history(id)), Some(LegacyKey::History(id.to_owned())));
    }
    for key in ["user:stats", "user:stat:a", "users:stats:a", "user:strata:a", "jeton:{user:stats:a}:account", ""] {
        assert_eq!(LegacyKey::of(key), None, "{key}");
    }
    assert_eq!(LEGACY_KEYS, "user:[st][tr]a[tn]s*");
}

#[test]
fn a_user_stays_with_its_sixteenth() {
    // FNV-1a of 64 bits, modulo 16, computed by other means.
    for (id, number) in [
        ("a", 12),
        ("user-id", 8),
        ("test-user-id", 15),
        ("auth0|507f1f77bcf86cd799439011", 5),
        ("someone@example.com", 2),
        ("user_2abc~x+y:z.w", 12),
        (ALL_CHARACTERS, 15),
    ] {
        assert_eq!(Keys::new("jeton").due_of(&user(id)), format!("jeton:due:{number:02}"), "{id}");
        assert_eq!(Keys::new("other").due_of(&user(id)), format!("other:due:{number:02}"), "{id}");
        assert_eq!(Keys::new("jeton").users_of(&user(id)), format!("jeton:users:{number:02}"), "{id}");
    }
}

#[test]
fn the_users_are_spread_over_all_sixteenths() {
    assert_eq!(SHARED_KEYS, 16);
    let keys = Keys::new("jeton");
    let all: BTreeSet<String> = (0..SHARED_KEYS).map(|number| keys.due(number)).collect();
    let mut counts = std::collections::BTreeMap::new();
    for n in 0..10_000 {
        *counts.entry(keys.due_of(&user(&format!("user-{n}")))).or_insert(0) += 1;
    }
    assert_eq!(counts.keys().cloned().collect::<BTreeSet<_>>(), all);
    for (key, count) in counts {
        assert!((400..=900).contains(&count), "{key} has {count} of 10 000 users; 625 would be even");
    }
}

#[test]
fn the_keys_of_a_user_share_one_cluster_slot() {
    // The slot is that of the text between the first brace and the next closing one.
    let tag = |key: &str| key.split_once('{').unwrap().1.split_once('}').unwrap().0.to_owned();
    let keys = Keys::new("jeton");
    let names = other_records().map(|(name, _)| name).into_iter().chain([answer("}{other}")]);
    let names: Vec<RecordName> = names.collect();
    for id in ["u", ALL_CHARACTERS, &"x".repeat(128)] {
        let user = user(id);
        let records = names.iter().map(|name| keys.record(&user, name));
        let own = [
            keys.account(&user),
            keys.history(&user, History::Current),
            keys.history(&user, History::Archived(3)),
            keys.usage(&user),
        ];
        for key in own.into_iter().chain(records) {
            assert_eq!(tag(&key), id, "{key}");
        }
    }
}

#[test]
fn a_user_id_is_made_of_what_the_contract_allows() {
    for id in ALL_CHARACTERS.chars() {
        assert!(UserId::new(&id.to_string()).is_some(), "{id:?}");
    }
    assert!(UserId::new(&"x".repeat(128)).is_some());
    let others = (0..=255_u8).map(char::from).filter(|c| !ALL_CHARACTERS.contains(*c)).map(|c| format!("a{c}b"));
    for id in others.chain([String::new(), "x".repeat(129), "é".to_owned(), "\u{ff21}".to_owned()]) {
        assert!(UserId::new(&id).is_none(), "{id:?}");
    }
}
