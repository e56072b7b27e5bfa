//! From the start of a process to its first answer.

use std::path::PathBuf;

use crate::{figures::Figures, function::Function, process::program, redis::Redis};

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
        Case::new("debit, existing user", "generations", "POST /api/generations", Body::Existing, 200)?,
        Case::new("debit, new user", "generations", "POST /api/generations", Body::New, 200)?,
    ];
    let redis = Redis::start()?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    // The user exists, and Redis knows the script, as where others have been before.
    Function::start(&program("generations")?, folder.path(), &redis.url())?.ask(
        "POST /api/generations",
        EXISTING,
        200,
    )?;
    for round in 0..rounds {
        for case in &mut cases {
            case.measure(round, folder.path(), &redis.url())?;
        }
    }
    print(&cases, rounds);
    Ok(())
}

fn print(cases: &[Case], rounds: usize) {
    println!("From the start of the process, in ms: median (p10–p90) of {rounds} rounds\n");
    println!("| first request | ready | first answer | handler | of it Redis | second: handler | of it Redis |");
    println!("|---|---|---|---|---|---|---|");
    for Case { name, ready, first, duration, redis, second, second_redis, .. } in cases {
        println!("| {name} | {ready} | {first} | {duration} | {redis} | {second} | {second_redis} |");
    }
    let [empty, refused, health, stats, debit, new] = cases else { return };
    println!("\nWhere it goes, by the medians\n");
    println!("| part | ms |");
    println!("|---|---|");
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
        println!("| {part} | {figure:.2} |");
    }
}
