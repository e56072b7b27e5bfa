//! The billing sweep: brings billing forward for users who don't come.
//!
//! It may run twice, late, in parallel or never: each account is settled by the same commit as in a call, so the result
//! is the same.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    committer::Reply,
    ledger::{Billed, Outcome, Refused, UserId},
    locale::Locale,
    stats_service::StatsService,
    store::{StoreError, in_time},
};

/// How many accounts are settled at once. Others wait at Redis behind as many: a few, so that they hardly notice.
const AT_ONCE: usize = 8;
/// How many due users are asked for at once.
const ROUND: usize = 256;
/// After so many users who stay due a run stops.
const STAYING_MAX: usize = 1_000;

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "BillingRun"))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Users that were noted as due and were looked at.
    pub due: u64,
    /// Accounts that this run billed; the others had been billed already.
    pub billed: u64,
    /// Tokens that this run credited.
    pub credited: u64,
    /// Accounts that could not be settled; the log says why.
    pub failed: u64,
    /// Whether due users are left.
    pub more: bool,
    /// How long it took.
    pub duration_ms: u64,
}

/// A run's report and why accounts failed, for the log.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// For the caller.
    pub report: Report,
    /// For the operator.
    pub failures: Vec<String>,
}

/// Settles the accounts of due users, for at most `time`.
///
/// # Errors
/// [`StoreError`] when the store does not say who is due.
pub async fn bill_due_users(service: &StatsService, time: Duration, locale: Locale) -> Result<Swept, StoreError> {
    let begun = Instant::now();
    let until = service.now();
    let mut swept = Swept::default();
    // Who stays noted as due stands at the front of the next round too: it asks for as many more.
    let mut staying = HashSet::new();
    // Who had nothing to bill: their notes were corrected.
    let mut settled_before = HashSet::new();
    loop {
        let due = match in_time(service.store().due(until, ROUND.saturating_add(staying.len()))).await {
            Ok(due) => due,
            Err(error) if swept.report == Report::default() => return Err(error),
            // What was done until now is told all the same.
            Err(error) => {
                swept.report.more = true;
                swept.failures.push(format!("the run ended early: {error}"));
                break;
            }
        };
        let due: Vec<UserId> = due.into_iter().filter(|user| !staying.contains(user)).collect();
        if due.is_empty() {
            break;
        }
        if begun.elapsed() >= time || staying.len() >= STAYING_MAX {
            swept.report.more = true;
            break;
        }
        let begun_in_time = stream::iter(due).take_while(|_| std::future::ready(begun.elapsed() < time));
        let settle = |user: UserId| async move { (settle(service, &user, locale).await, user) };
        let mut settled = begun_in_time.map(settle).buffer_unordered(AT_ONCE);
        while let Some((result, user)) = settled.next().await {
            swept.report.due = swept.report.due.saturating_add(1);
            match result {
                Ok(None) => {
                    staying.insert(user);
                }
                Ok(Some(billed)) => {
                    swept.report.billed = swept.report.billed.saturating_add(u64::from(billed.periods > 0));
                    swept.report.credited = swept.report.credited.saturating_add(billed.tokens);
                    // Noted as due again nonetheless: in a key where nobody corrects it.
                    if billed.periods == 0 && !settled_before.insert(user.clone()) {
                        staying.insert(user);
                    }
                }
                Err(error) => {
                    swept.report.failed = swept.report.failed.saturating_add(1);
                    swept.failures.push(format!("user {user} was not billed: {error}"));
                    staying.insert(user);
                }
            }
        }
    }
    swept.report.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(swept)
}

/// Settles one account and corrects its note, which may have been too early. `None` when there is no account: its
/// opening was noted and never committed. A sweep opens nothing, and leaves the note to an opening under way.
async fn settle(service: &StatsService, user: &UserId, locale: Locale) -> Result<Option<Billed>, StoreError> {
    if !service.has_account(user).await? {
        return Ok(None);
    }
    match service.bill(user, locale).await? {
        Reply::Decided { decision, billed, .. } => {
            if billed.periods == 0 {
                let (Ok(Outcome { stats, .. }) | Err(Refused { stats, .. })) = decision;
                in_time(service.store().note_due(user, stats.next_billing_date)).await?;
            }
            Ok(Some(billed))
        }
        Reply::Replayed(_) => Ok(Some(Billed::default())),
    }
}
