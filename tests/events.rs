//! `GET /api/events`: what a stream says, and to whom (contract §6).

mod begin;
mod ends;
mod faults;
mod places;
mod sessions;
mod time;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, encoded},
    events::{Event, Events},
    server::Settings,
};

/// Development, where a stream lasts longer than any test.
const LASTING: Settings<'_> = &[("VERCEL_ENV", "development"), ("JETON_EVENTS_SECONDS", "600")];

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

/// The ids of entries.
fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Spends a token so many times, one after the other.
async fn spend(client: &Client, user: &str, times: usize) {
    for _ in 0..times {
        client.post("generations", json!({"userId": user, "tokenCost": 1})).await.ok();
    }
}

/// The transactions that come before the next stats, and these.
async fn until_stats(events: &mut Events) -> (Vec<Value>, Event) {
    let mut told = Vec::new();
    loop {
        let event = events.next().await.unwrap_or_else(|end| panic!("{end:?} after {told:?}"));
        match event.name.as_str() {
            "stats" => return (told, event),
            "transaction" => told.push(event.data),
            other => panic!("{other} after {told:?}"),
        }
    }
}
