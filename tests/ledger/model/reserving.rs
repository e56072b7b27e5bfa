//! Reservations: set aside, captured, given back.

use super::{
    Above, Answer, Kind, Model, Of, SOLD,
    purse::{join, sum},
};

/// How many can be open.
const OPEN_MAX: usize = 100;
const CAPTURED: [&str; 2] = ["Utilisation de tokens", "Token usage"];

/// What became of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Fate {
    Captured,
    Released,
    Expired,
}

/// Every reservation that ever was has its place, which is its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Reserved {
    pub(in crate::ledger) amount: u64,
    pub(in crate::ledger) held: Vec<(Kind, i128)>,
    pub(in crate::ledger) captured: i128,
    /// How many captures took something.
    pub(in crate::ledger) parts: u32,
    /// What captures asked for and did not find.
    pub(in crate::ledger) missed: i128,
    pub(in crate::ledger) sold: Option<usize>,
    pub(in crate::ledger) made: u64,
    pub(in crate::ledger) ends: u64,
    pub(in crate::ledger) closed: Option<(Fate, u64)>,
}

impl Model {
    pub(super) fn reserve(&mut self, amount: u64, sold: Option<usize>, lasts: u64, now: u64) -> Answer {
        if i128::from(amount) > self.spendable() {
            return Answer::TooFew { required: amount, available: self.spendable() as u64 };
        }
        if let Some(reached) = self.cap_reached(amount.into(), now) {
            return reached;
        }
        if self.open().count() >= OPEN_MAX {
            return Answer::TooManyOpen;
        }
        let held = self.purse.payers(amount.into());
        for (kind, tokens) in &held {
            self.purse.hold(*kind, *tokens);
        }
        let (made, ends) = (now, now + lasts);
        let reserved = Reserved { amount, held, captured: 0, parts: 0, missed: 0, sold, made, ends, closed: None };
        self.reservations.push(reserved);
        self.changes += 1;
        Answer::Done
    }

    /// Why nothing can be done with this one.
    pub(super) fn not_open(&self, place: usize) -> Option<Answer> {
        match self.reservations.get(place) {
            None => Some(Answer::NoReservation),
            Some(reserved) => reserved.closed.map(|(fate, _)| Answer::Closed(fate)),
        }
    }

    pub(super) fn capture(
        &mut self,
        place: usize,
        amount: Option<u64>,
        last: bool,
        now: u64,
        language: usize,
    ) -> Answer {
        let held = sum(&self.reservations[place].held);
        let wanted = amount.map_or(held, i128::from);
        let there = self.spendable();
        let mut beyond = (wanted - held).max(0);
        let few = Answer::TooFew { required: wanted as u64, available: (held + there) as u64 };
        let reached = self.cap_reached(beyond, now);
        match self.terms().above {
            Above::Reject if beyond > there => return few,
            Above::Allow(debt) if beyond > there && beyond - self.balance() > debt.into() => return few,
            Above::Reject | Above::Allow(_) => {
                if let Some(reached) = reached {
                    return reached;
                }
            }
            Above::Cap => {
                let taken = beyond.min(there).min(self.cap_room(now));
                self.reservations[place].missed += beyond - taken;
                beyond = taken;
            }
        }
        // What is set aside goes first, in the order in which it was; then what is there, then what is not.
        let (mut missing, mut paid, mut rest) = (wanted.min(held), Vec::new(), Vec::new());
        for (kind, tokens) in std::mem::take(&mut self.reservations[place].held) {
            let part = tokens.min(missing);
            missing -= part;
            paid.extend((part > 0).then_some((kind, part)));
            rest.extend((tokens > part).then_some((kind, tokens - part)));
        }
        self.reservations[place].held = rest;
        let more = self.purse.payers(beyond.min(there));
        for (kind, tokens) in &paid {
            self.purse.hold(*kind, -*tokens);
        }
        for part in more {
            join(&mut paid, part);
        }
        let taken = wanted.min(held) + beyond;
        if taken > 0 {
            let reserved = &mut self.reservations[place];
            reserved.captured += taken;
            reserved.parts += 1;
            let (sold, capture) = (reserved.sold, Some((place, reserved.parts)));
            let label = sold.map_or(CAPTURED, |sold| SOLD[sold].2)[language].to_owned();
            self.write(now, -taken, label, Of::Debit { sold, paid, capture });
            self.count_spent(taken);
        }
        if last {
            self.close(place, Fate::Captured, now);
        } else {
            self.changes += 1;
        }
        Answer::Done
    }

    /// What it holds goes back where it was, and what has expired there meanwhile expires.
    pub(super) fn close(&mut self, place: usize, fate: Fate, at: u64) {
        self.changes += 1;
        self.reservations[place].closed = Some((fate, at));
        for (kind, tokens) in std::mem::take(&mut self.reservations[place].held) {
            self.purse.hold(kind, -tokens);
            if kind.expires.is_some_and(|expires| expires <= at.max(self.last_id.0)) {
                self.expire(at, kind, tokens);
            }
        }
    }

    /// Those that are open, oldest first.
    pub(super) fn open(&self) -> impl Iterator<Item = (usize, &Reserved)> {
        self.reservations.iter().enumerate().filter(|(_, reserved)| reserved.closed.is_none())
    }

    /// When the first one ends, and which.
    pub(in crate::ledger) fn next_end(&self) -> Option<(u64, usize)> {
        self.open().map(|(place, reserved)| (reserved.ends, place)).min()
    }
}
