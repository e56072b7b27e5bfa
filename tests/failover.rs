//! A replica behind `REDIS_URL`, and one that takes over while callers debit.

use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::support::{
    again::{says_late, undisturbed},
    client::send,
    load::Load,
    pair::{FailOver, Pair},
    proxy::Proxy,
    server::{Deployment, Instance},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_reads_and_refuses_each_change_in_one_clear_line() {
    let pair = Pair::start();
    let primary = Deployment::start(&pair.primary, &[DEVELOPMENT]);
    primary.client().post("generations", json!({"userId": "u"})).await.ok();
    pair.catch_up();

    let replica = Deployment::start(&pair.replica, &[DEVELOPMENT]);
    let client = replica.client();
    let refuses = async |function: &str, ask: &dyn Fn() -> RequestBuilder| {
        let line = undisturbed(function, 3, async || {
            let answer = send(ask()).await;
            answer.assert_store_unavailable();
            Some(replica.instance(function).line_of(&answer)).filter(|line| !says_late(line))
        })
        .await;
        let message = line["message"].as_str().unwrap();
        assert!(message.contains("is a replica") && message.contains("REDIS_URL must name the primary"), "{line}");
    };
    let changes = [
        ("generations", json!({"userId": "u"})),
        ("generations", json!({"userId": "new"})),
        ("tokens", json!({"userId": "u", "amount": 5})),
        ("reset", json!({"userId": "u"})),
    ];
    for (function, body) in changes {
        let change = || client.request(Method::POST, function).json(&body);
        refuses(function, &change).await;
        refuses(function, &|| change().header("Idempotency-Key", "key")).await;
    }
    // A read that would open an account is a change.
    refuses("stats", &|| client.request(Method::GET, "stats?userId=new")).await;

    assert_eq!(client.stats("u").await["tokenBalance"], 4997);
    assert_eq!(client.history("u").await, primary.client().history("u").await);
    assert_eq!(client.get("health").await.status, 200);
    assert_eq!(pair.primary.command::<u64>(&["EXISTS", "jeton:{new}:account"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_redis_that_takes_over_is_found_without_a_restart() {
    let mut pair = Pair::start();
    let proxy = Proxy::start(pair.primary.port()).await;
    let instance = Instance::start("generations", &[("REDIS_URL", &proxy.url()), DEVELOPMENT]);
    let client = instance.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    pair.catch_up();
    pair.fail_over(FailOver::Demoted);
    proxy.lead_to(pair.primary.port());

    let answer = client.post("generations", json!({"userId": "u"})).await;
    assert_eq!(answer.ok()["stats"]["tokenBalance"], 4994);
    assert_eq!(pair.primary.command::<u64>(&["XLEN", "jeton:{u}:history"]), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_under_load_loses_at_most_what_was_not_replicated_and_doubles_nothing() {
    for how in [FailOver::Killed, FailOver::Demoted] {
        let mut pair = Pair::start();
        let proxy = Proxy::start(pair.primary.port()).await;
        let load = Load::start(&proxy.url()).await;
        load.acknowledges(300).await;
        load.next_phase();
        pair.catch_up();
        // These may get lost: Redis acknowledges before it has replicated.
        load.acknowledges(50).await;
        pair.fail_over(how);
        proxy.lead_to(pair.primary.port());
        load.next_phase();
        load.acknowledges(300).await;

        let ledger = load.stop().await;
        let (before, after) = (0, 2);
        ledger.assert_kept_where(&pair.primary.url(), |debit| debit.ended == before || debit.begun == after).await;
    }
}
