use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The longest user id, in characters (contract §5).
pub(super) const LENGTH_MAX: usize = 128;

/// Who an account belongs to: 1–128 of `A–Z a–z 0–9 . _ : @ | + ~ -` (contract §5). Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct UserId(Arc<str>);

impl UserId {
    /// `text` as a user id; `None` when it is not one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@|+~-".contains(&byte);
        let valid = (1..=LENGTH_MAX).contains(&text.len()) && text.bytes().all(allowed);
        valid.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not a user id.
#[derive(Debug, thiserror::Error)]
#[error("a user id is 1 to 128 of A-Z a-z 0-9 . _ : @ | + ~ -")]
pub struct InvalidUserId;

impl TryFrom<String> for UserId {
    type Error = InvalidUserId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or(InvalidUserId)
    }
}
