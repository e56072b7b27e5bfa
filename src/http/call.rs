use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method,
    body::{Bytes, Incoming},
    header::{ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName},
};
use tokio::time::{Instant, timeout};

use super::{
    access::Access,
    fields::Fields,
    problem::{BODY_MAX, Failure, Problem, Reason},
    resource::Resource,
};
use crate::{
    committer::Reply,
    config::Config,
    ledger::{ContentType, Timestamp, UserId},
    live::Live,
    locale::Locale,
    plans::Catalogue,
    session::Sessions,
    stage::Stage,
    stats_service::StatsService,
    store::{IdempotencyKey, StoreError},
    system,
};

/// The platform's name for a request.
const X_VERCEL_ID: HeaderName = HeaderName::from_static("x-vercel-id");

/// The header that moves a user's test clock.
const CLOCK: HeaderName = HeaderName::from_static("jeton-clock");

/// The caller's name for a change (contract §4).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

const CONTENT_TYPE_FIELD: &str = "contentType";

/// What a request is about, for its log line: filled in as it becomes known.
pub(super) struct Trace {
    pub(super) begun: Instant,
    pub(super) request_id: String,
    pub(super) locale: Locale,
    user: OnceLock<UserId>,
    store_micros: AtomicU64,
    notes: OnceLock<Vec<String>>,
}

impl Trace {
    pub(super) fn new(headers: &HeaderMap, default_locale: Locale) -> Self {
        // The platform's own id, so that its log and ours agree.
        let given = headers.get(X_VERCEL_ID).and_then(|id| id.to_str().ok()).filter(|id| (1..=128).contains(&id.len()));
        Self {
            begun: Instant::now(),
            request_id: given.map_or_else(system::passing_name, str::to_owned),
            locale: list(headers, ACCEPT_LANGUAGE)
                .and_then(|accepted| Locale::from_accept_language(&accepted))
                .unwrap_or(default_locale),
            user: OnceLock::new(),
            store_micros: AtomicU64::new(0),
            notes: OnceLock::new(),
        }
    }

    pub(super) fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    /// How long this request waited for the store, in milliseconds.
    pub(super) fn store_ms(&self) -> f64 {
        milliseconds(Duration::from_micros(self.store_micros.load(Ordering::Relaxed)))
    }

    /// What the operator should know although the request succeeded.
    pub(super) fn note(&self, notes: Vec<String>) {
        if !notes.is_empty() {
            // Called once for each request.
            let _ = self.notes.set(notes);
        }
    }

    pub(super) fn notes(&self) -> Option<&[String]> {
        self.notes.get().map(Vec::as_slice)
    }
}

/// A header that is a list, which may come in several lines. `None` where there is none, or one that is not ASCII.
pub(super) fn list(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|line| line.to_str()).collect();
    lines.ok().filter(|lines| !lines.is_empty()).map(|lines| lines.join(","))
}

/// A request that was let in.
pub(super) struct Call<'a> {
    pub(super) resource: Resource,
    pub(super) method: &'a Method,
    pub(super) config: &'a Config,
    pub(super) sessions: &'a Sessions,
    pub(super) service: &'a Result<Arc<StatsService>, StoreError>,
    pub(super) live: &'a Result<Live, StoreError>,
    pub(super) catalogue: &'static Catalogue,
    pub(super) access: Access,
    pub(super) trace: &'a Trace,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
    pub(super) body: Bytes,
}

