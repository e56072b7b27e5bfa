use redis::{Arg, Cmd, cmd};

/// A command and how it is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) command: &'a Cmd,
    /// The script of an `EVALSHA`, for a Redis that does not know it.
    pub(super) script: Option<&'static str>,
}

impl<'a> Call<'a> {
    /// A command on its own.
    pub(super) const fn of(command: &'a Cmd) -> Self {
        Self { command, script: None }
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
