//! The hot paths of Jeton, each run a number of times inside [`counted`]: run under callgrind, which writes down the
//! instructions of that function alone, it says what each path takes. `tests/costs/instructions.rs` runs it so.
//!
//! Every path has run before it is counted: what a process does once is not among what it does each time. Prints the name
//! of each path and how often it was run, in the order in which they were counted.

mod ledger;
mod requests;

use std::{error::Error, io::Write, process::ExitCode};

/// How often a path is run while it is counted.
const TURNS: usize = 50;

/// One turn of a path, with all that it needs: whether it did what it should.
type Turn = Box<dyn FnOnce() -> bool>;

/// A path, and what makes a turn of it. What making one takes is not counted.
struct Path {
    name: &'static str,
    turn: Box<dyn Fn() -> Turn>,
}

impl Path {
    fn new<T: FnOnce() -> bool + 'static>(name: &'static str, turn: impl Fn() -> T + 'static) -> Self {
        Self { name, turn: Box::new(move || Box::new(turn())) }
    }

    fn turns(&self) -> Vec<Turn> {
        (0..TURNS).map(|_| (self.turn)()).collect()
    }
}

fn main() -> ExitCode {
    match count() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn count() -> Result<(), Box<dyn Error>> {
    for path in ledger::paths()?.into_iter().chain(requests::paths()?) {
        // Both are made before, so that what is counted meets memory as it was left by the turns before it.
        let (first, then) = (path.turns(), path.turns());
        if !(run(first) && counted(then)) {
            return Err(format!("{} did not do what it should", path.name).into());
        }
        writeln!(std::io::stdout(), "{} {TURNS}", path.name)?;
    }
    Ok(())
}

/// Callgrind knows it by its name.
#[inline(never)]
fn counted(turns: Vec<Turn>) -> bool {
    run(turns)
}

fn run(turns: Vec<Turn>) -> bool {
    turns.into_iter().all(|turn| turn())
}
