//! Where it was measured.

use std::{fmt::Write, fs, process::Command, thread};

use crate::{places::tools, results::write_table};

/// Prints and writes what this machine is, and what runs on it.
pub(crate) fn describe() -> Result<(), String> {
    let cores = thread::available_parallelism().map_err(|error| error.to_string())?;
    let oha = tools().join("bin/oha");
    let rows = [
        ("processor", field("/proc/cpuinfo", "model name")),
        ("cores", cores.to_string()),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()),
        ("Redis", said("redis-server", &["--version"])),
        ("Rust", said("rustc", &["--version"])),
        ("Node", said("node", &["--version"])),
        ("wrk", said("wrk", &["--version"])),
        ("oha", said(&oha.to_string_lossy(), &["--version"])),
        ("date", said("date", &["--utc", "--iso-8601"])),
    ];
    let mut table = "| | |\n|---|---|\n".to_owned();
    for (name, value) in rows {
        let _ = writeln!(table, "| {name} | {} |", value.trim());
    }
    write_table("machine", &table)
}

/// What a file of the system says of `name`.
fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// The first line that a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
}
