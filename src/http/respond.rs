use hyper::{
    HeaderMap, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use serde::Serialize;
use vercel_runtime::ResponseBody;

use super::{
    Response,
    problem::{Failure, Problem},
};
use crate::locale::Locale;

/// The header that says that an answer was given before (contract §4).
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// A response with a body of this type.
pub(super) fn with_body(status: StatusCode, content_type: HeaderValue, body: impl Into<ResponseBody>) -> Response {
    let mut response = hyper::Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// 200 with `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<Response, Failure> {
    let body = serde_json::to_string(value)
        .map_err(|error| Failure { problem: Problem::Internal, cause: Some(error.to_string()) })?;
    Ok(with_body(StatusCode::OK, JSON, body))
}

/// The answer to a change, given now or before.
pub(super) fn decided(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    with_body(status, if status.is_success() { JSON } else { PROBLEM }, body)
}

/// A refusal.
pub(super) fn problem(problem: &Problem, request_id: &str, locale: Locale) -> Response {
    let mut response = with_body(problem.status(), PROBLEM, problem.body(request_id, locale));
    add_problem_headers(problem, response.headers_mut());
    response
}

fn add_problem_headers(problem: &Problem, headers: &mut HeaderMap) {
    if let Some(seconds) = problem.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(u16::from(seconds)));
    }
    if let Problem::MethodNotAllowed { allow } = problem {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if matches!(problem, Problem::Unauthenticated) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"jeton\""));
    }
}

/// The answer to OPTIONS: what the function takes.
pub(super) fn options(allow: &'static str) -> Response {
    let mut response = hyper::Response::new(ResponseBody::from(()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}
