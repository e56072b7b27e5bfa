use std::sync::Arc;

use hyper::{Method, header::HeaderValue};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Response,
    call::Call,
    problem::{Failure, Problem, Reason},
    respond,
};
use crate::{
    committer::{Idempotency, Render, Reply},
    ledger::{Outcome, ReservationStats, Stats, Transaction, UserId},
    locale::Locale,
    stats_service::{Caller, StatsService},
    store::StoreError,
};

/// Says what a change did.
pub(super) type Message = fn(&Outcome, Locale) -> String;

/// Answers a change with its result: what `ask` brings about for the caller, or what it brought about when its key was used
/// first.
pub(super) async fn answer<'a, F>(
    call: &'a Call<'_>,
    user: &UserId,
    message: Message,
    ask: impl FnOnce(&'a StatsService, Caller) -> F,
) -> Result<Response, Failure>
where
    F: Future<Output = Result<Reply, StoreError>>,
{
    let locale = call.trace.locale;
    answer_with(call, user, move |outcome| result(outcome, message, locale), ask).await
}

/// The same with a body of another form, which `tell` writes: the same each time.
pub(super) async fn answer_with<'a, F>(
    call: &'a Call<'_>,
    user: &UserId,
    tell: impl Fn(&Outcome) -> String + Send + Sync + 'static,
    ask: impl FnOnce(&'a StatsService, Caller) -> F,
) -> Result<Response, Failure>
where
    F: Future<Output = Result<Reply, StoreError>>,
{
    let (request_id, locale) = (call.trace.request_id.clone(), call.trace.locale);
    let render: Render = Arc::new(move |decision| match decision {
        Ok(outcome) => (200, tell(outcome)),
        Err(refused) => {
            let problem = Problem::from(refused.clone());
            (problem.status().as_u16(), problem.body(&request_id, locale))
        }
    });
    let idempotency = match call.idempotency_key()? {
        Some(key) => Some(Idempotency { key, fingerprint: fingerprint(call, user)?, render: Arc::clone(&render) }),
        None => None,
    };
    let fingerprint = idempotency.as_ref().map(|idempotency| idempotency.fingerprint.clone());
    let service = call.service_for(user).await?;
    match call.stored(ask(service, Caller { locale, idempotency })).await? {
        Reply::Decided { decision: Err(refused), .. } => Err(Problem::from(refused).into()),
        Reply::Decided { decision, .. } => {
            let (status, body) = render(&decision);
            Ok(respond::decided(status, body))
        }
        Reply::Replayed(record) => {
            if fingerprint.as_ref() != Some(&record.fingerprint) {
                return Err(Problem::IdempotencyKeyReused.into());
            }
            let mut response = respond::decided(record.status, record.body);
            response.headers_mut().insert(respond::IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
            Ok(response)
        }
    }
}

/// The result of contract §2.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Result"))]
pub(super) struct Told<'a> {
    /// True: a refusal has false.
    #[cfg_attr(feature = "openapi", schemars(extend("const" = true)))]
    pub(super) success: bool,
    /// What was done, for people, in their language.
    pub(super) message: String,
    /// The account after it.
    pub(super) stats: &'a Stats,
    /// The caller's own entry, if the change wrote one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transaction: Option<&'a Transaction>,
    /// The reservation that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reservation: Option<&'a ReservationStats>,
}

/// The body of a result.
pub(super) fn result(outcome: &Outcome, message: Message, locale: Locale) -> String {
    let Outcome { transaction, reservation, stats } = outcome;
    let message = message(outcome, locale);
    let (transaction, reservation) = (transaction.as_ref(), reservation.as_ref());
    let told = Told { success: true, message, stats, transaction, reservation };
    // Every field has a JSON form.
    serde_json::to_string(&told).unwrap_or_default()
}

/// What makes two requests the same: method, resource, user, and the same JSON, however it is spaced or ordered.
fn fingerprint(call: &Call<'_>, user: &UserId) -> Result<String, Problem> {
    let body: Value = serde_json::from_slice(&call.body).map_err(|_| Problem::InvalidJson(Reason::NotJson))?;
    let name = call.resource.name();
    let asked = if call.method == Method::POST { name.to_owned() } else { format!("{} {name}", call.method) };
    let digest: [u8; 32] = Sha256::digest(format!("{asked}\n{user}\n{body}")).into();
    let (high, low) = digest.split_at(16);
    let hexadecimal = |half: &[u8]| half.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    Ok(format!("{:032x}{:032x}", hexadecimal(high), hexadecimal(low)))
}
