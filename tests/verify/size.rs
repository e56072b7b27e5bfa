//! Many entries: how fast they are verified, and that a long history takes no more memory than a short one.
//!
//! `JETON_VERIFY_ENTRIES=1000000 cargo test --release verify::size -- --nocapture` prints the figures of a million.

use std::process::Command;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::support::{
    process::Process,
    redis::Redis,
    world::{START, World, credit, debit},
};

/// How many entries there are by default.
const ENTRIES: usize = 20_000;
/// How many entries are written together, at most.
const CHUNK: usize = 1_000;
/// The most memory that a run may take, in KiB.
const MEMORY_KIB_MAX: u64 = 64 * 1_024;

/// `users` accounts with `entries` entries each.
async fn fill(redis: &Redis, users: usize, entries: usize) {
    let store = redis.store();
    let fill = |number: usize| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut world = World::new(store.as_ref(), &format!("user-{number}"));
            for chunk in 0..entries.div_ceil(CHUNK) {
                // The first of them is the opening.
                let count = CHUNK.min(entries - chunk * CHUNK) - usize::from(chunk == 0);
                let command = |index: usize| if index.is_multiple_of(2) { credit(1) } else { debit("ARTICLE", 1) };
                let commands: Vec<_> = (0..count).map(command).collect();
                world.apply(&commands, START + chunk as u64).await;
                world.entries.clear();
            }
        })
    };
    let filled = stream::iter(0..users).map(fill).buffer_unordered(16);
    filled.try_collect::<Vec<()>>().await.unwrap();
}

/// Verifies `users` accounts of `entries` entries each, and gives the most memory that it took, in KiB.
async fn verify(users: usize, entries: usize) -> u64 {
    let redis = Redis::start();
    fill(&redis, users, entries).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    let mut process = Process::start(command.args(["verify", "--redis", &redis.url()]));
    let mut peak = 0;
    while let Some(memory) = process.memory_peak_kib() {
        peak = peak.max(memory);
        tokio::task::yield_now().await;
    }
    assert!(process.wait(), "{:?}", process.lines());
    let counted = format!("accounts {users}, entries {}, differences 0,", users * entries);
    let line = process.wait_for_line(|line| line.starts_with("verified ") && line.contains(&counted));
    println!("{users} accounts of {entries} entries: {line}, at most {} MiB", peak / 1_024);
    peak
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "how many entries is a setting of the test, not of Jeton")]
async fn a_long_history_takes_no_more_memory_than_many_short_ones() {
    let entries = std::env::var("JETON_VERIFY_ENTRIES").map_or(ENTRIES, |number| number.parse().unwrap());
    for (users, each) in [(entries / 100, 100), (1, entries)] {
        let peak = verify(users, each).await;
        assert!(peak > 0 && peak <= MEMORY_KIB_MAX, "{users} accounts of {each} entries took {peak} KiB");
    }
}
