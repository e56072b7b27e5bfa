//! What clients know of a user, one from the other.

use jeton::ledger::{ReservationId, Timestamp, TransactionId};

use crate::{asked::Asked, chance::Chance, told::Told};

/// Reservations and entries that somebody was told of, and instants at which something falls due.
#[derive(Clone, Default)]
pub(crate) struct Known {
    /// Each with its amount.
    reservations: Vec<(ReservationId, u64)>,
    entries: Vec<TransactionId>,
    /// In milliseconds.
    instants: Vec<u64>,
}

impl Known {
    /// Remembers what somebody was told who had asked.
    pub(crate) fn hear(&mut self, asked: &Asked, told: &Told) {
        match told {
            Told::Done(answer) => {
                self.entries.extend(answer.entry.as_ref().and_then(|entry| entry.parse::<TransactionId>().ok()));
                if let Some(reservation) = &answer.reservation {
                    self.instants.push(reservation.expires_at.as_millis());
                    if matches!(asked, Asked::Reserve { .. }) {
                        self.reservations.push((reservation.id.clone(), reservation.amount.get()));
                    }
                }
                if let Asked::Credit(_, grant) = asked {
                    self.instants.extend(grant.expires_at.map(Timestamp::as_millis));
                }
            }
            // Others' entries, and those that time has written.
            Told::Page(ids) => {
                self.entries.extend(ids.iter().filter_map(|id| id.parse::<TransactionId>().ok()).take(1));
            }
            Told::Refused(..) | Told::Looked(_) | Told::Nothing | Told::Failed(_) | Told::Different(..) => {}
        }
    }

    /// One of the latest reservations, and its amount; now and then one that there never was.
    pub(crate) fn any_reservation(&self, chance: &mut Chance) -> (ReservationId, u64) {
        let never = || (ReservationId::named("never").unwrap(), 1);
        latest(&self.reservations, chance).unwrap_or_else(never)
    }

    /// One of the latest entries; now and then one that there never was.
    pub(crate) fn any_entry(&self, chance: &mut Chance) -> TransactionId {
        let never = || TransactionId::new(Timestamp::from_millis(1_780_000_000_000).unwrap(), 7);
        latest(&self.entries, chance).unwrap_or_else(never)
    }

    /// The instants that are still to come.
    pub(crate) fn instants_after(&self, now: u64) -> Vec<u64> {
        self.instants.iter().copied().filter(|at| *at > now).collect()
    }
}

fn latest<T: Clone>(all: &[T], chance: &mut Chance) -> Option<T> {
    if chance.below(12) == 0 {
        return None;
    }
    all.iter().rev().nth(chance.below(3.min(all.len() as u64)) as usize).cloned()
}
