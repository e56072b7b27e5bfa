use serde::Serialize;
use tokio::time::Instant;

use super::{
    Response,
    call::{Call, milliseconds},
    problem::Failure,
    query::Query,
    respond,
};

/// That the store answers.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Health {
    /// `ok`.
    #[cfg_attr(feature = "openapi", schemars(extend("const" = "ok")))]
    pub(super) status: &'static str,
    /// `redis` or `embedded`.
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["redis", "embedded"])))]
    pub(super) store: &'static str,
    /// How long it took to answer, in milliseconds.
    pub(super) round_trip_ms: f64,
    /// The version of Jeton.
    pub(super) version: &'static str,
}

/// `GET /api/health`: whether the store answers, and how fast.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
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
