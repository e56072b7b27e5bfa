//! `jeton verify` and the other commands, as an operator runs them.

use std::{
    iter,
    path::Path,
    process::{Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use super::{process::PATIENCE, redis::Redis, server::Settings};

/// The exit code of a command that could not look, or not to the end. It never hides a difference.
pub(crate) const AWAY: i32 = 2;

/// What a run said.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The exit code.
    pub(crate) code: i32,
    /// The lines of the standard output: the differences, then the summary.
    pub(crate) lines: Vec<String>,
    /// The standard error.
    pub(crate) errors: String,
}

impl Verified {
    /// The differences of `user`, without the name.
    pub(crate) fn of(&self, user: &str) -> Vec<&str> {
        let own =
            |line: &'_ String| line.starts_with(&format!("user {user}:")) || line.starts_with(&format!("user {user},"));
        self.lines
            .iter()
            .filter(|line| own(line))
            .map(|line| line["user ".len() + user.len()..].trim_start_matches([':', ',', ' ']))
            .collect()
    }

    /// A figure of the summary.
    pub(crate) fn figure(&self, name: &str) -> u64 {
        let summary = self.lines.last().unwrap_or_else(|| panic!("no summary: {self:?}"));
        let rest = summary.split(&format!("{name} ")).nth(1).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        rest.split(',').next().unwrap().parse().unwrap()
    }
}

/// Runs it in `folder` with these arguments and settings, and nothing else.
pub(crate) fn verify(folder: &Path, arguments: &[&str], settings: Settings<'_>) -> Verified {
    run("verify", folder, arguments, settings)
}

/// Runs the command of this name in the same way.
pub(crate) fn run(name: &str, folder: &Path, arguments: &[&str], settings: Settings<'_>) -> Verified {
    let output = command(folder, &[&[name], arguments].concat(), settings);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Verified {
        code: output.status.code().expect("it ends by itself"),
        lines: text(output.stdout).lines().map(str::to_owned).collect(),
        errors: text(output.stderr),
    }
}

/// Runs `jeton` in `folder` with these arguments and settings, and nothing else.
pub(crate) fn command(folder: &Path, arguments: &[&str], settings: Settings<'_>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    output_in_time(command.current_dir(folder).env_clear().envs(settings.iter().copied()).args(arguments))
}

/// What `command` says until it ends.
fn output_in_time(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = Pid::from_child(&child);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait_with_output()));
    let output = end.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        kill_process(id, Signal::KILL).unwrap();
        panic!("{command:?} did not end")
    });
    output.unwrap()
}

/// The first of at most three runs whose exit code is not that of a store which was away, or the last one: a Redis that is
/// there may be away for a process that was not let run for long.
pub(crate) fn not_away<T>(run: impl Fn() -> T, code: impl Fn(&T) -> i32) -> T {
    let mut runs = iter::repeat_with(&run).take(2);
    runs.find(|run| code(run) != AWAY).unwrap_or_else(&run)
}

/// Runs it over `redis` with these arguments.
pub(crate) fn verify_redis(redis: &Redis, arguments: &[&str]) -> Verified {
    verify_at(&redis.url(), arguments)
}

fn verify_at(url: &str, arguments: &[&str]) -> Verified {
    not_away(|| verify(Path::new("/"), arguments, &[("REDIS_URL", url)]), |verified| verified.code)
}

/// Every account in the Redis at `url` is what its history says, and there are so many.
pub(crate) fn assert_sound(url: &str, accounts: u64) {
    let verified = verify_at(url, &[]);
    assert_eq!((verified.code, verified.figure("accounts")), (0, accounts), "{verified:#?}");
}
