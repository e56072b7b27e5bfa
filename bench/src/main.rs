//! `cargo run --release -p bench -- start`: what Jeton costs in time, on real processes and a real Redis of its own.

mod figures;
mod function;
mod redis;
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
}

fn main() -> ExitCode {
    let Command::Start { rounds } = Arguments::parse().command;
    match start::measure(rounds) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
