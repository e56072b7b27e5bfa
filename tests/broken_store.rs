//! What callers are told when a store does what none should: it panics, or its accounts change all the time.

mod faulty;

use std::sync::Arc;

use jeton::{
    config::Config,
    http::{App, LocalServer},
    store::embedded::EmbeddedStore,
};
use serde_json::json;

use self::faulty::{Fault, Faulty};
use crate::support::{client::Client, server::FUNCTIONS};

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
