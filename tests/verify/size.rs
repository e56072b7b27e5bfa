//! Many entries: how fast they are verified, and that ten times as many take no more memory, be it in a long history or
//! in many short ones.
//!
//! `JETON_VERIFY_ENTRIES=1000000 cargo test --release verify::size -- --nocapture` prints the figures of a million.

use std::{process::Command, time::Duration};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;

use crate::support::{
    process::Process,
    redis::Redis,
    world::{START, World, credit, debit},
};

/// How many entries there are by default.
const ENTRIES: usize = 100_000;
/// How many entries are written together, at most.
const CHUNK: usize = 1_000;
/// How much more memory a run may take than one with a tenth of the entries, in KiB. What is freed is not all given back,
/// so that many short histories take up to 6 MiB more; all entries held together take 17 MiB more.
const GROWTH_KIB_MAX: u64 = 10 * 1_024;
/// How often that is measured, at most.
const MEASURED_MAX: u32 = 3;

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
async fn verify((users, entries): (usize, usize)) -> u64 {
    let redis = Redis::start();
    fill(&redis, users, entries).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    let mut process = Process::start(command.args(["verify", "--redis", &redis.url()]));
    let mut peak = 0;
    while let Some(memory) = process.memory_peak_kib() {
        peak = peak.max(memory);
        sleep(Duration::from_millis(1)).await;
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
    let shapes =
        [[entries / 1_000, entries / 100].map(|users| (users, 100)), [entries / 10, entries].map(|each| (1, each))];
    for [few, many] in shapes {
        let (users, each) = many;
        let case = format!("{users} accounts of {each} entries");
        // The peak is the last one that was seen: too little where nobody looked for long. Then it is measured again.
        for measured in 1..=MEASURED_MAX {
            let [before, peak] = [verify(few).await, verify(many).await];
            if before > 0 && peak > 0 && peak <= before + GROWTH_KIB_MAX {
                break;
            }
            assert!(measured < MEASURED_MAX, "{case} took {peak} KiB, a tenth of them {before} KiB");
        }
    }
}
