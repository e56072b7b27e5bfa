use std::sync::Arc;

use serde::Serialize;

use super::{
    Response,
    call::Call,
    problem::{Failure, Problem, Reason},
    query::Query,
    respond,
};
use crate::{
    ledger::{Stats, Timestamp, UserId},
    stats_service::AccountPage,
};

/// How many accounts a page has when the caller does not say.
const LIMIT_DEFAULT: u64 = 50;
/// How many it can have.
const LIMIT_MAX: u64 = 200;

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
