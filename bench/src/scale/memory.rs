//! What users, entries and remembered keys take in Redis, and remembered accounts in a function.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Sizes,
    filling::Filling,
    table::{Table, grouped, judged},
    watched::Watched,
};
use crate::{
    caller::Caller,
    function::{Function, program},
};

/// How many accounts a function remembers.
const REMEMBERED: u32 = 10_000;
/// How many entries each user gets where there are many users.
const ENTRIES_EACH: u32 = 100;
/// What an entry of a debit may take in Redis, in bytes.
const ENTRY_MAX: f64 = 250.0;

/// Debits so many times through a function of its own. Gives the bytes that this takes in Redis and the function's memory
/// after it, in KiB.
fn debits(
    redis: &mut Watched,
    folder: &Path,
    user: impl Fn(u32) -> String,
    header: impl Fn(u32) -> String,
) -> Result<(f64, f64), String> {
    let function = Function::start(&program("generations")?, folder, &redis.url())?;
    let mut caller = Caller::connect(function.port())?;
    let before = redis.memory()?;
    for number in 0..REMEMBERED {
        let body = format!(r#"{{"userId":"{}","tokenCost":1}}"#, user(number));
        caller.ask("POST /api/generations", &header(number), &body, 200)?;
    }
    Ok((redis.memory()? - before, function.memory_kib()?))
}

/// Measures, and prints a table.
pub(super) fn measure(sizes: &Sizes, folder: &Path) -> Result<Value, String> {
    let named = |number| format!("user-{number}");
    let (user, entry_of_one) = in_large_redis(sizes)?;

    let mut redis = Watched::start()?;
    let filling = Filling::new(&redis.url())?;
    filling.open((0..REMEMBERED).map(named), 0)?;
    let one = |_| "one".to_owned();
    filling.write_history("one", 1)?;
    redis.forget()?;
    let (without_keys, one_account) = debits(&mut redis, folder, one, |_| String::new())?;
    let key = |number| format!("idempotency-key: a-key-of-the-bench-{number}\r\n");
    let (with_keys, _) = debits(&mut redis, folder, one, key)?;
    let (_, all_accounts) = debits(&mut redis, folder, named, |_| String::new())?;
    let key = (with_keys - without_keys) / f64::from(REMEMBERED);
    let cached = (all_accounts - one_account) / f64::from(REMEMBERED.saturating_sub(1));

    let before = redis.memory()?;
    let users: Vec<String> = (0..REMEMBERED).map(named).collect();
    filling.debit_each(&users, ENTRIES_EACH)?;
    let entry = (redis.memory()? - before) / f64::from(REMEMBERED.saturating_mul(ENTRIES_EACH));
    let worst = redis.worst()?;

    let mut table = Table::new("memory", &["memory", "", "target", ""]);
    let mut row = |what: String, figure: String| table.row(&[&what, &figure, &"", &""]);
    row(format!("Redis: a user who was just opened, of {}", grouped(sizes.users)), format!("{user:.0} bytes"));
    row(format!("Redis: a remembered idempotency key, of {}", grouped(REMEMBERED)), format!("{key:.0} bytes"));
    row("function: one account remembered".to_owned(), format!("{:.1} MiB", one_account / 1_024.0));
    row(
        format!("function: {} accounts remembered, the most it does", grouped(REMEMBERED)),
        format!("{:.1} MiB, {cached:.2} KiB each", all_accounts / 1_024.0),
    );
    for (of, bytes) in [
        (format!("{} of one user", grouped(sizes.entries)), entry_of_one),
        (format!("{ENTRIES_EACH} of each of {} users", grouped(REMEMBERED)), entry),
    ] {
        let target = format!("≤ {ENTRY_MAX:.0} bytes");
        let figure = format!("{bytes:.0} bytes");
        table.row(&[&format_args!("Redis: an entry of a debit, {of}"), &figure, &target, &judged(bytes, ENTRY_MAX)]);
    }
    table.note(&format!(
        "By `used_memory` and `VmRSS`. Both functions have answered {} debits, the one of one user, the other one of each user. \
         Redis's worst event meanwhile: {worst}.",
        grouped(REMEMBERED),
    ));
    table.publish()?;
    Ok(json!({
        "userBytes": user,
        "entryBytes": entry,
        "entryOfOneBytes": entry_of_one,
        "keyBytes": key,
        "functionKib": { "oneAccount": one_account, "allAccounts": all_accounts, "eachAccount": cached },
        "worst": worst,
    }))
}

/// The bytes of a user and of an entry of one history where there are many.
fn in_large_redis(sizes: &Sizes) -> Result<(f64, f64), String> {
    let mut redis = Watched::start()?;
    let filling = Filling::new(&redis.url())?;
    // What the script and the connection take is there before.
    filling.write_history("one", 1)?;
    let before = redis.memory()?;
    filling.open((0..sizes.users).map(|number| format!("user-{number}")), 0)?;
    let opened = redis.memory()?;
    filling.write_history("one", sizes.entries)?;
    let written = redis.memory()?;
    Ok(((opened - before) / f64::from(sizes.users), (written - opened) / f64::from(sizes.entries)))
}
