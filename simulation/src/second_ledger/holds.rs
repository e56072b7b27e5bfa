//! What is set aside, and what became of it.

use jeton::{
    ledger::{ReservationId, ReservationStats, ReservationStatus, Timestamp},
    store::RESERVATION_RECORD_LIFETIME,
};

use super::{Ledger, buckets::Tokens};

/// An open reservation.
#[derive(Clone)]
pub(super) struct Hold {
    pub(super) id: ReservationId,
    /// The tag of the call that made it.
    pub(super) tag: String,
    pub(super) amount: u64,
    /// What of it is still set aside, in the order in which it is captured.
    pub(super) parts: Vec<Tokens>,
    pub(super) captured: u64,
    pub(super) captures: u32,
    pub(super) shortfall: u64,
    pub(super) is_generation: bool,
    pub(super) expires_at: u64,
}

/// A reservation that is not open any more.
#[derive(Clone)]
pub(super) struct Closed {
    pub(super) facts: Facts,
    /// The true time at which its end was written, in milliseconds.
    pub(super) known_since: u64,
}

/// What callers are told of a reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: ReservationId,
    pub(crate) status: ReservationStatus,
    amount: u64,
    remaining: u64,
    captured: u64,
    shortfall: u64,
    pub(crate) expires_at: u64,
    closed_at: Option<u64>,
}

impl From<&ReservationStats> for Facts {
    fn from(stats: &ReservationStats) -> Self {
        Self {
            id: stats.id.clone(),
            status: stats.status,
            amount: stats.amount.get(),
            remaining: stats.remaining,
            captured: stats.captured,
            shortfall: stats.shortfall,
            expires_at: stats.expires_at.as_millis(),
            closed_at: stats.closed_at.map(Timestamp::as_millis),
        }
    }
}

impl Hold {
    /// How much is still set aside.
    pub(super) fn remaining(&self) -> u64 {
        self.parts.iter().map(|(_, amount)| amount).sum()
    }

    /// Takes from it, in its order.
    pub(super) fn draw(&mut self, amount: u64) -> Vec<Tokens> {
        let mut missing = amount;
        let drawn = self.parts.iter_mut().map(|(kind, left)| {
            let share = missing.min(*left);
            missing -= share;
            *left -= share;
            (*kind, share)
        });
        let drawn = drawn.filter(|(_, share)| *share > 0).collect();
        self.parts.retain(|(_, left)| *left > 0);
        drawn
    }

    pub(super) fn facts(&self, status: ReservationStatus, closed_at: Option<u64>) -> Facts {
        Facts {
            id: self.id.clone(),
            status,
            amount: self.amount,
            remaining: if closed_at.is_none() { self.remaining() } else { 0 },
            captured: self.captured,
            shortfall: self.shortfall,
            expires_at: self.expires_at,
            closed_at,
        }
    }
}

impl Ledger {
    /// The open reservations.
    pub(crate) fn open_reservations(&self) -> impl Iterator<Item = Facts> {
        self.open.iter().map(|hold| hold.facts(ReservationStatus::Open, None))
    }

    /// Whether there ever was such a reservation.
    pub(crate) fn knows(&self, id: &ReservationId) -> bool {
        self.open_reservations().any(|open| open.id == *id) || self.end_of(id).is_some()
    }

    /// The ends that were written just now were written at the true time `at`.
    pub(crate) fn closed_at(&mut self, at: u64) {
        self.closed.iter_mut().for_each(|closed| closed.known_since = closed.known_since.min(at));
    }

    /// What can be told of a reservation at the true time `at`; `None` if nothing is known of it.
    pub(crate) fn reservation(&self, id: &ReservationId, at: u64) -> Option<Facts> {
        let open = self.open_reservations().find(|open| open.id == *id);
        open.or_else(|| self.end_of(id).filter(|end| !end.is_forgotten(at)).map(|end| end.facts.clone()))
    }

    fn end_of(&self, id: &ReservationId) -> Option<&Closed> {
        self.closed.iter().find(|closed| closed.facts.id == *id)
    }
}

impl Closed {
    fn is_forgotten(&self, at: u64) -> bool {
        self.known_since.saturating_add(RESERVATION_RECORD_LIFETIME.as_millis() as u64) <= at
    }
}
