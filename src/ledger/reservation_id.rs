use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// What every id begins with.
const PREFIX: &str = "res_";
/// How long the rest may be, in characters.
pub(super) const LENGTH_MAX: usize = 64;

/// Names a reservation: `res_` and 1–64 of `A–Z a–z 0–9 - _`. Unique to the user. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ReservationId(Arc<str>);

impl ReservationId {
    /// The id that has `name` after its prefix; `None` when `name` cannot be in one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::new(&format!("{PREFIX}{name}"))
    }

    /// `text` as a reservation's id; `None` when it is not one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let name = text.strip_prefix(PREFIX)?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        let valid = (1..=LENGTH_MAX).contains(&name.len()) && name.bytes().all(allowed);
        valid.then(|| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is not the id of a reservation.
#[derive(Debug, thiserror::Error)]
#[error("a reservation's id is res_ and 1 to 64 of A-Z a-z 0-9 - _")]
pub struct InvalidReservationId;

impl TryFrom<String> for ReservationId {
    type Error = InvalidReservationId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or(InvalidReservationId)
    }
}
