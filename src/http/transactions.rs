use hyper::header::ACCEPT;
use serde::Serialize;

use super::{
    Response,
    call::{Call, list},
    problem::{Failure, Problem},
    query::Query,
    respond,
    stream::{self, Format},
};
use crate::{
    history::{Page, Selection},
    ledger::{Transaction, TransactionId, TransactionType},
    store::Order,
};

/// How many entries a page has when the caller does not say (contract §2).
pub(super) const LIMIT_DEFAULT: u64 = 50;
/// How many it can have.
pub(super) const LIMIT_MAX: u64 = 1_000;

/// A page of the history.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct TransactionPage {
    /// Its entries, in the order that was asked for.
    pub(super) transactions: Vec<Transaction>,
    /// The `cursor` of the next page; null on the last one.
    pub(super) next_cursor: Option<TransactionId>,
}

/// `GET /api/transactions`: a page of the history, or, as CSV or NDJSON, the whole selection.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let user = call.user(query.take("userId").as_deref())?;
    let limit = query.take_count("limit", LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT);
    let cursor = query.take_cursor("cursor")?;
    let selection = selection(call, &mut query)?;
    query.finish()?;

    if let Some(format) = list(call.headers, ACCEPT).and_then(|accept| Format::wanted(&accept)) {
        return stream::answer(call, format, user, selection, cursor).await;
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let service = call.service_for(&user).await?;
    let page = service.get_transaction_history(&user, &selection, cursor, limit, call.trace.locale);
    let Page { transactions, next_cursor } = call.stored(page).await?;
    respond::json(&TransactionPage { transactions, next_cursor })
}

fn selection(call: &Call<'_>, query: &mut Query) -> Result<Selection, Problem> {
    let kinds = [("CREDIT", TransactionType::Credit), ("DEBIT", TransactionType::Debit)];
    let orders = [("desc", Order::Descending), ("asc", Order::Ascending)];
    let content_type = query.take("contentType").map(|name| call.content_type(&name)).transpose()?;
    Ok(Selection {
        kind: query.take_choice("type", &kinds)?,
        content_type,
        from: query.take_instant("from")?,
        to: query.take_instant("to")?,
        order: query.take_choice("order", &orders)?.unwrap_or_default(),
    })
}
