//! From the start of a process to its first answer.

use std::{fmt::Write, path::PathBuf};

use crate::{
    caller::Caller,
    figures::{Figures, milliseconds},
    function::{Function, program},
    peers,
    redis::Redis,
    results,
    targets::{self, Target},
};

const DEBIT: &str = "POST /api/generations";
const EXISTING: &str = r#"{"userId":"existing","tokenCost":1}"#;

/// A first request to a process that has just started, and a second one.
struct Case {
    name: &'static str,
    program: PathBuf,
    line: &'static str,
    body: Body,
    status: u16,
    ready: Figures,
    connected: Figures,
    first: Figures,
    duration: Figures,
    redis: Figures,
    second_redis: Figures,
    second: Figures,
}

enum Body {
    None,
    Existing,
    /// Somebody whom Redis does not know, each time.
    New,
}

impl Case {
    fn new(name: &'static str, function: &str, line: &'static str, body: Body, status: u16) -> Result<Self, String> {
        let program = program(function)?;
        let [ready, connected, first, duration, redis, second_redis, second] = [(); 7].map(|()| Figures::default());
        Ok(Self { name, program, line, body, status, ready, connected, first, duration, redis, second_redis, second })
    }

    fn body(&self, round: usize, number: u8) -> String {
        match self.body {
            Body::None => String::new(),
            Body::Existing => EXISTING.to_owned(),
            Body::New => format!(r#"{{"userId":"new-{round}-{number}","tokenCost":1}}"#),
        }
    }

    fn measure(&mut self, round: usize, folder: &std::path::Path, url: &str) -> Result<(), String> {
        let mut function = Function::start(&self.program, folder, url)?;
        self.ready.add(function.ready);
        self.connected.add(function.connected - function.ready);
        let first = function.ask(self.line, &self.body(round, 1), self.status)?;
        self.first.add(first.at);
        if let Some((duration, redis)) = first.told {
            self.duration.add(duration);
            self.redis.add(redis);
        }
        let second = function.ask(self.line, &self.body(round, 2), self.status)?;
        if let Some((duration, redis)) = second.told {
            self.second.add(duration);
            self.second_redis.add(redis);
        }
        Ok(())
    }
}

/// What people use instead, over a Redis of its own. What it is asked for is a debit of a user who exists.
struct Peer {
    name: &'static str,
    arguments: &'static [&'static str],
    redis: Redis,
    first: Figures,
}

impl Peer {
    fn new(name: &'static str, arguments: &'static [&'static str]) -> Result<Self, String> {
        let peer = Self { name, arguments, redis: Redis::start()?, first: Figures::default() };
        peer.debit()?;
        Ok(peer)
    }

    /// Starts it and makes a debit: how long both took, in milliseconds.
    fn debit(&self) -> Result<f64, String> {
        let server = peers::start(self.arguments, &self.redis.url())?;
        let answer = Caller::connect(server.port())?.ask(DEBIT, "", EXISTING, 200)?;
        Ok(milliseconds(answer.when.duration_since(server.begun())))
    }
}

/// Measures each case so many times, in turns, and prints a table.
pub(crate) fn measure(rounds: usize) -> Result<(), String> {
    if cfg!(debug_assertions) {
        eprintln!("bench: this is a debug build; add --release for figures that mean something");
    }
    let mut cases = [
        Case::new("empty function", "empty", "GET /api/empty", Body::None, 200)?,
        Case::new("stats, refused (405)", "stats", "PUT /api/stats", Body::None, 405)?,
        Case::new("health", "health", "GET /api/health", Body::None, 200)?,
        Case::new("stats", "stats", "GET /api/stats?userId=existing", Body::None, 200)?,
        Case::new("debit, existing user", "generations", DEBIT, Body::Existing, 200)?,
        Case::new("debit, new user", "generations", DEBIT, Body::New, 200)?,
    ];
    let mut peers = [
        Peer::new("usual module", &["usual.mjs"])?,
        Peer::new("careful module, JSON", &["careful.mjs", "json"])?,
        Peer::new("careful module, hash", &["careful.mjs", "hash"])?,
    ];
    let redis = Redis::start()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // The user exists, and Redis knows the script, as where others have been before.
    Function::start(&program("generations")?, folder.path(), &redis.url())?.ask(DEBIT, EXISTING, 200)?;
    for round in 0..rounds {
        for case in &mut cases {
            case.measure(round, folder.path(), &redis.url())?;
        }
        for peer in &mut peers {
            peer.first.add(peer.debit()?);
        }
    }
    results::write_table("start", &first_answers(&cases, &peers, rounds))?;
    results::write_table("start-parts", &parts(&cases))?;
    results::write_table("start-targets", &targets(&cases, &peers))
}

fn first_answers(cases: &[Case], peers: &[Peer], rounds: usize) -> String {
    let mut table = format!(
        "From the start of the process, in ms: median (p10–p90) of {rounds} rounds\n\n\
         | first request | ready | first answer | handler | of it Redis | second: handler | of it Redis |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for Case { name, ready, first, duration, redis, second, second_redis, .. } in cases {
        let _ = writeln!(table, "| {name} | {ready} | {first} | {duration} | {redis} | {second} | {second_redis} |");
    }
    for Peer { name, first, .. } in peers {
        let _ = writeln!(table, "| debit, existing user: {name} | | {first} | | | | |");
    }
    table
}

fn parts(cases: &[Case]) -> String {
    let [empty, refused, health, stats, debit, new] = cases else { return String::new() };
    let mut table = "Where it goes, by the medians\n\n| part | ms |\n|---|--:|\n".to_owned();
    let base = empty.first.median() - empty.ready.median();
    for (part, figure) in [
        ("the process, until the runtime is ready", empty.ready.median()),
        ("the same of a function of Jeton's", stats.ready.median()),
        ("connecting to it", stats.connected.median()),
        ("the runtime, from ready to an empty answer", base),
        (
            "settings and catalogue, from ready to a refusal, above that",
            refused.first.median() - refused.ready.median() - base,
        ),
        ("the connection to Redis", health.redis.median() - health.second_redis.median()),
        ("a command to Redis", health.second_redis.median()),
        ("the load before the first debit of a user, and the commit", debit.redis.median()),
        ("the same of a new user", new.redis.median()),
        ("a later debit", debit.second_redis.median()),
    ] {
        let _ = writeln!(table, "| {part} | {figure:.2} |");
    }
    table
}

/// What the first debit is to reach.
fn targets(cases: &[Case], peers: &[Peer]) -> String {
    let [empty, .., debit, _] = cases else { return String::new() };
    let debit = debit.first.median();
    let fastest = peers.iter().map(|peer| peer.first.median()).reduce(f64::min).unwrap_or(f64::NAN);
    targets::table([
        Some(Target::at_most("first debit / first answer of the empty function", debit / empty.first.median(), 3.0)),
        Some(Target::at_most("first debit / that of the fastest module on Node", debit / fastest, 0.1)),
    ])
}
