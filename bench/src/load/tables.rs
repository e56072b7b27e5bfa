//! What was measured, as Markdown.

use std::fmt::Write;

use clap::ValueEnum;

use super::{Measured, contender::Contender, sample::Sample, targets, workload::Workload};
use crate::results::write_table;

/// A column: what it is called, which figure it has, and how many digits after the point.
type Column = (&'static str, fn(&Sample) -> f64, usize);

const COSTS: [Column; 7] = [
    ("processor of the function, µs", |sample| sample.processor_us, 1),
    ("commands to Redis", |sample| sample.redis_calls, 2),
    ("their time in Redis, µs", |sample| sample.redis_us, 2),
    ("processor of Redis, µs", |sample| sample.redis_processor_us, 2),
    ("bytes to Redis", |sample| sample.bytes_sent, 0),
    ("bytes from Redis", |sample| sample.bytes_received, 0),
    ("debits lost", |sample| sample.debits_lost, 0),
];

const LATENCIES: [Column; 2] =
    [("median, µs", |sample| sample.p50_us, 0), ("99th percentile, µs", |sample| sample.p99_us, 0)];

/// Writes and prints all tables of a run.
pub(crate) fn write(measured: &Measured) -> Result<(), String> {
    write_table("throughput", &throughput(measured))?;
    write_table("cost", &by_row(measured, &COSTS))?;
    write_table("closed-latency", &by_row(measured, &LATENCIES))?;
    write_table("floor", &floor(measured))?;
    write_table("targets", &targets::table(measured))
}

/// The floor of one caller's answer.
fn floor(measured: &Measured) -> String {
    let microseconds = |figure: f64| format!("{figure:.1}");
    let mut table = "| one caller | median, µs |\n|---|--:|\n".to_owned();
    let _ = writeln!(table, "| `PING` | {} |", measured.ping_us.range(microseconds));
    for &contender in Contender::value_variants() {
        if let Some(figures) = measured.figures(Workload::Alone, contender, |sample| sample.p50_us) {
            let _ = writeln!(table, "| {} | {} |", contender.name(), figures.range(microseconds));
        }
    }
    table
}

/// Requests per second: a row for each workload, a column for each contender.
fn throughput(measured: &Measured) -> String {
    let contenders = measured.contenders();
    let mut table = "| requests/s |".to_owned();
    for contender in &contenders {
        let _ = write!(table, " {} |", contender.name());
    }
    table.push_str("\n|---|");
    table.push_str(&"--:|".repeat(contenders.len()));
    for workload in measured.workloads() {
        let _ = write!(table, "\n| {} |", workload.title());
        for &contender in &contenders {
            let figures = measured.figures(workload, contender, |sample| sample.requests_per_second);
            let _ = write!(table, " {} |", figures.unwrap_or_default().range(|rate| format!("{rate:.0}")));
        }
    }
    table.push('\n');
    table
}

/// A row for each contender at each workload.
fn by_row(measured: &Measured, columns: &[Column]) -> String {
    let mut table = "| workload | who |".to_owned();
    for (title, _, _) in columns {
        let _ = write!(table, " {title} |");
    }
    table.push_str("\n|---|---|");
    table.push_str(&"--:|".repeat(columns.len()));
    for series in &measured.series {
        let _ = write!(table, "\n| {} | {} |", series.workload.title(), series.contender.name());
        for (_, figure, digits) in columns {
            let figures = measured.figures(series.workload, series.contender, figure).unwrap_or_default();
            let _ = write!(table, " {:.*} |", digits, figures.median());
        }
    }
    table.push('\n');
    table
}
