use std::fmt;

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize, Serializer};

/// The last millisecond of the year 9999, the end of RFC 3339.
const MILLIS_MAX: u64 = 253_402_300_799_999;

/// A day of 24 hours, in milliseconds.
pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// An instant, to the millisecond, from 1970 to 9999. Stored as milliseconds since the Unix epoch, shown to callers as
/// RFC 3339 in UTC (contract §2) by [`Timestamp::serialize_rfc3339`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// The last instant there is.
    pub(super) const END: Self = Self(MILLIS_MAX);

    /// `millis` since the Unix epoch; `None` after the year 9999.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Option<Self> {
        if millis <= MILLIS_MAX { Some(Self(millis)) } else { None }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This instant `millis` earlier, at the earliest the epoch.
    #[must_use]
    pub const fn earlier_by(self, millis: u64) -> Self {
        Self(self.0.saturating_sub(millis))
    }

    /// This instant `millis` later; `None` after the year 9999.
    #[must_use]
    pub const fn later_by(self, millis: u64) -> Option<Self> {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant so many days of 24 hours later; `None` after the year 9999.
    #[must_use]
    pub fn later_by_days(self, days: u16) -> Option<Self> {
        self.later_by(DAY_MS.saturating_mul(days.into()))
    }

    /// The millisecond of this RFC 3339 instant; one before 1970 is the epoch. `None` after the year 9999, as what comes
    /// later is not the same.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
        Self::from_millis(u64::try_from(time.timestamp_millis()).unwrap_or(0))
    }

    /// This instant as a calendar value.
    #[must_use]
    pub fn to_utc(self) -> DateTime<Utc> {
        i64::try_from(self.0).ok().and_then(DateTime::from_timestamp_millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Writes RFC 3339 in UTC with milliseconds, for `#[serde(serialize_with)]`.
    ///
    /// # Errors
    /// Only what the serializer itself reports.
    pub fn serialize_rfc3339<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Text::of(*self).as_str())
    }
}

/// An instant as callers see it, for `#[serde(with)]`.
pub(super) mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Timestamp;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field")]
    pub(in crate::ledger) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        at.serialize_rfc3339(serializer)
    }

    pub(in crate::ledger) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(d)?;
        Timestamp::from_rfc3339(&text).ok_or_else(|| Error::custom("it is not an RFC 3339 instant"))
    }
}

/// An instant that may be missing, as callers see it, for `#[serde(with)]`.
pub(super) mod optional_rfc3339 {
    use serde::{Deserializer, Serializer};

    use super::{Timestamp, rfc3339};

    #[expect(clippy::ref_option, reason = "serde passes the field")]
    pub(in crate::ledger) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => at.serialize_rfc3339(serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(in crate::ledger) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Timestamp>, D::Error> {
        rfc3339::deserialize(d).map(Some)
    }
}

impl From<DateTime<Utc>> for Timestamp {
    /// The millisecond that contains `time`; what lies outside 1970 … 9999 becomes the nearer end.
    fn from(time: DateTime<Utc>) -> Self {
        Self(u64::try_from(time.timestamp_millis()).unwrap_or(0).min(MILLIS_MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Text::of(*self).as_str())
    }
}

/// RFC 3339 in UTC with milliseconds. Written by hand, as every answer has a handful of them: a tenth of the time that
/// chrono's formatter takes.
struct Text([u8; 24]);

impl Text {
    fn of(at: Timestamp) -> Self {
        let date = at.to_utc().date_naive();
        let (seconds, minutes, hours) = (at.0 / 1_000, at.0 / 60_000, at.0 / 3_600_000);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let [y1, y2, y3, y4, _, m1, m2, _, d1, d2, _, h1, h2, _, n1, n2, _, s1, s2, _, f1, f2, f3, _] = &mut text;
        let year = date.year().unsigned_abs();
        two_digits(year / 100, y1, y2);
        two_digits(year, y3, y4);
        two_digits(date.month(), m1, m2);
        two_digits(date.day(), d1, d2);
        for (number, tens, ones) in [(hours % 24, h1, h2), (minutes % 60, n1, n2), (seconds % 60, s1, s2)] {
            two_digits(u32::try_from(number).unwrap_or(0), tens, ones);
        }
        let millis = u32::try_from(at.0 % 1_000).unwrap_or(0);
        two_digits(millis / 10, f1, f2);
        *f3 = digit(millis);
        Self(text)
    }

    fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The last two digits of `number`.
fn two_digits(number: u32, tens: &mut u8, ones: &mut u8) {
    (*tens, *ones) = (digit(number / 10), digit(number));
}

/// The last digit of `number`.
fn digit(number: u32) -> u8 {
    u8::try_from(number % 10).unwrap_or(0).saturating_add(b'0')
}

/// A number of milliseconds after the year 9999.
#[derive(Debug, thiserror::Error)]
#[error("an instant is a number of milliseconds since 1970, at most the end of the year 9999")]
pub struct TimestampOutOfRange;

impl TryFrom<u64> for Timestamp {
    type Error = TimestampOutOfRange;

    fn try_from(millis: u64) -> Result<Self, Self::Error> {
        Self::from_millis(millis).ok_or(TimestampOutOfRange)
    }
}

impl From<Timestamp> for u64 {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}
