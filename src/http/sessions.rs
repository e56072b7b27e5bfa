use serde::Serialize;

use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    problem::{Failure, Problem, Reason},
    respond,
};
use crate::{committer::Surroundings, ledger::Timestamp, session::Issued, system::System};

/// How long a user token lasts when the caller does not say, in seconds (contract §2).
pub(super) const TTL_DEFAULT: u64 = 900;
/// How long it can: a day, in seconds.
pub(super) const TTL_MAX: u64 = 86_400;

/// A user token that was issued.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Session"))]
#[serde(rename_all = "camelCase")]
pub(super) struct IssuedSession {
    /// The token: a JWT, for `Authorization: Bearer`, or for `access_token` of the events.
    pub(super) token: String,
    /// When it ends: the same instant as its `exp`.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub(super) expires_at: Timestamp,
}

/// `POST /api/sessions`: issues a user token, with which a browser reads its user.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let ttl = fields.take_whole("ttlSeconds", 1, TTL_MAX)?.unwrap_or(TTL_DEFAULT);
    fields.finish()?;
    let has_key = call.idempotency_key()?.is_some();
    let moves_clock = call.clock()?.is_some();

    let internal = |cause: String| Failure { problem: Problem::Internal, cause: Some(cause) };
    // Real time, whatever the user's test clock says: browsers and other services judge the token too.
    let issued = call.sessions.issue(&user, ttl, System.now());
    let Issued { token, expires_at } = issued.map_err(|error| internal(error.to_string()))?;
    let body =
        serde_json::to_string(&IssuedSession { token, expires_at }).map_err(|error| internal(error.to_string()))?;
    if has_key || moves_clock {
        let told = move |_: &_| body.clone();
        change::answer_with(call, &user, told, |service, caller| service.remember(&user, caller)).await
    } else {
        // Nothing is kept of it: this works also while the store is away.
        Ok(respond::decided(200, body))
    }
}
