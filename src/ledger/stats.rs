use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use super::{
    Account, Amount, CapsStats, ContentType, Forecast, Grant, GrantKind, NextCaps, Priorities, Priority, Source,
    Timestamp, UserId, timestamp,
};
use crate::plans::{Catalogue, Plan};

/// The content types that have fields of their own in the stats.
pub(super) const ARTICLE: &str = "ARTICLE";
pub(super) const PRODUCT_DESCRIPTION: &str = "PRODUCT_DESCRIPTION";

/// What callers see of an account: the stats object of contract §2. Amounts are tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Whose account it is.
    pub member_id: UserId,
    /// What can be spent now; below zero what is owed, where the plan lets a capture go there.
    pub token_balance: i64,
    /// What is set aside for work under way.
    pub tokens_reserved: u64,
    /// What was spent since the account was opened.
    pub tokens_used: u64,
    /// Generations of content type `ARTICLE`.
    pub articles_generated: u64,
    /// Generations of content type `PRODUCT_DESCRIPTION`.
    pub product_descriptions_generated: u64,
    /// All generations.
    pub total_generations: u64,
    /// Generations by content type: all that the catalogue has, and those it once had.
    pub generations: BTreeMap<ContentType, u64>,
    /// The name of the plan.
    pub plan: Arc<str>,
    /// The name of the plan from the next billing on, if an operator has planned another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_plan: Option<Arc<str>>,
    /// What becomes of the user's own caps at the next billing, if an operator has planned that: a number of tokens, or
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_caps: Option<NextCaps>,
    /// What may be spent, if there are caps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caps: Option<CapsStats>,
    /// Grows with every change: of two stats objects the one with the greater version is the newer.
    pub version: u64,
    /// What the balance is made of, in the order in which debits take it.
    pub grants: Vec<GrantStats>,
    /// What comes next.
    pub forecast: Forecast,
    /// When the next allowance comes.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub next_billing_date: Timestamp,
    /// The billing date before it.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub last_billing_date: Timestamp,
    /// When the last change took effect.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub last_updated: Timestamp,
    /// When the account was opened, or reset.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub created_at: Timestamp,
}

/// Equal tokens, as callers see them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Grant"))]
#[serde(rename_all = "camelCase")]
pub struct GrantStats {
    /// What debits call it.
    pub id: GrantKind,
    /// Where the tokens come from.
    pub source: Source,
    /// How many are left to spend.
    pub remaining: u64,
    /// How many were put in since there were none.
    pub amount: Amount,
    /// Their own priority, or the catalogue's.
    pub priority: Priority,
    /// When they expire, if they do.
    #[serde(with = "timestamp::optional_rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Timestamp>"))]
    pub expires_at: Option<Timestamp>,
}

impl GrantStats {
    fn of(grant: &Grant, priorities: Priorities) -> Self {
        let Grant { kind, remaining, granted, held: _ } = *grant;
        let GrantKind { source, expires_at, .. } = kind;
        Self { id: kind, source, remaining, amount: granted, priority: priorities.of(kind), expires_at }
    }
}

impl Stats {
    /// The stats of an account on `plan`, settled at `now`.
    pub(super) fn of(account: &Account, plan: &Plan, catalogue: &Catalogue, now: Timestamp) -> Self {
        let mut generations = account.generations.clone();
        for name in catalogue.content_types() {
            generations.entry(name.clone()).or_insert(0);
        }
        let priorities = catalogue.priorities();
        let mut grants: Vec<_> = account
            .grants
            .iter()
            .filter(|grant| grant.remaining > 0)
            .map(|grant| GrantStats::of(grant, priorities))
            .collect();
        // Equals stay in the order of their age.
        grants.sort_by_key(|grant| priorities.rank(grant.id));
        let count = |name: &str| generations.get(&ContentType::new(name)).copied().unwrap_or(0);
        Self {
            member_id: account.user_id.clone(),
            token_balance: account.balance(),
            tokens_reserved: account.reserved(),
            tokens_used: account.tokens_used,
            articles_generated: count(ARTICLE),
            product_descriptions_generated: count(PRODUCT_DESCRIPTION),
            total_generations: generations.values().fold(0, |sum, count| sum.saturating_add(*count)),
            plan: Arc::clone(&account.plan),
            next_plan: account.planned.plan.clone(),
            next_caps: NextCaps::of(&account.planned),
            caps: CapsStats::of(account, plan, now),
            version: account.stats_version(),
            grants,
            forecast: Forecast::of(account, plan, catalogue, now),
            next_billing_date: account.billing.next(plan.time_zone()),
            last_billing_date: account.billing.last(plan.time_zone()),
            last_updated: account.last_entry.timestamp().max(account.opened_at),
            created_at: account.opened_at,
            generations,
        }
    }
}
