use std::{
    future::pending,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use hyper::{
    Method, Request,
    body::{Body, Bytes, Incoming},
    header::{CONTENT_LANGUAGE, CONTENT_LENGTH, HeaderName, HeaderValue, ORIGIN},
    http::request::Parts,
};
use serde::Serialize;
use tokio::time::sleep;
use vercel_runtime::ResponseBody;

use super::{
    Response,
    access::{self, Asked},
    accounts, billing,
    call::{Call, Trace, discard, milliseconds, read_body},
    cors, events,
    function::Function,
    generations, health,
    problem::{Failure, Problem},
    refunds, reservations, reset,
    resource::{Resource, changes},
    respond, sessions, stats, tokens, transactions, usage,
};
use crate::{
    committer::Surroundings,
    config::{Config, ConfigError},
    ledger::UserId,
    live::Live,
    log::{self, Level},
    plans::Catalogue,
    session::Sessions,
    stats_service::StatsService,
    store::{
        LegacySource, StoreError,
        follow::Follow,
        redis::{Options, RedisStore},
    },
    system::System,
};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a stream's reader has for its end, when the process is about to end.
const LAST_READS: Duration = Duration::from_secs(3);

/// What the functions share: settings and service. One for each process.
pub struct App {
    settings: Result<Settings, String>,
    warned_open: AtomicBool,
}

struct Settings {
    config: Config,
    sessions: Sessions,
    catalogue: &'static Catalogue,
    service: Result<Arc<StatsService>, StoreError>,
    live: Result<Live, StoreError>,
}

impl App {
    /// The app of a function: settings from the environment, data in Redis. A bad setting does not stop it: it is told
    /// in the answer to each request, and in its log line.
    #[must_use]
    pub fn from_environment() -> Self {
        let config = Config::from_environment(false);
        let opened = match &config {
            Ok(config) => redis_store(config),
            Err(error) => Err(StoreError::Misconfigured(error.to_string())),
        };
        match opened {
            Ok((store, legacy)) => Self::after(Some(legacy), config, Ok(store)),
            Err(error) => Self::new(config, Err(error)),
        }
    }

    /// The app with these settings over this store.
    #[must_use]
    pub fn new(config: Result<Config, ConfigError>, store: Result<Arc<dyn Follow>, StoreError>) -> Self {
        Self::after(None, config, store)
    }

    /// The same, where the module before may have left `legacy`: it is looked at if the settings say so.
    #[must_use]
    pub fn after(
        legacy: Option<LegacySource>,
        config: Result<Config, ConfigError>,
        store: Result<Arc<dyn Follow>, StoreError>,
    ) -> Self {
        let settings = config.map_err(|error| error.to_string()).and_then(|config| {
            let catalogue = Catalogue::built_in().map_err(|error| error.to_string())?;
            for warning in config.warnings() {
                log::warning(&warning);
            }
            let sessions = Sessions::new(config.sessions.clone());
            let (stage, locale) = (config.stage, config.locale);
            let legacy = legacy.filter(|_| config.legacy_import);
            let serve = |store| StatsService::after(legacy, store, catalogue, stage, Arc::new(System));
            let service = store.clone().map(|store| Arc::new(serve(store)));
            let live = service.clone().and_then(|service| Ok(Live::new(service, store?, locale)));
            Ok(Settings { config, sessions, catalogue, service, live })
        });
        Self { settings, warned_open: AtomicBool::new(false) }
    }

    /// Ends the streams that are open, as the process is about to end.
    pub fn close(&self) {
        if let Ok(Settings { live: Ok(live), .. }) = &self.settings {
            live.close();
        }
    }

    /// Waits until the streams have been [ended](Self::close) for so long that nobody need wait for those who do not read
    /// their ends.
    pub(super) async fn streams_are_over(&self) {
        match &self.settings {
            Ok(Settings { live: Ok(live), .. }) => {
                live.closed().await;
                sleep(LAST_READS).await;
            }
            Ok(_) | Err(_) => pending().await,
        }
    }

    /// Answers a request to `function`, and gives its line to `log`. Never fails and never panics: whatever happens is
    /// a response.
    pub async fn answer(
        &self,
        function: Function,
        request: Request<Incoming>,
        log: impl Fn(Level, String) + Send,
    ) -> Response {
        let resource = Resource::of(function, request.uri());
        let default_locale = self.settings.as_ref().map(|settings| settings.config.locale).unwrap_or_default();
        let trace = Trace::new(request.headers(), default_locale);
        let method = request.method().clone();
        let origin = request.headers().get(ORIGIN).cloned();

        let answering = AssertUnwindSafe(self.dispatch(resource, request, &trace)).catch_unwind();
        let answer = answering.await.unwrap_or_else(|panic| {
            Err(Failure { problem: Problem::Internal, cause: Some(format!("panicked: {}", panic_text(&*panic))) })
        });
        let failure = answer.as_ref().err().cloned();
        let mut response =
            answer.unwrap_or_else(|failure| respond::problem(&failure.problem, &trace.request_id, trace.locale));
        self.finish(resource, &method, origin.as_ref(), &trace, &mut response);

        if self.warns_open(resource) {
            let warning = "JETON_API_KEYS is not set: every call is allowed, as this is development";
            log(Level::Warning, log::line(Level::Warning, warning, ()));
        }
        let line = Line { resource, method: &method, trace: &trace, failure: failure.as_ref() };
        let (level, line) = line.write(response.status().as_u16());
        log(level, line);
        response
    }

    async fn dispatch(
        &self,
        resource: Resource,
        request: Request<Incoming>,
        trace: &Trace,
    ) -> Result<Response, Failure> {
        let (parts, mut body) = request.into_parts();
        let answer = self.handle(resource, &parts, &mut body, trace).await;
        if answer.is_err() {
            discard(&mut body).await;
        }
        answer
    }

    async fn handle(
        &self,
        resource: Resource,
        request: &Parts,
        body: &mut Incoming,
        trace: &Trace,
    ) -> Result<Response, Failure> {
        if request.method == Method::OPTIONS {
            return Ok(respond::options(resource.allow()));
        }
        if !resource.takes(&request.method) {
            return Err(Problem::MethodNotAllowed { allow: resource.allow() }.into());
        }
        let internal = |cause: &String| Failure { problem: Problem::Internal, cause: Some(cause.clone()) };
        let Settings { config, sessions, catalogue, service, live } = self.settings.as_ref().map_err(internal)?;
        let (method, headers) = (&request.method, &request.headers);
        let query = request.uri.query();
        let asked = Asked { resource, method, headers, query };
        let access = access::check(config, sessions, &asked, System.now()).await?;
        let body = if changes(method) {
            if let Ok(service) = service {
                service.store().prepare();
            }
            read_body(headers, body).await?
        } else {
            Bytes::new()
        };
        let call =
            Call { resource, method, config, sessions, service, live, catalogue, access, trace, headers, query, body };
        // Boxed, so that every request carries the future of what it asks for and not the largest of all.
        let answer: BoxFuture<'_, _> = match resource {
            Resource::Accounts if method == Method::PATCH => Box::pin(accounts::patch(&call)),
            Resource::Accounts => Box::pin(accounts::get(&call)),
            Resource::Billing => Box::pin(billing::get(&call)),
            Resource::Events => Box::pin(events::get(&call)),
            Resource::Generations => Box::pin(generations::post(&call)),
            Resource::Health => Box::pin(health::get(&call)),
            Resource::Refunds => Box::pin(refunds::post(&call)),
            Resource::Reservations if method == Method::POST => Box::pin(reservations::post(&call)),
            Resource::Reservations if method == Method::PATCH => Box::pin(reservations::patch(&call)),
            Resource::Reservations => Box::pin(reservations::get(&call)),
            Resource::Reset => Box::pin(reset::post(&call)),
            Resource::Sessions => Box::pin(sessions::post(&call)),
            Resource::Stats => Box::pin(stats::get(&call)),
            Resource::Tokens => Box::pin(tokens::post(&call)),
            Resource::Transactions => Box::pin(transactions::get(&call)),
            Resource::Usage => Box::pin(usage::get(&call)),
        };
        answer.await
    }

    /// What every response has.
    fn finish(
        &self,
        resource: Resource,
        method: &Method,
        origin: Option<&HeaderValue>,
        trace: &Trace,
        response: &mut Response,
    ) {
        if method == Method::HEAD {
            let length = response.body().size_hint().exact();
            *response.body_mut() = ResponseBody::from(());
            if let Some(length) = length {
                response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        let headers = response.headers_mut();
        // An answer that is given again is in the language of the first time.
        if !headers.contains_key(&respond::IDEMPOTENT_REPLAYED) {
            headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(trace.locale.tag()));
        }
        if let Ok(id) = HeaderValue::from_str(&trace.request_id) {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Ok(settings) = &self.settings {
            cors::allow(&settings.config, resource, origin, headers);
        }
    }

    /// Whether this is the first call that only came in because everything is open.
    fn warns_open(&self, resource: Resource) -> bool {
        let open = self.settings.as_ref().is_ok_and(|settings| settings.config.is_open());
        open && resource != Resource::Health && !self.warned_open.swap(true, Ordering::Relaxed)
    }
}

/// The store that the settings name, and what else is in the same Redis.
fn redis_store(config: &Config) -> Result<(Arc<dyn Follow>, LegacySource), StoreError> {
    let Some(url) = &config.redis_url else {
        return Err(StoreError::Misconfigured(
            "REDIS_URL is not set: set it to the URL of your Redis, for example redis://localhost:6379, or pull it with \
             `vercel env pull .env.development.local`"
                .to_owned(),
        ));
    };
    let options = Options { replicas: config.wait_replicas, authorities: config.redis_ca.clone() };
    match RedisStore::with(url, &config.prefix, &options) {
        Ok(store) => {
            let legacy = store.legacy();
            Ok((Arc::new(store), legacy))
        }
        Err(error) => Err(StoreError::Misconfigured(error.to_string())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}

/// The one log line of a request.
struct Line<'a> {
    resource: Resource,
    method: &'a Method,
    trace: &'a Trace,
    failure: Option<&'a Failure>,
}

/// What belongs to the line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    request_id: &'a str,
    function: &'static str,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    status: u16,
    duration_ms: f64,
    redis_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failures: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

impl Line<'_> {
    fn write(&self, status: u16) -> (Level, String) {
        let Self { resource, method, trace, failure } = self;
        let fields = Fields {
            request_id: &trace.request_id,
            function: resource.name(),
            method: method.as_str(),
            user: trace.user().map(UserId::as_str),
            status,
            duration_ms: milliseconds(trace.begun.elapsed()),
            redis_ms: trace.store_ms(),
            failures: trace.notes(),
            code: failure.map(|failure| failure.problem.code()),
        };
        let is_error = failure.is_some_and(|failure| failure.problem.status().is_server_error());
        let level = if is_error || fields.failures.is_some() { Level::Error } else { Level::Info };
        let message =
            failure.map_or("answered", |Failure { problem, cause }| cause.as_deref().unwrap_or(problem.code()));
        (level, log::line(level, message, fields))
    }
}
