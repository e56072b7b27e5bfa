//! The same calls where there is little and where there is much.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Sizes,
    cores::Cores,
    filling::Filling,
    table::{Table, grouped, judged, raw},
    watched::Watched,
};
use crate::{
    figures::{Figures, milliseconds},
    function::{Function, program},
};

/// How many there are where there is little.
const LITTLE: u32 = 1_000;
/// How many users are asked about, where there are many.
const ASKED: u32 = 1_000;
/// How many entries each of them has, so that a page of theirs is a full one.
const ENTRIES_EACH: u32 = 50;
/// How many requests the two sides make in turns.
const BLOCK: usize = 50;
/// The median where there is much, above that where there is little.
const RATIO_MAX: f64 = 1.1;
/// A prime, and so every multiple of it below a count of users meets another one.
const SPREAD: u64 = 2_654_435_761;
/// Who has the long history.
const ONE: &str = "user-0";

/// A Redis with little in it or with much, and the functions over it.
struct Side {
    redis: Watched,
    debits: Function,
    pages: Function,
    users: Vec<String>,
    debit: Vec<f64>,
    page: Vec<f64>,
    filled_in: Duration,
    asked: usize,
}

/// What was measured of two sides.
struct Pair {
    of: &'static str,
    little: Side,
    much: Side,
    count: u32,
}

impl Side {
    /// A Redis with so many users, some of whom are asked about: the same number on both sides, so that a function
    /// remembers all of them.
    fn of_users(count: u32, folder: &Path) -> Result<Self, String> {
        let users = some_of(count);
        Self::filled(folder, users, |filling, users| {
            filling.open((0..count).map(|number| format!("user-{number}")), 0)?;
            filling.debit_each(users, ENTRIES_EACH)
        })
    }

    /// A Redis with one user, who has so many entries.
    fn of_entries(count: u32, folder: &Path) -> Result<Self, String> {
        Self::filled(folder, vec![ONE.to_owned()], |filling, _| filling.write_history(ONE, count))
    }

    fn filled(
        folder: &Path,
        users: Vec<String>,
        fill: impl FnOnce(&Filling, &[String]) -> Result<(), String>,
    ) -> Result<Self, String> {
        let redis = Watched::start()?;
        let begun = Instant::now();
        fill(&Filling::new(&redis.url())?, &users)?;
        let filled_in = begun.elapsed();
        let debits = Function::start(&program("generations")?, folder, &redis.url())?;
        let pages = Function::start(&program("transactions")?, folder, &redis.url())?;
        Ok(Self { redis, debits, pages, users, debit: Vec::new(), page: Vec::new(), filled_in, asked: 0 })
    }

    /// Makes the function know everybody who is asked about.
    fn warm_up(&mut self, cores: &Cores) -> Result<(), String> {
        cores.first(self.redis.process())?;
        cores.last(self.debits.id())?;
        cores.last(self.pages.id())?;
        for user in &self.users {
            debit(&mut self.debits, user)?;
            page(&mut self.pages, user)?;
        }
        self.redis.forget()
    }

    fn block(&mut self) -> Result<(), String> {
        let all: Vec<&String> = self.users.iter().cycle().skip(self.asked).take(BLOCK).collect();
        for user in &all {
            self.debit.push(debit(&mut self.debits, user)?);
        }
        for user in &all {
            self.page.push(page(&mut self.pages, user)?);
        }
        self.asked = self.asked.saturating_add(BLOCK).checked_rem(self.users.len()).unwrap_or(0);
        Ok(())
    }
}

/// Some of so many users, spread without an order.
fn some_of(count: u32) -> Vec<String> {
    let user = |place: u32| u64::from(place).saturating_mul(SPREAD).checked_rem(count.into()).unwrap_or(0);
    (0..ASKED.min(count)).map(|place| format!("user-{}", user(place))).collect()
}

