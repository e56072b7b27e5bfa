//! A browser: it reads the history, listens from there on, and comes back whenever the stream ends, with the id of the
//! last event that it was told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jeton::ledger::TransactionId;
use reqwest::header::HeaderMap;
use serde_json::Value;
use tokio::{sync::watch, time::sleep};

use super::shown::Shown;
use crate::support::{
    client::Client,
    events::{End, Events},
};

/// The pauses before it comes back: they double, and are shortest again when something was told.
const PAUSES: [Duration; 2] = [Duration::from_millis(5), Duration::from_millis(500)];

/// What has come of it, also while it goes on.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) shown: Mutex<Shown>,
    pub(super) counts: Mutex<Counts>,
}

/// How often what happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) events: u64,
    pub(super) clean: u64,
    pub(super) broken: u64,
    pub(super) unavailable: u64,
    pub(super) refused: u64,
}

impl Counts {
    pub(super) fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.clean += other.clean;
        self.broken += other.broken;
        self.unavailable += other.unavailable;
        self.refused += other.refused;
    }
}

/// One.
pub(super) struct Follower {
    pub(super) user: String,
    /// Where the events are.
    pub(super) events: String,
    /// Where the history is.
    pub(super) client: Client,
    pub(super) seen: Arc<Seen>,
    /// Counts what anybody was told.
    pub(super) received: watch::Sender<u64>,
}

impl Follower {
    /// Follows for ever.
    pub(super) async fn run(self) {
        let http = reqwest::Client::new();
        self.read_history().await;
        let mut last_id = self.seen.shown.lock().unwrap().tell_from_here();
        let mut pause = PAUSES[0];
        loop {
            if self.listen(&http, &mut last_id).await {
                pause = PAUSES[0];
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// Listens until the stream ends: whether anything was told.
    async fn listen(&self, http: &reqwest::Client, last_id: &mut TransactionId) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("last-event-id", last_id.to_string().parse().unwrap());
        let answer = http.get(&self.events).headers(headers).send().await;
        let Ok(answer) = answer else {
            self.count(|counts| counts.refused += 1);
            return false;
        };
        if answer.status() == 503 {
            self.count(|counts| counts.unavailable += 1);
            return false;
        }
        let mut events = Events::of(answer);
        let mut was_told = false;
        loop {
            match events.next().await {
                Ok(event) => {
                    was_told = true;
                    let anew = self.seen.shown.lock().unwrap().take(&event, *last_id);
                    if let Some(id) = event.id {
                        *last_id = id.parse().unwrap();
                    }
                    self.count(|counts| counts.events += 1);
                    self.received.send_modify(|count| *count += 1);
                    if anew {
                        self.read_history().await;
                    }
                }
                Err(End::Clean) => {
                    self.count(|counts| counts.clean += 1);
                    return was_told;
                }
                Err(End::Broken) => {
                    self.count(|counts| counts.broken += 1);
                    return was_told;
                }
            }
        }
    }

    /// Reads the history anew, as often as it takes.
    async fn read_history(&self) {
        let mut pause = PAUSES[0];
        loop {
            if let Some(history) = self.pages().await
                && self.seen.shown.lock().unwrap().show(history)
            {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// All pages, oldest first, if the store answers.
    async fn pages(&self) -> Option<Vec<Value>> {
        let (mut history, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.client.get(&format!("transactions?userId={}&limit=1000{cursor}", self.user)).await;
            if page.status != 200 {
                page.assert_store_unavailable();
                return None;
            }
            let page = page.json();
            history.extend(page["transactions"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        history.reverse();
        Some(history)
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.seen.counts.lock().unwrap());
    }
}
