use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Account, Refusal, Timestamp,
    account::is_default,
    billing::start_of_day,
    spent_days::{date_of, day_after, month_after},
};
use crate::{
    mutation::{Mutation, planted},
    plans::Plan,
};

/// What a user may spend at most, in tokens. Where there is none the plan's holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Caps {
    /// On one day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<u64>,
    /// In one calendar month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u64>,
}

impl Caps {
    /// These, and where there is none those of the plan.
    pub(super) fn or(self, plan: Self) -> Self {
        Self { daily: self.daily.or(plan.daily), monthly: self.monthly.or(plan.monthly) }
    }
}

/// Which cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum CapPeriod {
    /// That of a day, from 00:00 in the plan's time zone.
    Daily,
    /// That of a calendar month, from its first day, 00:00 in the plan's time zone.
    Monthly,
}

/// A cap, as callers see it. Amounts are tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Cap"))]
#[serde(rename_all = "camelCase")]
pub struct CapStats {
    /// What may be spent.
    pub limit: u64,
    /// What was spent of it, less what was given back.
    pub spent: u64,
    /// When it counts from nothing again.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub resets_at: Timestamp,
}

/// The caps that hold, as callers see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Caps"))]
#[serde(rename_all = "camelCase")]
pub struct CapsStats {
    /// That of the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<CapStats>,
    /// That of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<CapStats>,
}

impl CapsStats {
    /// Those that hold for `account` on `plan` at `now`; `None` where there is none.
    pub(super) fn of(account: &Account, plan: &Plan, now: Timestamp) -> Option<Self> {
        let Caps { daily, monthly } = account.caps.or(plan.caps());
        if daily.is_none() && monthly.is_none() {
            return None;
        }
        let zone = plan.time_zone();
        let today = date_of(now, zone);
        let stats = |limit, spent, ends| CapStats { limit, spent, resets_at: start_of_day(ends, zone) };
        Some(Self {
            daily: daily.map(|limit| stats(limit, account.days.on(today), day_after(today))),
            monthly: monthly.map(|limit| stats(limit, account.days.in_month(today), month_after(today))),
        })
    }
}

/// How many tokens more may be spent at `at` under each cap, that of the month first: it lasts longer. What is set aside
/// counts as spent, as nothing must stand in the way of its capture.
pub(super) fn rooms(account: &Account, plan: &Plan, at: Timestamp) -> impl Iterator<Item = (u64, Refusal)> {
    let CapsStats { daily, monthly } = CapsStats::of(account, plan, at).unwrap_or_default();
    let held = if planted(Mutation::CapsForgetReservations) { 0 } else { account.grants.held() };
    let room = move |period| {
        move |cap: CapStats| {
            let left = cap.limit.saturating_sub(cap.spent.saturating_add(held));
            (left, Refusal::SpendingCapReached { cap: period, limit: cap.limit, resets_at: cap.resets_at })
        }
    };
    monthly.map(room(CapPeriod::Monthly)).into_iter().chain(daily.map(room(CapPeriod::Daily)))
}

/// Whether the caps leave room for `amount` at `at`.
pub(super) fn check(account: &Account, plan: &Plan, amount: u64, at: Timestamp) -> Result<(), Refusal> {
    let amount = if planted(Mutation::IgnoreCaps) { 0 } else { amount };
    let mut reached = rooms(account, plan, at).filter(|(left, _)| *left < amount);
    reached.next().map_or(Ok(()), |(_, refusal)| Err(refusal))
}

/// What an operator changes of an account's plan and caps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlanChange {
    /// The name of the plan that holds from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<str>>,
    /// What becomes of the user's own daily cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily: Option<CapChange>,
    /// What becomes of the user's own monthly cap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly: Option<CapChange>,
}

/// What is planned of a user's own caps, as callers see it: what is not planned is left out, and what is taken back is null.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NextCaps {
    /// That of the day, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<Option<u64>>,
    /// That of the month, in tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<Option<u64>>,
}

impl NextCaps {
    /// What `planned` makes of them; `None` where it leaves them alone.
    pub(super) fn of(planned: &PlanChange) -> Option<Self> {
        let [daily, monthly] = [planned.daily, planned.monthly].map(|change| change.map(CapChange::cap));
        (daily.is_some() || monthly.is_some()).then_some(Self { daily, monthly })
    }
}

/// What becomes of a user's own cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CapChange {
    /// It is so many tokens.
    Set(u64),
    /// There is none any more: the plan's holds, if it has one.
    Lift,
}

impl CapChange {
    const fn cap(self) -> Option<u64> {
        match self {
            Self::Set(tokens) => Some(tokens),
            Self::Lift => None,
        }
    }
}

/// From when on a change of plan or caps holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effective {
    /// At once.
    #[default]
    Now,
    /// From the next billing on, before its allowance.
    NextPeriod,
}

impl PlanChange {
    /// Whether it changes nothing.
    pub(super) fn is_empty(&self) -> bool {
        is_default(self)
    }

    /// Makes the change. What was planned of the same comes to nothing.
    pub(super) fn make(self, account: &mut Account) {
        let Self { plan, daily, monthly } = self;
        let planned = &mut account.planned;
        if let Some(plan) = plan {
            account.plan = plan;
            planned.plan = None;
        }
        if let Some(change) = daily {
            account.caps.daily = change.cap();
            planned.daily = None;
        }
        if let Some(change) = monthly {
            account.caps.monthly = change.cap();
            planned.monthly = None;
        }
    }

    /// Plans the change. What was planned of the same before comes to nothing.
    pub(super) fn plan(self, account: &mut Account) {
        let Self { plan, daily, monthly } = self;
        let planned = &mut account.planned;
        planned.plan = plan.or_else(|| planned.plan.take());
        planned.daily = daily.or(planned.daily);
        planned.monthly = monthly.or(planned.monthly);
    }
}
