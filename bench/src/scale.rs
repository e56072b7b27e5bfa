//! What grows with users and with entries, and what must not: the time of a debit and of a page, memory, and what others feel
//! while many users are billed.

mod cores;
mod filling;
mod growth;
mod memory;
mod open_loop;
mod sweep;
mod table;
mod watched;

use std::time::Instant;

use clap::Args;
use serde_json::json;

/// How much there is of everything.
#[derive(Debug, Args)]
pub(crate) struct Sizes {
    /// How many users the larger Redis has; the smaller one has 1000.
    #[arg(long, default_value_t = 1_000_000)]
    users: u32,
    /// How many entries the longer history has; the shorter one has 1000.
    #[arg(long, default_value_t = 1_000_000)]
    entries: u32,
    /// How many users are due for billing.
    #[arg(long, default_value_t = 100_000)]
    due: u32,
    /// How many debits, and how many pages, are measured of each.
    #[arg(long, default_value_t = 5_000)]
    requests: usize,
    /// How many debits a second there are beside the billing.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// Only this part.
    #[arg(long)]
    only: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Growth,
    Memory,
    Sweep,
}

/// Measures all parts, or one. Prints a table of each and writes it to `target/bench/`, with the figures behind them.
pub(crate) fn measure(sizes: &Sizes) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; add --release for figures that mean something");
    }
    let begun = Instant::now();
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let wanted = |part| sizes.only.is_none_or(|only| only == part);
    let mut raw = serde_json::Map::new();
    if wanted(Part::Growth) {
        raw.insert("scale".to_owned(), growth::measure(sizes, folder.path())?);
    }
    if wanted(Part::Memory) {
        raw.insert("memory".to_owned(), memory::measure(sizes, folder.path())?);
    }
    if wanted(Part::Sweep) {
        raw.insert("sweep".to_owned(), sweep::measure(sizes, folder.path())?);
    }
    raw.insert("seconds".to_owned(), json!(begun.elapsed().as_secs()));
    table::write("scale.json", &serde_json::Value::Object(raw).to_string())
}