fn debit(function: &mut Function, user: &str) -> Result<f64, String> {
    let body = format!(r#"{{"userId":"{user}","tokenCost":1}}"#);
    let sent = Instant::now();
    Ok(milliseconds(function.ask("POST /api/generations", &body, 200)?.when.duration_since(sent)))
}

fn page(function: &mut Function, user: &str) -> Result<f64, String> {
    let line = format!("GET /api/transactions?userId={user}");
    let sent = Instant::now();
    Ok(milliseconds(function.ask(&line, "", 200)?.when.duration_since(sent)))
}

impl Pair {
    fn measure(mut self, requests: usize) -> Result<Self, String> {
        let cores = Cores::apart()?;
        self.little.warm_up(&cores)?;
        self.much.warm_up(&cores)?;
        for turn in 0..requests.div_ceil(BLOCK) {
            let mut sides = [&mut self.little, &mut self.much];
            if turn % 2 == 1 {
                sides.reverse();
            }
            for side in sides {
                side.block()?;
            }
        }
        Ok(self)
    }

    /// Adds its rows, and gives the figures behind them.
    fn tell(mut self, table: &mut Table) -> Result<Value, String> {
        let (little, much) = (&mut self.little, &mut self.much);
        let worst = format!("{}; {}", little.redis.worst()?, much.redis.worst()?);
        let mut all = json!({
            "count": self.count,
            "fillSeconds": much.filled_in.as_secs_f64(),
            "worst": worst,
        });
        for (call, little, much) in [("debit", &little.debit, &much.debit), ("page", &little.page, &much.page)] {
            let [little, much] = [little, much].map(|times| times.iter().copied().collect::<Figures>());
            let ratio = much.median() / little.median();
            table.row(&[
                &format_args!("{call}, {} → {} {}", grouped(LITTLE), grouped(self.count), self.of),
                &format_args!("{:.3} / {:.3}", little.median(), little.percentile(99)),
                &format_args!("{:.3} / {:.3}", much.median(), much.percentile(99)),
                &format_args!("{ratio:.3}"),
                &format_args!("≤ {RATIO_MAX}"),
                &judged(ratio, RATIO_MAX),
                &worst,
            ]);
            if let Some(all) = all.as_object_mut() {
                all.insert(call.to_owned(), json!({ "little": raw(&little), "much": raw(&much), "ratio": ratio }));
            }
        }
        Ok(all)
    }
}

/// Measures users and entries, and prints a table.
pub(super) fn measure(sizes: &Sizes, folder: &Path) -> Result<Value, String> {
    let mut table = Table::new(
        "scale",
        &[
            "one caller, ms: median / p99",
            "little",
            "much",
            "ratio of the medians",
            "target",
            "",
            "Redis's worst event: little; much",
        ],
    );
    let little = Side::of_users(LITTLE, folder)?;
    let much = Side::of_users(sizes.users, folder)?;
    let users = Pair { of: "users", little, much, count: sizes.users }.measure(sizes.requests)?;
    let users_filled_in = users.much.filled_in;
    let users = users.tell(&mut table)?;
    let little = Side::of_entries(LITTLE, folder)?;
    let much = Side::of_entries(sizes.entries, folder)?;
    let entries = Pair { of: "entries of one user", little, much, count: sizes.entries }.measure(sizes.requests)?;
    let entries_filled_in = entries.much.filled_in;
    let entries = entries.tell(&mut table)?;
    table.note(&format!(
        "{} requests of each, in turns of {BLOCK}, by one caller over one connection. The larger ones were filled by Jeton's own \
         ledger in {:.0} s and {:.0} s. Of the users {} are asked about, spread over all, with a full page of history each; the \
         functions have met all of them before, on both sides. Redis works on one core, the functions and the caller on another \
         one.",
        sizes.requests,
        users_filled_in.as_secs_f64(),
        entries_filled_in.as_secs_f64(),
        grouped(ASKED),
    ));
    table.publish()?;
    Ok(json!({ "users": users, "entries": entries }))
}
