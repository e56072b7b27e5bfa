//! The functions, the page and nothing else, through `vercel dev`.

use std::{collections::BTreeSet, fs};

use reqwest::Method;
use serde_json::json;

use super::assert_headers;
use crate::{
    refusals::assert_problem,
    support::{
        client::send,
        proxy::{Fault, Proxy},
        redis::Redis,
        server::FUNCTIONS,
        vercel::{Dev, functions, root},
    },
};

#[tokio::test(flavor = "multi_thread")]
async fn every_function_answers() {
    let redis = Redis::start();
    // As people have been told to write it.
    let dev = Dev::with(&[(".env.local", &format!("REDIS_URL=redis://localhost:{}\n", redis.port()))]).await;
    let client = dev.client();
    let stats = client.get("stats?userId=alice").await;
    assert_eq!(stats.ok()["tokenBalance"], 5000);
    let article = client.post("generations", json!({"userId": "alice", "metadata": {"title": "L'été 🌍"}})).await;
    assert_eq!(article.ok()["stats"]["tokenBalance"], 4997);
    let credit = client.post("tokens", json!({"userId": "alice", "amount": 1000})).await;
    assert_eq!(credit.ok()["message"], "1000 tokens ajoutés. Nouveau solde : 5997.");
    let history = client.get("transactions?userId=alice&limit=2").await;
    assert_eq!(history.ok()["transactions"], json!([credit.ok()["transaction"], article.ok()["transaction"]]));
    let reserved = client.post("reservations", json!({"userId": "alice", "amount": 10})).await;
    assert_eq!(reserved.ok()["stats"]["tokensReserved"], 10);
    let id = reserved.ok()["reservation"]["id"].clone();
    let body = json!({"userId": "alice", "reservationId": id, "action": "capture", "amount": 4});
    let captured = client.patch("reservations", body).await;
    assert_eq!(captured.ok()["message"], "4 tokens débités. Nouveau solde : 5993.");
    let body = json!({"userId": "alice", "transactionId": captured.ok()["transaction"]["id"]});
    let refunded = client.post("refunds", body).await;
    assert_eq!(refunded.ok()["message"], "4 tokens remboursés. Nouveau solde : 5997.");
    let usage = client.get("usage?userId=alice&granularity=month&timezone=Europe%2FParis").await;
    let buckets = usage.ok()["buckets"].as_array().unwrap().clone();
    assert_eq!((buckets.len(), buckets.iter().filter_map(|bucket| bucket["tokens"].as_u64()).sum()), (13, 7));
    let session = client.post("sessions", json!({"userId": "alice"})).await;
    let as_alice = client.clone().with_key(session.ok()["token"].as_str().unwrap());
    assert_eq!(as_alice.get("stats").await.ok()["memberId"], "alice");
    let reset = client.post("reset", json!({"userId": "alice"})).await;
    assert_eq!(reset.ok()["stats"]["tokenBalance"], 5000);
    let health = client.get("health").await;
    assert_eq!((&health.ok()["status"], &health.ok()["store"]), (&json!("ok"), &json!("redis")));
    let billing = client.get("billing").await;
    assert_eq!((&billing.ok()["failed"], &billing.ok()["more"]), (&json!(0), &json!(false)));
    let accounts = client.get("accounts").await;
    assert_eq!(accounts.ok()["accounts"][0]["userId"], "alice");

    let mut called = BTreeSet::new();
    let answers = [
        stats, article, credit, history, reserved, captured, refunded, usage, session, reset, health, billing, accounts,
    ];
    for answer in answers {
        assert_headers(&answer);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let line = answer.line_of(dev.process());
        assert_eq!((&line["status"], &line["level"]), (&json!(200), &json!("info")), "{line}");
        called.insert(line["function"].as_str().unwrap().to_owned());
    }
    // It streams, and ends: see `events`.
    called.insert("events".to_owned());
    // Which share a function with another.
    assert!(called.remove("refunds") && called.remove("usage"));
    assert_eq!(called, functions());
    assert_eq!(called, FUNCTIONS.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_come_through_as_they_are() {
    let redis = Redis::start();
    let dev = Dev::with(&[(".env.local", &format!("REDIS_URL={}\n", redis.url()))]).await;
    let client = dev.client();
    let before = client.stats("u").await;

    let wrong_method = send(client.request(Method::GET, "generations")).await;
    assert_problem(&wrong_method, 405, "method_not_allowed");
    assert_eq!(wrong_method.header("allow"), Some("POST, OPTIONS"));
    let too_large = client.post("generations", json!({"userId": "u", "description": "x".repeat(1 << 16)})).await;
    assert_eq!(assert_problem(&too_large, 413, "body_too_large")["limitBytes"], 1 << 16);
    let form = client.request(Method::POST, "tokens").header("Content-Type", "application/x-www-form-urlencoded");
    let not_json = send(form.body("userId=u")).await;
    assert_problem(&not_json, 415, "unsupported_media_type");
    let broken = client.request(Method::POST, "tokens").header("Content-Type", "application/json").body("{");
    let broken = send(broken).await;
    assert_problem(&broken, 400, "invalid_json");
    let wrong_field = client.get("transactions?userId=u&limit=0").await;
    assert_eq!(assert_problem(&wrong_field, 400, "invalid_field")["field"], "limit");
    let english = client.clone().with("Accept-Language", "en");
    let too_few = english.post("generations", json!({"userId": "u", "tokenCost": 5001})).await;
    let problem = assert_problem(&too_few, 402, "insufficient_tokens");
    assert_eq!((&problem["required"], &problem["available"], &problem["stats"]), (&json!(5001), &json!(5000), &before));
    assert_eq!(problem["message"], "Not enough tokens: 5001 tokens needed, 5000 available.");

    for answer in [wrong_method, too_large, not_json, broken, wrong_field, too_few] {
        assert_headers(&answer);
        let line = answer.line_of(dev.process());
        assert_eq!((&line["code"], &line["level"]), (&json!(answer.code()), &json!("info")), "{line}");
    }
    assert_eq!(client.stats("u").await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_sent_again_is_answered_again_by_another_process() {
    let redis = Redis::start();
    let dev = Dev::with(&[(".env.local", &format!("REDIS_URL={}\n", redis.url()))]).await;
    let client = dev.client();
    for (key, body, status) in
        [("article-1", json!({"userId": "u"}), 200), ("article-2", json!({"userId": "u", "tokenCost": 9000}), 402)]
    {
        let first = client.post_once("generations", key, body.clone()).await;
        let second = client.post_once("generations", key, body).await;
        assert_eq!((first.status, second.status), (status, status), "{second:?}");
        assert_eq!(first.header("idempotent-replayed"), None);
        assert_eq!(second.header("idempotent-replayed"), Some("true"));
        assert_eq!(first.body, second.body);
    }
    let other = client.post_once("generations", "article-1", json!({"userId": "u", "tokenCost": 1})).await;
    assert_problem(&other, 422, "idempotency_key_reused");
    assert_eq!(client.stats("u").await["tokenBalance"], 4997);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_streamed() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port()).await;
    let dev = Dev::with(&[(".env.local", &format!("REDIS_URL={}\n", proxy.url()))]).await;
    let client = dev.client();
    client.stats("u").await;
    let mut pipeline = redis::pipe();
    for number in 0..2_500_u64 {
        let entry = json!({"type": "CREDIT", "amount": 1, "description": "x", "balance": 5001 + number});
        pipeline.cmd("XADD").arg("jeton:{u}:history").arg(format!("{}-0", 9_000_000_000_000 + number));
        pipeline.arg("tx").arg(entry.to_string()).arg("c").arg("r").ignore();
    }
    pipeline.exec(&mut redis.connect()).unwrap();

    // Two pages are held back; the head of the answer and the page before come all the same.
    proxy.fail("XREVRANGE", &[Fault::Paused, Fault::Paused]);
    let request = client.request(Method::GET, "transactions?userId=u").header("Accept", "text/csv");
    let begun = tokio::spawn(request.send());
    proxy.paused().await;
    proxy.go_on();
    proxy.paused().await;
    let mut response = begun.await.unwrap().unwrap();
    let mut text = response.chunk().await.unwrap().unwrap().to_vec();
    proxy.go_on();
    while let Some(chunk) = response.chunk().await.unwrap() {
        text.extend_from_slice(&chunk);
    }
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), &rows[0][6], &rows[2500][6]), (2_501, "7500", "5000"));
    proxy.assert_used_up("a long history");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_and_the_documents_are_there_and_nothing_else_of_the_tree() {
    // The page needs no settings.
    let dev = Dev::with(&[]).await;
    let get = async |path: &str| send(reqwest::Client::new().get(format!("{}{path}", dev.base()))).await;
    let page = get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(page.body, fs::read_to_string(root().join("public/index.html")).unwrap());
    assert_headers(&page);
    for name in ["openapi.json", "prices.json"] {
        let document = get(&format!("/{name}")).await;
        let media_type = document.header("content-type").unwrap();
        assert!(document.status == 200 && media_type.starts_with("application/json"), "{document:?}");
        assert_eq!(document.body, fs::read_to_string(root().join("public").join(name)).unwrap());
        assert_headers(&document);
    }
    let of_the_tree = [
        "Cargo.toml",
        "src/lib.rs",
        "plans.toml",
        "vercel.json",
        "README.md",
        "test",
        ".gitignore",
        "client/package.json",
    ];
    for path in of_the_tree {
        assert!(root().join(path).is_file(), "{path} is not in the tree");
    }
    for path in
        of_the_tree.into_iter().chain(["api/nothing", "public/index.html", "target/debug/stats", ".vercel/output"])
    {
        let answer = get(&format!("/{path}")).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert_headers(&answer);
    }
}
