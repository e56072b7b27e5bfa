//! What cannot be read is never opened as somebody new: it is named, and everybody else is brought over.

use serde_json::{Value, json};

use super::{import, import_all, taken, told};
use crate::support::{
    legacy::{ARTICLE, Old, USUAL, history_key, stats_key},
    redis::Redis,
    server::{Instance, Local},
    verify::assert_sound,
};

const WHOLE: &str = "a whole number from 0 to 9007199254740991, in digits";
const INSTANT: &str = "an RFC 3339 instant up to the year 9999";

/// The usual user, whose stats say this.
fn stats(id: &str, field: &str, value: impl Into<Value>) -> Old {
    Old::new(id, &USUAL).with(field, value)
}

/// The usual user, whose second newest entry says this.
fn entry(id: &str, field: &str, value: impl Into<Value>) -> Old {
    Old::new(id, &USUAL).with_entry(1, field, value)
}

/// Users whose records are JSON and say what they must not, and what is said of it.
fn cases() -> Vec<(Old, String)> {
    let of_stats = |field: &str, wanted: &str| format!("{field} of the stats object is not {wanted}");
    let of_entry = |field: &str, wanted: &str| {
        format!("{field} of entry 2 of the history, counted from the newest, is not {wanted}")
    };
    let mut cases = vec![
        (stats("s-other", "memberId", "somebody"), "the stats object has another memberId, or none".to_owned()),
        (stats("s-nobody", "memberId", Value::Null), "the stats object has another memberId, or none".to_owned()),
        (
            stats("s-early", "nextBillingDate", "2020-01-05T00:00:00.000Z"),
            "nextBillingDate of the stats object lies before its createdAt".to_owned(),
        ),
        (
            stats("s-end", "nextBillingDate", "9999-12-31T00:00:00.000Z"),
            "nextBillingDate of the stats object leaves no room for its billings".to_owned(),
        ),
        (
            Old::new(
                "s-months",
                &[
                    ("CREDIT", 1, "Facturation mensuelle du 05/01/1970", 3),
                    ("CREDIT", 1, "Facturation mensuelle du 05/02/1970", 2),
                ],
            )
            .with("createdAt", "1970-01-01T00:00:00.000Z")
            .with("nextBillingDate", "1970-02-05T00:00:00.000Z"),
            "nextBillingDate of the stats object leaves no room for its billings".to_owned(),
        ),
        (entry("e-small", "type", "debit"), of_entry("type", "CREDIT or DEBIT")),
        (entry("e-unknown", "type", "REFUND"), of_entry("type", "CREDIT or DEBIT")),
        (entry("e-typeless", "type", Value::Null), of_entry("type", "CREDIT or DEBIT")),
        (entry("e-described", "description", 5), of_entry("description", "a text")),
        (
            Old::new(
                "e-much",
                &[("CREDIT", 9_007_199_254_740_991, "a", 3), ("CREDIT", 1, "b", 2), ("DEBIT", 2, ARTICLE, 1)],
            ),
            "the history adds up to more tokens than a balance can hold".to_owned(),
        ),
    ];
    let numbers = [
        ("negative", json!(-3)),
        ("fraction", json!(2.5)),
        ("unsafe", json!(9_007_199_254_740_992_u64)),
        ("huge", json!(1e30)),
        ("text", json!("3")),
        ("null", Value::Null),
    ];
    for (kind, number) in numbers {
        for field in
            ["tokenBalance", "tokensUsed", "articlesGenerated", "productDescriptionsGenerated", "totalGenerations"]
        {
            cases.push((stats(&format!("s-{field}-{kind}"), field, number.clone()), of_stats(field, WHOLE)));
        }
        cases.push((entry(&format!("e-amount-{kind}"), "amount", number), of_entry("amount", WHOLE)));
    }
    let times = [
        ("word", json!("yesterday")),
        ("local", json!("2026-11-05T00:00:00")),
        ("number", json!(1_790_000_000_000_u64)),
        ("far", json!("+010000-01-01T00:00:00.000Z")),
        ("null", Value::Null),
    ];
    for (kind, time) in times {
        for field in ["nextBillingDate", "createdAt"] {
            cases.push((stats(&format!("s-{field}-{kind}"), field, time.clone()), of_stats(field, INSTANT)));
        }
        cases.push((entry(&format!("e-timestamp-{kind}"), "timestamp", time), of_entry("timestamp", INSTANT)));
    }
    for field in ["memberId", "createdAt", "nextBillingDate", "tokenBalance"] {
        let says = if field == "memberId" {
            "the stats object has another memberId, or none"
        } else {
            "of the stats object is not "
        };
        cases.push((Old::new(&format!("s-without-{field}"), &USUAL).without(field), says.to_owned()));
    }
    cases
}

