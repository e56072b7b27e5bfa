use super::{
    Account, Amount, Billed, GrantKind, Paid, ReservationStats, ReservationStatus, Source, Terms, Timestamp,
    Transaction,
    account::{Change, Moved},
    billing::allowance_expires_at,
    decide::Writing,
    spending::credit,
};
use crate::{
    mutation::{Mutation, planted},
    plans::{CarryOver, NotInCatalogue, Plan},
};

/// Applies what time alone has decided up to now, in the order in which it fell due: each reservation and each grant that
/// expired and each billing period, at its own instant. At one instant reservations go first, as what they give back may
/// have expired, and billings last.
pub(super) fn settle(account: &mut Account, terms: Terms<'_>, writing: &mut Writing) -> Result<Billed, NotInCatalogue> {
    let mut billed = Billed::default();
    let mut plan = terms.catalogue.plan(&account.plan)?;
    let mut due = account.billing.next(plan.time_zone());
    loop {
        let expiring = account.grants.first_to_expire().filter(|(_, expires_at)| *expires_at <= due);
        let ending = first_to_end(account).filter(|(_, ends_at)| *ends_at <= due && has_ended(*ends_at, terms.now));
        if let Some((place, ends_at)) = ending
            && expiring.is_none_or(|(_, expires_at)| ends_at <= expires_at)
        {
            let status = ReservationStatus::Expired;
            close(account, place, status, ends_at, terms, writing);
            continue;
        }
        if let Some((kind, expires_at)) = expiring
            && is_over(expires_at, terms.now)
            && !(planted(Mutation::ExpireAtBilling) && due > terms.now)
        {
            let all = Paid { grant: kind, amount: Amount::MAX };
            writing.entries.extend(expire_of(account, all, expires_at, terms));
            continue;
        }
        if due > terms.now || (planted(Mutation::BillOnePeriod) && billed.periods > 0) {
            return Ok(billed);
        }
        billed.periods = billed.periods.saturating_add(1);
        let planned = std::mem::take(&mut account.planned);
        planned.make(account);
        plan = terms.catalogue.plan(&account.plan)?;
        match bill(account, plan, due, terms, writing) {
            Some(entry) => {
                billed.tokens = billed.tokens.saturating_add(entry.entry.amount.get());
                writing.entries.push(entry);
            }
            // The next billing is another, and perhaps the plan.
            None => account.changed(),
        }
        let billed_at = std::mem::replace(&mut due, account.billing.next(plan.time_zone()));
        // A calendar that no longer moves on (its end, far beyond any clock) must not hold the request.
        if due <= billed_at {
            return Ok(billed);
        }
    }
}

/// Closes the reservation at `place`: what it still holds goes back where it came from. What has expired there meanwhile
/// expires now.
pub(super) fn close(
    account: &mut Account,
    place: usize,
    status: ReservationStatus,
    at: Timestamp,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> ReservationStats {
    let reservation = account.reservations.remove(place);
    account.changed();
    let closed = ReservationStats::closed(&reservation, status, at);
    let latest = account.latest(at);
    for held in reservation.held {
        account.grants.give_back(held);
        if held.grant.is_over(latest) && !planted(Mutation::ReturnLateAlive) {
            writing.entries.extend(expire_of(account, held, at, terms));
        }
    }
    writing.closed.push(closed.clone());
    closed
}

/// The reservation whose time is over first, and when.
fn first_to_end(account: &Account) -> Option<(usize, Timestamp)> {
    let ends = account.reservations.iter().map(|reservation| reservation.expires_at).enumerate();
    ends.min_by_key(|(_, ends_at)| *ends_at)
}

fn has_ended(ends_at: Timestamp, now: Timestamp) -> bool {
    if planted(Mutation::CaptureAsItExpires) { ends_at < now } else { ends_at <= now }
}

fn is_over(expires_at: Timestamp, now: Timestamp) -> bool {
    if planted(Mutation::ExpireLate) {
        return expires_at < now;
    }
    if planted(Mutation::ExpireEarly) {
        return expires_at.earlier_by(100) <= now;
    }
    expires_at <= now
}

/// Bills the period that is due. What the plan does not carry over expires first, also if it came when the plan did not say
/// so yet; an allowance that the balance has no room for is cut to the room, without an entry if that is none.
fn bill(
    account: &mut Account,
    plan: &Plan,
    due: Timestamp,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Option<Transaction> {
    let date = account.billing.next_date();
    account.billing.advance();
    if let CarryOver::AtMost(kept) = plan.carry_over() {
        let is_allowance =
            |kind: GrantKind| kind.source == Source::Monthly || planted(Mutation::CarryOverTakesPurchases);
        let priorities = terms.catalogue.priorities();
        let rank = |kind: GrantKind| is_allowance(kind).then(|| priorities.rank(kind));
        // What is set aside is kept first.
        let kept = kept.saturating_sub(account.grants.held_of(is_allowance));
        while let Some(beyond) = Amount::new(account.grants.total_of(is_allowance).saturating_sub(kept))
            && let Some(entry) = expire(account, beyond, rank, due, terms)
        {
            writing.entries.push(entry);
        }
    }
    let amount = Amount::new(plan.monthly_allowance().min(account.room()))?;
    let expires_at = allowance_expires_at(plan, due, account.billing.next(plan.time_zone()));
    let grant = GrantKind { expires_at, ..Source::Monthly.into() };
    let text = terms.catalogue.monthly_label(date, terms.locale);
    credit(account, amount, grant, text, None, due).ok()
}

/// Tokens of one grant, as many as it has of them to spend, expire at `at`.
pub(super) fn expire_of(
    account: &mut Account,
    Paid { grant, amount }: Paid,
    at: Timestamp,
    terms: Terms<'_>,
) -> Option<Transaction> {
    expire(account, amount, |kind| (kind == grant).then_some(()), at, terms)
}

/// Tokens of the grant that comes first in the order of `rank`, at most `amount`, expire at `at`.
fn expire<R: Ord>(
    account: &mut Account,
    amount: Amount,
    rank: impl Fn(GrantKind) -> Option<R>,
    at: Timestamp,
    terms: Terms<'_>,
) -> Option<Transaction> {
    let paid = account.grants.take_first(amount, rank)?;
    let description = terms.catalogue.expiration_label(terms.locale);
    Some(account.record(at, Change::plain(Moved::Expired(paid), description)))
}
