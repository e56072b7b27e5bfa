//! Streams through `vercel dev`, which starts a process for each.

use serde_json::json;

use super::assert_headers;
use crate::support::{
    client::{Answer, Client},
    events::{End, Events},
    process::wait_until,
    redis::Redis,
    vercel::Dev,
};

/// Asks for the events after the one of this id.
async fn open(client: &Client, last_id: Option<&str>) -> Events {
    let request = client.request(reqwest::Method::GET, "events?userId=u");
    Events::open(last_id.into_iter().fold(request, |request, id| request.header("Last-Event-ID", id))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_limit_and_goes_on_in_another_process_without_a_gap() {
    let redis = Redis::start();
    let settings = format!("REDIS_URL={}\nJETON_EVENTS_SECONDS=2\n", redis.url());
    let dev = Dev::with(&[(".env.local", &settings)]).await;
    let client = dev.client();
    let debit =
        async || client.post("generations", json!({"userId": "u", "tokenCost": 1})).await.ok()["transaction"].clone();
    let mut events = open(&client, None).await;
    let mut stats = events.expect("stats").await.data;
    let (mut made, mut told) = (Vec::new(), Vec::new());
    for round in 0..3 {
        // While somebody listens, and while nobody does.
        made.push(debit().await);
        let end = loop {
            match events.next().await {
                Ok(event) if event.name == "transaction" => told.push(event.data),
                Ok(event) => stats = event.data,
                Err(end) => break end,
            }
        };
        assert_eq!((end, &*events.retries), (End::Clean, &[1000, 1000][..]), "round {round}");
        made.push(debit().await);
        let last_id = events.last_id.clone();
        events = open(&client, last_id.as_deref()).await;
        while told.len() < made.len() {
            let event = events.next().await.unwrap();
            if event.name == "transaction" { told.push(event.data) } else { stats = event.data }
        }
    }
    assert_eq!(told, made, "each once, in order");
    while stats["tokenBalance"] != 5000 - made.len() {
        stats = events.expect("stats").await.data;
    }
    assert_eq!(stats, client.stats("u").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_comes_as_it_is_sent_and_ends_with_its_reader() {
    let redis = Redis::start();
    let settings = format!("REDIS_URL={}\nJETON_EVENTS_SECONDS=600\n", redis.url());
    let dev = Dev::with(&[(".env.local", &settings)]).await;
    let client = dev.client();
    let response = client.request(reqwest::Method::GET, "events?userId=u").send().await.unwrap();
    let headers = response.headers().clone();
    assert_headers(&Answer { status: response.status().as_u16(), headers: headers.clone(), body: String::new() });
    assert_eq!(headers["content-type"], "text/event-stream");
    assert_eq!(headers["cache-control"], "no-store, no-transform");
    drop(response);
    let listeners = || redis.command::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).lines().count();
    wait_until("nobody listens any more", || listeners() == 0);

    let mut events = open(&client, None).await;
    events.expect("stats").await;
    let debit = client.post("generations", json!({"userId": "u"})).await.ok();
    assert_eq!(events.expect("transaction").await.data, debit["transaction"], "while the stream is open");
    wait_until("one listens", || listeners() == 1);
    drop(events);
    wait_until("nobody listens any more", || listeners() == 0);
}
