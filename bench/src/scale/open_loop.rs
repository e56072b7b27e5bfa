//! Debits that come when they come, however long those before them take.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{caller::Caller, figures::milliseconds};

/// How many connections take turns: a debit waits for one only when so many are under way.
const CONNECTIONS: u32 = 8;

/// Debits under way, until they are stopped.
pub(super) struct OpenLoop {
    over: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Result<Vec<Debit>, String>>>,
}

/// A debit: when it was due, and how long it took from then on, in milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Debit {
    pub(super) due: Instant,
    pub(super) took: f64,
}

impl OpenLoop {
    /// So many debits a second by the function at `port`, of users who take turns.
    pub(super) fn start(port: u16, rate: u32, users: &Arc<[String]>) -> Result<Self, String> {
        let over = Arc::new(AtomicBool::new(false));
        let begin = Instant::now();
        let period = Duration::from_secs(1).checked_div(rate).ok_or("no debits at all")?;
        let callers = (0..CONNECTIONS).map(|first| {
            let (over, users, caller) = (Arc::clone(&over), Arc::clone(users), Caller::connect(port)?);
            let turns = (first..).step_by(usize::try_from(CONNECTIONS).unwrap_or(1));
            let dues = turns.map_while(move |turn| Some((turn, begin.checked_add(period.checked_mul(turn)?)?)));
            Ok(thread::spawn(move || call(caller, dues, &users, &over)))
        });
        Ok(Self { callers: callers.collect::<Result<_, String>>()?, over })
    }

    /// Ends them and gives all.
    pub(super) fn stop(self) -> Result<Vec<Debit>, String> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for caller in self.callers {
            all.extend(caller.join().map_err(|_| "a caller panicked")??);
        }
        Ok(all)
    }
}

/// Debits at each of `dues`. Who is late because the answer before was late is counted from when the debit was due; that the
/// thread woke late is not the debit's time.
fn call(
    mut caller: Caller,
    dues: impl Iterator<Item = (u32, Instant)>,
    users: &[String],
    over: &AtomicBool,
) -> Result<Vec<Debit>, String> {
    let mut debits = Vec::new();
    for (turn, due) in dues {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let early = due.saturating_duration_since(Instant::now());
        thread::sleep(early);
        let from = if early.is_zero() { due } else { Instant::now() };
        let place = usize::try_from(turn).ok().and_then(|turn| turn.checked_rem(users.len())).unwrap_or(0);
        let user = users.get(place).ok_or("nobody to debit")?;
        let body = format!(r#"{{"userId":"{user}","tokenCost":1}}"#);
        let answer = caller.ask("POST /api/generations", "", &body, 200)?;
        debits.push(Debit { due, took: milliseconds(answer.when.saturating_duration_since(from)) });
    }
    Ok(debits)
}
