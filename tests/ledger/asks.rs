//! Commands, in few words.

use jeton::ledger::{
    Command, ContentType, Effective, GrantKind, PlanChange, Priority, ReservationAction, ReservationId,
    ReservationStatus, Source, Transaction,
};

use super::{at, tokens};

/// Tokens of `source` that expire.
pub(super) fn until(source: Source, expires_at: u64) -> GrantKind {
    GrantKind { expires_at: Some(at(expires_at)), ..source.into() }
}

/// The same, spent before all others.
pub(super) fn first_until(source: Source, expires_at: u64) -> GrantKind {
    GrantKind { priority: Priority::new(0), ..until(source, expires_at) }
}

pub(super) fn id(name: &str) -> ReservationId {
    ReservationId::named(name).unwrap()
}

pub(super) fn reserve(name: &str, amount: u64, lasts_ms: u64) -> Command {
    Command::Reserve { id: id(name), amount: tokens(amount), content_type: None, lasts_ms, metadata: None }
}

/// The same for an article.
pub(super) fn reserve_article(name: &str, amount: u64, lasts_ms: u64) -> Command {
    let content_type = Some(ContentType::new("ARTICLE"));
    Command::Reserve { id: id(name), amount: tokens(amount), content_type, lasts_ms, metadata: None }
}

/// What is asked of a reservation whose end is kept.
pub(super) fn known(command: &Command, closed: ReservationStatus) -> Command {
    let Command::Reservation { id, action, .. } = command else { panic!("{command:?}") };
    Command::Reservation { id: id.clone(), action: *action, closed: Some(closed) }
}

pub(super) fn extend(name: &str, lasts_ms: u64) -> Command {
    act(name, ReservationAction::Extend { lasts_ms })
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

/// Of the plan alone, if at all.
pub(super) fn change(plan: Option<&str>, effective: Effective) -> Command {
    Command::Change { change: PlanChange { plan: plan.map(Into::into), ..PlanChange::default() }, effective }
}
