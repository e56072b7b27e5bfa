//! Lines for the operator: one JSON object each, with a level, a message and what belongs to it. Never a secret.

use std::io::{self, Write};

use serde::Serialize;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The course of things.
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// The level's name in the line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warn",
            Self::Error => "error",
        }
    }
}

/// A line: `level`, `message`, then `fields`, which are an object or nothing.
#[must_use]
pub fn line(level: Level, message: &str, fields: impl Serialize) -> String {
    #[derive(Serialize)]
    struct Line<'a, F> {
        level: &'static str,
        message: &'a str,
        #[serde(flatten)]
        fields: F,
    }
    // Every field has a JSON form.
    serde_json::to_string(&Line { level: level.name(), message, fields }).unwrap_or_default()
}

/// Writes `text` and the end of the line.
pub fn write(text: &str) {
    // Where nobody reads any more, there is nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line that belongs to no request.
pub fn warning(message: &str) {
    write(&line(Level::Warning, message, ()));
}
