//! What callers are told when a store does what none should: it panics, or its accounts change all the time.

use std::sync::Arc;

use jeton::{
    config::Config,
    http::{App, LocalServer},
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    store::{Answer, Commit, Committed, EntryRange, History, Revision, Store, Stored, embedded::EmbeddedStore},
};
use serde_json::json;

use crate::support::{client::Client, server::FUNCTIONS};

/// The embedded store with a fault.
struct Faulty {
    store: EmbeddedStore,
    fault: Fault,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// No input is known that makes a function panic: this stands in for one.
    Panics,
    /// Somebody is always faster.
    AlwaysConflicts,
}

impl Faulty {
    fn store(&self) -> &EmbeddedStore {
        assert!(self.fault != Fault::Panics, "a secret of the inside");
        &self.store
    }
}

impl Store for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        self.store().load(user)
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        let store = self.store();
        Box::pin(async move { Ok(Committed::Conflict(store.load(&commit.user).await?)) })
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        self.store().written_by(user, history, id)
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        self.store().entries(user, range)
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        self.store().due(until, limit)
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        self.store().note_due(user, at)
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.store().ping()
    }
}

/// A client of a server over a store with this fault.
async fn client_of(fault: Fault, folder: &std::path::Path) -> Client {
    let store = Faulty { store: EmbeddedStore::open(folder).unwrap(), fault };
    let app = App::new(Config::read([].into(), folder, true), Ok(Arc::new(store)));
    let server = LocalServer::bind(0, app).await.unwrap();
    let base = format!("http://{}", server.address().unwrap());
    tokio::spawn(server.run(std::future::pending()));
    Client::new(FUNCTIONS.map(|name| (name, base.clone())).into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_of(Fault::Panics, folder.path()).await;
    for function in FUNCTIONS {
        let answer = match function {
            "generations" | "reset" => client.post(function, json!({"userId": "u"})).await,
            "tokens" => client.post(function, json!({"userId": "u", "amount": 1})).await,
            _ => client.get(function).await,
        };
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{function}");
        assert!(!answer.body.contains("secret"), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_always_changes_is_given_up_on() {
    let folder = tempfile::tempdir().unwrap();
    let client = client_of(Fault::AlwaysConflicts, folder.path()).await;
    let answer = client.post_once("generations", "k", json!({"userId": "u"})).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "store_contended"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
