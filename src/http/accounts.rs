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
const LIMIT_DEFAULT: u64 = 50;
/// How many it can have.
const LIMIT_MAX: u64 = 200;

/// From when on a change holds, by the names that callers give it.
const EFFECTIVE: [(&str, Effective); 2] = [("now", Effective::Now), ("nextPeriod", Effective::NextPeriod)];

/// `GET /api/accounts`: a page of the accounts of all users, as they are now.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        accounts: Vec<Shown>,
        next_cursor: Option<UserId>,
    }
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
    respond::json(&Page { accounts: accounts.into_iter().map(Shown::from).collect(), next_cursor })
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

/// What the list says of an account.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    user_id: UserId,
    token_balance: i64,
    tokens_reserved: u64,
    plan: Arc<str>,
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    last_activity: Timestamp,
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
