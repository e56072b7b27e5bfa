//! `cargo run --release -p simulation`: makes runs, names the first that is wrong, and repeats one with its trace.

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;
use jeton::mutation::Mutation;

/// Simulates whole runs of Jeton, each decided by a seed, and checks them.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many runs to make.
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,

    /// The seed of the first one.
    #[arg(long, default_value_t = 0)]
    first: u64,

    /// Repeats the run of this seed and prints what happens in it.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,

    /// Puts this bug in; `list` names them all.
    #[arg(long)]
    mutation: Option<String>,
}

fn main() -> ExitCode {
    let Arguments { seeds, first, seed, mutation } = Arguments::parse();
    let mutation = match mutation.map(|name| named(&name)).transpose() {
        Ok(mutation) => mutation,
        Err(code) => return code,
    };
    let wrong = match seed {
        Some(seed) => repeat(seed, mutation),
        None => search(first, seeds, mutation),
    };
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn named(name: &str) -> Result<Mutation, ExitCode> {
    let names = Mutation::ALL.map(|mutation| format!("{mutation:?}"));
    if name == "list" {
        say(&names.join("\n"));
        return Err(ExitCode::SUCCESS);
    }
    let found = Mutation::ALL.into_iter().zip(&names).find(|(_, own)| *own == name);
    found.map(|(mutation, _)| mutation).ok_or_else(|| {
        say(&format!("There is no mutation {name}. These are there:\n{}", names.join("\n")));
        ExitCode::from(2)
    })
}

/// One run with its trace. Whether it is wrong.
fn repeat(seed: u64, mutation: Option<Mutation>) -> bool {
    let run = simulation::run(seed, mutation, true);
    say(&run.trace.join("\n"));
    match &run.wrong {
        Some(wrong) => say(&format!("\nWrong: {wrong}")),
        None => say("\nAll as it should be."),
    }
    run.wrong.is_some()
}

/// Many runs. Whether one is wrong.
fn search(first: u64, seeds: u64, mutation: Option<Mutation>) -> bool {
    let begun = Instant::now();
    let found = simulation::search(first..first.saturating_add(seeds), mutation);
    let Some((seed, wrong)) = found else {
        say(&format!("{seeds} runs in {:.1} s, all as they should be.", begun.elapsed().as_secs_f64()));
        return false;
    };
    let mutation = mutation.map_or_else(String::new, |mutation| format!(" --mutation {mutation:?}"));
    say(&format!("Wrong: {wrong}\nSee how: cargo run --release -p simulation -- --seed {seed}{mutation}"));
    true
}

fn say(text: &str) {
    // Where nobody reads any more, there is nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{text}");
}
