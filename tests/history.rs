//! The history through the calls: pages both ways, filters, exports, on both stores.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, encoded, send},
    server::Backend,
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

/// 25 debits, alternating between the content types, with a credit after each fifth.
async fn fill(client: &Client) {
    for number in 0..25 {
        let content_type = if number % 2 == 0 { "ARTICLE" } else { "PRODUCT_DESCRIPTION" };
        let body = json!({"userId": "u", "contentType": content_type, "metadata": {"number": number}});
        client.post("generations", body).await.ok();
        if number % 5 == 4 {
            client
                .post("tokens", json!({"userId": "u", "amount": 100, "description": "A \"big\", one\nof two lines"}))
                .await
                .ok();
        }
    }
}

/// Whether an entry is among those that a filter asks for.
type Wanted<'a> = &'a dyn Fn(&Value) -> bool;

fn ids(history: &[Value]) -> Vec<String> {
    history.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_both_ways_whatever_arrives_meanwhile() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        fill(&client).await;
        let all = client.history("u").await;
        assert_eq!(all.len(), 31, "{backend:?}");
        for order in ["desc", "asc"] {
            for limit in [1, 7, 31] {
                let before = ids(&client.history_of(&format!("userId=u&limit=1000&order={order}")).await);
                let mut seen: Vec<String> = Vec::new();
                let mut cursor = String::new();
                loop {
                    let query = format!("transactions?userId=u&limit={limit}&order={order}{cursor}");
                    let page = client.read(&query).await;
                    seen.extend(ids(page["transactions"].as_array().unwrap()));
                    let Some(next) = page["nextCursor"].as_str() else { break };
                    cursor = format!("&cursor={next}");
                    if seen.len() < 40 {
                        client.post("tokens", json!({"userId": "u", "amount": 1})).await.ok();
                    }
                }
                assert_eq!(seen[..before.len()], before, "{backend:?} {order} {limit}");
                let mut sorted = seen.clone();
                sorted.dedup();
                assert_eq!(sorted.len(), seen.len(), "an entry was repeated");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_hold_on_every_page() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        fill(&client).await;
        let all = client.history("u").await;
        let middle = &all[15];
        let time = encoded(middle["timestamp"].as_str().unwrap());
        let filters: [(String, Wanted<'_>); 6] = [
            ("type=DEBIT".into(), &|entry| entry["type"] == "DEBIT"),
            ("type=CREDIT".into(), &|entry| entry["type"] == "CREDIT"),
            ("contentType=ARTICLE".into(), &|entry| entry["contentType"] == "ARTICLE"),
            (format!("from={time}"), &|entry| entry["timestamp"].as_str() >= middle["timestamp"].as_str()),
            (format!("to={time}"), &|entry| entry["timestamp"].as_str() < middle["timestamp"].as_str()),
            (format!("from={time}&type=DEBIT&contentType=PRODUCT_DESCRIPTION"), &|entry| {
                entry["timestamp"].as_str() >= middle["timestamp"].as_str()
                    && entry["contentType"] == "PRODUCT_DESCRIPTION"
            }),
        ];
        for (filter, wanted) in filters {
            let expected: Vec<Value> = all.iter().filter(|entry| wanted(entry)).cloned().collect();
            for limit in [1, 3, 1000] {
                let found = client.history_of(&format!("userId=u&limit={limit}&{filter}")).await;
                assert_eq!(found, expected, "{backend:?} {filter} {limit}");
                let mut ascending = client.history_of(&format!("userId=u&limit={limit}&{filter}&order=asc")).await;
                ascending.reverse();
                assert_eq!(ascending, expected, "{backend:?} {filter} {limit} ascending");
            }
        }
        let nothing = client.read("transactions?userId=u&from=2100-01-01T00:00:00Z").await;
        assert_eq!(nothing, json!({"transactions": [], "nextCursor": null}));
        let reversed = format!("transactions?userId=u&from={time}&to=2000-01-01T00:00:00Z");
        assert_eq!(client.read(&reversed).await["transactions"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_hold_the_whole_selection() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        fill(&client).await;
        let all = client.history("u").await;
        let export = async |accept: &str, query: &str| {
            let path = format!("transactions?userId=u{query}");
            send(client.request(reqwest::Method::GET, &path).header("Accept", accept)).await
        };

        let answer = export("application/x-ndjson", "&limit=1").await;
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, all, "{backend:?}: the whole selection, whatever the limit");

        // What is asked for more, or not at all, is what comes.
        for (accept, content_type) in [
            ("text/csv;q=0", "application/json"),
            ("application/json, text/csv;q=0.5", "application/json"),
            ("text/csv;q=0.5, */*;q=0.6", "application/json"),
            ("text/csv, application/json;q=0.9", "text/csv"),
            ("TEXT/CSV ; Q=0.2 , */*;q=0.1", "text/csv"),
            ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
            ("text/csv, application/x-ndjson", "text/csv"),
            ("text/*", "application/json"),
        ] {
            let answer = export(accept, "").await;
            assert!(answer.header("content-type").unwrap().starts_with(content_type), "{accept}: {answer:?}");
        }
        let path = "transactions?userId=u";
        let twice = client.request(reqwest::Method::GET, path).header("Accept", "image/png");
        let answer = send(twice.header("Accept", "text/csv")).await;
        assert!(answer.header("content-type").unwrap().starts_with("text/csv"), "the second of two headers");

        let answer = export("text/csv", "&order=asc&type=CREDIT").await;
        assert!(answer.header("content-type").unwrap().starts_with("text/csv"));
        let mut reader = csv::Reader::from_reader(answer.body.as_bytes());
        let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        assert_eq!(
            header,
            [
                "id",
                "type",
                "amount",
                "description",
                "contentType",
                "timestamp",
                "balance",
                "source",
                "reservationId",
                "refundOf",
                "metadata",
                "grants",
                "priority",
                "expiresAt",
                "part"
            ]
        );
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let credits: Vec<&Value> = all.iter().rev().filter(|entry| entry["type"] == "CREDIT").collect();
        assert_eq!(rows.len(), credits.len());
        for (row, entry) in rows.iter().zip(credits) {
            assert_eq!(&row[0], entry["id"]);
            assert_eq!(&row[1], entry["type"]);
            assert_eq!(row[2], entry["amount"].to_string());
            assert_eq!(&row[3], entry["description"], "quotes, commas and line ends survive");
            assert_eq!(&row[5], entry["timestamp"]);
            assert_eq!(row[6], entry["balance"].to_string());
            assert_eq!(&row[7], entry["source"]);
        }

        let cursor = all[10]["id"].as_str().unwrap();
        let answer = export("application/x-ndjson;q=1", &format!("&cursor={cursor}")).await;
        assert_eq!(answer.body.lines().count(), all.len() - 11, "an export goes on from a cursor too");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_exported_page_by_page() {
    let backend = Backend::embedded(&[]);
    let client = backend.client();
    let credits = (0..2_500).map(|_| client.post("tokens", json!({"userId": "u", "amount": 1})));
    // Not all at once: the last one would be answered too late.
    let credits = stream::iter(credits).buffer_unordered(128);
    credits.for_each(async |answer| assert_eq!(answer.status, 200, "{answer:?}")).await;
    for order in ["asc", "desc"] {
        let path = format!("transactions?userId=u&order={order}");
        let request = client.request(reqwest::Method::GET, &path).header("Accept", "application/x-ndjson");
        let answer = send(request).await;
        let lines: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines, client.history_of(&format!("userId=u&limit=1000&order={order}")).await);
        assert_eq!(lines.len(), 2_501);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata_that_is_taken_can_be_read_again() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        for (levels, status) in [(99, 200), (100, 200), (101, 400), (127, 400), (128, 400), (300, 400)] {
            for (open, close) in [("{\"a\":", "}"), ("[", "]")] {
                let inner = (open.repeat(levels - 1), close.repeat(levels - 1));
                let body = format!("{{\"userId\":\"u\",\"metadata\":{{\"a\":{}1{}}}}}", inner.0, inner.1);
                for key in [None, Some(format!("{levels}{close}"))] {
                    let request = client.request(reqwest::Method::POST, "generations");
                    let request = request.header("Content-Type", "application/json").body(body.clone());
                    let request = key.iter().fold(request, |request, key| request.header("Idempotency-Key", key));
                    let answer = send(request).await;
                    assert_eq!(answer.status, status, "{backend:?}: {levels} levels, {key:?}: {answer:?}");
                    if status == 400 {
                        assert_eq!(answer.json()["field"], "metadata", "{answer:?}");
                    }
                }
            }
        }
        assert_eq!(client.history("u").await.len(), 9, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_callers_send_comes_back_as_it_was() {
    for backend in Backend::both(&DEVELOPMENT) {
        let client = backend.client();
        let metadata = json!({"title": "L'été « à Paris » 🌍", "tags": ["a", null, true, 1.5], "deep": {"x": {}}});
        let body = json!({"userId": "Az09._:@|+~-", "description": "é\u{1F600}\"\\", "metadata": metadata});
        let result = client.post("generations", body).await.ok();
        assert_eq!(result["transaction"]["metadata"], metadata, "{backend:?}");
        assert_eq!(result["transaction"]["description"], "é\u{1F600}\"\\");
        let history = client.history("Az09._:@|+~-").await;
        assert_eq!(history[0], result["transaction"], "{backend:?}");
    }
}
