use chrono_tz::Tz;
use serde::Serialize;

use super::{
    Response,
    call::Call,
    problem::{Failure, Problem, Reason},
    query::Query,
    respond,
};
use crate::usage::{Bucket, Granularity, InvalidRange, Range};

/// What was spent when.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(super) struct UsageReport {
    /// All buckets of the range, oldest first, those in which nothing was spent too.
    pub(super) buckets: Vec<Bucket>,
}

/// `GET /api/usage`: what was spent in each hour, day or month of a range.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let user = call.user(query.take("userId").as_deref())?;
    let granularities = [("hour", Granularity::Hour), ("day", Granularity::Day), ("month", Granularity::Month)];
    let range = Range {
        granularity: query.take_choice("granularity", &granularities)?.unwrap_or_default(),
        zone: query.take_zone("timezone")?.unwrap_or(Tz::UTC),
        from: query.take_instant("from")?,
        to: query.take_instant("to")?,
    };
    query.finish()?;

    let service = call.service_for(&user).await?;
    let buckets = call.stored(service.get_usage(&user, &range, call.trace.locale)).await?;
    let buckets = buckets.map_err(|invalid| {
        let reason = match invalid {
            InvalidRange::Backwards => Reason::NotBeforeTo,
            InvalidRange::TooLong => Reason::TooLongBeforeTo(range.granularity),
        };
        Problem::invalid_field("from", reason)
    })?;
    respond::json(&UsageReport { buckets })
}
