//! Texts of the module that Jeton replaces, as far as they fit: what is longer is cut, and nothing is left out for it.

use serde_json::Value;

use super::{ContentType, Entry};

/// The longest name of a content type, in bytes.
const CONTENT_TYPE_MAX: usize = 64;
/// The longest text that is kept in an entry's metadata, in characters: four bytes each, and six where they are escaped.
const KEPT_MAX: usize = 150;

/// A description as the ledger may have it. `None` for an empty one.
pub(super) fn fitted(text: &str) -> Option<String> {
    let text: String = text.chars().map(|letter| if Entry::describes_with(letter) { letter } else { ' ' }).collect();
    Some(cut(&text, Entry::DESCRIPTION_LENGTH_MAX)).filter(|text| !text.is_empty())
}

/// The content type of this name, if it can be one.
pub(super) fn named(value: &Value) -> Option<ContentType> {
    let name = value.as_str()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let valid = (1..=CONTENT_TYPE_MAX).contains(&name.len()) && name.bytes().all(allowed);
    valid.then(|| ContentType::new(name))
}

/// What is kept of a value in the metadata of an entry: it itself, or the beginning of its text.
pub(super) fn kept(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        Value::String(text) => cut(text, KEPT_MAX).into(),
        Value::Array(_) | Value::Object(_) => cut(&value.to_string(), KEPT_MAX).into(),
    }
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['…']).collect(),
    }
}
