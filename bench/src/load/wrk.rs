use std::process::Command;

use serde::Deserialize;

use super::workload::Workload;
use crate::{function::SECRET, places::load_scripts};

/// A run of wrk.
pub(crate) struct Load {
    pub(crate) workload: Workload,
    pub(crate) port: u16,
    pub(crate) users: usize,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
    /// What makes its idempotency keys others than those of another run.
    pub(crate) run: &'static str,
}

/// What wrk says of a run, as `load/report.lua` writes it.
#[derive(Deserialize)]
pub(crate) struct Told {
    /// How many answers there were.
    pub(crate) answered: f64,
    /// How many of them say that tokens were debited.
    pub(crate) debits: f64,
    /// How long it took.
    pub(crate) seconds: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// How many answers were no success.
    refused: f64,
    /// How many requests had no answer.
    broken: f64,
}

impl Load {
    /// Makes requests, all of which must succeed.
    pub(crate) fn run(&self) -> Result<Told, String> {
        let connections = self.workload.connections(self.connections);
        let threads = connections.min(2);
        let mut command = Command::new("wrk");
        command.current_dir(load_scripts()).args(["--threads", &threads.to_string()]);
        command.args(["--connections", &connections.to_string(), "--duration", &format!("{}s", self.seconds)]);
        command.args(["--timeout", "10s", "--script", self.workload.script()]);
        command.args([&format!("http://127.0.0.1:{}", self.port), "--", &self.users.to_string(), SECRET, self.run]);
        let output = command.output().map_err(|error| format!("wrk: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let told = text.lines().find_map(|line| serde_json::from_str::<Told>(line).ok());
        let told = told.ok_or_else(|| format!("wrk: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
        if told.refused > 0.0 || told.broken > 0.0 {
            let Told { answered, refused, broken, .. } = told;
            return Err(format!("of {answered} answers {refused} were no success, and {broken} never came"));
        }
        Ok(told)
    }

    /// How many debits are certain to have been answered.
    pub(crate) fn debits(&self, told: &Told) -> f64 {
        let under_way = if self.workload == Workload::Mixed { self.connections } else { 0 };
        let under_way = u32::try_from(under_way).map_or(f64::INFINITY, f64::from);
        (told.debits - under_way).max(0.0)
    }
}
