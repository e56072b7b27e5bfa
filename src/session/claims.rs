use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Refused, Session};
use crate::ledger::{Timestamp, UserId};

/// As whom this deployment issues user tokens, and for whom.
pub(super) const OURSELVES: &str = "jeton";

/// How far two clocks may be apart, in milliseconds.
const LEEWAY_MS: u64 = 30_000;

/// What a user token of ours says (RFC 7519 §4.1).
#[derive(Serialize)]
pub(super) struct Issue<'a> {
    iss: &'static str,
    aud: &'static str,
    sub: &'a UserId,
    iat: u64,
    exp: u64,
}

impl<'a> Issue<'a> {
    pub(super) const fn new(user: &'a UserId, lasts_seconds: u64, now: Timestamp) -> Self {
        let iat = now.as_millis() / 1_000;
        Self { iss: OURSELVES, aud: OURSELVES, sub: user, iat, exp: iat.saturating_add(lasts_seconds) }
    }

    pub(super) fn expires_at(&self) -> Timestamp {
        instant(self.exp.saturating_mul(1_000))
    }
}

/// What a user token says, as far as it matters. A claim that comes twice is refused by the reader of JSON.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: Option<String>,
    aud: Option<Audience>,
    sub: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// From whom user tokens come, and whom they are for: one of these each.
pub(super) struct Expected<'a> {
    pub(super) issuers: [Option<&'a str>; 2],
    pub(super) audiences: [Option<&'a str>; 2],
    /// Whether they must say so.
    pub(super) names_issuer: bool,
    pub(super) names_audience: bool,
}

impl Claims {
    /// The session that these claims make at `now`.
    pub(super) fn judge(self, expected: &Expected<'_>, now: Timestamp) -> Result<Session, Refused> {
        let now = now.as_millis();
        let expiry = milliseconds(self.exp.ok_or(Refused::Missing("exp"))?)?;
        let refused_from = expiry.saturating_add(LEEWAY_MS);
        if now >= refused_from {
            return Err(Refused::Expired);
        }
        if let Some(begin) = self.nbf
            && now.saturating_add(LEEWAY_MS) < milliseconds(begin)?
        {
            return Err(Refused::TooEarly);
        }
        match self.iss {
            Some(issuer) if !expected.issuers.contains(&Some(&issuer)) => return Err(Refused::Issuer),
            None if expected.names_issuer => return Err(Refused::Missing("iss")),
            Some(_) | None => {}
        }
        match self.aud {
            Some(audience) if !audience.has_one_of(expected.audiences) => return Err(Refused::Audience),
            None if expected.names_audience => return Err(Refused::Missing("aud")),
            Some(_) | None => {}
        }
        let user = UserId::new(&self.sub.ok_or(Refused::Missing("sub"))?).ok_or(Refused::Subject)?;
        let ends_at = if now < expiry { expiry } else { refused_from };
        Ok(Session { user, ends_at: instant(ends_at) })
    }
}

impl Audience {
    fn has_one_of(&self, expected: [Option<&str>; 2]) -> bool {
        let is_expected = |name: &String| expected.contains(&Some(name));
        match self {
            Self::One(name) => is_expected(name),
            Self::Several(names) => names.iter().any(is_expected),
        }
    }
}

/// A `NumericDate` (RFC 7519 §2), which may have a fraction, in milliseconds.
fn milliseconds(seconds: f64) -> Result<u64, Refused> {
    let time = Duration::try_from_secs_f64(seconds).map_err(|_| Refused::Claims)?;
    u64::try_from(time.as_millis()).map_err(|_| Refused::Claims)
}

/// The instant of so many milliseconds, at the latest the end of the year 9999.
fn instant(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap_or_else(|| DateTime::<Utc>::MAX_UTC.into())
}
