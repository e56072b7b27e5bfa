//! Asking again, where an answer is right and yet not the one that a test is about: whoever stands still for a moment on a
//! busy machine is answered late, or told that the store was late.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{
    client::Answer,
    process::{PATIENCE, TOO_LATE},
};

/// What the first attempt gives that nothing disturbed, of so many. An attempt tells by `None` that it was disturbed.
pub(crate) async fn undisturbed<T>(what: &str, attempts: usize, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..attempts {
        if let Some(result) = attempt().await {
            return result;
        }
    }
    panic!("{what}: each of {attempts} attempts came too late");
}

/// What came of an attempt, if that is in time for a caller. Some answers come a second before it is too late, and by
/// design.
pub(crate) fn in_time<T>(begun: Instant, result: T) -> Option<T> {
    (begun.elapsed() < TOO_LATE).then_some(result)
}

/// What a round tells that took less than `limit`: a process that was not let run for so long sees more than what is looked
/// for. The third one counts in any case.
pub(crate) async fn unstalled<T>(limit: Duration, mut round: impl AsyncFnMut() -> T) -> T {
    for _ in 0..2 {
        let begun = Instant::now();
        let told = round().await;
        if begun.elapsed() < limit {
            return told;
        }
    }
    round().await
}

/// Whether a line of the log says no more than that the store was late, whatever else was wrong with it.
pub(crate) fn says_late(line: &Value) -> bool {
    line["message"].as_str().unwrap().contains("did not answer in time")
}

/// The first answer that is no 503. Only for what may be asked again: a read, a change under a key, or one that is known not
/// to have been made.
pub(crate) async fn served<F: Future<Output = Answer>>(ask: impl Fn() -> F) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status != 503 || begun.elapsed() > PATIENCE {
            return answer;
        }
    }
}
