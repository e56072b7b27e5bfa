//! docs/performance.md: the tables between its marks, and the plots beside it, of what was measured last.

mod plots;

use std::{fmt::Write, fs, path::PathBuf};

use clap::Args;

use crate::{machine, places::docs, results::read_table};

const PAGE: &str = "performance.md";
const BEGIN: &str = "<!-- bench: ";
const END: &str = "<!-- /bench: ";

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// The folder to write to; docs/ if nothing is said.
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

/// Writes tables and plots. What was not measured stays as it is.
pub(crate) fn write(ReportArguments { into }: ReportArguments) -> Result<(), String> {
    machine::describe()?;
    let (from, into) = (docs().join(PAGE), into.unwrap_or_else(docs));
    let text = fs::read_to_string(&from).map_err(|error| format!("{}: {error}", from.display()))?;
    let text = with_tables(&text)?;
    let written = fs::create_dir_all(&into).and_then(|()| fs::write(into.join(PAGE), text));
    written.map_err(|error| format!("{}: {error}", into.display()))?;
    plots::draw(&into.join("performance"))
}

/// The same text with the tables that there are, each between the marks of its name.
fn with_tables(text: &str) -> Result<String, String> {
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let marked = after.split_once(" -->").and_then(|(name, after)| {
            let (kept, after) = after.split_once(&format!("{END}{name} -->"))?;
            Some((name, kept, after))
        });
        let (name, kept, after) = marked.ok_or_else(|| format!("a mark in {PAGE} has no end"))?;
        let table = read_table(name).map(|table| format!("\n\n{}\n\n", table.trim()));
        if table.is_none() {
            eprintln!("bench: {name} was not measured: {PAGE} keeps what it has");
        }
        written.push_str(before);
        let _ = write!(written, "{BEGIN}{name} -->{}{END}{name} -->", table.as_deref().unwrap_or(kept));
        rest = after;
    }
    written.push_str(rest);
    Ok(written)
}
