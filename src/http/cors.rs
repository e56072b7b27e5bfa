use hyper::{
    HeaderMap,
    header::{
        ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue, VARY,
    },
};

use super::resource::Resource;
use crate::{config::Config, stage::Stage};

/// Lets a page of an allowed origin read the answer (the Fetch standard's CORS protocol). Others get no header, so
/// their browser keeps the answer from them.
pub(super) fn allow(config: &Config, resource: Resource, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
    let allowed = &config.cors_origins;
    if allowed.is_empty() {
        return;
    }
    response.append(VARY, HeaderValue::from_static("Origin"));
    let Some(origin) = origin else { return };
    let known = |origin: &str| allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
    if !origin.to_str().is_ok_and(known) {
        return;
    }
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    response.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("Idempotent-Replayed, Retry-After, X-Request-Id"),
    );
    response.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(resource.allow()));
    let headers = match config.stage {
        Stage::Development => {
            "Authorization, Content-Type, Idempotency-Key, Accept-Language, Last-Event-ID, Jeton-Clock"
        }
        Stage::Production => "Authorization, Content-Type, Idempotency-Key, Accept-Language, Last-Event-ID",
    };
    response.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(headers));
    response.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
}
