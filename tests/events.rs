//! `GET /api/events`: what a stream says, and to whom (contract §6).

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, encoded},
    events::Events,
    server::Backend,
};

/// A request for the events of `user`.
fn events_of(client: &Client, user: &str) -> RequestBuilder {
    client.request(Method::GET, &format!("events?userId={}", encoded(user)))
}

/// The same by one who was told the event of this id.
fn events_after(client: &Client, user: &str, id: &str) -> RequestBuilder {
    events_of(client, user).header("Last-Event-ID", id)
}

/// The history, oldest first.
async fn history(client: &Client, user: &str) -> Vec<Value> {
    let mut history = client.history(user).await;
    history.reverse();
    history
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_the_account_and_tells_every_change() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        let begun = events.expect("stats").await;
        assert_eq!(events.retries, [1000], "{backend:?}");
        assert_eq!(begun.data, client.stats("u").await, "{backend:?}: the account was opened");
        assert_eq!(begun.id.as_deref(), history(&client, "u").await[0]["id"].as_str());

        for amount in [3, 4] {
            let result = client.post("generations", json!({"userId": "u", "tokenCost": amount})).await.ok();
            let told = events.expect("transaction").await;
            assert_eq!(told.data, result["transaction"], "{backend:?}");
            assert_eq!(told.id.as_deref(), told.data["id"].as_str());
            let stats = events.expect("stats").await;
            assert_eq!(stats.data, result["stats"], "{backend:?}");
            assert_eq!(stats.id, told.id);
        }
    }
}
