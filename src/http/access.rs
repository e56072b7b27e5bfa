use hyper::{HeaderMap, Method, header::AUTHORIZATION};

use super::{
    problem::Problem,
    resource::{Audience, Resource},
};
use crate::{config::Config, credentials::Holder, stage::Stage};

/// Why a caller was let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// By a key, or because the function is for everybody.
    Granted,
    /// Because this is development and no keys are configured.
    Open,
}

/// Decides whether the bearer may call `resource` with `method` (contract §5).
pub(super) fn check(
    config: &Config,
    resource: Resource,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Access, Problem> {
    let required = match resource.audience(method) {
        Audience::Everybody => return Ok(Access::Granted),
        Audience::Service(_) | Audience::Cron if is_open(config) => return Ok(Access::Open),
        Audience::Service(scope) => Holder::Service(scope),
        Audience::Cron => Holder::Cron,
    };
    let holder = bearer(headers).and_then(|secret| config.credentials.identify(secret));
    let holder = holder.ok_or(Problem::Unauthenticated)?;
    match (required, holder) {
        (Holder::Service(required), Holder::Service(held)) if held >= required => Ok(Access::Granted),
        (Holder::Cron, Holder::Cron) => Ok(Access::Granted),
        (Holder::Service(required), _) => Err(Problem::Forbidden { required_scope: required.name() }),
        (Holder::Cron, Holder::Service(_)) => Err(Problem::Forbidden { required_scope: "cron" }),
    }
}

/// Whether everybody may call everything: in development, as long as no keys are configured.
pub(super) fn is_open(config: &Config) -> bool {
    config.stage == Stage::Development && !config.credentials.has_service_keys()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| secret.trim())
}
