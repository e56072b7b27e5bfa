use std::sync::Arc;

use serde::Serialize;

use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    messages,
    problem::{Failure, Problem, Reason},
    query::Query,
    respond,
};
use crate::{
    ledger::{Effective, PlanChange, Stats, Timestamp, UserId},
    stats_service::AccountPage,
};

/// How many accounts a page has when the caller does not say.
pub(super) const LIMIT_DEFAULT: u64 = 50;
/// How many it can have.
pub(super) const LIMIT_MAX: u64 = 200;

/// From when on a change holds, by the names that callers give it.
pub(super) const EFFECTIVE: [(&str, Effective); 2] = [("now", Effective::Now), ("nextPeriod", Effective::NextPeriod)];

/// `GET /api/accounts`: a page of the accounts of all users, as they are now.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let prefix = query.take("query").filter(|text| !text.is_empty());
    // Every beginning of an id is one itself.
    if prefix.as_deref().is_some_and(|text| UserId::new(text).is_none()) {
        return Err(Problem::invalid_field("query", Reason::NotAUserId).into());
    }
    let limit = query.take_count("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let cursor = query.take("cursor").map(|text| UserId::new(&text).ok_or(Reason::NotACursor)).transpose();
    let cursor = cursor.map_err(|reason| Problem::invalid_field("cursor", reason))?;
    query.finish()?;

    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let prefix = prefix.unwrap_or_default();
    let page = call.service()?.list_accounts(&prefix, cursor, limit, call.trace.locale);
    let AccountPage { accounts, next_cursor } = call.stored(page).await?;
    respond::json(&Accounts { accounts: accounts.into_iter().map(Shown::from).collect(), next_cursor })
}

/// `PATCH /api/accounts`: changes plan and caps of a user.
pub(super) async fn patch(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let plans: Vec<(&str, &Arc<str>)> = call.catalogue.plans().map(|name| (&**name, name)).collect();
    let plan = fields.take_choice("plan", &plans)?.cloned();
    let (daily, monthly) = match fields.take_object("caps")? {
        Some(mut caps) => {
            let changes = (caps.take_cap("caps.daily")?, caps.take_cap("caps.monthly")?);
            caps.finish()?;
            changes
        }
        None => (None, None),
    };
    let effective = fields.take_choice("effective", &EFFECTIVE)?.unwrap_or_default();
    fields.finish()?;
    let change = PlanChange { plan, daily, monthly };
    if change == PlanChange::default() {
        return Err(Problem::invalid_field("plan", Reason::PlanOrCaps).into());
    }
    let message = match effective {
        Effective::Now => messages::of_plan,
        Effective::NextPeriod => messages::of_planned,
    };
    change::answer(call, &user, message, |service, caller| service.change_plan(&user, change, effective, caller)).await
}

/// A page of the list.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "AccountPage"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Accounts {
    /// The accounts, in the order of their users' ids, byte by byte.
    pub(super) accounts: Vec<Shown>,
    /// The `cursor` of the next page; null on the last one.
    pub(super) next_cursor: Option<UserId>,
}

/// What the list says of an account. Amounts are tokens.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Account"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// Whose it is.
    user_id: UserId,
    /// What can be spent now; below zero what is owed.
    token_balance: i64,
    /// What is set aside for work under way.
    tokens_reserved: u64,
    /// The name of the plan.
    plan: Arc<str>,
    /// When the last change took effect.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    last_activity: Timestamp,
    /// When the account was opened, or reset.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    created_at: Timestamp,
}

impl From<Stats> for Shown {
    fn from(stats: Stats) -> Self {
        Self {
            user_id: stats.member_id,
            token_balance: stats.token_balance,
            tokens_reserved: stats.tokens_reserved,
            plan: stats.plan,
            last_activity: stats.last_updated,
            created_at: stats.created_at,
        }
    }
}
