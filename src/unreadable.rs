//! What is wrong with stored JSON, for the operator's log: the place and the kind, never the text, which may be a
//! caller's own words.

use serde_json::error::Category;

/// Where a JSON text is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct Unreadable {
    kind: &'static str,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        let kind = match error.classify() {
            Category::Syntax => "it is not JSON",
            Category::Eof => "it ends too early",
            Category::Data | Category::Io => "it holds what does not belong there",
        };
        Self { kind, line: error.line(), column: error.column() }
    }
}
