//! Commands, in few words.

use jeton::ledger::{Command, GrantKind, ReservationAction, ReservationId, Source, Transaction};

use super::{at, tokens};

/// Tokens of `source` that expire.
pub(super) fn until(source: Source, expires_at: u64) -> GrantKind {
    GrantKind { expires_at: Some(at(expires_at)), ..source.into() }
}

pub(super) fn id(name: &str) -> ReservationId {
    ReservationId::named(name).unwrap()
}

pub(super) fn reserve(name: &str, amount: u64, lasts_ms: u64) -> Command {
    Command::Reserve { id: id(name), amount: tokens(amount), content_type: None, lasts_ms, metadata: None }
}

fn act(name: &str, action: ReservationAction) -> Command {
    Command::Reservation { id: id(name), action, closed: None }
}

/// The last capture of a reservation.
pub(super) fn capture(name: &str, amount: Option<u64>) -> Command {
    act(name, ReservationAction::Capture { amount: amount.map(tokens), is_final: true })
}

/// One of several.
pub(super) fn capture_part(name: &str, amount: u64) -> Command {
    act(name, ReservationAction::Capture { amount: Some(tokens(amount)), is_final: false })
}

pub(super) fn release(name: &str) -> Command {
    act(name, ReservationAction::Release)
}

/// Of a debit in the first history.
pub(super) fn refund(debit: &Transaction) -> Command {
    Command::Refund { id: debit.id, found: Some(debit.clone()), archives: 0, refunded: false, description: None }
}
