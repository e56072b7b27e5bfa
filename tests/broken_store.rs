//! What callers are told when a store does what none should: it panics, or its accounts change all the time.

mod faulty;

use std::{sync::Arc, time::Duration};

use jeton::{
    config::Config,
    history::Selection,
    http::{App, LocalServer},
    ledger::UserId,
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{ANSWER_WITHIN, StoreError, embedded::EmbeddedStore},
    system::System,
};
use serde_json::json;
use tokio::time::Instant;

use self::faulty::{Fault, Faulty};
use crate::support::{
    client::{Client, send},
    server::FUNCTIONS,
};

/// A client of a server over a store with this fault.
async fn client_of(fault: Fault, folder: &std::path::Path) -> Client {
    let store = Faulty { store: EmbeddedStore::open(folder).unwrap(), fault, commits: Arc::default() };
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
        let answer = send(client.call(function, "u")).await;
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

#[tokio::test(start_paused = true)]
async fn when_a_caller_is_answered_no_commit_of_theirs_is_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let commits = Arc::new(());
    let store = EmbeddedStore::open(folder.path()).unwrap();
    let store = Faulty { store, fault: Fault::NeverCommits, commits: Arc::clone(&commits) };
    let catalogue = Catalogue::built_in().unwrap();
    let service = StatsService::new(Arc::new(store), catalogue, Stage::Development, Arc::new(System));
    let (user, locale, all) = (UserId::new("u").unwrap(), Locale::French, Selection::default());
    let read = async || service.get_user_stats(&user, locale).await.map(|_| ());
    let page = async || service.get_transaction_history(&user, &all, None, 9, locale).await.map(|_| ());
    let whole = async || service.begin_transaction_history(&user, &all, None, 9, locale).await.map(|_| ());
    assert_nothing_is_under_way(&commits, read()).await;
    assert_nothing_is_under_way(&commits, page()).await;
    assert_nothing_is_under_way(&commits, whole()).await;
}

/// Once `answer` comes, in time, the commit that it began has ended.
async fn assert_nothing_is_under_way(commits: &Arc<()>, answer: impl Future<Output = Result<(), StoreError>>) {
    let begun = Instant::now();
    let begins = async {
        while Arc::strong_count(commits) == 2 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Arc::strong_count(commits)
    };
    let (answer, under_way) = tokio::join!(answer, begins);
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    assert_eq!((under_way, begun.elapsed() < ANSWER_WITHIN + Duration::from_millis(10)), (3, true));
    // Both have noticed in the same moment.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(commits), 2);
}
