//! What was measured, in files below `target/bench/`.

use std::{fs, path::PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::places::results;

/// Writes what a part has measured.
pub(crate) fn write<T: Serialize>(part: &str, measured: &T) -> Result<(), String> {
    let text = serde_json::to_string_pretty(measured).map_err(|error| error.to_string())?;
    write_file(&format!("{part}.json"), &text)
}

/// What a part has measured, if it did.
pub(crate) fn read<T: DeserializeOwned>(part: &str) -> Result<Option<T>, String> {
    let file = results().join(format!("{part}.json"));
    let Ok(text) = fs::read_to_string(&file) else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", file.display()))
}

/// Prints a table, and writes it for the report under this name.
pub(crate) fn write_table(name: &str, table: &str) -> Result<(), String> {
    println!("{table}");
    write_file(&format!("{name}.md"), table)
}

/// The table of this name, if there is one.
pub(crate) fn read_table(name: &str) -> Option<String> {
    fs::read_to_string(results().join(format!("{name}.md"))).ok()
}

fn write_file(name: &str, text: &str) -> Result<(), String> {
    let file: PathBuf = results().join(name);
    let written = fs::create_dir_all(results()).and_then(|()| fs::write(&file, text));
    written.map_err(|error| format!("{}: {error}", file.display()))
}
