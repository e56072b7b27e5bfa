//! Lines for the operator: one JSON object each, with a level, a message and what belongs to it. Never a secret.

use std::io::{self, Write};

use serde_json::{Map, Value};

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

/// A line: `level`, `message`, then `fields`.
#[must_use]
pub fn line(level: Level, message: &str, fields: Map<String, Value>) -> String {
    let mut line = Map::new();
    line.insert("level".into(), level.name().into());
    line.insert("message".into(), message.into());
    line.extend(fields);
    Value::Object(line).to_string()
}

/// Writes `text` and the end of the line.
pub fn write(text: &str) {
    // Where nobody reads any more, there is nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Writes a line that belongs to no request.
pub fn warning(message: &str) {
    write(&line(Level::Warning, message, Map::new()));
}
