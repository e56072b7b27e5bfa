//! Tables, as they are printed and as documents take them in.

use std::{fmt, fs, path::PathBuf};

use serde_json::{Value, json};

use crate::figures::Figures;

pub(super) struct Table {
    name: &'static str,
    text: String,
}

impl Table {
    /// A table with these columns. It is written as `name`.md.
    pub(super) fn new(name: &'static str, columns: &[&str]) -> Self {
        let line = "|---".repeat(columns.len());
        Self { name, text: format!("| {} |\n{line}|\n", columns.join(" | ")) }
    }

    pub(super) fn row(&mut self, cells: &[&dyn fmt::Display]) {
        let cells: Vec<String> = cells.iter().map(|cell| format!("| {cell} ")).collect();
        self.text += &cells.concat();
        self.text += "|\n";
    }

    /// A paragraph below.
    pub(super) fn note(&mut self, note: &str) {
        self.text = format!("{}\n{note}\n", self.text);
    }

    /// Prints it and writes it.
    pub(super) fn publish(&self) -> Result<(), String> {
        println!("{}", self.text);
        write(&format!("{}.md", self.name), &self.text)
    }
}

/// Writes to `target/bench/`, beside the folder that this program is in.
pub(super) fn write(name: &str, text: &str) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder: PathBuf = own.ancestors().nth(2).map(|target| target.join("bench")).ok_or("no target folder")?;
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(folder.join(name), text));
    written.map_err(|error| format!("{}: {error}", folder.display()))
}

/// Whether `figure` is at most `target`.
pub(super) fn judged(figure: f64, target: f64) -> &'static str {
    if figure <= target { "✓" } else { "✗" }
}

/// Thousands apart.
pub(super) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// All percentiles, in milliseconds.
pub(super) fn raw(figures: &Figures) -> Value {
    let percentiles: Vec<f64> = (0..=100).map(|percent| figures.percentile(percent)).collect();
    json!({ "count": figures.count(), "percentiles": percentiles })
}
