use std::borrow::Cow;

use hyper::{HeaderMap, Method, header::AUTHORIZATION};

use super::{
    problem::{Failure, Problem},
    resource::{Audience, Resource},
};
use crate::{
    config::Config,
    credentials::Holder,
    ledger::{Timestamp, UserId},
    session::{self, Session, SessionError, Sessions},
};

/// Why a caller was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// By a key, or because the function is for everybody.
    Granted,
    /// By a user token, for what it tells of this user.
    User(Session),
    /// Because this is development and no keys are configured.
    Open,
}

/// What is asked for, as far as access depends on it.
pub(super) struct Asked<'a> {
    pub(super) resource: Resource,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
}

/// Decides whether the caller may have what is asked for (contract §5).
pub(super) async fn check(
    config: &Config,
    sessions: &Sessions,
    asked: &Asked<'_>,
    now: Timestamp,
) -> Result<Access, Failure> {
    let required = match asked.resource.audience(asked.method) {
        Audience::Everybody => return Ok(Access::Granted),
        Audience::Service(scope) => Holder::Service(scope),
        Audience::Cron => Holder::Cron,
    };
    let is_open = config.is_open();
    let tokens_in_query = asked.tokens_in_query();
    let bearer = bearer(asked.headers);
    let key = bearer.filter(|_| tokens_in_query.is_empty() && !is_open);
    if let Some(holder) = key.and_then(|secret| config.credentials.identify(secret)) {
        return of_holder(required, holder);
    }
    let presented = match tokens_in_query.as_slice() {
        [] => bearer,
        // In one place, once.
        [token] if !asked.headers.contains_key(AUTHORIZATION) => Some(&**token),
        _ => None,
    };
    // Whoever puts a user token into an address means to be that user, also where everybody may call.
    let is_open = is_open && tokens_in_query.is_empty();
    let Some(token) = presented.filter(|text| session::is_formed_like_one(text)) else {
        let cause = (!tokens_in_query.is_empty())
            .then(|| "`access_token` must be one user token, once, and without a header beside it".to_owned());
        return if is_open { Ok(Access::Open) } else { Err(Failure { problem: Problem::Unauthenticated, cause }) };
    };
    // Boxed, as few requests need it, and it is large.
    match Box::pin(sessions.verify(token, now)).await {
        Ok(session) => of_user(asked, required, session),
        Err(SessionError::Refused(_)) if is_open => Ok(Access::Open),
        Err(SessionError::Refused(refused)) => {
            Err(Failure { problem: Problem::Unauthenticated, cause: Some(refused.to_string()) })
        }
        Err(SessionError::NoKeys(error)) => Err(Failure { problem: Problem::Internal, cause: Some(error.to_string()) }),
    }
}

/// What the holder of a key gets.
fn of_holder(required: Holder, holder: Holder) -> Result<Access, Failure> {
    let enough = match (required, holder) {
        (Holder::Service(required), Holder::Service(held)) => held >= required,
        (Holder::Cron, Holder::Cron) => true,
        (Holder::Service(_), Holder::Cron) | (Holder::Cron, Holder::Service(_)) => false,
    };
    if enough { Ok(Access::Granted) } else { Err(Problem::Forbidden { required_scope: scope(required) }.into()) }
}

/// What the holder of a user token gets: what is about that user alone.
fn of_user(asked: &Asked<'_>, required: Holder, session: Session) -> Result<Access, Failure> {
    let cause = if !asked.resource.is_for_users() {
        "a user token is for reading stats, transactions, usage and events"
    } else if asked.names_another_than(&session.user) {
        "the user token is about another user"
    } else {
        return Ok(Access::User(session));
    };
    let problem = Problem::Forbidden { required_scope: scope(required) };
    Err(Failure { problem, cause: Some(cause.to_owned()) })
}

const fn scope(required: Holder) -> &'static str {
    match required {
        Holder::Service(scope) => scope.name(),
        Holder::Cron => "cron",
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, secret) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| secret.trim())
}

impl<'a> Asked<'a> {
    /// What the query says under this name.
    fn in_query(&self, name: &'static str) -> impl Iterator<Item = Cow<'a, str>> {
        let fields = form_urlencoded::parse(self.query.unwrap_or_default().as_bytes());
        fields.filter(move |(field, _)| field == name).map(|(_, value)| value)
    }

    /// The user tokens in the query, where they may come so.
    fn tokens_in_query(&self) -> Vec<Cow<'a, str>> {
        if self.resource.takes_token_in_query() { self.in_query("access_token").collect() } else { Vec::new() }
    }

    fn names_another_than(&self, user: &UserId) -> bool {
        self.in_query("userId").any(|named| named != user.as_str())
    }
}
