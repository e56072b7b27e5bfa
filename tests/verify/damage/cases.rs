//! Damages, and what is told of each. See [`live`](super::live) for what was there before.

use std::fmt::Write;

use serde_json::{Value, json};

use super::Victim;
use crate::support::world::START;

/// A damage, what makes it, and what is told of it, without the user.
pub(super) type Case = (&'static str, fn(&Victim<'_>), Vec<String>);

/// `lines`, with `@n` for the id of the entry at START + n.
pub(super) fn told(lines: &[&str]) -> Vec<String> {
    let with_ids = |line: &&str| {
        let mut parts = line.split('@');
        let mut told = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
            let millis: u64 = part[..end].parse().unwrap();
            write!(told, "{}-0{}", START + millis, &part[end..]).unwrap();
        }
        told
    };
    lines.iter().map(with_ids).collect()
}

/// Damaged accounts.
pub(super) fn accounts() -> Vec<Case> {
    vec![
        (
            "a balance",
            |it| it.document(|doc| doc["grants"][1]["remaining"] = json!(11)),
            told(&["the balance is 5001, and the history adds up to 5000"]),
        ),
        (
            "grants",
            |it| it.document(|doc| doc["grants"] = json!([{"source": "purchase", "remaining": 5000}])),
            told(&["the balance is right, but its grants are not those that the history leaves"]),
        ),
        (
            "a version",
            |it| it.document(|doc| doc["version"] = json!(9)),
            told(&["the version is 9, and the histories have 10 entries"]),
        ),
        (
            "tokens used",
            |it| it.document(|doc| doc["tokensUsed"] = json!(9)),
            told(&["tokensUsed is 9, and the debits of the history add up to 10"]),
        ),
        (
            "generations",
            |it| it.document(|doc| doc["generations"]["ARTICLE"] = json!(3)),
            told(&["generations of ARTICLE is 3, and the history has 2"]),
        ),
        (
            "a kind of generation",
            |it| it.document(|doc| doc["generations"] = json!({"ARTICLE": 2, "OTHER": 1})),
            told(&[
                "history, entry @14: debits for PRODUCT_DESCRIPTION, of which the account counts no generation",
                "generations of OTHER is 1, and the history has 0",
            ]),
        ),
        (
            "a last entry too great",
            |it| it.document(|doc| doc["lastEntry"] = json!("1999999999999-7")),
            told(&["lastEntry is 1999999999999-7, and the greatest id in the histories is @14"]),
        ),
        (
            "a plan",
            |it| it.document(|doc| doc["plan"] = json!("gold")),
            told(&["the plan \"gold\" is not in plans.toml"]),
        ),
        (
            "an older account put back",
            |it| {
                it.document(|doc| {
                    doc["archives"] = json!(1);
                });
            },
            told(&[
                "the version is 10, and the histories have 7 entries",
                "archive 1: is there, and the account has 1 archives",
            ]),
        ),
        ("garbage\nfor an account", |it| it.command::<()>("HSET", "account", &["doc", "{\"x\n\": 1}"]), vec![]),
        ("the account of another", |it| it.document(|doc| doc["userId"] = json!("somebody-else")), vec![]),
        ("no revision", |it| it.command("HDEL", "account", &["rev"]), vec![]),
        (
            "an account of another type",
            |it| {
                it.command::<()>("DEL", "account", &[]);
                it.command::<()>("SET", "account", &["text"]);
            },
            vec![],
        ),
    ]
}

