use super::{Response, call::Call, problem::Failure, query::Query, respond};
use crate::sweep;

/// `GET /api/billing`: bills due users, as long as there is time.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    Query::parse(call.query)?.finish()?;
    let sweep = sweep::bill_due_users(call.service()?, call.config.billing_time, call.config.locale);
    let swept = call.stored(sweep).await?;
    call.trace.note(swept.failures);
    respond::json(&swept.report)
}
