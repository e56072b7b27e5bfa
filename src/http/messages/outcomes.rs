//! What a change did.

use super::{plural, tokens};
use crate::{
    ledger::{Outcome, ReservationStats, ReservationStatus, TransactionType},
    locale::Locale,
};

/// What a change did to the balance.
pub(in crate::http) fn of_outcome(outcome: &Outcome, locale: Locale) -> String {
    let balance = outcome.stats.token_balance;
    let entry = outcome.transaction.as_ref().map(|transaction| &transaction.entry);
    match entry.map(|entry| (entry.kind, entry.amount.get())) {
        Some((TransactionType::Debit, amount)) => match locale {
            Locale::French => format!("{} débité{}. Nouveau solde : {balance}.", tokens(amount), plural(amount)),
            Locale::English => format!("{} debited. New balance: {balance}.", tokens(amount)),
        },
        Some((TransactionType::Credit, amount)) => match locale {
            Locale::French => format!("{} ajouté{}. Nouveau solde : {balance}.", tokens(amount), plural(amount)),
            Locale::English => format!("{} added. New balance: {balance}.", tokens(amount)),
        },
        None => of_balance(balance, locale),
    }
}

fn of_balance(balance: i64, locale: Locale) -> String {
    match locale {
        Locale::French => format!("Solde : {balance}."),
        Locale::English => format!("Balance: {balance}."),
    }
}

/// What a refund gave back.
pub(in crate::http) fn of_refund(outcome: &Outcome, locale: Locale) -> String {
    let balance = outcome.stats.token_balance;
    match outcome.transaction.as_ref().map(|refund| refund.entry.amount.get()) {
        None => of_balance(balance, locale),
        Some(amount) => match locale {
            Locale::French => format!("{} remboursé{}. Nouveau solde : {balance}.", tokens(amount), plural(amount)),
            Locale::English => format!("{} refunded. New balance: {balance}.", tokens(amount)),
        },
    }
}

/// What a reset did.
pub(in crate::http) fn of_reset(outcome: &Outcome, locale: Locale) -> String {
    let balance = outcome.stats.token_balance;
    match locale {
        Locale::French => format!("Compte réinitialisé. Nouveau solde : {balance}."),
        Locale::English => format!("Account reset. New balance: {balance}."),
    }
}

/// That plan and caps are others now.
pub(in crate::http) fn of_plan(outcome: &Outcome, locale: Locale) -> String {
    let (plan, balance) = (&outcome.stats.plan, outcome.stats.token_balance);
    match locale {
        Locale::French => format!("Compte modifié, plan : {plan}. Solde : {balance}."),
        Locale::English => format!("Account changed, plan: {plan}. Balance: {balance}."),
    }
}

/// From when on plan and caps will be others.
pub(in crate::http) fn of_planned(outcome: &Outcome, locale: Locale) -> String {
    let (from, balance) = (outcome.stats.next_billing_date, outcome.stats.token_balance);
    match locale {
        Locale::French => format!("Modification prévue pour le {from}. Solde : {balance}."),
        Locale::English => format!("Change planned for {from}. Balance: {balance}."),
    }
}

/// How a reservation is now.
pub(in crate::http) fn of_reservation(outcome: &Outcome, locale: Locale) -> String {
    let balance = outcome.stats.token_balance;
    match &outcome.reservation {
        Some(reservation) => of_status(reservation, balance, locale),
        None => of_balance(balance, locale),
    }
}

/// How a reservation is.
pub(in crate::http) fn of_status(reservation: &ReservationStats, balance: i64, locale: Locale) -> String {
    let amount = reservation.remaining;
    match (reservation.status, locale) {
        (ReservationStatus::Open, Locale::French) => {
            format!("{} réservé{}. Solde disponible : {balance}.", tokens(amount), plural(amount))
        }
        (ReservationStatus::Open, Locale::English) => {
            format!("{} reserved. Available balance: {balance}.", tokens(amount))
        }
        (ReservationStatus::Captured, Locale::French) => format!("Réservation débitée. Solde : {balance}."),
        (ReservationStatus::Captured, Locale::English) => format!("Reservation captured. Balance: {balance}."),
        (ReservationStatus::Released, Locale::French) => format!("Réservation libérée. Solde : {balance}."),
        (ReservationStatus::Released, Locale::English) => format!("Reservation released. Balance: {balance}."),
        (ReservationStatus::Expired, Locale::French) => format!("Réservation expirée. Solde : {balance}."),
        (ReservationStatus::Expired, Locale::English) => format!("Reservation expired. Balance: {balance}."),
    }
}

/// What a capture debited, and what it leaves.
pub(in crate::http) fn of_capture(outcome: &Outcome, locale: Locale) -> String {
    let debited = match outcome.transaction {
        Some(_) => of_outcome(outcome, locale),
        None => of_reservation(outcome, locale),
    };
    let (remaining, shortfall) =
        outcome.reservation.as_ref().map_or((0, 0), |reservation| (reservation.remaining, reservation.shortfall));
    let left = (remaining > 0).then(|| match locale {
        Locale::French if remaining > 1 => format!("{} restent réservés.", tokens(remaining)),
        Locale::French => format!("{} reste réservé.", tokens(remaining)),
        Locale::English => format!("Still reserved: {}.", tokens(remaining)),
    });
    let missing = (shortfall > 0).then(|| match locale {
        Locale::French => format!("Le solde ne couvrait pas {}.", tokens(shortfall)),
        Locale::English => format!("Not covered by the balance: {}.", tokens(shortfall)),
    });
    [Some(debited), left, missing].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// Until when a reservation lasts.
pub(in crate::http) fn of_extension(outcome: &Outcome, locale: Locale) -> String {
    let balance = outcome.stats.token_balance;
    match outcome.reservation.as_ref().map(|reservation| reservation.expires_at) {
        None => of_balance(balance, locale),
        Some(expires_at) => match locale {
            Locale::French => format!("Réservation prolongée jusqu'au {expires_at}. Solde disponible : {balance}."),
            Locale::English => format!("Reservation extended until {expires_at}. Available balance: {balance}."),
        },
    }
}
