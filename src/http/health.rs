use serde::Serialize;
use tokio::time::Instant;

use super::{
    Response,
    call::{Call, milliseconds},
    problem::Failure,
    query::Query,
    respond,
};

/// `GET /api/health`: whether the store answers, and how fast.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Health {
        status: &'static str,
        store: &'static str,
        round_trip_ms: f64,
        version: &'static str,
    }
    Query::parse(call.query)?.finish()?;
    let service = call.service()?;
    let begun = Instant::now();
    call.stored(service.ping()).await?;
    let round_trip_ms = milliseconds(begun.elapsed());
    respond::json(&Health {
        status: "ok",
        store: service.store().name(),
        round_trip_ms,
        version: env!("CARGO_PKG_VERSION"),
    })
}