impl Call<'_> {
    /// The service, if there is a store to serve from: asked for once the request is known to be right.
    pub(super) fn service(&self) -> Result<&Arc<StatsService>, Failure> {
        self.clock()?;
        self.service.as_ref().map_err(|error| error.clone().into())
    }

    /// The same for what is about `user`, whose test clock is moved first if the caller says so.
    pub(super) async fn service_for(&self, user: &UserId) -> Result<&Arc<StatsService>, Failure> {
        let service = self.service()?;
        if let Some(at) = self.clock()? {
            let moved = self.stored(service.set_clock(user, at, self.trace.locale)).await?;
            if let Reply::Decided { decision: Err(refused), .. } = moved {
                return Err(Problem::from(refused).into());
            }
        }
        Ok(service)
    }

    /// What is shown live, if there is a store to show.
    pub(super) fn live(&self) -> Result<&Live, Failure> {
        self.live.as_ref().map_err(|error| error.clone().into())
    }

    /// Where the caller wants the user's test clock to stand. Only in development.
    pub(super) fn clock(&self) -> Result<Option<Timestamp>, Problem> {
        let mut values = self.headers.get_all(CLOCK).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let alone = values.next().is_none() && self.config.stage == Stage::Development;
        let at = value.to_str().ok().filter(|_| alone).and_then(Timestamp::from_rfc3339);
        at.map(Some).ok_or_else(|| Problem::invalid_field("Jeton-Clock", Reason::NotAClock))
    }

    /// Whom the request is about. It may be left out where everybody may call, and by who comes with a user token.
    pub(super) fn user(&self, given: Option<&str>) -> Result<UserId, Problem> {
        let user = match (given, &self.access) {
            (Some(text), _) => UserId::new(text).ok_or_else(|| Problem::invalid_field("userId", Reason::NotAUserId))?,
            (None, Access::User(session)) => session.user.clone(),
            (None, Access::Open) => self.catalogue.test_user().clone(),
            (None, Access::Granted) => return Err(Problem::invalid_field("userId", Reason::Required)),
        };
        Ok(self.trace.user.get_or_init(|| user).clone())
    }

    /// The content type of this name, if the catalogue has it.
    pub(super) fn content_type(&self, name: &str) -> Result<ContentType, Problem> {
        let known = self.catalogue.content_type(name).cloned();
        known.ok_or_else(|| self.not_a_content_type())
    }

    /// Takes the name of a content type from `fields`; whether the catalogue has it is [`Self::content_type`]'s to say.
    pub(super) fn take_content_type(&self, fields: &mut Fields<'_>) -> Result<Option<String>, Problem> {
        // Which ones there are is put together only for who needs to know.
        fields.take_text(CONTENT_TYPE_FIELD, &Reason::Required).map_err(|_| self.not_a_content_type())
    }

    fn not_a_content_type(&self) -> Problem {
        let known = self.catalogue.content_types().map(|known| known.as_str().to_owned()).collect();
        Problem::invalid_field(CONTENT_TYPE_FIELD, Reason::NotOneOf(known))
    }

    /// The caller's name for the request, if it has one.
    pub(super) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Problem> {
        let mut values = self.headers.get_all(IDEMPOTENCY_KEY).iter();
        let refused = || Problem::invalid_field("Idempotency-Key", Reason::NotAKey);
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                let key = value.to_str().ok().and_then(IdempotencyKey::new);
                key.map(Some).ok_or_else(refused)
            }
            (Some(_), Some(_)) => Err(refused()),
        }
    }

    /// Waits for the service, and counts how long.
    pub(super) async fn stored<T>(&self, answer: impl Future<Output = Result<T, StoreError>>) -> Result<T, Failure> {
        let begun = Instant::now();
        let answer = answer.await;
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.trace.store_micros.fetch_add(micros, Ordering::Relaxed);
        answer.map_err(Failure::from)
    }
}

/// A time as people read it: in milliseconds, to the microsecond.
pub(super) fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1_000.0
}

/// How much of the body of a refused request is read and thrown away, in bytes, and for how long. A client that is
/// still sending when the connection closes does not get to read why.
const DISCARDED_MAX: usize = 1024 * 1024;
const DISCARDED_WITHIN: Duration = Duration::from_secs(1);

/// Reads what is left of a body, within bounds.
pub(super) async fn discard(body: &mut Incoming) {
    // Beyond the bounds the connection closes in the middle; there is nobody to tell.
    let _ = timeout(DISCARDED_WITHIN, Limited::new(body, DISCARDED_MAX).collect()).await;
}

/// Reads the body of a change: at most 64 KiB, JSON.
pub(super) async fn read_body(headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, Failure> {
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_MAX) {
        return Err(Problem::BodyTooLarge.into());
    }
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::BodyTooLarge.into()),
        Err(error) => {
            let problem = Problem::InvalidJson(Reason::NotJson);
            return Err(Failure { problem, cause: Some(format!("the body broke off: {error}")) });
        }
    };
    if !is_json(headers) {
        return Err(Problem::UnsupportedMediaType.into());
    }
    Ok(body)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(content_type)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    let json = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let charset = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"').eq_ignore_ascii_case("utf-8"))
    });
    json && charset.unwrap_or(true) && !headers.contains_key(CONTENT_ENCODING)
}
