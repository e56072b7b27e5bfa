//! The operator's list of accounts, through the public door, on both stores.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    refusals::{assert_problem, unchanged_by},
    support::{
        client::{Client, encoded},
        past::{billing_days_ago, open_at},
        redis::Redis,
        server::{Backend, Deployment},
        world::DAY,
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

/// The users of a page, in its order.
fn users_of(page: &Value) -> Vec<String> {
    let accounts = page["accounts"].as_array().unwrap();
    accounts.iter().map(|account| account["userId"].as_str().unwrap().to_owned()).collect()
}

/// A page of this selection after `cursor`.
async fn page(client: &Client, selection: &str, cursor: Option<&str>) -> Value {
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={}", encoded(cursor)));
    let page = client.read(&format!("accounts?{selection}{cursor}")).await;
    let members: Vec<&String> = page.as_object().unwrap().keys().collect();
    assert_eq!(members, ["accounts", "nextCursor"]);
    page
}

/// All users of this selection, page by page.
async fn all(client: &Client, selection: &str) -> Vec<String> {
    let (mut users, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let page = page(client, selection, cursor.as_deref()).await;
        users.extend(users_of(&page));
        cursor = page["nextCursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            return users;
        }
        assert_eq!(cursor.as_ref(), users.last(), "the cursor is the last user of the page");
    }
}

/// All that Redis holds.
fn dump(redis: &Redis) -> BTreeMap<String, Vec<u8>> {
    let keys: Vec<String> = redis.command(&["KEYS", "*"]);
    keys.into_iter().map(|key| (key.clone(), redis.command(&["DUMP", &key]))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_listed_as_it_is() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let nobody = page(&client, "", None).await;
        assert_eq!(nobody, json!({"accounts": [], "nextCursor": null}), "{backend:?}: and nobody was opened by that");
        client.post("generations", json!({"userId": "a|b@c.d+e~f-g", "tokenCost": 7})).await.ok();
        client.post("tokens", json!({"userId": "zoe", "amount": 5})).await.ok();
        client.post("reset", json!({"userId": "zoe"})).await.ok();
        client.stats("Al").await;
        let listed = page(&client, "", None).await;
        assert_eq!(users_of(&listed), ["Al", "a|b@c.d+e~f-g", "zoe"], "{backend:?}");
        assert_eq!(listed["nextCursor"], Value::Null);
        for account in listed["accounts"].as_array().unwrap() {
            let stats = client.stats(account["userId"].as_str().unwrap()).await;
            let expected = json!({
                "userId": stats["memberId"],
                "tokenBalance": stats["tokenBalance"],
                "tokensReserved": 0,
                "plan": "standard",
                "lastActivity": stats["lastUpdated"],
                "createdAt": stats["createdAt"],
            });
            assert_eq!(*account, expected, "{backend:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_neither_skip_nor_repeat_while_users_come() {
    let mut users: Vec<String> = (0..120).map(|number| format!("user-{number}")).collect();
    users.extend(["A", "Z", "_", "user", "user-", "user-1+", "user-1~", "~"].map(str::to_owned));
    let opened = billing_days_ago(0).0;
    for backend in Backend::both_since(&DEVELOPMENT, &users, &opened).await {
        users.sort_unstable();
        let client = backend.client();
        for selection in ["", "limit=1", "limit=17", "limit=128", "limit=200", "query="] {
            assert_eq!(all(&client, selection).await, users, "{backend:?}: {selection}");
        }
        assert_eq!(users_of(&page(&client, "", None).await), users[..50], "{backend:?}: 50 by default");
        let whole = page(&client, "limit=128", None).await;
        assert_eq!((users_of(&whole).len(), &whole["nextCursor"]), (128, &Value::Null), "{backend:?}");

        // Somebody comes before and behind each cursor; those behind it come into later pages.
        let (mut met, mut cursor, mut expected) = (Vec::new(), None::<String>, users.clone());
        for number in 0.. {
            let page = page(&client, "limit=20", cursor.as_deref()).await;
            met.extend(users_of(&page));
            let Some(next) = page["nextCursor"].as_str() else { break };
            client.stats(&format!(".before-{number}")).await;
            let behind = format!("{next}.{number}");
            client.stats(&behind).await;
            expected.push(behind);
            cursor = Some(next.to_owned());
        }
        expected.sort_unstable();
        assert_eq!(met, expected, "{backend:?}");
        assert_eq!(all(&client, "query=.before-").await.len(), met.len().div_ceil(20) - 1, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefix_selects() {
    let users = ["a", "a|b", "a|b@c", "ab", "a+b", "b", "B", "a-longer-one"].map(str::to_owned);
    for backend in Backend::both_since(&DEVELOPMENT, &users, &billing_days_ago(0).0).await {
        let client = backend.client();
        let cases: [(&str, &[&str]); 9] = [
            ("a", &["a", "a+b", "a-longer-one", "ab", "a|b", "a|b@c"]),
            ("a|b", &["a|b", "a|b@c"]),
            ("a|b@", &["a|b@c"]),
            ("a+", &["a+b"]),
            ("A", &[]),
            ("B", &["B"]),
            ("a|b@cd", &[]),
            ("zzz", &[]),
            ("~", &[]),
        ];
        for (prefix, expected) in cases {
            for limit in [1, 2, 200] {
                let found = all(&client, &format!("limit={limit}&query={}", encoded(prefix))).await;
                assert_eq!(found, expected, "{backend:?}: {prefix} by {limit}");
            }
        }
        // A cursor that is no user of the selection, and one that is nobody at all.
        for (cursor, expected) in [("A", "a|b"), ("a|b+", "a|b@c")] {
            assert_eq!(users_of(&page(&client, "limit=1&query=a%7Cb", Some(cursor)).await), [expected], "{backend:?}");
        }
        assert_eq!(page(&client, "query=a", Some("b")).await, json!({"accounts": [], "nextCursor": null}));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_are_as_of_now_and_nothing_is_written() {
    let redis = Redis::start();
    let (opened, dates) = billing_days_ago(2);
    open_at(redis.store(), &["due".to_owned()], &opened).await;
    open_at(redis.store(), &["new".to_owned()], &billing_days_ago(0).0).await;
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let before = dump(&redis);
    for _ in 0..2 {
        let listed = page(&client, "", None).await;
        let balances: Vec<_> =
            listed["accounts"].as_array().unwrap().iter().map(|it| it["tokenBalance"].clone()).collect();
        assert_eq!(
            (users_of(&listed), balances),
            (vec!["due".to_owned(), "new".to_owned()], vec![json!(5_600), json!(5_000)])
        );
        let date: Vec<&str> = dates[1].split('/').collect();
        let billed = format!("{}-{}-{}T00:00:00.000Z", date[2], date[1], date[0]);
        assert_eq!(listed["accounts"][0]["lastActivity"], json!(billed));
        assert_eq!(dump(&redis), before);
    }
    let stats = client.stats("due").await;
    assert_eq!(stats["tokenBalance"], 5_600);
    assert_eq!(page(&client, "query=due", None).await["accounts"][0]["lastActivity"], stats["lastUpdated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_never_opened_is_no_account_and_takes_no_place() {
    let redis = Redis::start();
    let users: Vec<String> = (0..6).map(|number| format!("u{number}")).collect();
    open_at(redis.store(), &users, &billing_days_ago(0).0).await;
    let store = redis.store();
    for ghost in ["a", "u1-ghost", "u1-ghost-2", "u3-ghost", "z"] {
        let (user, due) = (jeton::ledger::UserId::new(ghost).unwrap(), jeton::ledger::Timestamp::from_millis(DAY));
        store.note_due(&user, due.unwrap()).await.unwrap();
    }
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    for limit in [1, 2, 3, 200] {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = page(&client, &format!("limit={limit}"), cursor.as_deref()).await;
            let users = users_of(&page);
            found.extend(users.clone());
            let Some(next) = page["nextCursor"].as_str() else { break };
            assert_eq!(users.len(), limit, "a page that is not the last one is full");
            cursor = Some(next.to_owned());
        }
        assert_eq!(found, users, "{limit}");
    }
    let opened: Vec<String> = redis.command(&["KEYS", "jeton:{*}:account"]);
    assert_eq!(opened.len(), users.len(), "a list opens nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_refused_by_its_field() {
    let long = "x".repeat(129);
    let cases = [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=ten", "limit"),
        ("cursor=", "cursor"),
        ("cursor=a%20b", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        (&format!("cursor={long}"), "cursor"),
        ("query=a%20b", "query"),
        ("query=a*", "query"),
        ("query=%5Ba", "query"),
        ("query=a%00", "query"),
        ("query=%FF", "query"),
        (&format!("query={long}"), "query"),
        ("query=a&query=b", "query"),
        ("userId=u", "userId"),
        ("prefix=u", "prefix"),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("a-secret");
        for (query, field) in &cases {
            let problem = assert_problem(&client.get(&format!("accounts?{query}")).await, 400, "invalid_field");
            assert_eq!(problem["field"], *field, "{query}");
        }
        assert_eq!(users_of(&client.read("accounts").await), ["u"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_account_is_told_and_not_left_out() {
    let redis = Redis::start();
    let users: Vec<String> = (0..5).map(|number| format!("u{number}")).collect();
    open_at(redis.store(), &users, &billing_days_ago(0).0).await;
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    for (field, damaged) in [("doc", "{\"hush-hush\":1}"), ("doc", ""), ("rev", "")] {
        let document: String = redis.command(&["HGET", "jeton:{u3}:account", "doc"]);
        if damaged.is_empty() {
            redis.command::<u64>(&["HDEL", "jeton:{u3}:account", field]);
        } else {
            redis.command::<u64>(&["HSET", "jeton:{u3}:account", field, damaged]);
        }
        let before = dump(&redis);
        for query in ["", "?limit=4", "?cursor=u2&limit=1", "?query=u3"] {
            let answer = client.get(&format!("accounts{query}")).await;
            assert_problem(&answer, 500, "internal");
            let line = deployment.instance("accounts").line_of(&answer);
            let cause = line["message"].as_str().unwrap();
            assert!(cause.contains("the account of user u3 ") && !line.to_string().contains("hush"), "{query}: {line}");
            // By chance the name of the request has anything in it.
            let told = answer.body.replace(answer.header("x-request-id").unwrap(), "");
            assert!(!told.contains("u3") && !told.contains("hush"), "{answer:?}");
        }
        // A page that it is not on is as ever.
        for (query, expected) in [("?limit=3", &["u0", "u1", "u2"][..]), ("?cursor=u3", &["u4"])] {
            assert_eq!(users_of(&client.read(&format!("accounts{query}")).await), expected);
        }
        assert_eq!(dump(&redis), before, "it is left as it is");
        redis.command::<u64>(&["HSET", "jeton:{u3}:account", "rev", "r", "doc", &document]);
    }
    redis.command::<u64>(&["DEL", "jeton:users:03"]);
    redis.command::<()>(&["SET", "jeton:users:03", "of another type"]);
    assert_problem(&client.get("accounts").await, 500, "internal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_gone_is_no_empty_list() {
    let mut redis = Redis::start();
    open_at(redis.store(), &["u".to_owned()], &billing_days_ago(0).0).await;
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    assert_eq!(users_of(&page(&client, "", None).await), ["u"]);
    redis.stop();
    client.get("accounts").await.assert_store_unavailable();
}
