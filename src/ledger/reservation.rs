use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Account, Amount, ContentType, GrantKind, Paid, ReservationId, Timestamp, account::is_default, grant::is_zero,
    timestamp,
};

/// How many reservations of one user can be open at once. Each debit carries all of them.
pub const RESERVATIONS_MAX: usize = 100;

/// Tokens that are set aside for work under way, as the account's document has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reservation {
    pub(super) id: ReservationId,
    /// How many were set aside at first.
    pub(super) amount: Amount,
    /// What of them still is, in the order in which it will be captured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) held: Vec<Paid>,
    /// How many were captured, from the balance too.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) captured: u64,
    /// How many captures debited something.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) captures: u32,
    /// What was captured and not there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) shortfall: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<ContentType>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) created_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

impl Reservation {
    /// How many tokens are still set aside.
    pub(super) fn remaining(&self) -> u64 {
        self.held.iter().fold(0, |sum, paid| sum.saturating_add(paid.amount.get()))
    }

    /// Takes from what is set aside, as much as there is of `amount`, in its order.
    pub(super) fn draw(&mut self, amount: Amount) -> Vec<Paid> {
        let mut drawn = Vec::new();
        let mut missing = Some(amount);
        while let (Some(amount), Some(first)) = (missing, self.held.first_mut()) {
            let part = Paid { grant: first.grant, amount: amount.min(first.amount) };
            match Amount::new(first.amount.get().saturating_sub(part.amount.get())) {
                Some(left) => first.amount = left,
                None => drop(self.held.remove(0)),
            }
            missing = Amount::new(amount.get().saturating_sub(part.amount.get()));
            drawn.push(part);
        }
        drawn
    }
}

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ReservationStatus {
    /// Nothing yet: it can be captured, released and extended.
    Open,
    /// Its last capture was made.
    Captured,
    /// Its caller gave it back, or a reset did.
    Released,
    /// Its time was over.
    Expired,
}

impl fmt::Display for ReservationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        })
    }
}

/// A reservation, as callers see it and as it is kept once it is closed. Amounts are tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Reservation"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReservationStats {
    /// Its name.
    pub id: ReservationId,
    /// What became of it.
    pub status: ReservationStatus,
    /// How many were set aside at first.
    pub amount: Amount,
    /// How many still are.
    pub remaining: u64,
    /// How many were captured, from the balance too.
    pub captured: u64,
    /// What was captured and not there, under a plan that takes what is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub shortfall: u64,
    /// What they are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// The caller's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
    /// When they were set aside.
    #[serde(with = "timestamp::rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Timestamp"))]
    pub created_at: Timestamp,
    /// When they come back by themselves, if nobody does anything.
    #[serde(with = "timestamp::rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Timestamp"))]
    pub expires_at: Timestamp,
    /// Since when it is not open any more.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional_rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Timestamp"))]
    pub closed_at: Option<Timestamp>,
}

impl ReservationStats {
    /// An open one.
    pub(super) fn open(reservation: &Reservation) -> Self {
        Self::of(reservation, ReservationStatus::Open, None)
    }

    /// One that has become `status` at `at`. What was still set aside has come back.
    pub(super) fn closed(reservation: &Reservation, status: ReservationStatus, at: Timestamp) -> Self {
        Self { remaining: 0, ..Self::of(reservation, status, Some(at)) }
    }

    fn of(reservation: &Reservation, status: ReservationStatus, closed_at: Option<Timestamp>) -> Self {
        Self {
            id: reservation.id.clone(),
            status,
            amount: reservation.amount,
            remaining: reservation.remaining(),
            captured: reservation.captured,
            shortfall: reservation.shortfall,
            content_type: reservation.content_type.clone(),
            metadata: reservation.metadata.clone(),
            created_at: reservation.created_at,
            expires_at: reservation.expires_at,
            closed_at,
        }
    }
}

impl Account {
    /// The open reservation of this name.
    #[must_use]
    pub fn reservation(&self, id: &ReservationId) -> Option<ReservationStats> {
        self.reservations.iter().find(|reservation| reservation.id == *id).map(ReservationStats::open)
    }

    /// Whether they are not too many, each of another name, and hold what the grants have set aside.
    pub(super) fn reservations_are_sound(&self) -> bool {
        if self.reservations.is_empty() {
            return self.grants.held() == 0;
        }
        let mut held = BTreeMap::<GrantKind, u64>::new();
        for Paid { grant, amount } in self.reservations.iter().flat_map(|reservation| &reservation.held) {
            let sum = held.entry(*grant).or_default();
            *sum = sum.saturating_add(amount.get());
        }
        let mut ids: Vec<_> = self.reservations.iter().map(|reservation| &reservation.id).collect();
        ids.sort_unstable();
        let set_aside = self.grants.iter().filter(|grant| grant.held > 0);
        ids.len() <= RESERVATIONS_MAX
            && ids.is_sorted_by(|one, next| one < next)
            && set_aside.map(|grant| (grant.kind, grant.held)).collect::<BTreeMap<_, _>>() == held
    }
}
