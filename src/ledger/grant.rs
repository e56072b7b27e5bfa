use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AMOUNT_MAX, Amount, Source, Timestamp};
use crate::mutation::{Mutation, planted};

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
    /// How many are left.
    pub remaining: Amount,
    /// How many were put in since there were none, as far as an amount can count.
    pub granted: Amount,
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
    remaining: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    granted: Option<Amount>,
}

/// A grant of which more is left than was put in.
#[derive(Debug, thiserror::Error)]
#[error("a grant has more left than was granted")]
struct MoreThanGranted;

impl TryFrom<Stored> for Grant {
    type Error = MoreThanGranted;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let Stored { source, priority, expires_at, remaining, granted } = stored;
        let granted = granted.unwrap_or(remaining);
        if granted < remaining {
            return Err(MoreThanGranted);
        }
        Ok(Self { kind: GrantKind { source, priority, expires_at }, remaining, granted })
    }
}

impl From<Grant> for Stored {
    fn from(grant: Grant) -> Self {
        let Grant { kind: GrantKind { source, priority, expires_at }, remaining, granted } = grant;
        Self { source, priority, expires_at, remaining, granted: Some(granted).filter(|granted| *granted != remaining) }
    }
}

/// What was taken from a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// Which one.
    #[serde(rename = "id")]
    pub grant: GrantKind,
    /// How many tokens.
    pub amount: Amount,
}

/// How many grants credits can make. Allowances find a place beyond it, as they are few: every change goes through all of
/// them.
pub const GRANTS_MAX: usize = 1_000;

/// The grants of an account, one of each kind, in the order of their age.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Grants(Vec<Grant>);

impl Grants {
    /// Whether they are one of each kind, and form a balance.
    pub(super) fn is_sound(&self) -> bool {
        let total = self.0.iter().try_fold(0_u64, |sum, grant| sum.checked_add(grant.remaining.get()));
        let mut kinds: Vec<GrantKind> = self.0.iter().map(|grant| grant.kind).collect();
        kinds.sort_unstable();
        kinds.is_sorted_by(|one, next| one < next) && total.is_some_and(|total| total <= AMOUNT_MAX)
    }

    /// All tokens.
    pub(super) fn total(&self) -> u64 {
        self.total_of(|_| true)
    }

    /// The tokens of the kinds that `counts`.
    pub(super) fn total_of(&self, counts: impl Fn(GrantKind) -> bool) -> u64 {
        let counted = self.0.iter().filter(|grant| counts(grant.kind));
        counted.fold(0, |sum, grant| sum.saturating_add(grant.remaining.get()))
    }

    /// Each of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// The kind that is the first to expire, and when.
    pub(super) fn first_to_expire(&self) -> Option<(GrantKind, Timestamp)> {
        let expiring = self.0.iter().filter_map(|grant| Some((grant.kind, grant.kind.expires_at?)));
        expiring.min_by_key(|(_, expires_at)| *expires_at)
    }

    /// Whether a credit of this kind joins a grant, or can begin one.
    pub(super) fn has_place_for(&self, kind: GrantKind) -> bool {
        self.0.len() < GRANTS_MAX || self.0.iter().any(|grant| grant.kind == kind)
    }

    /// Adds tokens. The caller has checked that the balance can hold them.
    pub(super) fn put(&mut self, kind: GrantKind, amount: Amount) {
        let sum = |tokens: Amount| {
            let sum = tokens.get().saturating_add(amount.get()).min(AMOUNT_MAX);
            Amount::new(sum).unwrap_or(tokens)
        };
        match self.0.iter_mut().find(|grant| grant.kind == kind) {
            Some(grant) => (grant.remaining, grant.granted) = (sum(grant.remaining), sum(grant.granted)),
            None => self.0.push(Grant { kind, remaining: amount, granted: amount }),
        }
    }

    /// Takes tokens in the order of spending. The caller has checked that the balance covers them.
    pub(super) fn take(&mut self, amount: Amount, priorities: Priorities) -> Vec<Paid> {
        if planted(Mutation::PayByAge) {
            return self.take_by(amount, |_| Some(()));
        }
        self.take_by(amount, |kind| Some(priorities.rank(kind)))
    }

    /// Takes tokens in the order of `rank`, as many as there are of the kinds that have one.
    pub(super) fn take_by<R: Ord>(&mut self, amount: Amount, rank: impl Fn(GrantKind) -> Option<R>) -> Vec<Paid> {
        let mut paid = Vec::new();
        let mut missing = Some(amount);
        while let Some(amount) = missing
            && let Some(taken) = self.take_first(amount, &rank)
        {
            missing = Amount::new(amount.get().saturating_sub(taken.amount.get()));
            paid.push(taken);
        }
        paid
    }

    /// Takes tokens from the one grant that comes first in the order of `rank`, as many as it has.
    pub(super) fn take_first<R: Ord>(&mut self, amount: Amount, rank: impl Fn(GrantKind) -> Option<R>) -> Option<Paid> {
        let ranked = self.0.iter_mut().enumerate().filter_map(|(place, grant)| Some((rank(grant.kind)?, place, grant)));
        // Of equals the first is given, which is the oldest.
        let (_, place, grant) = ranked.min_by(|(one, ..), (other, ..)| one.cmp(other))?;
        let paid = Paid { grant: grant.kind, amount: amount.min(grant.remaining) };
        match Amount::new(grant.remaining.get().saturating_sub(paid.amount.get())) {
            Some(remaining) => grant.remaining = remaining,
            None => drop(self.0.remove(place)),
        }
        Some(paid)
    }

    /// How many are left of each kind, whatever their age is.
    pub(super) fn by_kind(&self) -> Vec<(GrantKind, Amount)> {
        let mut left: Vec<_> = self.0.iter().map(|grant| (grant.kind, grant.remaining)).collect();
        left.sort_unstable();
        left
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
