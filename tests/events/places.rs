//! Where a stream goes on: by the id of the last event that its reader was told.

use serde_json::json;

use super::{LASTING, events_after, events_of, history, ids, spend, until_stats};
use crate::support::{
    client::Client,
    events::{Event, Events},
    server::Backend,
};

/// More is not told.
const REPLAYED_MAX: usize = 1_000;

/// What comes first to one who begins anew.
async fn anew(events: &mut Events) -> Event {
    assert_eq!(events.expect("resync").await.data, json!({}));
    events.expect("stats").await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_comes_first_each_once_and_in_order() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        spend(&client, "u", 9).await;
        let history = history(&client, "u").await;
        let stats = client.stats("u").await;
        for (place, id) in ids(&history).into_iter().enumerate() {
            let mut events = Events::open(events_after(&client, "u", &id)).await;
            let (missed, last) = until_stats(&mut events).await;
            assert_eq!((missed.as_slice(), last.data), (&history[place + 1..], stats.clone()), "{backend:?}, {id}");
            assert_eq!(last.id.as_deref(), history[9]["id"].as_str());
        }
        let mut whole = Events::open(events_after(&client, "u", "0-0")).await;
        assert_eq!(until_stats(&mut whole).await.0, history, "{backend:?}: all since the opening");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_seen_nothing_but_the_account_misses_nothing_either() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        events.expect("stats").await;
        let last = events.last_id.clone().unwrap();
        drop(events);
        spend(&client, "u", 3).await;
        let mut events = Events::open(events_after(&client, "u", &last)).await;
        assert_eq!(until_stats(&mut events).await.0, history(&client, "u").await[1..], "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_header_counts_before_the_address_which_is_older() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        spend(&client, "u", 4).await;
        let history = history(&client, "u").await;
        let ids = ids(&history);
        let request = |query: &str, header: Option<&str>| {
            let request = client.request(reqwest::Method::GET, &format!("events?userId=u&lastEventId={query}"));
            header.into_iter().fold(request, |request, id| request.header("Last-Event-ID", id))
        };
        for (query, header, missed) in
            [(&*ids[1], None, 3), (&*ids[1], Some(&*ids[3]), 1), ("nonsense", Some(&*ids[2]), 2)]
        {
            let mut events = Events::open(request(query, header)).await;
            let (told, _) = until_stats(&mut events).await;
            assert_eq!(told, history[5 - missed..], "{backend:?}: {query}, {header:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_not_in_the_history_begins_anew_and_tells_nothing_of_others() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        spend(&client, "other", 2).await;
        let foreign = ids(&history(&client, "other").await);
        spend(&client, "u", 2).await;
        let before_reset = ids(&history(&client, "u").await);
        client.post("reset", json!({"userId": "u"})).await.ok();
        spend(&client, "u", 1).await;
        let (own, stats) = (ids(&history(&client, "u").await), client.stats("u").await);
        let next_to_own = own[0].replace("-0", "-1");
        let strange = ["é", "0", "-", "1-0", "99999999999999-0", "01-0", "u", "NaN", "1.5-0", "18446744073709551616-0"];
        let mut cases: Vec<&str> = foreign.iter().chain(&before_reset).map(String::as_str).collect();
        cases.extend(strange);
        cases.push(&next_to_own);
        for id in cases {
            let mut events = Events::open(events_after(&client, "u", id)).await;
            let begun = anew(&mut events).await;
            assert_eq!((begun.data, begun.id.as_ref()), (stats.clone(), own.last()), "{backend:?}: {id:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_begins_anew_for_those_who_listen() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        spend(&client, "u", 2).await;
        let mut events = Events::open(events_of(&client, "u")).await;
        events.expect("stats").await;
        let reset = client.post("reset", json!({"userId": "u"})).await.ok();
        assert_eq!(anew(&mut events).await.data, reset["stats"], "{backend:?}");
        spend(&client, "u", 1).await;
        let (told, _) = until_stats(&mut events).await;
        assert_eq!(told, history(&client, "u").await[1..], "{backend:?}: and it goes on from there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_begins_anew_and_goes_on() {
    // In production the test user's history lies in the past, also after a reset.
    let settings =
        [("VERCEL_ENV", "production"), ("JETON_API_KEYS", "ops:admin:a-secret"), ("JETON_EVENTS_SECONDS", "600")];
    for backend in Backend::both(&settings) {
        let client = backend.client().with_key("a-secret");
        let user = "test-user-id";
        let mut events = Events::open(events_of(&client, user)).await;
        events.expect("stats").await;
        for _ in 0..2 {
            client.post("reset", json!({"userId": user})).await.ok();
            let begun = anew(&mut events).await;
            assert_eq!(begun.data["tokenBalance"], 4987, "{backend:?}");
            spend(&client, user, 1).await;
            let (told, _) = until_stats(&mut events).await;
            let history = history(&client, user).await;
            assert_eq!(told, history[6..], "{backend:?}");
            // Also for one who comes back with what the stream has said since.
            let mut again = Events::open(events_after(&client, user, &begun.id.unwrap())).await;
            assert_eq!(until_stats(&mut again).await.0, history[6..], "{backend:?}");
        }
    }
}

/// A history with so many entries after the first.
async fn spent(client: &Client, times: usize) -> Vec<String> {
    for _ in 0..times / 50 {
        let calls = (0..50).map(|_| client.post("generations", json!({"userId": "u", "tokenCost": 1})));
        futures_util::future::join_all(calls).await.into_iter().for_each(|answer| drop(answer.ok()));
    }
    ids(&history(client, "u").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_not_told_but_said_to_be() {
    for backend in Backend::both(LASTING) {
        let client = backend.client();
        let ids = spent(&client, REPLAYED_MAX + 50).await;
        let most = ids.len() - 1 - REPLAYED_MAX;
        let mut events = Events::open(events_after(&client, "u", &ids[most])).await;
        assert_eq!(super::ids(&until_stats(&mut events).await.0), ids[most + 1..], "{backend:?}");
        for too_old in [&*ids[most - 1], &*ids[0], "0-0"] {
            let mut events = Events::open(events_after(&client, "u", too_old)).await;
            assert_eq!(anew(&mut events).await.id.as_ref(), ids.last(), "{backend:?}");
        }
    }
}
