//! The accounts of a measurement: opened before, and looked at after.

use std::thread;

use serde_json::Value;

use super::{contender::Running, workload::Workload};
use crate::caller::Caller;

/// How many ask at once.
const CALLERS: usize = 16;

/// What a user gets who would have too few tokens otherwise.
const PURCHASE: &str = "1000000000000";

/// Opens the accounts of users u0 to u`users - 1`, with a debit of one token each.
pub(crate) fn open(running: &Running, workload: Workload, users: usize) -> Result<(), String> {
    if workload == Workload::Hot {
        let body = format!(r#"{{"userId":"u0","amount":{PURCHASE}}}"#);
        Caller::connect(running.desk())?.ask("POST /api/tokens", "", &body, 200)?;
    }
    // Where debits are measured they are made there, so that it knows the accounts.
    let port = match workload {
        Workload::Reads | Workload::Streams => running.desk(),
        Workload::Users | Workload::Hot | Workload::Mixed | Workload::Alone | Workload::Platform | Workload::Keys => {
            running.door()
        }
    };
    each(port, users, |caller, user| {
        let body = format!(r#"{{"userId":"u{user}","tokenCost":1}}"#);
        caller.ask("POST /api/generations", "", &body, 200).map(|_| 0.0)
    })?;
    Ok(())
}

/// How many tokens the accounts say were used since they were opened.
pub(crate) fn used(running: &Running, users: usize) -> Result<f64, String> {
    each(running.desk(), users, |caller, user| {
        let answer = caller.ask(&format!("GET /api/stats?userId=u{user}"), "", "", 200)?;
        let stats = serde_json::from_slice::<Value>(&answer.body).map_err(|error| error.to_string())?;
        let used = stats.get("tokensUsed").and_then(Value::as_f64);
        used.map(|used| used - 1.0).ok_or_else(|| format!("no tokensUsed in {stats}"))
    })
}

/// Asks about each user, and adds up what is answered.
fn each(
    port: u16,
    users: usize,
    ask: impl Fn(&mut Caller, usize) -> Result<f64, String> + Sync,
) -> Result<f64, String> {
    let run = |share: usize| {
        let mut caller = Caller::connect(port)?;
        (share..users).step_by(CALLERS).map(|user| ask(&mut caller, user)).sum::<Result<f64, String>>()
    };
    thread::scope(|scope| {
        let callers = (0..CALLERS).map(|share| scope.spawn(move || run(share)));
        let callers = callers.collect::<Vec<_>>().into_iter();
        callers.map(|caller| caller.join().map_err(|_| "a caller panicked".to_owned()).flatten()).sum()
    })
}
