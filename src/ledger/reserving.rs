use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Account, Amount, ContentType, Refusal, ReservationId, ReservationStats, ReservationStatus, Terms, Timestamp,
    Transaction, caps,
    decide::Writing,
    grants::join,
    reservation::{RESERVATIONS_MAX, Reservation},
    settle::close,
    spending::{Spending, spend},
};
use crate::{
    mutation::{Mutation, planted},
    plans::{CaptureAbove, Plan},
};

/// What is to be set aside.
pub(super) struct Reserving<'a> {
    pub(super) id: &'a ReservationId,
    pub(super) amount: Amount,
    pub(super) content_type: Option<&'a ContentType>,
    pub(super) lasts_ms: u64,
    pub(super) metadata: Option<&'a Map<String, Value>>,
}

/// Sets tokens aside, if the balance covers them and the caps leave room for them.
pub(super) fn reserve(
    account: &mut Account,
    reserving: &Reserving<'_>,
    plan: &Plan,
    terms: Terms<'_>,
) -> Result<ReservationStats, Refusal> {
    let Reserving { id, amount, content_type, lasts_ms, metadata } = *reserving;
    let available = account.available();
    let held = if planted(Mutation::ReserveWhatIsHeld) { account.reserved() } else { 0 };
    if amount.get() > available.saturating_add(held) {
        return Err(Refusal::InsufficientTokens { required: amount, available });
    }
    caps::check(account, plan, amount.get(), terms.now)?;
    if account.reservations.len() >= RESERVATIONS_MAX {
        return Err(Refusal::TooManyReservations);
    }
    let reservation = Reservation {
        id: id.clone(),
        amount,
        held: account.grants.hold(amount, terms.catalogue.priorities()),
        captured: 0,
        captures: 0,
        shortfall: 0,
        content_type: content_type.cloned(),
        metadata: metadata.cloned(),
        created_at: terms.now,
        expires_at: ends_at(terms.now, lasts_ms),
    };
    account.changed();
    let stats = ReservationStats::open(&reservation);
    account.reservations.push(reservation);
    Ok(stats)
}

/// Debits `amount` of a reservation, or all that it holds; with the last capture what is left goes back.
pub(super) fn capture(
    account: &mut Account,
    place: usize,
    amount: Option<Amount>,
    is_final: bool,
    plan: &Plan,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Result<(Option<Transaction>, ReservationStats), Refusal> {
    let reservation = account.reservations.get(place).ok_or(Refusal::ReservationNotFound)?;
    let held = reservation.remaining();
    let content_type = reservation.content_type.clone();
    let wanted = amount.map_or(held, Amount::get);
    let wanted = if planted(Mutation::CaptureNoMoreThanHeld) { wanted.min(held) } else { wanted };
    let beyond = wanted.saturating_sub(held);
    let covered = cover(account, plan, wanted, beyond, terms.now)?;
    // The catalogue may have lost what was reserved for.
    let price = content_type.as_ref().and_then(|name| terms.catalogue.price(name, terms.locale).ok());
    let description = price.map_or_else(|| terms.catalogue.capture_label(terms.locale), |price| price.label);
    let transaction = debit(account, place, covered, content_type, description, plan, terms);
    if let Some(reservation) = account.reservations.get_mut(place) {
        reservation.shortfall = reservation.shortfall.saturating_add(covered.shortfall);
    }
    writing.entries.extend(transaction.clone());
    let stats = if is_final {
        Some(close(account, place, ReservationStatus::Captured, terms.now, terms, writing))
    } else {
        account.changed();
        account.reservations.get(place).map(ReservationStats::open)
    };
    stats.map(|stats| (transaction, stats)).ok_or(Refusal::ReservationNotFound)
}

/// Where captured tokens come from.
#[derive(Clone, Copy)]
struct Covered {
    /// From what is set aside.
    held: u64,
    /// From the balance.
    balance: u64,
    /// From what comes later: the balance goes below zero.
    overdrawn: u64,
    /// From nowhere.
    shortfall: u64,
}

/// What covers a capture of `wanted` tokens, of which `beyond` are more than is set aside: the balance, and where that does
/// not suffice what the plan says.
fn cover(account: &Account, plan: &Plan, wanted: u64, beyond: u64, now: Timestamp) -> Result<Covered, Refusal> {
    let held = wanted.saturating_sub(beyond);
    let available = account.available();
    let from_balance = beyond.min(available);
    let missing = beyond.saturating_sub(from_balance);
    let covered = Covered { held, balance: from_balance, overdrawn: 0, shortfall: 0 };
    let insufficient = || Refusal::InsufficientTokens {
        required: Amount::new(wanted).unwrap_or(Amount::MAX),
        available: held.saturating_add(available),
    };
    let covered = match plan.capture_above() {
        CaptureAbove::Reject if missing > 0 => return Err(insufficient()),
        CaptureAbove::Allow(limit)
            if missing > 0 && account.falls_below(limit, beyond) && !planted(Mutation::OverdrawWithoutLimit) =>
        {
            return Err(insufficient());
        }
        CaptureAbove::Reject | CaptureAbove::Allow(_) => {
            caps::check(account, plan, beyond, now)?;
            Covered { overdrawn: missing, ..covered }
        }
        CaptureAbove::Cap => {
            let room = caps::rooms(account, plan, now).map(|(left, _)| left).min().unwrap_or(u64::MAX);
            let balance = from_balance.min(room);
            Covered { balance, shortfall: beyond.saturating_sub(balance), ..covered }
        }
    };
    let spent = covered.held.saturating_add(covered.balance).saturating_add(covered.overdrawn);
    account.tokens_used.checked_add(spent).map(|_| covered).ok_or(Refusal::BalanceLimitExceeded)
}

/// Debits what is `covered`; without an entry if that is nothing.
fn debit(
    account: &mut Account,
    place: usize,
    covered: Covered,
    content_type: Option<ContentType>,
    description: Arc<str>,
    plan: &Plan,
    terms: Terms<'_>,
) -> Option<Transaction> {
    let Covered { held, balance, overdrawn, shortfall: _ } = covered;
    let amount = Amount::new(held.saturating_add(balance).saturating_add(overdrawn))?;
    let reservation = account.reservations.get_mut(place)?;
    let mut paid = Amount::new(held).map(|held| reservation.draw(held)).unwrap_or_default();
    reservation.captured = reservation.captured.saturating_add(amount.get());
    reservation.captures = reservation.captures.saturating_add(1);
    let capture = Some((reservation.id.clone(), reservation.captures));
    let metadata = reservation.metadata.clone();
    for held in &paid {
        account.grants.spend_held(*held);
    }
    if let Some(balance) = Amount::new(balance) {
        for more in account.grants.take(balance, terms.catalogue.priorities()) {
            join(&mut paid, more);
        }
    }
    account.overdrawn = account.overdrawn.saturating_add(overdrawn);
    Some(spend(account, amount, paid, Spending { content_type, description, metadata, capture }, plan, terms.now))
}

/// Lets a reservation last until `lasts_ms` from now, and not shorter than it would have.
pub(super) fn extend(account: &mut Account, place: usize, lasts_ms: u64, now: Timestamp) -> Option<ReservationStats> {
    let reservation = account.reservations.get_mut(place)?;
    reservation.expires_at = reservation.expires_at.max(ends_at(now, lasts_ms));
    account.changed();
    account.reservations.get(place).map(ReservationStats::open)
}

fn ends_at(now: Timestamp, lasts_ms: u64) -> Timestamp {
    now.later_by(lasts_ms).unwrap_or(Timestamp::END)
}