/// Entries with wrong numbers, and those that are too many or too few.
pub(super) fn entries() -> Vec<Case> {
    vec![
        (
            "a balance after an entry",
            |it| it.entry(2, |entry| entry["balance"] = json!(9)),
            told(&["history, entry @12: the balance after it is 9, and 5007 follows from the entry before"]),
        ),
        (
            "an amount",
            |it| it.entry(1, |entry| entry["amount"] = json!(4)),
            told(&[
                "history, entry @11: the balance after it is 4997, and 4996 follows from the entry before",
                "history, entry @11: debits 4, and its grants add up to 3",
                "the balance is 5000, and the history adds up to 4999",
                "tokensUsed is 10, and the debits of the history add up to 11",
            ]),
        ),
        (
            "an entry removed",
            |it| it.command("XDEL", "history", &[&format!("{}-0", START + 11)]),
            told(&[
                "history, entry @12: the balance after it is 5007, and 5010 follows from the entry before",
                "the balance is 5000, and the history adds up to 5003",
                "tokensUsed is 10, and the debits of the history add up to 7",
                "generations of ARTICLE is 2, and the history has 1",
                "the version is 10, and the histories have 9 entries",
            ]),
        ),
        (
            "the last entry removed",
            |it| it.command("XDEL", "history", &[&format!("{}-0", START + 14)]),
            told(&[
                "the balance is 5000, and the history adds up to 5002",
                "tokensUsed is 10, and the debits of the history add up to 8",
                "generations of PRODUCT_DESCRIPTION is 1, and the history has 0",
                "the version is 10, and the histories have 9 entries",
                "lastEntry is @14, and the greatest id in the histories is @13",
            ]),
        ),
        (
            "an entry of an archive removed",
            |it| it.command("XDEL", "archive:0", &[&format!("{}-0", START + 1)]),
            told(&["the version is 10, and the histories have 9 entries"]),
        ),
        (
            "the opening removed",
            |it| it.command("XDEL", "archive:1", &[&format!("{}-0", START + 4)]),
            told(&[
                "archive 1, entry @5: the history begins with this DEBIT, not with its opening",
                "the version is 10, and the histories have 9 entries",
            ]),
        ),
        (
            "an entry added at the end",
            |it| {
                let credit = r#"{"type":"CREDIT","amount":5,"description":"d","balance":5005,"source":"purchase"}"#;
                it.command::<String>("XADD", "history", &[&format!("{}-0", START + 15), "tx", credit, "c", "commit"]);
            },
            told(&["history, entry @15: comes after the last entry that the account knows, @14"]),
        ),
        (
            "an entry added in the middle",
            |it| {
                it.history("history", |entries| {
                    let mut added = entries[1].clone();
                    added.0 = added.0.replace("-0", "-1");
                    entries.insert(2, added);
                });
            },
            vec![
                format!(
                    "history, entry {}-1: the balance after it is 4997, and 4994 follows from the entry before",
                    START + 11
                ),
                "the balance is 5000, and the history adds up to 4997".to_owned(),
                "tokensUsed is 10, and the debits of the history add up to 13".to_owned(),
                "generations of ARTICLE is 2, and the history has 3".to_owned(),
                "the version is 10, and the histories have 11 entries".to_owned(),
            ],
        ),
        (
            "a debit beyond the balance",
            |it| it.entry(1, |entry| entry["amount"] = json!(5_001)),
            told(&[
                "history, entry @11: debits 5001 from a balance of 5000",
                "history, entry @11: debits 5001, and its grants add up to 3",
                "the balance is 5000, and the history adds up to 2",
                "tokensUsed is 10, and the debits of the history add up to 5008",
            ]),
        ),
    ]
}

