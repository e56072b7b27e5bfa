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
    const fn is_empty(&self) -> bool {
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
        let left =
            self.0.iter().try_fold(0_u64, |sum, grant| sum.checked_add(grant.remaining)?.checked_add(grant.held));
        let mut kinds: Vec<GrantKind> = self.0.iter().map(|grant| grant.kind).collect();
        kinds.sort_unstable();
        kinds.is_sorted_by(|one, next| one < next) && left.is_some_and(|left| left <= AMOUNT_MAX)
    }

    /// All tokens that can be spent.
    pub(super) fn total(&self) -> u64 {
        self.total_of(|_| true)
    }

    /// The tokens of the kinds that `counts` which can be spent.
    pub(super) fn total_of(&self, counts: impl Fn(GrantKind) -> bool) -> u64 {
        let counted = self.0.iter().filter(|grant| counts(grant.kind));
        counted.fold(0, |sum, grant| sum.saturating_add(grant.remaining))
    }

    /// All tokens that are set aside.
    pub(super) fn held(&self) -> u64 {
        self.held_of(|_| true)
    }

    /// The tokens of the kinds that `counts` which are set aside.
    pub(super) fn held_of(&self, counts: impl Fn(GrantKind) -> bool) -> u64 {
        let counted = self.0.iter().filter(|grant| counts(grant.kind));
        counted.fold(0, |sum, grant| sum.saturating_add(grant.held))
    }

    /// Each of them, the oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.0.iter()
    }

    /// The kind that is the first to expire, and when. What is set aside waits for its reservation.
    pub(super) fn first_to_expire(&self) -> Option<(GrantKind, Timestamp)> {
        let left = self.0.iter().filter(|grant| grant.remaining > 0);
        let expiring = left.filter_map(|grant| Some((grant.kind, grant.kind.expires_at?)));
        expiring.min_by_key(|(_, expires_at)| *expires_at)
    }

    /// Whether credits of these kinds, each another one, join grants, or can begin some.
    pub(super) fn has_places_for(&self, kinds: impl IntoIterator<Item = GrantKind>) -> bool {
        let is_new = |kind: &GrantKind| !self.0.iter().any(|grant| grant.kind == *kind);
        let new = kinds.into_iter().filter(is_new).count();
        new == 0 || self.0.len().saturating_add(new) <= GRANTS_MAX
    }

    /// Adds tokens. The caller has checked that the balance can hold them.
    pub(super) fn put(&mut self, kind: GrantKind, amount: Amount) {
        match self.0.iter_mut().find(|grant| grant.kind == kind) {
            Some(grant) => {
                grant.remaining = grant.remaining.saturating_add(amount.get());
                grant.granted = grant.granted.saturating_add(amount);
            }
            None => self.0.push(Grant { kind, remaining: amount.get(), held: 0, granted: amount }),
        }
    }

    /// Tokens that were taken come back, as if they had not been.
    pub(super) fn put_back(&mut self, kind: GrantKind, amount: Amount) {
        match self.0.iter_mut().find(|grant| grant.kind == kind) {
            Some(grant) => {
                grant.remaining = grant.remaining.saturating_add(amount.get());
                let left = Amount::new(grant.remaining.saturating_add(grant.held));
                grant.granted = grant.granted.max(left.unwrap_or(Amount::MAX));
            }
            None => self.put(kind, amount),
        }
    }

    /// Takes tokens in the order of spending. The caller has checked that the balance covers them.
    pub(super) fn take(&mut self, amount: Amount, priorities: Priorities) -> Vec<Paid> {
        if planted(Mutation::PayByAge) {
            return self.take_by(amount, |_| Some(()));
        }
        self.take_by(amount, |kind| Some(priorities.rank(kind)))
    }

    /// Sets tokens aside in the order of spending. The caller has checked that the balance covers them.
    pub(super) fn hold(&mut self, amount: Amount, priorities: Priorities) -> Vec<Paid> {
        let rank = |kind| Some(priorities.rank(kind));
        collect(amount, |amount| {
            let grant = self.first(rank)?;
            let paid = draw(grant, amount)?;
            grant.held = grant.held.saturating_add(paid.amount.get());
            Some(paid)
        })
    }

    /// What was set aside can be spent again.
    pub(super) fn give_back(&mut self, Paid { grant: kind, amount }: Paid) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.kind == kind) {
            grant.held = grant.held.saturating_sub(amount.get());
            grant.remaining = grant.remaining.saturating_add(amount.get());
        }
        if planted(Mutation::ReturnToOldest)
            && let Some(taken) = self.take_first(amount, |other| (other == kind).then_some(()))
        {
            let oldest = self.0.first().map_or(kind, |grant| grant.kind);
            self.put(oldest, taken.amount);
        }
    }

    /// What was set aside is spent.
    pub(super) fn spend_held(&mut self, Paid { grant: kind, amount }: Paid) {
        if let Some(grant) = self.0.iter_mut().find(|grant| grant.kind == kind) {
            grant.held = grant.held.saturating_sub(amount.get());
        }
        self.forget_empty(kind);
    }

    /// Takes tokens in the order of `rank`, as many as there are of the kinds that have one.
    pub(super) fn take_by<R: Ord>(&mut self, amount: Amount, rank: impl Fn(GrantKind) -> Option<R>) -> Vec<Paid> {
        collect(amount, |amount| self.take_first(amount, &rank))
    }

    /// Takes tokens from the one grant that comes first in the order of `rank`, as many as it has.
    pub(super) fn take_first<R: Ord>(&mut self, amount: Amount, rank: impl Fn(GrantKind) -> Option<R>) -> Option<Paid> {
        let paid = draw(self.first(&rank)?, amount)?;
        self.forget_empty(paid.grant);
        Some(paid)
    }

    /// The grant with tokens to spend that comes first in the order of `rank`; of equals the oldest.
    fn first<R: Ord>(&mut self, rank: impl Fn(GrantKind) -> Option<R>) -> Option<&mut Grant> {
        let left = self.0.iter_mut().filter(|grant| grant.remaining > 0);
        let ranked = left.filter_map(|grant| Some((rank(grant.kind)?, grant)));
        ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, grant)| grant)
    }

    fn forget_empty(&mut self, kind: GrantKind) {
        self.0.retain(|grant| grant.kind != kind || !grant.is_empty());
    }

    /// How many are left of each kind, set aside or not, whatever their age is.
    pub(super) fn by_kind(&self) -> Vec<(GrantKind, u64)> {
        let mut left: Vec<_> =
            self.0.iter().map(|grant| (grant.kind, grant.remaining.saturating_add(grant.held))).collect();
        left.sort_unstable();
        left
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// Takes as many tokens as `grant` has of `amount`.
fn draw(grant: &mut Grant, amount: Amount) -> Option<Paid> {
    let amount = Amount::new(grant.remaining.min(amount.get()))?;
    grant.remaining = grant.remaining.saturating_sub(amount.get());
    Some(Paid { grant: grant.kind, amount })
}

/// What `take_some` gives, again and again, until it is `amount` or nothing more comes.
fn collect(amount: Amount, mut take_some: impl FnMut(Amount) -> Option<Paid>) -> Vec<Paid> {
    let mut paid = Vec::new();
    let mut missing = Some(amount);
    while let Some(amount) = missing
        && let Some(taken) = take_some(amount)
    {
        missing = Amount::new(amount.get().saturating_sub(taken.amount.get()));
        paid.push(taken);
    }
    paid
}
