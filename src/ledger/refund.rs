use std::sync::Arc;

use super::{
    Account, Amount, GrantKind, Paid, Refusal, Source, Terms, Timestamp, Transaction, TransactionType,
    account::{Change, Moved},
    decide::Writing,
    grants::join,
    settle::expire_of,
    spent_days::date_of,
};
use crate::{
    mutation::{Mutation, planted},
    plans::{Plan, RefundExpired},
};

/// Gives a debit back, to the grants that paid it. What has expired there since expires again, or comes as tokens of its
/// own, as the plan says. So does what no grant is known to have paid: debits of the first version, and what a capture took
/// below zero, come as tokens that stay.
pub(super) fn refund(
    account: &mut Account,
    debit: &Transaction,
    description: Arc<str>,
    plan: &Plan,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Result<Transaction, Refusal> {
    let Transaction { id, entry } = debit;
    if entry.kind != TransactionType::Debit || entry.is_unspent() {
        return Err(Refusal::NotRefundable);
    }
    let amount = entry.amount;
    if amount.get() > account.room() {
        return Err(Refusal::BalanceLimitExceeded);
    }
    let latest = account.latest(terms.now);
    let mut grants: Vec<Paid> = Vec::new();
    let mut rest = amount.get();
    for Paid { grant, amount } in entry.grants.iter().copied() {
        rest = rest.saturating_sub(amount.get());
        join(&mut grants, Paid { grant: comes_back_as(grant, plan, latest), amount });
    }
    if let Some(amount) = Amount::new(rest) {
        join(&mut grants, Paid { grant: Source::Refund.into(), amount });
    }
    if !account.grants.has_places_for(grants.iter().map(|paid| paid.grant)) {
        return Err(Refusal::TooManyGrants);
    }
    for Paid { grant, amount } in &grants {
        account.put_back(*grant, *amount);
    }
    if !planted(Mutation::RefundCountsAsSpent) {
        account.days.give_back(date_of(id.timestamp(), plan.time_zone()), amount.get());
    }
    let moved = Moved::Back(*id, amount, grants.clone());
    let transaction = account.record(terms.now, Change::plain(moved, description));
    writing.entries.push(transaction.clone());
    for late in grants.into_iter().filter(|paid| paid.grant.is_over(latest)) {
        writing.entries.extend(expire_of(account, late, terms.now, terms));
    }
    Ok(transaction)
}

/// As what tokens of this kind come back now.
fn comes_back_as(kind: GrantKind, plan: &Plan, now: Timestamp) -> GrantKind {
    if planted(Mutation::RefundAsNewTokens) {
        return Source::Refund.into();
    }
    match plan.refund_expired() {
        RefundExpired::Days(days) if kind.is_over(now) => {
            let expires_at = now.later_by_days(days);
            GrantKind { expires_at: expires_at.or(Some(Timestamp::END)), ..Source::Refund.into() }
        }
        RefundExpired::Expired | RefundExpired::Days(_) => kind,
    }
}
