use serde::{Deserialize, Serialize};

use super::{AMOUNT_MAX, Amount, Grant, GrantKind, Paid, Priorities, Timestamp};
use crate::mutation::{Mutation, planted};

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

/// Adds what was taken to what is of the same grant, or behind the others.
pub(super) fn join(grants: &mut Vec<Paid>, paid: Paid) {
    match grants.iter_mut().find(|other| other.grant == paid.grant) {
        Some(other) => other.amount = other.amount.saturating_add(paid.amount),
        None => grants.push(paid),
    }
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
