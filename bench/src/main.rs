//! What Jeton costs in time and memory, on real processes and a real Redis of its own. `bench/run` runs it.

mod caller;
mod figures;
mod function;
mod listeners;
mod live;
mod load;
mod machine;
mod peers;
mod places;
mod process;
mod redis;
mod report;
mod results;
mod scale;
mod start;
mod targets;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    load::{LoadArguments, latency::LatencyArguments},
    report::ReportArguments,
};

/// Measures Jeton.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How many requests a second Jeton answers, and what one costs, beside the floor and what people use instead.
    Load(LoadArguments),
    /// How long debits take that come by the clock, at parts of what each contender can do.
    Latency(LatencyArguments),
    /// Writes the tables and plots of what was measured last into docs/performance.md and beside it.
    Report(ReportArguments),
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
        Command::Load(arguments) => load::measure(&arguments),
        Command::Latency(arguments) => load::latency::measure(&arguments),
        Command::Report(arguments) => report::write(arguments),
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
