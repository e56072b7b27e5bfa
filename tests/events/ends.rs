//! How a stream ends, and that nothing is missed by who comes back.

use rustix::process::Signal;
use tempfile::TempDir;

use super::{LASTING, events_after, events_of, history, spend, until_stats};
use crate::support::{
    events::{End, Events},
    host::{Host, key_of},
    process::wait_until,
    redis::Redis,
    server::{Backend, Local},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_cleanly_before_its_function_does_and_goes_on_without_a_gap() {
    for backend in Backend::both(&[("VERCEL_ENV", "development"), ("JETON_EVENTS_SECONDS", "1")]) {
        let client = backend.client();
        let mut events = Events::open(events_of(&client, "u")).await;
        let mut told = Vec::new();
        let mut stats = events.expect("stats").await.data;
        for _ in 0..3 {
            spend(&client, "u", 2).await;
            let end = loop {
                match events.next().await {
                    Ok(event) if event.name == "transaction" => told.push(event.data),
                    Ok(event) => stats = event.data,
                    Err(end) => break end,
                }
            };
            assert_eq!(end, End::Clean, "{backend:?}");
            assert_eq!(stats["tokenBalance"], 5000 - told.len(), "{backend:?}: what was told belongs together");
            assert_eq!(events.retries, [1000, 1000], "{backend:?}: at its beginning and at its end");
            let id = events.last_id.clone().unwrap();
            spend(&client, "u", 2).await;
            events = Events::open(events_after(&client, "u", &id)).await;
            let (missed, present) = until_stats(&mut events).await;
            told.extend(missed);
            stats = present.data;
        }
        assert_eq!(told, history(&client, "u").await[1..], "{backend:?}");
        assert_eq!(stats, client.stats("u").await, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_keeps_the_line_open() {
    let backends = Backend::both(LASTING);
    let mut streams = Vec::new();
    for backend in &backends {
        let mut events = Events::open(events_of(&backend.client(), "u")).await;
        events.expect("stats").await;
        assert_eq!(events.comments, 0, "{backend:?}");
        streams.push(events);
    }
    for events in &mut streams {
        events.comment().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_the_streams_and_then_the_function() {
    let redis = Redis::start();
    let settings = [("REDIS_URL", &*redis.url()), key_of("events"), LASTING[1]];
    let mut host = Host::start("events", &settings);
    let mut streams = Vec::new();
    for number in 0..20 {
        let invocation = host.invocation();
        let request = host.request(&format!("u{}", number % 4)).headers(invocation.headers());
        let mut events = Events::open(request).await;
        events.expect("stats").await;
        streams.push((invocation, events));
    }
    assert!(streams.iter().all(|(invocation, _)| !host.has_ended(*invocation)), "a stream is not over");
    host.process.signal(Signal::TERM);
    for (invocation, mut events) in streams {
        assert_eq!((events.end().await, events.retries), (End::Clean, vec![1000, 1000]));
        wait_until("the platform is told of the end", || host.has_ended(invocation));
    }
    assert!(host.process.wait(), "a clean end");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_server_ends_its_streams_when_it_stops() {
    let folder = TempDir::new().unwrap();
    let mut local = Local::start(folder.path(), &[], LASTING);
    let mut events = Events::open(events_of(&local.client(), "u")).await;
    events.expect("stats").await;
    local.process.signal(Signal::INT);
    assert_eq!(events.end().await, End::Clean);
    assert!(local.process.wait(), "a clean end");

    let local = Local::start(folder.path(), &[], LASTING);
    let mut again = Events::open(events_after(&local.client(), "u", &events.last_id.unwrap())).await;
    assert!(until_stats(&mut again).await.0.is_empty(), "the same history, and nothing new");
}
