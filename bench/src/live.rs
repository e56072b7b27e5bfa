//! From a debit to those who listen, and what they take.

use std::{path::Path, time::Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    figures::{Figures, milliseconds},
    function::{Function, program},
    listeners::Listeners,
    redis::Redis,
};

/// How many debits are told of before anything is measured.
const WARM_UP: usize = 20;

/// Of fewer listeners it cannot be said how much memory one takes.
const FEW: u32 = 100;

/// Files that are open besides the connections of listeners.
const OTHER_FILES: usize = 100;

/// How long a stream may last: longer than a measurement.
const EVENTS_SECONDS: (&str, &str) = ("JETON_EVENTS_SECONDS", "3600");

/// Some users, and as many listeners for each.
struct Case {
    name: String,
    users: usize,
    listeners_each: usize,
    /// Since the debit was sent: its answer, and the first, the middle and the last listener.
    answered: Figures,
    told: [Figures; 3],
    /// The last listener since the answer.
    last_after_answer: Figures,
    /// Of one listener. `None` where there are few: memory is taken by the page.
    memory_kib: Option<f64>,
    connections: usize,
}

impl Case {
    fn new(name: String, users: usize, listeners_each: usize) -> Self {
        let (answered, last_after_answer) = (Figures::default(), Figures::default());
        let told = [(); 3].map(|()| Figures::default());
        Self { name, users, listeners_each, answered, told, last_after_answer, memory_kib: None, connections: 0 }
    }

    fn measure(&mut self, rounds: usize, folder: &Path) -> Result<(), String> {
        let redis = Redis::start()?;
        let function = Function::start_with(&program("events")?, folder, &redis.url(), &[EVENTS_SECONDS])?;
        let mut debits = Function::start(&program("generations")?, folder, &redis.url())?;
        // One is there before, and what all share with it.
        let listeners = Listeners::new(function.port())?;
        listeners.add(self.users)?;
        for _ in 0..WARM_UP {
            debit(&mut debits, self.users)?;
            listeners.told(1)?;
        }
        let before = function.memory_kib()?;
        for user in 0..self.users {
            for _ in 0..self.listeners_each {
                listeners.add(user)?;
            }
        }
        for round in 0..rounds.saturating_add(WARM_UP) {
            let (sent, answered) = debit(&mut debits, round.checked_rem(self.users).unwrap_or(0))?;
            let told = listeners.told(self.listeners_each)?;
            if round >= WARM_UP {
                self.add(sent, answered, &told);
            }
        }
        let count = u32::try_from(self.users.saturating_mul(self.listeners_each)).map_err(|error| error.to_string())?;
        if count >= FEW {
            self.memory_kib = Some((function.memory_kib()? - before) / f64::from(count));
        }
        // The other function has one.
        self.connections = redis.connections()?.saturating_sub(1);
        Ok(())
    }

    fn add(&mut self, sent: Instant, answered: Instant, told: &[Instant]) {
        let since = |at: Instant| milliseconds(at.saturating_duration_since(sent));
        self.answered.add(since(answered));
        let [first, middle, last] = &mut self.told;
        for (figures, at) in [(first, told.first()), (middle, told.get(told.len() / 2)), (last, told.last())] {
            figures.add(at.copied().map_or(f64::NAN, since));
        }
        self.last_after_answer.add(told.last().copied().map_or(f64::NAN, since) - since(answered));
    }
}

/// Debits the user of this number: when the debit was sent, and when it was answered.
fn debit(function: &mut Function, user: usize) -> Result<(Instant, Instant), String> {
    let body = format!(r#"{{"userId":"u{user}","tokenCost":1}}"#);
    let sent = Instant::now();
    Ok((sent, function.ask("POST /api/generations", &body, 200)?.when))
}

/// Measures with so many listeners, and prints a table.
pub(crate) fn measure(listeners: usize, rounds: usize) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; add --release for figures that mean something");
    }
    raise_file_limit(listeners)?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut cases = [
        Case::new("one listener".to_owned(), 1, 1),
        Case::new(format!("{listeners} listeners of one user"), 1, listeners),
        Case::new(format!("{listeners} users, one listener each"), listeners, 1),
    ];
    for case in &mut cases {
        case.measure(rounds, folder.path())?;
    }
    print(&cases, rounds);
    Ok(())
}

/// Each listener has a connection, whose ends are here and in the function.
fn raise_file_limit(listeners: usize) -> Result<(), String> {
    let needed = u64::try_from(listeners.saturating_add(OTHER_FILES)).map_err(|error| error.to_string())?;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|allowed| allowed < needed) {
        return Err(format!("{needed} files must be open at once: raise `ulimit -Hn`"));
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).map_err(|error| error.to_string())
}

fn print(cases: &[Case], rounds: usize) {
    println!("From the sending of a debit, in ms: median / 99th percentile of {rounds} debits\n");
    println!(
        "| | answer | first listener | middle | last | last, after the answer | memory a listener, KiB | connections to \
         Redis |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for Case { name, answered, told: [first, middle, last], last_after_answer, memory_kib, connections, .. } in cases {
        let [answered, first, middle, last, after] = [answered, first, middle, last, last_after_answer]
            .map(|figures| format!("{:.2} / {:.2}", figures.median(), figures.percentile(99)));
        let memory = memory_kib.map(|kib| format!("{kib:.1}")).unwrap_or_default();
        println!("| {name} | {answered} | {first} | {middle} | {last} | {after} | {memory} | {connections} |");
    }
}
