//! Grants through the calls, on both stores: what a credit says of its tokens, which of them pay, and that they expire by
//! time alone, to the millisecond.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::future::join_all;
use jeton::{
    committer::Surroundings,
    ledger::{Amount, Command, GrantKind, Priority, Source, Timestamp, UserId},
    stats_service::TokenCredit,
    store::Store,
    system::System,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    ledger::{
        at,
        grants::{ARCHIVE_BEFORE, BEFORE, ENTRIES_BEFORE},
    },
    refusals::assert_problem,
    support::{
        client::{Answer, Client, send, sum},
        past::as_of,
        process::PATIENCE,
        redis::Redis,
        server::{Backend, Deployment, Instance},
        service::{article, caller, granted},
        verify::{assert_sound, verify_redis},
        world::{START, World},
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn now() -> DateTime<Utc> {
    System.now().to_utc()
}

/// So many hours from now, or ago.
fn hours(hours: i64) -> DateTime<Utc> {
    now() + TimeDelta::hours(hours)
}

async fn export(client: &Client, user: &str, accept: &str) -> String {
    let path = format!("transactions?userId={user}&order=asc");
    send(client.request(reqwest::Method::GET, &path).header("Accept", accept)).await.body
}

/// The ids of the grants and what is left of each, in the order of spending.
fn left(stats: &Value) -> Vec<(&str, u64)> {
    let grants = stats["grants"].as_array().unwrap().iter();
    grants.map(|grant| (grant["id"].as_str().unwrap(), grant["remaining"].as_u64().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_says_when_its_tokens_are_spent_and_until_when() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.post("tokens", json!({"userId": "u", "amount": 10})).await.ok();
        let body = json!({"userId": "u", "amount": 20, "source": "promotion", "priority": 5,
            "expiresAt": "2998-12-05T01:00:00.1239+01:00"});
        let credited = client.post("tokens", body).await.ok();
        let id = "promotion:p5:e32469811200123";
        let transaction = &credited["transaction"];
        assert_eq!(transaction["expiresAt"], "2998-12-05T00:00:00.123Z", "{backend:?}: {transaction}");
        assert_eq!((&transaction["priority"], &transaction["source"]), (&json!(5), &json!("promotion")));
        let grants = json!([
            {"id": id, "source": "promotion", "remaining": 20, "amount": 20, "priority": 5,
                "expiresAt": "2998-12-05T00:00:00.123Z"},
            {"id": "initial", "source": "initial", "remaining": 5000, "amount": 5000, "priority": 10,
                "expiresAt": null},
            {"id": "purchase", "source": "purchase", "remaining": 10, "amount": 10, "priority": 40,
                "expiresAt": null},
        ]);
        assert_eq!(credited["stats"]["grants"], grants, "{backend:?}");

        let debited = client.post("generations", json!({"userId": "u", "tokenCost": 5025})).await.ok();
        let paid =
            json!([{"id": id, "amount": 20}, {"id": "initial", "amount": 5000}, {"id": "purchase", "amount": 5}]);
        assert_eq!(debited["transaction"]["grants"], paid, "{backend:?}");
        let grants = json!([{"id": "purchase", "source": "purchase", "remaining": 5, "amount": 10, "priority": 40,
            "expiresAt": null}]);
        assert_eq!(debited["stats"]["grants"], grants);
        assert_eq!(client.stats("u").await["grants"], grants, "{backend:?}");

        let history = client.history("u").await;
        assert_eq!((&history[0], &history[1]), (&debited["transaction"], transaction), "{backend:?}");
        let lines = export(&client, "u", "application/x-ndjson").await;
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().eq(history.iter().rev()), "{backend:?}");
        let csv = export(&client, "u", "text/csv").await;
        let mut rows = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<Vec<String>> =
            rows.records().map(|row| row.unwrap().iter().skip(11).take(3).map(str::to_owned).collect()).collect();
        assert_eq!(serde_json::from_str::<Value>(&rows[3][0]).unwrap(), paid, "{backend:?}");
        assert_eq!(rows[3][1..], ["", ""], "{backend:?}");
        let credits = [["", "", ""], ["", "", ""], ["", "5", "2998-12-05T00:00:00.123Z"]];
        assert_eq!(rows[..3], credits, "{backend:?}");
    }
}

/// Two days ago: an account with 8 tokens that were bought and 1 000 that were given and expired since, at `expired`.
async fn live_then(store: Arc<dyn Store>, users: &[String], expired: DateTime<Utc>) {
    as_of(store, &written(expired - TimeDelta::days(1)), async |service| {
        let credit = |amount, grant| TokenCredit {
            amount: Amount::new(amount).unwrap(),
            grant,
            description: None,
            metadata: None,
        };
        let given =
            GrantKind { source: Source::Promotion, priority: Priority::new(90), expires_at: Some(expired.into()) };
        for user in users {
            let user = UserId::new(user).unwrap();
            granted(service.record_generation(&user, article(5_000), caller(None)).await);
            granted(service.add_tokens(&user, credit(8, Source::Purchase.into()), caller(None)).await);
            granted(service.add_tokens(&user, credit(1_000, given), caller(None)).await);
        }
    })
    .await;
}

/// The history has one expiration, of all 1 000 tokens, at its own instant, and adds up to what is left.
async fn assert_expired_once(client: &Client, user: &str, expired: DateTime<Utc>) {
    let history = client.history(user).await;
    let expirations: Vec<&Value> = history.iter().filter(|entry| entry["description"] == "Expiration").collect();
    let [expiration] = expirations[..] else { panic!("{user}: {history:#?}") };
    let id = format!("promotion:p90:e{}", expired.timestamp_millis());
    let expected = json!({
        "id": format!("{}-0", expired.timestamp_millis()), "timestamp": written(expired), "type": "DEBIT",
        "amount": 1_000, "description": "Expiration", "source": "promotion", "balance": expiration["balance"],
        "grants": [{"id": id, "amount": 1_000}],
    });
    assert_eq!(*expiration, expected);
    let stats = client.stats(user).await;
    assert_eq!(i128::from(stats["tokenBalance"].as_u64().unwrap()), sum(&history), "{user}");
    assert!(!left(&stats).iter().any(|(id, _)| id.starts_with("promotion")), "{stats}");
    let spent = history.iter().filter(|entry| entry["contentType"] == "ARTICLE");
    assert_eq!(stats["tokensUsed"], spent.map(|entry| entry["amount"].as_u64().unwrap()).sum::<u64>(), "{user}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_first_finds_what_has_expired_gone() {
    let users: Vec<String> = ["read", "debited", "refused", "paged", "exported", "credited"].map(str::to_owned).into();
    let expired = hours(-24);
    for backend in Backend::both_after(&DEVELOPMENT, async |store| live_then(store, &users, expired).await).await {
        let client = backend.client();
        // An allowance of 300 may have come since.
        let mine = |balance: &Value| [8, 308].contains(&balance.as_u64().unwrap());
        assert!(mine(&client.stats("read").await["tokenBalance"]), "{backend:?}");
        let debited = client.post("generations", json!({"userId": "debited"})).await.ok();
        assert_eq!(debited["transaction"]["amount"], 3, "the caller's own entry: {backend:?}");
        assert!([5, 305].map(|balance| json!(balance)).contains(&debited["stats"]["tokenBalance"]), "{backend:?}");
        let refused = client.post("generations", json!({"userId": "refused", "tokenCost": 309})).await;
        let problem = assert_problem(&refused, 402, "insufficient_tokens");
        assert!(mine(&problem["available"]) && mine(&problem["stats"]["tokenBalance"]), "{backend:?}: {problem}");
        let page = client.read("transactions?userId=paged&type=DEBIT&limit=1").await;
        assert_eq!(page["transactions"][0]["description"], "Expiration", "{backend:?}");
        assert!(export(&client, "exported", "text/csv").await.contains(",Expiration,,"), "{backend:?}");
        client
            .clone()
            .with("Accept-Language", "en")
            .post("tokens", json!({"userId": "credited", "amount": 1}))
            .await
            .ok();
        for user in &users {
            assert_expired_once(&client, user, expired).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_at_once_let_tokens_expire_once() {
    let redis = Redis::start();
    let users: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let expired = hours(-1);
    live_then(redis.store(), &users, expired).await;
    let (deployment, url) = (Deployment::start(&redis, &DEVELOPMENT), redis.url());
    let start = |function| Instance::start(function, &[("REDIS_URL", &url), DEVELOPMENT[0]]);
    // Two processes of each function.
    let (stats, spending, adding) = (start("stats"), start("generations"), start("tokens"));
    let all = [[stats.client(), spending.client(), adding.client()], [(); 3].map(|()| deployment.client())];
    let at_once = users.iter().flat_map(|user| {
        all.iter().map(move |[stats, spending, adding]| async move {
            let path = format!("stats?userId={user}");
            let read = stats.get(&path);
            let spent = spending.post("generations", json!({"userId": user, "tokenCost": 1}));
            let added = adding.post("tokens", json!({"userId": user, "amount": 1}));
            let (read, spent, added) = tokio::join!(read, spent, added);
            assert_eq!([read.status, spent.status, added.status], [200; 3]);
        })
    });
    join_all(at_once).await;
    for user in &users {
        assert_expired_once(&deployment.client(), user, expired).await;
    }
    assert_sound(&url, users.len() as u64);
}

/// Credits 100 tokens under a key that expire so soon that a test can wait for it. Gives when, what was asked, and the
/// answer.
async fn credit_that_expires_soon(client: &Client, user: &str, key: &str) -> (DateTime<Utc>, Value, Answer) {
    let in_time = async {
        loop {
            // As callers write it, to the millisecond.
            let expires_at = DateTime::from_timestamp_millis(now().timestamp_millis() + 700).unwrap();
            let body = json!({"userId": user, "amount": 100, "priority": 0, "expiresAt": written(expires_at)});
            let answer = client.post_once("tokens", key, body.clone()).await;
            // On a machine that has much to do it can come too late. That leaves the key free.
            if answer.status == 400 {
                assert_problem(&answer, 400, "invalid_field");
                continue;
            }
            return (expires_at, body, answer);
        }
    };
    timeout(PATIENCE, in_time).await.expect("a credit comes in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_there_until_the_millisecond_in_which_they_expire() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.stats("u").await;
        let (expires_at, _, credited) = credit_that_expires_soon(&client, "u", "soon").await;
        credited.ok();
        let looking = async {
            loop {
                let began = now();
                let balance = client.stats("u").await["tokenBalance"].as_u64().unwrap();
                let ended = now();
                match balance {
                    5_100 => assert!(began < expires_at, "{backend:?}: still there after {expires_at}, at {began}"),
                    5_000 => {
                        assert!(ended >= expires_at, "{backend:?}: gone before {expires_at}, at {ended}");
                        return;
                    }
                    other => panic!("{backend:?}: {other}"),
                }
            }
        };
        timeout(PATIENCE, looking).await.expect("they expire");
        assert_eq!(client.history("u").await[0]["timestamp"], written(expires_at), "{backend:?}");
    }
}

/// All but the opening balance is gone.
async fn gone(client: &Client, user: &str) {
    let looking = async { while client.stats(user).await["tokenBalance"] != 5_000 {} };
    timeout(PATIENCE, looking).await.expect("they expire");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_that_has_expired_is_refused_and_its_retry_is_not() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        client.stats("u").await;
        let (_, body, first) = credit_that_expires_soon(&client, "u", "in-time").await;
        first.ok();
        gone(&client, "u").await;

        let again = client.post_once("tokens", "in-time", body.clone()).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{backend:?}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{backend:?}");
        let before = client.stats("u").await;
        let told = |answer: &Answer| {
            let problem = assert_problem(answer, 400, "invalid_field");
            assert_eq!(
                (&problem["field"], &problem["reason"]),
                (&json!("expiresAt"), &json!("it must be in the future, and after the newest entry of the history"))
            );
            assert_eq!(answer.header("idempotent-replayed"), None);
        };
        for _ in 0..2 {
            told(&client.post_once("tokens", "too-late", body.clone()).await);
            told(&client.post("tokens", body.clone()).await);
        }
        assert_eq!(client.stats("u").await, before, "nothing changes: {backend:?}");
        let reused = client.post_once("tokens", "in-time", json!({"userId": "u", "amount": 1})).await;
        assert_problem(&reused, 422, "idempotency_key_reused");
        // What was refused so is not remembered: its key is free.
        let other = client.post_once("tokens", "too-late", json!({"userId": "u", "amount": 1})).await;
        assert_eq!(
            (other.ok()["stats"]["tokenBalance"].as_u64(), other.header("idempotent-replayed")),
            (Some(5_001), None)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credit_that_would_be_a_grant_too_many_is_refused_and_remembered() {
    const FAR: u64 = 32_469_811_200_000;
    let kind = |number: u64| GrantKind { expires_at: Timestamp::from_millis(FAR + number), ..Source::Purchase.into() };
    let credit = |number| Command::Credit {
        amount: Amount::new(1).unwrap(),
        grant: kind(number),
        description: None,
        metadata: None,
    };
    let thousand: Vec<Command> = (1..1_000).map(credit).collect();
    let fill = async |store: Arc<dyn Store>| World::new(store.as_ref(), "u").apply(&thousand, START).await;
    for backend in Backend::both_after(&DEVELOPMENT, fill).await {
        let client = backend.client();
        // The opening is one, and the allowances that have come since are one more.
        let before = client.stats("u").await;
        assert_eq!(left(&before).len(), 1_001, "{backend:?}");
        let body = |until: u64| json!({"userId": "u", "amount": 1, "expiresAt": written(at(FAR + until).to_utc())});
        let first = client.post_once("tokens", "one-more", body(1_000)).await;
        let problem = assert_problem(&first, 422, "balance_limit_exceeded");
        let told = [
            (
                "message",
                "Ce compte a déjà 1000 lots de tokens, de priorités ou d'expirations différentes. Rien n'a été fait.",
            ),
            ("detail", "This account already has 1000 grants, of different priorities or expiries. Nothing was done."),
        ];
        for (member, text) in told {
            assert_eq!(problem[member], text, "{backend:?}");
        }
        assert_eq!(client.stats("u").await, before, "nothing changes: {backend:?}");

        let joined = client.post("tokens", body(1)).await.ok();
        assert_eq!(joined["stats"]["tokenBalance"], before["tokenBalance"].as_u64().unwrap() + 1, "{backend:?}");
        // It is remembered, also once there would be a place.
        client.post("generations", json!({"userId": "u", "tokenCost": joined["stats"]["tokenBalance"]})).await.ok();
        let again = client.post_once("tokens", "one-more", body(1_000)).await;
        assert_eq!((again.status, &again.body), (422, &first.body), "{backend:?}");
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{backend:?}");
        client.post_once("tokens", "another", body(1_000)).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_in_redis_that_the_version_before_wrote_goes_on() {
    let redis = Redis::start();
    redis.command::<u64>(&["HSET", "jeton:{alice}:account", "rev", "jp_3nGo6cfTF", "doc", BEFORE]);
    let histories = [("history", &ENTRIES_BEFORE[..]), ("archive:0", &ARCHIVE_BEFORE[..])];
    for (key, (id, entry)) in histories.iter().flat_map(|(key, entries)| entries.iter().map(move |entry| (key, entry)))
    {
        redis.command::<String>(&["XADD", &format!("jeton:{{alice}}:{key}"), id, "tx", entry, "c", "LRMhiZHpU6AW"]);
    }
    redis.command::<u64>(&["ZADD", "jeton:due:07", "1796428800000", "alice"]);
    // It kept no list of users, and counted no usage.
    let repaired = verify_redis(&redis, &["--repair"]);
    let uncounted = "of its usage the account counts nothing, and the history has spent ";
    let counted = r#"{"hour":498739,"spent":{"ARTICLE":[0,0,0,0,3,1]}}"#;
    let expected = [&format!("{uncounted}{counted} (repaired)"), "is not in the list of users (repaired)"];
    assert_eq!(repaired.of("alice"), expected);
    assert_sound(&redis.url(), 1);

    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let before = client.stats("alice").await;
    let debited = client.post("generations", json!({"userId": "alice", "tokenCost": 4_999})).await.ok();
    let paid = debited["transaction"]["grants"].as_array().unwrap();
    assert_eq!(paid[0], json!({"id": "initial", "amount": 4_997}));
    assert_eq!(debited["stats"]["tokenBalance"], before["tokenBalance"].as_u64().unwrap() - 4_999);
    assert_eq!(debited["stats"]["tokensUsed"], 5_002);
    let history = client.history("alice").await;
    assert_eq!(i128::from(debited["stats"]["tokenBalance"].as_u64().unwrap()), sum(&history));
    let oldest: Vec<Value> = history.iter().rev().take(3).cloned().collect();
    for (shown, (id, entry)) in oldest.iter().zip(ENTRIES_BEFORE) {
        let mut expected: Value = serde_json::from_str(entry).unwrap();
        expected["id"] = json!(id);
        expected["timestamp"] = shown["timestamp"].clone();
        assert_eq!(*shown, expected);
    }
    assert_sound(&redis.url(), 1);
}
