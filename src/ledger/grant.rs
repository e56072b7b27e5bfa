use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Amount, Source, Timestamp};

/// When tokens are spent among others: 0–100, the smaller number first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Priority(u8);

impl Priority {
    /// The greatest there is, which is spent last.
    pub const MAX: u8 = 100;

    /// `number` as a priority; `None` above [`Priority::MAX`].
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= Self::MAX { Some(Self(number)) } else { None }
    }
}

/// A number above [`Priority::MAX`].
#[derive(Debug, thiserror::Error)]
#[error("a priority is a whole number from 0 to 100")]
pub struct PriorityOutOfRange;

impl TryFrom<u8> for Priority {
    type Error = PriorityOutOfRange;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        Self::new(number).ok_or(PriorityOutOfRange)
    }
}

impl From<Priority> for u8 {
    fn from(priority: Priority) -> Self {
        priority.0
    }
}

/// The priority of each source, for tokens that were credited without one of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priorities {
    initial: Priority,
    monthly: Priority,
    promotion: Priority,
    adjustment: Priority,
    purchase: Priority,
    refund: Priority,
}

impl Priorities {
    /// The priority that tokens of this kind have.
    #[must_use]
    pub fn of(self, kind: GrantKind) -> Priority {
        kind.priority.unwrap_or(match kind.source {
            Source::Initial => self.initial,
            Source::Monthly => self.monthly,
            Source::Promotion => self.promotion,
            Source::Adjustment => self.adjustment,
            Source::Purchase => self.purchase,
            Source::Refund => self.refund,
        })
    }

    /// Its place in the order of spending: by priority, then by expiry, where none comes last. Among equals it is the
    /// older one's turn.
    pub(super) fn rank(self, kind: GrantKind) -> impl Ord {
        (self.of(kind), kind.expires_at.is_none(), kind.expires_at)
    }
}

/// What makes tokens equal: equal ones are one grant. Written, it is the grant's id: `purchase`, `promotion:p5`,
/// `promotion:p5:e1796428800000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GrantKind {
    /// Where they come from.
    pub source: Source,
    /// Their own priority; the catalogue has one for those without.
    pub priority: Option<Priority>,
    /// From this instant on they are gone.
    pub expires_at: Option<Timestamp>,
}

impl GrantKind {
    /// Whether they are gone at `at`.
    pub(super) fn is_over(self, at: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= at)
    }
}

impl From<Source> for GrantKind {
    /// Tokens without a priority of their own, which stay.
    fn from(source: Source) -> Self {
        Self { source, priority: None, expires_at: None }
    }
}

impl fmt::Display for GrantKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        if let Some(Priority(priority)) = self.priority {
            write!(f, ":p{priority}")?;
        }
        if let Some(expires_at) = self.expires_at {
            write!(f, ":e{}", expires_at.as_millis())?;
        }
        Ok(())
    }
}

/// A text that is not the id of a grant.
#[derive(Debug, thiserror::Error)]
#[error("it is not the id of a grant")]
pub struct InvalidGrantId;

impl FromStr for GrantKind {
    type Err = InvalidGrantId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split(':');
        let source = parts.next().and_then(Source::named).ok_or(InvalidGrantId)?;
        let mut kind = Self::from(source);
        for part in parts {
            if let Some(priority) = part.strip_prefix('p') {
                kind.priority = priority.parse().ok().and_then(Priority::new);
            } else if let Some(millis) = part.strip_prefix('e') {
                kind.expires_at = millis.parse().ok().and_then(Timestamp::from_millis);
            }
        }
        // In one way only, so that an id is the same as text and as a kind.
        if kind.to_string() == text { Ok(kind) } else { Err(InvalidGrantId) }
    }
}

impl Serialize for GrantKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            // Most are so, and each debit writes some.
            Self { source, priority: None, expires_at: None } => source.serialize(serializer),
            Self { .. } => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for GrantKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Equal tokens that are still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Grant {
    /// What makes them equal.
    pub kind: GrantKind,
    /// How many can be spent.
    pub remaining: u64,
    /// How many are set aside by open reservations, and may come back.
    pub held: u64,
    /// How many were put in since there were none, as far as an amount can count.
    pub granted: Amount,
}

impl Grant {
    pub(super) const fn is_empty(&self) -> bool {
        self.remaining == 0 && self.held == 0
    }
}

/// A grant as the account's document has it: what says nothing is left out.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    priority: Option<Priority>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    remaining: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    held: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<Amount>,
}

/// A grant of which more is left than was put in, or nothing.
#[derive(Debug, thiserror::Error)]
#[error("a grant has nothing left, or more than was granted")]
struct NotWhatIsLeft;

impl TryFrom<Stored> for Grant {
    type Error = NotWhatIsLeft;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { source, priority, expires_at, remaining, held, granted } = stored;
        let left = remaining.checked_add(held).and_then(Amount::new).ok_or(NotWhatIsLeft)?;
        let granted = granted.unwrap_or(left);
        if granted < left {
            return Err(NotWhatIsLeft);
        }
        Ok(Self { kind: GrantKind { source, priority, expires_at }, remaining, held, granted })
    }
}

impl From<Grant> for Stored {
    fn from(grant: Grant) -> Self {
        let Grant { kind: GrantKind { source, priority, expires_at }, remaining, held, granted } = grant;
        let all = granted.get() == remaining.saturating_add(held);
        Self { source, priority, expires_at, remaining, held, granted: (!all).then_some(granted) }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field")]
pub(super) const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What was taken from a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "GrantPart"))]
pub struct Paid {
    /// Which one.
    #[serde(rename = "id")]
    pub grant: GrantKind,
    /// How many tokens.
    pub amount: Amount,
}
