//! Whole runs of Jeton in virtual time, all of it decided by a seed.
//!
//! Several instances, each with its own committer and cache, work over one simulated store. The seed chooses when
//! exchanges are slow, lost, or carried out late, when instances die and clocks jump, who sweeps and when, and what
//! clients ask for and how they try again. After each run, [`check`] says whether every change that was acknowledged is
//! in the history once, and whether every answer is one that a single, sequential Jeton could have given.
//!
//! A check that finds nothing proves nothing unless it finds what is there: [`Mutation`]s are bugs that can be put in,
//! and the tests show that each is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "this is a test: one that meets the unexpected fails, and says where"
)]

mod asked;
mod calendar;
mod chance;
mod check;
mod client;
mod known;
mod network;
mod replay;
mod second_ledger;
mod server;
mod sold;
mod told;
mod trace;
mod usage;
mod world;

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use jeton::mutation::{self, Mutation};

use self::{trace::Trace, world::World};

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is wrong with it, if something is.
    pub wrong: Option<String>,
    /// How many calls there were, and how many of them were answered.
    pub calls: (usize, usize),
    /// What happened, line by line in the order of virtual time; empty unless it was asked for.
    pub trace: Vec<String>,
}

/// Makes the run of `seed`, with this bug in it if any, and checks it.
///
/// # Panics
/// Not for anything that happens in the run: that is told in [`Run::wrong`].
#[must_use]
pub fn run(seed: u64, mutation: Option<Mutation>, traced: bool) -> Run {
    /// Takes the bug out again, also after a panic.
    struct Planted;
    impl Drop for Planted {
        fn drop(&mut self) {
            mutation::plant(None);
        }
    }
    mutation::plant(mutation);
    let _planted = Planted;

    let trace = Trace::new(traced);
    let told = trace.clone();
    let simulated = catch_unwind(AssertUnwindSafe(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async move {
            let (world, observed, settled) = World::live(seed, &told).await;
            (check::all(&world, &observed, settled), check::calls(&observed))
        })
    }));
    let (checked, calls) = simulated.unwrap_or_else(|_| (Err("it panicked".to_owned()), (0, 0)));
    Run { wrong: checked.err(), calls, trace: trace.lines() }
}

/// Makes the runs of `seeds` on all processors, with this bug in them if any. Gives the first seed whose run is wrong,
/// and why.
///
/// # Panics
/// When a thread cannot be started.
#[must_use]
pub fn search(seeds: Range<u64>, mutation: Option<Mutation>) -> Option<(u64, String)> {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicU64::new(seeds.end);
    let work = || {
        let mut found = None;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= stop.load(Ordering::Relaxed) {
                return found;
            }
            if let Some(wrong) = run(seed, mutation, false).wrong {
                // Nobody begins a later one; the earlier ones that others are at may still be wrong.
                stop.fetch_min(seed, Ordering::Relaxed);
                found = Some((seed, wrong));
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().filter_map(|worker| worker.join().unwrap()).min()
    })
}
