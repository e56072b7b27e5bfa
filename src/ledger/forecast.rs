use serde::Serialize;

use super::{
    Account, GrantKind, Paid, Source, Timestamp,
    billing::start_of_day,
    spent_days::{date_of, day_after},
    timestamp::DAY_MS,
};
use crate::plans::{CarryOver, Catalogue, NotInCatalogue, Plan};

/// What an account becomes if nobody does anything, and if its user goes on as before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// What time changes next: all that happens at that instant, in this order.
    pub next: Vec<Coming>,
    /// When the balance is used up at the pace of the last 30 days, if nothing comes in; none when nothing was spent.
    #[serde(with = "super::timestamp::optional_rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Timestamp>"))]
    pub runs_out_at: Option<Timestamp>,
}

/// A change that time makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ComingChange"))]
#[serde(rename_all = "camelCase")]
pub struct Coming {
    /// When.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub at: Timestamp,
    /// What.
    pub what: ComingKind,
    /// How many tokens.
    pub amount: u64,
}

/// What time can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ComingKind {
    /// Reservations end: what they hold comes back.
    Reservation,
    /// Tokens expire.
    Expiration,
    /// The allowance comes.
    Billing,
}

impl Forecast {
    /// The forecast of a settled account on `plan`.
    pub(super) fn of(account: &Account, plan: &Plan, catalogue: &Catalogue, now: Timestamp) -> Self {
        Self { next: next(account, plan, catalogue), runs_out_at: runs_out_at(account, plan, now) }
    }
}

fn next(account: &Account, plan: &Plan, catalogue: &Catalogue) -> Vec<Coming> {
    let billing = account.billing.next(plan.time_zone());
    let expiry = account.grants.first_to_expire().map(|(_, expires_at)| expires_at);
    let holding = account.reservations.iter().filter(|reservation| !reservation.held.is_empty());
    let reservation = holding.map(|reservation| reservation.expires_at).min();
    let mut instants: Vec<_> = [Some(billing), expiry, reservation].into_iter().flatten().collect();
    instants.sort_unstable();
    // A billing may bring and take nothing.
    let mut coming = instants.into_iter().map(|at| coming_at(at, at == billing, account, plan, catalogue));
    coming.find(|coming| !coming.is_empty()).unwrap_or_default()
}

/// What happens at `at` if nothing does before.
fn coming_at(at: Timestamp, bills: bool, account: &Account, plan: &Plan, catalogue: &Catalogue) -> Vec<Coming> {
    let ending = account.reservations.iter().filter(|reservation| reservation.expires_at == at);
    let ending: Vec<Paid> = ending.flat_map(|reservation| &reservation.held).copied().collect();
    let returned = |counts: &dyn Fn(GrantKind) -> bool| {
        let counted = ending.iter().filter(|held| counts(held.grant));
        counted.fold(0_u64, |sum, held| sum.saturating_add(held.amount.get()))
    };
    let is_over = |kind: GrantKind| kind.is_over(at);
    let mut expired = account.grants.total_of(is_over).saturating_add(returned(&is_over));
    let mut allowance = 0;
    if bills {
        let next_plan = account.planned.plan.as_ref().and_then(|name| catalogue.plan(name).ok()).unwrap_or(plan);
        if let CarryOver::AtMost(kept) = next_plan.carry_over() {
            let is_allowance = |kind: GrantKind| kind.source == Source::Monthly;
            let stays = |kind: GrantKind| is_allowance(kind) && !is_over(kind);
            let held = account.grants.held_of(is_allowance).saturating_sub(returned(&is_allowance));
            let allowances = account.grants.total_of(stays).saturating_add(returned(&stays));
            expired = expired.saturating_add(allowances.saturating_sub(kept.saturating_sub(held)));
        }
        allowance = next_plan.monthly_allowance().min(account.room().saturating_add(expired));
    }
    let coming = [
        (ComingKind::Reservation, returned(&|_| true)),
        (ComingKind::Expiration, expired),
        (ComingKind::Billing, allowance),
    ];
    coming.into_iter().filter(|(_, amount)| *amount > 0).map(|(what, amount)| Coming { at, what, amount }).collect()
}

impl Account {
    /// When time alone next changes what callers see of the account, which is settled at `now`: at the latest when the day
    /// of its plan ends, by which caps and the forecast count.
    ///
    /// # Errors
    /// When the catalogue no longer has its plan.
    pub fn next_change(&self, catalogue: &Catalogue, now: Timestamp) -> Result<Timestamp, NotInCatalogue> {
        let zone = catalogue.plan(&self.plan)?.time_zone();
        let tomorrow = start_of_day(day_after(date_of(now, zone)), zone);
        let billing = self.billing.next(zone);
        let expiry = self.grants.first_to_expire().map(|(_, expires_at)| expires_at);
        let reservation = self.reservations.iter().map(|reservation| reservation.expires_at).min();
        Ok([expiry, reservation].into_iter().flatten().fold(tomorrow.min(billing), Timestamp::min))
    }
}

/// Counted from the last change, so that it stays the same while nothing happens, or from the beginning of today.
fn runs_out_at(account: &Account, plan: &Plan, now: Timestamp) -> Option<Timestamp> {
    let zone = plan.time_zone();
    let today = date_of(now, zone);
    let (spent, days) = account.days.pace(today, date_of(account.opened_at, zone));
    let lasts = u128::from(account.available()).saturating_mul(u128::from(days)).saturating_mul(DAY_MS.into());
    let lasts = lasts.checked_div(spent.into())?;
    let from = account.last_entry.timestamp().max(start_of_day(today, zone));
    from.later_by(u64::try_from(lasts).ok()?)
}
