//! What time alone changes is told when it falls due, with nobody calling.

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use chrono::{DateTime, Utc};
use jeton::{
    committer::Surroundings,
    ledger::{Timestamp, UserId},
    live::{Live, Start},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::embedded::EmbeddedStore,
    system::System,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{LASTING, events_of, until_stats};
use crate::support::{events::Events, process::PATIENCE, server::Backend};

/// An instant so many milliseconds from now.
fn soon(millis: u64) -> String {
    Timestamp::from_millis(System.now().as_millis() + millis).unwrap().to_string()
}

fn instant(text: &Value) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap().to_utc()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_expires_is_told_when_it_does() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        events.expect("stats").await;
        let expires_at = soon(6_000);
        client.post("tokens", json!({"userId": "u", "amount": 70, "expiresAt": expires_at, "priority": 0})).await.ok();
        assert_eq!(until_stats(&mut events).await.0.len(), 1, "{backend:?}");
        let held = client.post("reservations", json!({"userId": "u", "amount": 10, "ttlSeconds": 12})).await.ok();
        assert_eq!(until_stats(&mut events).await.1.data["tokensReserved"], 10, "{backend:?}");

        let (told, stats) = until_stats(&mut events).await;
        assert_eq!(told.len(), 1, "{backend:?}: {told:?}");
        assert_eq!((&told[0]["amount"], &told[0]["timestamp"]), (&json!(60), &json!(expires_at)), "what is not held");
        assert_eq!(stats.data["tokensReserved"], 10);
        assert!(System.now().to_utc() >= instant(&json!(expires_at)));

        let (told, stats) = until_stats(&mut events).await;
        assert!(System.now().to_utc() >= instant(&held["reservation"]["expiresAt"]), "{backend:?}");
        assert_eq!(stats.data["tokensReserved"], 0, "{backend:?}");
        assert_eq!(told.len(), 1, "{backend:?}: what was held of the expired tokens is gone too: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_test_clock_is_told_like_any_change() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        let next = events.expect("stats").await.data["nextBillingDate"].as_str().unwrap().to_owned();
        client.clone().with("Jeton-Clock", &next).stats("u").await;
        let (told, stats) = until_stats(&mut events).await;
        assert_eq!((told.len(), &told[0]["source"]), (1, &json!("monthly")), "{backend:?}");
        assert_eq!(stats.data["lastBillingDate"], json!(next), "{backend:?}");
    }
}

/// A clock that shows another time: it stands still, and once it has begun goes as the machine's does.
struct Shifted {
    from: Timestamp,
    begun: OnceLock<Instant>,
}

impl Surroundings for Shifted {
    fn now(&self) -> Timestamp {
        let gone = self.begun.get().map_or(0, |begun| begun.elapsed().as_millis());
        self.from.later_by(gone.try_into().unwrap()).unwrap()
    }

    fn random(&self) -> u128 {
        System.random()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_month_is_billed_when_it_begins() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let from = DateTime::parse_from_rfc3339("2026-12-04T23:59:58.500Z").unwrap().to_utc().into();
    let clock = Arc::new(Shifted { from, begun: OnceLock::new() });
    let catalogue = Catalogue::built_in().unwrap();
    let service = Arc::new(StatsService::new(store.clone(), catalogue, Stage::Production, clock.clone()));
    let live = Live::new(Arc::clone(&service), store, Locale::French);
    let user = UserId::new("u").unwrap();
    let ends = tokio::time::Instant::now() + PATIENCE;
    let mut listener = live.listen(&user, Start::Now, ends).await.unwrap();
    let mut next = async || {
        let chunk = timeout(PATIENCE, listener.next()).await.expect("in time").unwrap();
        String::from_utf8(chunk.to_vec()).unwrap()
    };
    let begun = next().await;
    assert!(
        begun.contains("\"tokenBalance\":5000") && begun.contains("\"nextBillingDate\":\"2026-12-05T00:00:00.000Z\"")
    );
    clock.begun.set(Instant::now()).unwrap();
    let billed = next().await;
    assert!(billed.starts_with("id: 1796428800000-0\nevent: transaction\ndata: "), "{billed}");
    assert!(billed.contains("Facturation mensuelle du 05/12/2026"), "{billed}");
    assert!(billed.contains("\"tokenBalance\":5300"), "{billed}");
}
