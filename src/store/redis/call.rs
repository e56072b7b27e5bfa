use std::time::Duration;

use redis::{Arg, Cmd, cmd};

/// How long replicas may take to have a change. Less than Redis may take to answer.
const REPLICAS_TIMEOUT: Duration = Duration::from_secs(1);

/// A command and how it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) command: &'a Cmd,
    /// The script of an `EVALSHA`, for a Redis that does not know it.
    pub(super) script: Option<&'static str>,
    /// How many replicas must have what the command changed before it is answered.
    pub(super) replicas: u8,
}

impl<'a> Call<'a> {
    /// A command on its own.
    pub(super) const fn of(command: &'a Cmd) -> Self {
        Self { command, script: None, replicas: 0 }
    }
}

/// The `EVAL` that does what the `EVALSHA` asks for.
pub(super) fn with_script(evalsha: &Cmd, script: &str) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(script);
    for argument in evalsha.args_iter().skip(2) {
        if let Arg::Simple(argument) = argument {
            eval.arg(argument);
        }
    }
    eval
}

/// Asks how many replicas have all that was changed over this connection, as soon as there are so many.
pub(super) fn wait(replicas: u8) -> Cmd {
    let mut wait = cmd("WAIT");
    wait.arg(replicas).arg(u64::try_from(REPLICAS_TIMEOUT.as_millis()).unwrap_or(u64::MAX));
    wait
}
