use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Account, Amount, ContentType, GrantKind, Paid, Priorities, Refusal, ReservationId, Timestamp, Transaction,
    account::{Change, Moved},
    caps,
    spent_days::date_of,
};
use crate::plans::Plan;

/// What a debit is for, and what its entry says.
pub(super) struct Spending {
    pub(super) content_type: Option<ContentType>,
    pub(super) description: Arc<str>,
    pub(super) metadata: Option<Map<String, Value>>,
    /// The reservation that is captured, and which capture of it this is: 1, 2, …
    pub(super) capture: Option<(ReservationId, u32)>,
}

/// Debits `cost`, if the balance covers it and the caps leave room for it.
pub(super) fn debit(
    account: &mut Account,
    cost: Amount,
    spending: Spending,
    plan: &Plan,
    priorities: Priorities,
    at: Timestamp,
) -> Result<Transaction, Refusal> {
    let available = account.available();
    if cost.get() > available {
        return Err(Refusal::InsufficientTokens { required: cost, available });
    }
    caps::check(account, plan, cost.get(), at)?;
    if account.tokens_used.checked_add(cost.get()).is_none() {
        return Err(Refusal::BalanceLimitExceeded);
    }
    let paid = account.grants.take(cost, priorities);
    Ok(spend(account, cost, paid, spending, plan, at))
}

/// Writes down that `amount` was spent, which `paid` has been taken for. The caller has checked that it can be.
pub(super) fn spend(
    account: &mut Account,
    amount: Amount,
    paid: Vec<Paid>,
    spending: Spending,
    plan: &Plan,
    at: Timestamp,
) -> Transaction {
    let Spending { content_type, description, metadata, capture } = spending;
    account.tokens_used = account.tokens_used.saturating_add(amount.get());
    let moved = Moved::Spent(amount, paid);
    let transaction = account.record(at, Change { moved, description, content_type, metadata, capture });
    account.days.spend(date_of(transaction.id.timestamp(), plan.time_zone()), amount.get());
    if let Some(content_type) = transaction.entry.generation() {
        match account.generations.get_mut(content_type) {
            Some(count) => *count = count.saturating_add(1),
            None => drop(account.generations.insert(content_type.clone(), 1)),
        }
    }
    transaction
}

/// Credits `amount`, if the balance has room for it.
pub(super) fn credit(
    account: &mut Account,
    amount: Amount,
    grant: GrantKind,
    description: Arc<str>,
    metadata: Option<Map<String, Value>>,
    at: Timestamp,
) -> Result<Transaction, Refusal> {
    if amount.get() > account.room() {
        return Err(Refusal::BalanceLimitExceeded);
    }
    account.put(grant, amount);
    let change = Change { metadata, ..Change::plain(Moved::In(grant, amount), description) };
    Ok(account.record(at, change))
}
