//! `jeton verify` knows what was taken over, and sees when it is not what it was.

use serde_json::{Value, json};

use super::import_all;
use crate::support::{
    legacy::{ARTICLE, Old, PURCHASE, USUAL},
    redis::Redis,
    verify::{assert_sound, verify_redis},
};

/// Changes the stored document of `user`.
fn change(redis: &Redis, user: &str, change: impl Fn(&mut Value)) {
    let key = format!("jeton:{{{user}}}:account");
    let mut document = serde_json::from_str(&redis.command::<String>(&["HGET", &key, "doc"])).unwrap();
    change(&mut document);
    redis.command::<()>(&["HSET", &key, "doc", &document.to_string()]);
}

#[test]
fn what_was_taken_over_and_tampered_with_is_named() {
    let redis = Redis::start();
    let users = ["carried", "counted", "not-imported", "entry-gone", "unnamed"];
    for user in users {
        let old = Old::new(user, &[("CREDIT", 9, PURCHASE, 90), ("DEBIT", 3, "", 80), ("DEBIT", 2, ARTICLE, 70)]);
        old.with("tokensUsed", 100).with("articlesGenerated", 7).with("totalGenerations", 7).write(&redis);
    }
    Old::new("sound", &USUAL).write(&redis);
    import_all(&redis);
    assert_sound(&redis.url(), 6);

    change(&redis, "carried", |account| account["carried"]["tokensUsed"] = json!(94));
    change(&redis, "counted", |account| account["carried"]["generations"]["ARTICLE"] = json!(5));
    change(&redis, "not-imported", |account| drop(account.as_object_mut().unwrap().remove("imported")));
    let history = |user: &str| format!("jeton:{{{user}}}:history");
    let ids = |user: &str| -> Vec<(String, Vec<String>)> { redis.command(&["XRANGE", &history(user), "-", "+"]) };
    redis.command::<()>(&["XDEL", &history("entry-gone"), &ids("entry-gone")[1].0]);
    // An entry without the old id is one of Jeton's, by whose rules it is wrong.
    let entries = ids("unnamed");
    redis.command::<()>(&["DEL", &history("unnamed")]);
    for (number, (id, fields)) in entries.iter().enumerate() {
        let text = if number == 1 { fields[1].replace("legacyId", "other") } else { fields[1].clone() };
        redis.command::<()>(&["XADD", &history("unnamed"), id, "tx", &text, "c", &fields[3]]);
    }

    let verified = verify_redis(&redis, &[]);
    assert_eq!(verified.code, 1);
    let first = |user: &str| verified.of(user).first().map(|line| (*line).to_owned()).unwrap_or_default();
    assert_eq!(first("carried"), "tokensUsed is 100, and the debits of the history add up to 99");
    assert_eq!(first("counted"), "generations of ARTICLE is 7, and the history has 6");
    let id = |number: usize| ids("not-imported")[number].0.clone();
    assert_eq!(
        verified.of("not-imported"),
        [
            format!("history, entry {}: the history begins with this CREDIT, not with its opening", id(0)),
            format!("history, entry {}: a DEBIT without a contentType", id(1)),
        ]
    );
    assert!(first("entry-gone").contains("the balance after it is 4, and 7 follows"), "{verified:#?}");
    assert!(first("unnamed").ends_with("a DEBIT without a contentType"), "{verified:#?}");
    assert_eq!(verified.of("sound"), [""; 0]);
}
