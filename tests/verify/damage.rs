//! Damage of every kind, made by hand in a real Redis: each is named where it is, and nothing else is.

mod captures;
mod cases;
mod times;

use jeton::ledger::Command;
use redis::FromRedisValue;
use serde_json::{Value, json};

use self::cases::Case;
use crate::support::{
    redis::Redis,
    verify::{Verified, verify_redis},
    world::{START, World, credit, debit},
};

/// A user in Redis.
struct Victim<'a> {
    redis: &'a Redis,
    user: String,
}

impl Victim<'_> {
    fn key(&self, kind: &str) -> String {
        format!("jeton:{{{}}}:{kind}", self.user)
    }

    /// Sends a command that begins with `word` and the key of `kind`.
    fn command<T: FromRedisValue>(&self, word: &str, kind: &str, rest: &[&str]) -> T {
        let key = self.key(kind);
        let words: Vec<&str> = [word, &key].into_iter().chain(rest.iter().copied()).collect();
        self.redis.command(&words)
    }

    /// Changes the account's document.
    fn document(&self, change: impl FnOnce(&mut Value)) {
        let document: String = self.command("HGET", "account", &["doc"]);
        let mut document = serde_json::from_str(&document).unwrap();
        change(&mut document);
        self.command::<u64>("HSET", "account", &["doc", &document.to_string()]);
    }

    /// Changes a history, which is written anew, as a stream cannot be changed.
    fn history(&self, kind: &str, change: impl FnOnce(&mut Vec<(String, Value)>)) {
        let found: Vec<(String, Vec<(String, String)>)> = self.command("XRANGE", kind, &["-", "+"]);
        let read = |(id, fields): (String, Vec<(String, String)>)| (id, serde_json::from_str(&fields[0].1).unwrap());
        let mut entries = found.into_iter().map(read).collect();
        change(&mut entries);
        self.command::<u64>("DEL", kind, &[]);
        for (id, entry) in entries {
            self.command::<String>("XADD", kind, &[&id, "tx", &entry.to_string(), "c", "commit"]);
        }
    }

    /// Changes the entry of the current history at `place`.
    fn entry(&self, place: usize, change: impl FnOnce(&mut Value)) {
        self.history("history", |entries| change(&mut entries[place].1));
    }

    /// Makes the first article, at START + 11, an expiration of these grants.
    fn expiration(&self, source: &str, grants: &[(&str, u64)]) {
        let paid = |(id, amount): &(&str, u64)| json!({"id": id, "amount": amount});
        self.entry(1, |entry| {
            entry["contentType"] = Value::Null;
            entry["source"] = json!(source);
            entry["grants"] = grants.iter().map(paid).collect();
        });
    }

    /// Replaces what stands as the JSON of the entry at `place`.
    fn raw_entry(&self, place: usize, json: &[u8]) {
        let found: Vec<(String, Vec<(String, String)>)> = self.command("XRANGE", "history", &["-", "+"]);
        self.command::<u64>("DEL", "history", &[]);
        for (number, (id, fields)) in found.iter().enumerate() {
            let json = if number == place { json } else { fields[0].1.as_bytes() };
            let mut add = redis::cmd("XADD");
            add.arg(self.key("history")).arg(id).arg("tx").arg(json).query::<()>(&mut self.redis.connect()).unwrap();
        }
    }

    /// The key and the time of its note.
    fn note(&self) -> (String, Option<String>) {
        let user = jeton::ledger::UserId::new(&self.user).unwrap();
        let key = jeton::store::keys::Keys::new("jeton").due_of(&user);
        let time = self.redis.command(&["ZSCORE", &key, &self.user]);
        (key, time)
    }
}

