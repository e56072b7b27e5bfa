use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Revision, StoreError};
use crate::{
    ledger::{ReservationId, TransactionId, UserId},
    unreadable::Unreadable,
};

/// How long the answer to an idempotent request is remembered (contract §4).
pub const ONCE_LIFETIME: Duration = Duration::from_hours(24);

/// How long it is told what became of a reservation after it was closed.
pub const RESERVATION_RECORD_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// The name of a text that is kept beside an account and written once, with the commit that it tells of. What the text
/// says is not the store's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordName {
    /// The answer to an idempotent request: an [`OnceRecord`].
    Answer(IdempotencyKey),
    /// That the commit of this revision was written: what one without entries leaves, so that it can be found.
    Mark(Revision),
    /// That this debit was refunded.
    Refund(TransactionId),
    /// What became of this reservation, which is closed.
    Reservation(ReservationId),
}

impl RecordName {
    /// How long the record is kept; `None`: for ever.
    #[must_use]
    pub const fn lifetime(&self) -> Option<Duration> {
        match self {
            Self::Answer(_) | Self::Mark(_) => Some(ONCE_LIFETIME),
            Self::Refund(_) => None,
            Self::Reservation(_) => Some(RESERVATION_RECORD_LIFETIME),
        }
    }

    /// The same in milliseconds.
    pub(super) fn lifetime_ms(&self) -> Option<u64> {
        self.lifetime().map(|lifetime| u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX))
    }
}

/// The caller's name for a change: 1–255 visible ASCII characters (contract §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `text` as a key; `None` when it is not one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        valid.then(|| Self(text.to_owned()))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The remembered answer to an idempotent request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnceRecord {
    /// The commit that wrote it.
    pub commit: Revision,
    /// What was asked: SHA-256, in hexadecimal.
    pub fingerprint: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub body: String,
}

impl OnceRecord {
    /// Reads a record of `user` as everybody must: what cannot have been an answer is an error, and never answered.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn read(user: &UserId, record: &str) -> Result<Self, StoreError> {
        let damaged = |damage: String| {
            StoreError::Damaged(format!(
                "an idempotency record of user {user} is damaged and was left as it is: {damage}"
            ))
        };
        let record: Self =
            serde_json::from_str(record).map_err(|error| damaged(Unreadable::from(error).to_string()))?;
        // What is remembered is a success, or a refusal by a rule.
        if record.status == 200 || (400..=499).contains(&record.status) {
            Ok(record)
        } else {
            Err(damaged(format!("it has status {}", record.status)))
        }
    }
}
