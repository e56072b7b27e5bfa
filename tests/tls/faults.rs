//! A line that breaks under TLS, in the handshake or later: what is asked is done once, as without it.

use std::{sync::Arc, time::Instant};

use futures_util::{StreamExt, stream};
use jeton::{
    committer::Reply,
    ledger::UserId,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{Store, StoreError},
    system::System,
};

use super::store_at;
use crate::support::{
    client::STALLED,
    process::TOO_LATE,
    redis::Redis,
    service::{article, caller, granted},
    tls::Ca,
    wire::{Fault, Way, Wire},
    world::entries,
};

/// At how many places of each direction an exchange is cut, and at how many it falls silent.
const PLACES: [(Fault, usize); 2] = [(Fault::Cut, 24), (Fault::Stall, 8)];

/// How many cases go on at once.
const HANDSHAKES_AT_ONCE: usize = 16;
/// How often a case is tried, at most.
const TIMES_MAX: u32 = 3;

/// In which exchange a line breaks, and where.
type Broken = (usize, (Way, usize, Fault));

/// A process of Jeton and its own line to Redis.
struct Process {
    wire: Wire,
    service: StatsService,
}

impl Process {
    async fn start(redis: &Redis, ca: &Ca) -> Self {
        let wire = Wire::start(redis.port()).await;
        let store = Arc::new(store_at(&wire.url().replace("redis://", "rediss://"), ca));
        let service = StatsService::new(store, Catalogue::built_in().unwrap(), Stage::Development, Arc::new(System));
        Self { wire, service }
    }

    /// Debits an article, with a key or without, and has it granted.
    async fn debit(&self, user: &UserId, key: Option<&str>) -> Result<(), StoreError> {
        let reply = self.service.record_generation(user, article(3), caller(key)).await?;
        granted(Ok(reply));
        Ok(())
    }
}

/// Where an exchange of these lengths breaks.
fn places(lengths: [usize; 2]) -> impl Iterator<Item = (Way, usize, Fault)> {
    let ways = [Way::Request, Way::Answer].into_iter().zip(lengths);
    ways.flat_map(|(way, length)| {
        PLACES.into_iter().flat_map(move |(fault, count)| (0..count).map(move |at| (way, length * at / count, fault)))
    })
}

/// Somebody debits twice, under a key the second time. The line breaks in the first exchange, from its handshake on, or
/// in the second one. It begins anew with somebody else where the process was not let run for so long that the store was
/// unavailable to it, a few times at most.
async fn debit_twice(redis: &Redis, ca: &Ca, store: &dyn Store, broken: Broken) {
    for time in 1.. {
        let begun = Instant::now();
        match try_to_debit_twice(redis, ca, store, broken, time).await {
            Err(StoreError::Unavailable { .. }) if begun.elapsed() >= STALLED && time < TIMES_MAX => {}
            debited => return debited.unwrap(),
        }
    }
}

async fn try_to_debit_twice(
    redis: &Redis,
    ca: &Ca,
    store: &dyn Store,
    broken: Broken,
    time: u32,
) -> Result<(), StoreError> {
    let (exchange, (way, bytes, fault)) = broken;
    let case = format!("exchange {exchange}, {bytes} bytes of {way:?}, {fault:?}, time {time}");
    let (process, user) = (Process::start(redis, ca).await, UserId::new(&case.replace([' ', ','], "-")).unwrap());
    for (number, key) in [None, Some("key")].into_iter().enumerate() {
        if number == exchange {
            process.wire.fail_after(way, bytes, fault);
        }
        let begun = Instant::now();
        process.debit(&user, key).await?;
        assert!(begun.elapsed() < TOO_LATE, "{case}: {:?}", begun.elapsed());
        if number == exchange {
            process.wire.assert_failed(&case);
        }
    }
    let again = process.service.record_generation(&user, article(3), caller(Some("key"))).await?;
    assert!(matches!(again, Reply::Replayed(_)), "{case}: {again:?}");
    let amounts = entries(store, &user).await.iter().map(|entry| entry.entry.amount.get()).collect::<Vec<_>>();
    assert_eq!(amounts, [5_000, 3, 3], "{case}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_under_tls_costs_nobody_anything() {
    let ca = Ca::new("ours");
    for protocols in ["TLSv1.2", "TLSv1.3"] {
        let redis = Redis::start_tls(&ca, &ca.issue(), &["--tls-protocols", protocols]);
        let store = store_at(&redis.url(), &ca);
        // The second time the script is there already, as it is for those whose line breaks.
        let mut lengths = [[0; 2]; 2];
        for user in ["warm", "measured"] {
            let (process, user) = (Process::start(&redis, &ca).await, UserId::new(user).unwrap());
            let mut before = [0; 2];
            for (length, key) in lengths.iter_mut().zip([None, Some("key")]) {
                process.debit(&user, key).await.unwrap();
                let passed = process.wire.passed();
                *length = [passed[0] - before[0], passed[1] - before[1]];
                before = passed;
            }
        }
        let broken = lengths.into_iter().map(places).enumerate();
        let broken = broken.flat_map(|(exchange, places)| places.map(move |place| (exchange, place)));
        let cases: Vec<_> = broken.map(|broken| debit_twice(&redis, &ca, &store, broken)).collect();
        assert_eq!(cases.len(), 128);
        // Not all at once: so many handshakes take a busy machine longer than anybody waits.
        stream::iter(cases).buffer_unordered(HANDSHAKES_AT_ONCE).collect::<()>().await;
    }
}
