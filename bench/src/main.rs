//! `cargo run --release -p bench -- start`, `… live` and `… scale`: what Jeton costs in time and memory, on real processes and a real
//! Redis of its own.

mod caller;
mod figures;
mod function;
mod listeners;
mod live;
mod redis;
mod scale;
mod start;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Jeton.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How long it takes from the start of a function's process to its first answer, and where the time goes.
    Start {
        /// How often each case is measured; the cases take turns.
        #[arg(long, default_value_t = 50)]
        rounds: usize,
    },
    /// What it takes to show accounts live: memory for each listener, and time from a debit until all know of it.
    Live {
        /// How many listen at once.
        #[arg(long, default_value_t = 1_000)]
        listeners: usize,
        /// How many debits are told of in each case.
        #[arg(long, default_value_t = 500)]
        rounds: usize,
    },
    /// Whether a debit and a page take longer where there are many users and entries, what those take in memory, and what
    /// billing many users does to others. Needs some 6 GB for a million users.
    Scale(scale::Sizes),
}

fn main() -> ExitCode {
    let measured = match Arguments::parse().command {
        Command::Start { rounds } => start::measure(rounds),
        Command::Live { listeners, rounds } => live::measure(listeners, rounds),
        Command::Scale(sizes) => scale::measure(&sizes),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
