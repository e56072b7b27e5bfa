use serde::Serialize;
use tokio::time::{Instant, timeout};

use super::{Response, call::Call, problem::Failure, query::Query, respond};
use crate::store::{ANSWER_WITHIN, StoreError};

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
    let store = call.service()?.store();
    let begun = Instant::now();
    let silent = || StoreError::Unavailable { cause: "the store did not answer in time".to_owned(), sent: false };
    let ping = async { timeout(ANSWER_WITHIN, store.ping()).await.unwrap_or_else(|_| Err(silent())) };
    call.stored(ping).await?;
    let micros = u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX);
    respond::json(&Health {
        status: "ok",
        store: store.name(),
        round_trip_ms: f64::from(micros) / 1_000.0,
        version: env!("CARGO_PKG_VERSION"),
    })
}
