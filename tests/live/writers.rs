//! Those who spend: they debit, credit and reserve without a pause, and ask again under the same key until it is decided.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::Method;
use serde_json::{Value, json};

use super::chance::Chance;
use crate::support::client::{Answer, Client, send};

/// One of them.
pub(super) struct Writer {
    pub(super) name: String,
    pub(super) user: String,
    pub(super) client: Client,
    pub(super) chance: Chance,
    pub(super) over: Arc<AtomicBool>,
    pub(super) calls: u64,
}

impl Writer {
    /// Goes on until it is over. Gives how many calls were decided.
    pub(super) async fn run(mut self) -> u64 {
        while !self.over.load(Ordering::SeqCst) {
            let amount = 1 + self.chance.below(5);
            match self.chance.below(8) {
                0..=3 => self.post("generations", json!({"userId": self.user, "tokenCost": amount})).await,
                4 => self.post("tokens", json!({"userId": self.user, "amount": 20 * amount})).await,
                _ => self.reserve(amount).await,
            };
        }
        self.calls
    }

    /// Sets tokens aside, and takes them, gives them back, or leaves it to time.
    async fn reserve(&mut self, amount: u64) -> Answer {
        let reserved = self.post("reservations", json!({"userId": self.user, "amount": amount, "ttlSeconds": 1})).await;
        let id = reserved.json()["reservation"]["id"].clone();
        if id.is_null() {
            // There is not so much, or too many are open.
            return reserved;
        }
        let mut change = json!({"userId": self.user, "reservationId": id, "action": "release"});
        match self.chance.below(8) {
            0 => return reserved,
            1..=2 => {}
            _ => {
                change["action"] = "capture".into();
                change["amount"] = (1 + self.chance.below(amount)).into();
            }
        }
        self.ask(Method::PATCH, "reservations", change).await
    }

    async fn post(&mut self, function: &str, body: Value) -> Answer {
        self.ask(Method::POST, function, body).await
    }

    async fn ask(&mut self, method: Method, function: &str, body: Value) -> Answer {
        self.calls += 1;
        until_decided(&self.client, method, function, &format!("{}-{}", self.name, self.calls), &body).await
    }
}

/// Asks again as long as the store does not answer.
pub(super) async fn until_decided(client: &Client, method: Method, function: &str, key: &str, body: &Value) -> Answer {
    loop {
        let request = client.request(method.clone(), function).header("Idempotency-Key", key).json(body);
        let answer = send(request).await;
        if answer.status != 503 {
            assert!(answer.status < 500, "{answer:?}");
            return answer;
        }
    }
}
