use super::{Response, call::Call, problem::Failure, query::Query, respond};

/// `GET /api/stats?userId=`: the stats object.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let user = call.user(query.take("userId").as_deref())?;
    query.finish()?;
    let service = call.service_for(&user).await?;
    let stats = call.stored(service.get_user_stats(&user, call.trace.locale)).await?;
    respond::json(&stats)
}
