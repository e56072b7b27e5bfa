use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde::Deserialize;

use crate::{function::SECRET, places::tools};

/// Debits made by oha.
pub(super) struct Debits<'a> {
    pub(super) port: u16,
    pub(super) connections: usize,
    pub(super) seconds: u64,
    /// A body a line, of which each request takes one at random.
    pub(super) bodies: &'a Path,
}

/// What oha says of a run.
pub(super) struct Told {
    pub(super) requests_per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    summary: Summary,
    latency_percentiles: Percentiles,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    requests_per_sec: f64,
}

/// In seconds.
#[derive(Deserialize)]
struct Percentiles {
    p50: f64,
    p99: f64,
}

/// Writes the bodies of debits of so many users.
pub(super) fn write_bodies(file: &Path, users: usize) -> Result<(), String> {
    let bodies = (0..users).map(|user| format!(r#"{{"userId":"u{user}","tokenCost":1}}"#)).collect::<Vec<_>>();
    fs::write(file, bodies.join("\n")).map_err(|error| format!("{}: {error}", file.display()))
}

impl Debits<'_> {
    /// So many a second, by the clock: what waits for an answer before is counted as latency. Without a rate each connection
    /// asks again as soon as it is answered.
    pub(super) fn run(&self, per_second: Option<f64>) -> Result<Told, String> {
        let mut command = Command::new(tools().join("bin/oha"));
        command.args([
            "--no-tui",
            "--output-format",
            "json",
            "--disable-compression",
            "--wait-ongoing-requests-after-deadline",
        ]);
        command.args(["-z", &format!("{}s", self.seconds), "-c", &self.connections.to_string()]);
        command.args(["-m", "POST", "-T", "application/json", "-H", &format!("Authorization: Bearer {SECRET}")]);
        command.arg("-Z").arg(self.bodies);
        if let Some(rate) = per_second {
            command.args(["-q", &format!("{rate:.0}"), "--latency-correction"]);
        }
        command.arg(format!("http://127.0.0.1:{}/api/generations", self.port));
        let output = command.output().map_err(|error| format!("oha: {error}"))?;
        let report = serde_json::from_slice::<Report>(&output.stdout);
        let report = report.map_err(|error| format!("oha: {error}: {}", String::from_utf8_lossy(&output.stderr)))?;
        let Report { summary, latency_percentiles, status_code_distribution: answers, error_distribution: errors } =
            report;
        if !errors.is_empty() || answers.keys().any(|status| status != "200") {
            return Err(format!("oha was answered {answers:?}, and got {errors:?}"));
        }
        Ok(Told {
            requests_per_second: summary.requests_per_sec,
            p50_us: latency_percentiles.p50 * 1e6,
            p99_us: latency_percentiles.p99 * 1e6,
        })
    }
}
