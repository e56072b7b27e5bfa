//! `GET /api/usage`, on both stores.

use std::sync::Mutex;

use chrono_tz::Tz;
use jeton::{
    ledger::UserId,
    locale::Locale,
    usage::{Granularity, Range},
};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    clocks::{bounds, rfc3339, told},
    sums::{Question, live, questions, span, steps},
};
use crate::{
    ledger::grants::{BEFORE, ENTRIES_BEFORE},
    refusals::{assert_problem, unchanged_by},
    support::{
        client::{Client, encoded, send},
        redis::Redis,
        server::{Backend, Deployment, Instance},
        service::service_over,
        world::DAY,
    },
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

/// The buckets of a call.
async fn buckets(client: &Client, query: &str) -> Vec<Value> {
    client.read(&format!("usage?{query}")).await["buckets"].as_array().unwrap().clone()
}

/// Tokens and generations of all of them, and tokens by content type.
fn sum(buckets: &[Value]) -> (u64, u64, [u64; 2]) {
    let of = |path: &str| buckets.iter().filter_map(|bucket| bucket.pointer(path)?.as_u64()).sum::<u64>();
    let by_type = ["ARTICLE", "PRODUCT_DESCRIPTION"].map(|name| of(&format!("/byContentType/{name}/tokens")));
    (of("/tokens"), of("/generations"), by_type)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bucket_that_is_told_is_what_the_history_in_it_sums_to() {
    let mut runner = TestRunner::default();
    let lives: Vec<_> = (0..8).map(|_| (steps(), questions()).new_tree(&mut runner).unwrap().current()).collect();
    let histories = Mutex::new(Vec::new());
    let backends = Backend::both_after(&DEVELOPMENT, async |store| {
        histories.lock().unwrap().clear();
        for (number, (steps, _)) in lives.iter().enumerate() {
            let world = live(store.as_ref(), &format!("u{number}"), steps).await;
            histories.lock().unwrap().push(world.entries);
        }
    })
    .await;
    let histories = histories.into_inner().unwrap();
    for backend in backends {
        let client = backend.client();
        for (number, (steps, questions)) in lives.iter().enumerate() {
            for question in questions {
                let (began, ended) = span(steps);
                let (from, to) = question.range(began, ended);
                let Question { granularity, zone, .. } = question;
                let query = format!(
                    "userId=u{number}&granularity={}&timezone={}&from={}&to={}",
                    format!("{granularity:?}").to_lowercase(),
                    encoded(zone),
                    rfc3339(from),
                    rfc3339(to)
                );
                let expected = told(&histories[number], &bounds(*granularity, zone.parse().unwrap(), from, to));
                assert_eq!(json!(buckets(&client, &query).await), expected, "{backend:?}: {query} of {steps:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spent_is_told_at_once_and_nothing_else_is() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let assert_told = async |expected: (u64, u64, [u64; 2])| {
            for (query, count) in [("", 31), ("&granularity=hour", 25), ("&granularity=month&timezone=Asia/Tokyo", 13)]
            {
                let found = buckets(&client, &format!("userId=u{query}")).await;
                // On the boundary of a bucket there is one less.
                assert!(found.len() == count || found.len() == count - 1, "{backend:?}: {query}: {found:?}");
                assert_eq!(sum(&found), expected, "{backend:?}: {query}");
            }
        };
        assert_told((0, 0, [0, 0])).await;
        let article = client.post_once("generations", "key", json!({"userId": "u", "tokenCost": 7})).await.ok();
        let other = json!({"userId": "u", "contentType": "PRODUCT_DESCRIPTION"});
        client.post("generations", other.clone()).await.ok();
        assert_told((9, 2, [7, 2])).await;
        // A retry, a refusal, a credit, and somebody else.
        client.post_once("generations", "key", json!({"userId": "u", "tokenCost": 7})).await.ok();
        assert_eq!(client.post("generations", json!({"userId": "u", "tokenCost": 9_999})).await.status, 402);
        client.post("tokens", json!({"userId": "u", "amount": 50})).await.ok();
        client.post("generations", json!({"userId": "somebody", "tokenCost": 1_000})).await.ok();
        assert_told((9, 2, [7, 2])).await;
        // Captures: the first of a reservation is its generation, and one without a content type is in the sum alone.
        for (content_type, captures) in [(json!("ARTICLE"), [20, 30]), (Value::Null, [100, 200])] {
            let mut body = json!({"userId": "u", "amount": 900, "contentType": content_type});
            body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
            let id = client.post("reservations", body).await.ok()["reservation"]["id"].clone();
            for amount in captures {
                let capture = json!({"userId": "u", "reservationId": id, "action": "capture", "amount": amount,
                    "final": amount != captures[0]});
                client.patch("reservations", capture).await.ok();
            }
        }
        assert_told((359, 3, [57, 2])).await;
        // What is given back was spent all the same.
        client.post("refunds", json!({"userId": "u", "transactionId": article["transaction"]["id"]})).await.ok();
        assert_told((359, 3, [57, 2])).await;
        // The bucket in which it was spent is the one of its entry.
        let spent_at = article["transaction"]["timestamp"].as_str().unwrap();
        let [hour, end] = ["00:00.000Z", "59:59.999Z"].map(|rest| format!("{}:{rest}", &spent_at[..13]));
        let found = buckets(&client, &format!("userId=u&granularity=hour&from={hour}&to={end}")).await;
        assert_eq!((found.len(), &found[0]["start"]), (1, &json!(hour)), "{backend:?}: {found:?}");
        assert!(found[0]["tokens"].as_u64() >= Some(7), "{found:?}");

        client.post("reset", json!({"userId": "u"})).await.ok();
        assert_told((0, 0, [0, 0])).await;
        client.post("generations", other).await.ok();
        assert_told((2, 1, [0, 2])).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_accounts_own_time() {
    let store = Redis::start();
    let service = service_over(&store.url());
    let user = UserId::new("u").unwrap();
    let range = Range { granularity: Granularity::Hour, zone: Tz::UTC, from: None, to: None };
    let last = async || {
        let told = service.get_usage(&user, &range, Locale::French).await.unwrap().unwrap();
        told.last().unwrap().start
    };
    assert!(last().await <= service.now());
    let clock = service.now().later_by(40 * DAY).unwrap();
    service.set_clock(&user, clock, Locale::French).await.unwrap();
    assert!(last().await > clock.earlier_by(DAY / 12) && last().await <= clock);
    // What begins after the true time begins before the account's.
    let range = Range { from: Some(clock.earlier_by(DAY)), ..range };
    assert_eq!(service.get_usage(&user, &range, Locale::French).await.unwrap().unwrap().len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_account_shows_its_week() {
    for backend in Backend::both(&[("VERCEL_ENV", "production"), ("JETON_API_KEYS", "web:admin:secret")]) {
        let client = backend.client().with_key("secret");
        for _ in 0..2 {
            let days = buckets(&client, "userId=test-user-id").await;
            assert_eq!(sum(&days), (13, 5, [9, 4]), "{backend:?}");
            for entry in client.history("test-user-id").await.iter().filter(|entry| entry["type"] == "DEBIT") {
                let day = entry["timestamp"].as_str().unwrap()[..10].to_owned();
                let bucket = days.iter().find(|bucket| bucket["start"].as_str().unwrap().starts_with(&day)).unwrap();
                let name = entry["contentType"].as_str().unwrap();
                assert!(bucket["byContentType"][name]["generations"].as_u64() >= Some(1), "{entry} {days:?}");
            }
            client.post("reset", json!({"userId": "test-user-id"})).await.ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_of_the_version_before_tells_what_it_has_spent_since() {
    let redis = Redis::start();
    redis.command::<u64>(&["HSET", "jeton:{alice}:account", "rev", "jp_3nGo6cfTF", "doc", BEFORE]);
    for (id, entry) in ENTRIES_BEFORE {
        redis.command::<String>(&["XADD", "jeton:{alice}:history", id, "tx", entry, "c", "LRMhiZHpU6AW"]);
    }
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    assert_eq!(sum(&buckets(&client, "userId=alice").await), (0, 0, [0, 0]));
    client.post("generations", json!({"userId": "alice"})).await.ok();
    assert_eq!(sum(&buckets(&client, "userId=alice").await), (3, 1, [3, 0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_answered_by_the_function_of_the_stats_whose_file_it_is_in() {
    let redis = Redis::start();
    let instance = Instance::start("stats", &[("REDIS_URL", &redis.url()), DEVELOPMENT[0]]);
    let client = instance.client();
    // By the path that the caller wrote, or by what vercel.json adds where it leads to the file.
    for path in ["usage?userId=u", "usage?userId=u&jeton-resource=usage", "stats?userId=u&jeton-resource=usage"] {
        let answer = client.get(path).await;
        assert_eq!(answer.ok()["buckets"].as_array().map(|buckets| buckets.len() > 28), Some(true), "{path}");
        assert_eq!(instance.line_of(&answer)["function"], "usage", "{path}");
    }
    for path in ["stats?userId=u", "stats?userId=u&jeton-resource=stats", "stats?userId=u&jeton-resource=tokens"] {
        let answer = client.get(path).await;
        assert_eq!(answer.ok()["tokenBalance"], 5_000, "{path}");
        assert_eq!(instance.line_of(&answer)["function"], "stats", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_told_is_refused_for_its_reason() {
    let cases = [
        (
            "granularity=week",
            "granularity",
            "it must be one of: hour, day, month",
            "l'une de ces valeurs : hour, day, month.",
        ),
        (
            "timezone=Paris",
            "timezone",
            "it must be a time zone of the IANA database, for example Europe/Paris",
            "ce doit être un fuseau horaire de la base IANA, par exemple Europe/Paris.",
        ),
        (
            "timezone=",
            "timezone",
            "it must be a time zone of the IANA database, for example Europe/Paris",
            "Europe/Paris.",
        ),
        ("timezone=%2B02:00", "timezone", "it must be a time zone", "un fuseau horaire"),
        ("from=2026-11-01", "from", "it must be an RFC 3339 instant", "un instant RFC 3339"),
        ("to=now", "to", "it must be an RFC 3339 instant", "un instant RFC 3339"),
        (
            "from=2026-11-01T00:00:00Z&to=2026-11-01T00:00:00Z",
            "from",
            "it must be before “to”",
            "ce doit être avant « to ».",
        ),
        ("from=2999-01-01T00:00:00Z", "from", "it must be before “to”", "ce doit être avant « to »."),
        (
            "granularity=hour&from=2026-08-31T23:59:59.999Z&to=2026-11-02T00:00:00Z",
            "from",
            "it must be at most 62 days before “to” (by the hour)",
            "ce doit être au plus 62 jours avant « to » (par heure).",
        ),
        (
            "from=2020-01-01T00:00:00Z",
            "from",
            "it must be at most 400 days before “to” (by the day)",
            "ce doit être au plus 400 jours avant « to » (par jour).",
        ),
        (
            "granularity=month&from=2010-01-01T00:00:00Z",
            "from",
            "it must be at most 120 months before “to” (by the month)",
            "ce doit être au plus 120 mois avant « to » (par mois).",
        ),
        ("type=DEBIT", "type", "it is unknown", "il est inconnu."),
    ];
    unchanged_by(async |client| {
        let client = client.clone().with_key("r-secret");
        for (query, field, english, french) in cases {
            let answer = client.clone().with("Accept-Language", "fr").get(&format!("usage?userId=u&{query}")).await;
            let problem = assert_problem(&answer, 400, "invalid_field");
            let [reason, message] = [&problem["reason"], &problem["message"]].map(|text| text.as_str().unwrap());
            assert_eq!(problem["field"], field, "{query}");
            assert!(reason.starts_with(english) && message.contains(french), "{query}: {problem}");
        }
        let longest = "usage?userId=u&granularity=hour&from=2026-09-01T00:00:00Z&to=2026-11-02T00:00:00Z";
        assert_eq!(client.read(longest).await["buckets"].as_array().unwrap().len(), 62 * 24);
        let (get, head) = (client.get(longest).await, send(client.request(Method::HEAD, longest)).await);
        assert_eq!((head.status, head.body.as_str()), (200, ""));
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_counters_are_told_and_left_as_they_are() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    let query = "userId=u&granularity=day&from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z";
    // 1 January 2026 is day 20454.
    for damaged in ["", "hush-hush", r#"{"ARTICLE":[1]}"#, r#"{"ARTICLE":["hush-hush",1]}"#] {
        redis.command::<()>(&["HSET", "jeton:{u}:usage", "d20454", damaged]);
        let answer = client.get(&format!("usage?{query}")).await;
        assert_problem(&answer, 500, "internal");
        let line = deployment.instance("stats").line_of(&answer);
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("the usage d20454 of user u is damaged and was left as it is: "), "{line}");
        assert!(!line.to_string().contains("hush"), "{line}");
        assert_eq!(redis.command::<String>(&["HGET", "jeton:{u}:usage", "d20454"]), damaged);
        assert_eq!(client.stats("u").await["tokensUsed"], 3);
    }
    redis.command::<u64>(&["DEL", "jeton:{u}:usage"]);
    redis.command::<String>(&["SET", "jeton:{u}:usage", "another type"]);
    assert_problem(&client.get(&format!("usage?{query}")).await, 500, "internal");
}