/// A history that has all that a history can have. The entries of the current one are at START + 10 …: the opening
/// (5 000), an article (4 997), a credit (5 007), an article (5 002), a product description (5 000).
async fn live(redis: &Redis, user: &str) {
    let store = redis.store();
    let mut world = World::new(store.as_ref(), user);
    let life = [
        Command::Touch,
        debit("ARTICLE", 3),
        Command::Reset,
        debit("ARTICLE", 5),
        credit(4),
        Command::Reset,
        debit("ARTICLE", 3),
        credit(10),
        debit("ARTICLE", 5),
        debit("PRODUCT_DESCRIPTION", 2),
    ];
    for (command, millis) in life.into_iter().zip([0, 1, 4, 5, 6, 10, 11, 12, 13, 14]) {
        world.apply(&[command], START + millis).await;
    }
    assert_eq!(world.entries.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_difference_is_named_where_it_is() {
    let redis = Redis::start();
    let cases: Vec<Case> = [cases::accounts(), cases::entries(), cases::forms(), times::all(), cases::histories()]
        .into_iter()
        .flatten()
        .collect();
    live(&redis, "sound").await;
    for (number, (_, damage, _)) in cases.iter().enumerate() {
        let victim = Victim { redis: &redis, user: format!("u{number}") };
        live(&redis, &victim.user).await;
        damage(&victim);
    }
    assert_named(&redis, &cases);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_difference_of_captures_and_refunds_is_named_where_it_is() {
    let redis = Redis::start();
    captures::live(&redis, "sound").await;
    let cases = [captures::captures(), captures::refunds(), captures::accounts()].concat();
    for (number, (_, damage, _)) in cases.iter().enumerate() {
        let victim = Victim { redis: &redis, user: format!("u{number}") };
        captures::live(&redis, &victim.user).await;
        damage(&victim);
    }
    assert_named(&redis, &cases);
}

/// Verification tells of the user of each case what its damage is, and nothing of `sound`.
fn assert_named(redis: &Redis, cases: &[Case]) {
    // Nothing of this can be derived, so nothing is repaired.
    let all = verify_redis(redis, &["--repair"]);
    assert_eq!((all.code, all.figure("repaired")), (1, 0), "{all:#?}");
    assert_eq!(all.of("sound"), [""; 0]);
    let mut differences = 0;
    for (number, (case, _, expected)) in cases.iter().enumerate() {
        let user = format!("u{number}");
        let found = all.of(&user);
        if expected.is_empty() {
            // What cannot be read is told in the words of whatever could not read it.
            assert!(found.len() == 1 && found[0].contains("cannot be read: "), "{case}: {found:#?}");
        } else {
            assert_eq!(found, *expected, "{case}");
        }
        differences += found.len() as u64;
        let alone = verify_redis(redis, &["--user", &user]);
        assert_eq!((alone.code, alone.of(&user)), (1, found), "{case}");
    }
    assert_eq!(all.figure("differences"), differences);
    assert_eq!(all.lines.len() as u64, differences + 1, "one line each, and the summary: {all:#?}");
    assert_eq!(verify_redis(redis, &["--user", "sound"]).code, 0);
}

/// Everything in Redis but the notes.
fn dump(redis: &Redis) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = redis.command(&["KEYS", "jeton:{*"]);
    keys.sort_unstable();
    keys.into_iter().map(|key| (key.clone(), redis.command(&["DUMP", &key]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_who_is_due_and_the_list_are_repaired_and_nothing_else() {
    let redis = Redis::start();
    let users = ["sound", "early", "missing", "late", "no-time", "wrong", "unlisted", "neither"];
    for user in users {
        live(&redis, user).await;
    }
    let victim = |user: &str| Victim { redis: &redis, user: user.to_owned() };
    let set = |user: &str, time: &str| {
        redis.command::<u64>(&["ZADD", &victim(user).note().0, time, user]);
    };
    let due = victim("sound").note().1.unwrap();
    set("early", "1");
    set("late", &(due.parse::<u64>().unwrap() + 1).to_string());
    set("no-time", "1.5");
    set("nobody", "1");
    for user in ["missing", "neither"] {
        redis.command::<u64>(&["ZREM", &victim(user).note().0, user]);
    }
    for user in ["unlisted", "neither"] {
        let key = victim(user).note().0.replace(":due:", ":users:");
        assert_eq!(redis.command::<u64>(&["ZREM", &key, user]), 1);
    }
    victim("wrong").document(|doc| doc["version"] = json!(9));
    let before = dump(&redis);

    let wrong = "the version is 9, and the histories have 10 entries";
    let unlisted = "is not in the list of users";
    let expected: [(&str, &str); 5] = [
        ("missing", "no billing time is noted; it should be 2026-06-05T00:00:00.000Z"),
        ("late", "2026-06-05T00:00:00.001Z is noted as billing time; it should be 2026-06-05T00:00:00.000Z"),
        ("no-time", "cannot be read: the noted billing time 1.5 is not an instant"),
        ("wrong", wrong),
        ("unlisted", unlisted),
    ];
    let orphan = "billing times noted for users who have no account, which does no harm: 1";
    let assert_found = |verified: &Verified, code: i32, figures: [u64; 2]| {
        let found = ["differences", "repaired"].map(|name| verified.figure(name));
        assert_eq!((verified.code, found), (code, figures), "{verified:#?}");
        assert!(verified.lines.iter().any(|line| line == orphan), "{verified:#?}");
        assert_eq!(dump(&redis), before);
    };
    let found = verify_redis(&redis, &[]);
    assert_found(&found, 1, [7, 0]);
    for (user, line) in expected {
        assert_eq!(found.of(user), [line]);
    }
    assert_eq!((found.of("sound"), found.of("early")), (vec![], vec![]));
    assert_eq!(found.of("neither"), [expected[0].1, unlisted]);

    assert_eq!(verify_redis(&redis, &["--user", "late", "--repair"]).code, 0);
    let repaired = verify_redis(&redis, &["--repair"]);
    assert_found(&repaired, 1, [1, 4]);
    assert_eq!((repaired.of("late"), repaired.of("wrong")), (vec![], vec![wrong]));
    for (user, line) in [expected[0], expected[2], expected[4]] {
        assert_eq!(repaired.of(user), [format!("{line} (repaired)")]);
    }
    // Who is noted is listed with it.
    assert_eq!(repaired.of("neither"), [format!("{} (repaired)", expected[0].1)]);
    assert_found(&verify_redis(&redis, &[]), 1, [1, 0]);
    for user in users {
        let expected = if user == "early" { "1" } else { &due };
        assert_eq!(victim(user).note().1.as_deref(), Some(expected), "{user}");
    }
    victim("wrong").document(|doc| doc["version"] = json!(10));
    assert_eq!(verify_redis(&redis, &[]).code, 0);
}