/// Entries that say what no entry says.
pub(super) fn forms() -> Vec<Case> {
    vec![
        (
            "a second opening",
            |it| it.entry(2, |entry| entry["source"] = json!("initial")),
            told(&["history, entry @12: the account is opened again in the middle of its history"]),
        ),
        (
            "a credit from nowhere",
            |it| it.entry(2, |entry| entry["source"] = Value::Null),
            told(&["history, entry @12: a CREDIT without a source"]),
        ),
        (
            "a debit for nothing",
            |it| it.entry(3, |entry| entry["contentType"] = Value::Null),
            told(&[
                "history, entry @13: a DEBIT without a contentType",
                "generations of ARTICLE is 2, and the history has 1",
            ]),
        ),
        (
            "more months than were billed",
            |it| it.entry(2, |entry| entry["source"] = json!("monthly")),
            told(&[
                "the balance is right, but its grants are not those that the history leaves",
                "0 periods are billed, and the history has 1 monthly entries",
            ]),
        ),
        (
            "grants that do not add up",
            |it| it.entry(1, |entry| entry["grants"][0]["amount"] = json!(2)),
            told(&["history, entry @11: debits 3, and its grants add up to 2"]),
        ),
        (
            "a grant that was not there",
            |it| it.entry(1, |entry| entry["grants"][0]["id"] = json!("promotion:p5")),
            told(&["history, entry @11: takes 3 from the grant promotion:p5, which had 0"]),
        ),
        (
            "grants that add up to more",
            |it| it.entry(3, |entry| entry["grants"] = json!([{"id": "purchase", "amount": 11}])),
            told(&["history, entry @13: debits 5, and its grants add up to 11"]),
        ),
        (
            "a second grant that was not there",
            |it| {
                it.entry(1, |entry| {
                    entry["grants"] = json!([{"id": "initial", "amount": 2}, {"id": "purchase", "amount": 1}]);
                });
            },
            told(&["history, entry @11: takes 1 from the grant purchase, which had 0"]),
        ),
        (
            "another grant that had enough",
            |it| it.entry(3, |entry| entry["grants"][0]["id"] = json!("purchase")),
            told(&["the balance is right, but its grants are not those that the history leaves"]),
        ),
        ("the id of no grant", |it| it.entry(1, |entry| entry["grants"][0]["id"] = json!("gift")), vec![]),
        (
            "an entry of another form",
            |it| it.entry(1, |entry| *entry = json!({"amount": 3})),
            told(&["history, entry @11: cannot be read: it holds what does not belong there at line 1, column 12"]),
        ),
        (
            "an entry cut off",
            |it| it.raw_entry(4, b"{\"type\":\"DEB"),
            told(&["history, entry @14: cannot be read: it ends too early at line 1, column 12"]),
        ),
        (
            "an entry that is not text",
            |it| it.raw_entry(1, b"{\"type\":\"\xff\"}"),
            told(&["history, entry @11: cannot be read: it is not JSON at line 1, column 10"]),
        ),
        (
            "an id that is none",
            |it| {
                it.history("history", |entries| {
                    entries[1].0 = entries[1].0.replace("-0", "-4294967296");
                });
            },
            vec![format!("history, entry {}-4294967296: cannot be read: its id is not <milliseconds>-<n>", START + 11)],
        ),
    ]
}

/// Damaged histories.
pub(super) fn histories() -> Vec<Case> {
    vec![
        ("the first archive deleted", |it| it.command("DEL", "archive:0", &[]), told(&["archive 0: is missing"])),
        ("the last archive deleted", |it| it.command("DEL", "archive:1", &[]), told(&["archive 1: is missing"])),
        (
            "an archive too many",
            |it| it.command("COPY", "archive:0", &[&it.key("archive:2")]),
            told(&["archive 2: is there, and the account has 2 archives"]),
        ),
        (
            "archives changed over",
            |it| {
                let keys = ["archive:0", "archive:1", "spare"].map(|kind| it.key(kind));
                for (from, to) in [(0, 2), (1, 0), (2, 1)] {
                    it.redis.command::<()>(&["RENAME", &keys[from], &keys[to]]);
                }
            },
            told(&["archive 1, entry @0: its id should be greater than that of an earlier entry, @6"]),
        ),
        ("the history deleted", |it| it.command("DEL", "history", &[]), told(&["history: is missing"])),
        (
            "all histories deleted",
            |it| {
                for kind in ["history", "archive:0", "archive:1"] {
                    it.command::<()>("DEL", kind, &[]);
                }
            },
            told(&["archive 0: is missing", "archive 1: is missing", "history: is missing"]),
        ),
        ("the account deleted", |it| it.command("DEL", "account", &[]), told(&["there is a history, but no account"])),
        (
            "the account deleted, and a history of another type",
            |it| {
                it.command::<()>("DEL", "account", &[]);
                it.command::<()>("SET", "history", &["text"]);
            },
            told(&["there is a history, but no account"]),
        ),
        (
            "all but an archive deleted",
            |it| {
                for kind in ["account", "history", "archive:0"] {
                    it.command::<()>("DEL", kind, &[]);
                }
            },
            told(&["there is a history, but no account"]),
        ),
        (
            "a history of another type",
            |it| {
                it.command::<()>("DEL", "history", &[]);
                it.command::<()>("SET", "history", &["text"]);
            },
            vec![],
        ),
        ("archives without end", |it| it.document(|doc| doc["archives"] = json!(4_000_000_000_u32)), {
            let missing = (2..102).map(|number| format!("archive {number}: is missing"));
            missing
                .chain([
                    "archive 102: is missing, like the 100 before it: those after it were not looked for".to_owned()
                ])
                .collect()
        }),
    ]
}