/// Users whose records are no JSON, or not of the right kind: the text of the stats and of the history.
fn broken(redis: &Redis) -> Vec<(String, &'static str)> {
    let usual = |id: &str| Old::new(id, &USUAL);
    let history = |id: &str| Value::from(usual(id).entries).to_string();
    let stats = |id: &str| usual(id).stats.to_string();
    let cut = |text: String| text[..text.len() - 9].to_owned();
    let not_json = "the stats object is damaged: it ";
    let texts = [
        ("b-stats-cut", cut(stats("b-stats-cut")), history("b-stats-cut"), not_json),
        ("b-stats-empty", String::new(), history("b-stats-empty"), not_json),
        ("b-stats-null", "null".to_owned(), history("b-stats-null"), not_json),
        ("b-stats-array", format!("[{}]", stats("b-stats-array")), history("b-stats-array"), not_json),
        ("b-twice", stats("b-twice").replacen('{', "{\"tokenBalance\":1,", 1), history("b-twice"), not_json),
        ("b-history-cut", stats("b-history-cut"), cut(history("b-history-cut")), "the history is damaged: it "),
        ("b-history-object", stats("b-history-object"), "{}".to_owned(), "the history is damaged: it "),
        ("b-history-empty", stats("b-history-empty"), String::new(), "the history is damaged: it "),
        (
            "b-entry",
            stats("b-entry"),
            "[{}, 5]".to_owned(),
            "of entry 1 of the history, counted from the newest, is not",
        ),
        (
            "b-entry-number",
            stats("b-entry-number"),
            "[5]".to_owned(),
            "entry 1 of the history, counted from the newest, is damaged",
        ),
    ];
    let mut told = Vec::new();
    for (id, stats, history, says) in texts {
        redis.command::<()>(&["SET", &stats_key(id), &stats]);
        redis.command::<()>(&["SET", &history_key(id), &history]);
        told.push((id.to_owned(), says));
    }
    // Keys of other types, a list with something else in it, and a history alone.
    redis.command::<()>(&["HSET", &stats_key("b-hash"), "a", "b"]);
    redis.command::<()>(&["SET", &stats_key("b-set"), &stats("b-set")]);
    redis.command::<()>(&["SADD", &history_key("b-set"), "a"]);
    usual("b-list").write_list(redis);
    redis.command::<()>(&["RPUSH", &history_key("b-list"), "no JSON"]);
    redis.command::<()>(&["SET", &history_key("b-alone"), &history("b-alone")]);
    let others = [
        ("b-hash", "user:stats:b-hash is not a text"),
        ("b-set", "user:transactions:b-set is not a text or a list"),
        ("b-list", "entry 5 of the history, counted from the newest, is damaged: it is not JSON"),
        ("b-alone", "there is a history, and no stats object"),
    ];
    told.extend(others.map(|(id, says)| (id.to_owned(), says)));
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_named_and_nobody_is_opened() {
    let redis = Redis::start();
    let mut damaged: Vec<(String, String)> = Vec::new();
    for (old, says) in cases() {
        old.write(&redis);
        damaged.push((old.id, says));
    }
    damaged.extend(broken(&redis).into_iter().map(|(id, says)| (id, says.to_owned())));
    Old::new("sound", &USUAL).write(&redis);
    // Ids that are none, and keys that are not the module's.
    for id in ["no body", "né", ""] {
        redis.command::<()>(&["SET", &stats_key(id), "{}"]);
    }
    for key in ["user:statistics", "user:stats", "user:session:a", "user:strangers:a"] {
        redis.command::<()>(&["SET", key, "{}"]);
    }

    let count = damaged.len() as u64 + 3;
    let assert_told = |arguments: &[&str], users: u64| {
        let imported = import(&redis, arguments);
        assert_eq!((imported.code, imported.figure("users")), (1, users), "{imported:#?}");
        assert_eq!((imported.figure("unreadable"), imported.figure("to look at")), (count, count), "{imported:#?}");
        let told = told(&imported);
        for (id, says) in &damaged {
            let line = told.get(id).unwrap_or_else(|| panic!("{id} is not named: {imported:#?}"));
            assert!(line.starts_with("cannot be taken over: ") && line.contains(says), "{id}: {line}");
        }
        for id in ["no body", "né", ""] {
            assert!(told[id].starts_with("has an id that is none"), "{imported:#?}");
        }
        assert_eq!(told.len() as u64, count, "{imported:#?}");
    };
    assert_told(&[], 1);
    assert_told(&["--apply"], 1);
    assert_told(&["--apply"], 0);
    assert_sound(&redis.url(), 1);

    // At the first touch it is an error, whose cause is in the log alone.
    let settings = [("REDIS_URL", &*redis.url()), ("JETON_LEGACY_IMPORT", "1"), ("VERCEL_ENV", "development")];
    let instance = Instance::start("generations", &settings);
    for (id, says) in &damaged {
        let answer = instance.client().post("generations", json!({"userId": id})).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{id}: {answer:?}");
        let cause = &instance.line_of(&answer)["message"];
        assert!(cause.as_str().unwrap().contains(says.as_str()), "{id}: {cause}");
    }
    assert_eq!(redis.command::<Vec<String>>(&["KEYS", "jeton:{*}:*"]).len(), 3, "only one account is there");

    // Once it is put right, it goes on.
    Old::new("b-alone", &USUAL).write(&redis);
    instance.client().post("generations", json!({"userId": "b-alone"})).await.ok();
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    assert_eq!(local.client().stats("b-alone").await["tokenBalance"], 5_092);
}

/// The old reset wrote the id of the test user to whoever was reset: their keys say who they are.
#[tokio::test(flavor = "multi_thread")]
async fn whom_the_old_reset_called_the_test_user_is_known_by_the_key() {
    let redis = Redis::start();
    Old::new("was-reset", &USUAL).with("memberId", "test-user-id").write(&redis);
    let imported = import_all(&redis);
    let says = "4 entries, balance 5095; its memberId is the test user's, as the old reset wrote it: its key counts";
    assert_eq!(told(&imported)["was-reset"], says, "{imported:#?}");
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &["--redis", &redis.url()], &[]);
    let (stats, _) = taken(&local.client(), "was-reset").await;
    assert_eq!((&stats["memberId"], &stats["tokenBalance"]), (&json!("was-reset"), &json!(5_095)));
    // The comparison with the old balance reads it, too.
    assert_eq!(import_all(&redis).figure("imported before"), 1);
}
