use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::{sync, time::Instant};

use super::{
    JwksUrl, ProviderSettings, Refused, SessionError,
    fetch::fetch,
    key_set::{self, Key},
};
use crate::log;

/// How long keys are used before they are fetched again.
const FRESH: Duration = Duration::from_mins(10);
/// How long they are good when they cannot be fetched again.
const GOOD: Duration = Duration::from_hours(1);
/// The pause between two fetches for the sake of keys that nobody knows, which anybody can name; and after a failed fetch, as
/// long as there are good keys.
const PAUSE: Duration = Duration::from_secs(30);
/// The pause after a failed fetch without good keys.
const PAUSE_WITHOUT_KEYS: Duration = Duration::from_secs(1);

/// There are no keys to judge user tokens with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the keys of JETON_JWKS_URL could not be fetched from {url} ({cause}): check the setting, and that it can be reached"
)]
pub struct NoKeys {
    url: String,
    cause: String,
}

/// An identity provider, and its keys as they were fetched last.
pub(super) struct Provider {
    url: JwksUrl,
    issuer: String,
    audience: String,
    held: Mutex<Option<Held>>,
    /// Held by whoever fetches: the others wait, and take what came of it.
    fetches: sync::Mutex<Fetches>,
}

#[derive(Clone)]
struct Held {
    keys: Arc<[Key]>,
    fetched: Instant,
}

impl Held {
    fn is_within(&self, age: Duration) -> bool {
        self.fetched.elapsed() < age
    }
}

#[derive(Default)]
struct Fetches {
    /// When the last fetch ended that failed, and why it did; nothing once one has succeeded.
    failed: Option<(Instant, String)>,
    /// When somebody last named a key that nobody knows, and was believed.
    for_unknown_key: Option<Instant>,
}

impl Provider {
    pub(super) fn new(settings: ProviderSettings) -> Self {
        let ProviderSettings { keys, issuer, audience } = settings;
        Self { url: keys, issuer, audience, held: Mutex::default(), fetches: sync::Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(super) fn audience(&self) -> &str {
        &self.audience
    }

    /// The key with this id for this algorithm. One that is not there may be new: then the keys are fetched again, which is
    /// not done for everybody who names one.
    pub(super) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, SessionError> {
        let asked = Instant::now();
        let held = match self.held().filter(|held| held.is_within(FRESH)) {
            Some(held) => held,
            None => self.apart(move |provider| async move { provider.renewed(asked).await }).await??,
        };
        match key_set::choose(&held.keys, id, algorithm) {
            Ok(key) => Ok(key.clone()),
            Err(Refused::UnknownKey) if held.fetched < asked => {
                let looking = self.apart(move |own| async move { own.renewed_for_unknown_key(asked).await });
                let held = looking.await?.unwrap_or(held);
                Ok(key_set::choose(&held.keys, id, algorithm)?.clone())
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// Does something in a task of its own: a caller who goes away must not break off what others wait for, nor spend the
    /// one fetch that strangers have.
    async fn apart<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, NoKeys> {
        let done = tokio::spawn(work(Arc::clone(self))).await;
        done.map_err(|error| NoKeys { url: self.url.to_string(), cause: error.to_string() })
    }

    fn held(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keys that are no longer fresh, or were never there: fetched again, unless that failed just now; else those that are
    /// still good.
    async fn renewed(&self, asked: Instant) -> Result<Held, NoKeys> {
        let mut fetches = self.fetches.lock().await;
        if let Some(held) = self.held().filter(|held| held.is_within(FRESH)) {
            return Ok(held);
        }
        let good = self.held().filter(|held| held.is_within(GOOD));
        let pause = if good.is_some() { PAUSE } else { PAUSE_WITHOUT_KEYS };
        let failed_just_now =
            fetches.failed.as_ref().is_some_and(|(ended, _)| *ended >= asked || ended.elapsed() < pause);
        if !failed_just_now && let Some(held) = self.fetch(&mut fetches).await {
            return Ok(held);
        }
        let cause = || fetches.failed.as_ref().map(|(_, cause)| cause.clone()).unwrap_or_default();
        good.ok_or_else(|| NoKeys { url: self.url.to_string(), cause: cause() })
    }

    /// The keys as they are now, if it is time to look for a new one.
    async fn renewed_for_unknown_key(&self, asked: Instant) -> Option<Held> {
        let mut fetches = self.fetches.lock().await;
        if let Some(held) = self.held().filter(|held| held.fetched >= asked) {
            return Some(held);
        }
        if fetches.for_unknown_key.is_some_and(|at| at.elapsed() < PAUSE) {
            // Somebody else was, and it may be the same key.
            return self.held();
        }
        fetches.for_unknown_key = Some(Instant::now());
        self.fetch(&mut fetches).await
    }

    async fn fetch(&self, fetches: &mut Fetches) -> Option<Held> {
        match fetch(&self.url).await {
            Ok(keys) => {
                let held = Held { keys: keys.into(), fetched: Instant::now() };
                *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.clone());
                fetches.failed = None;
                Some(held)
            }
            Err(error) => {
                if self.held().is_some_and(|held| held.is_within(GOOD)) {
                    log::warning(&format!(
                        "the keys of JETON_JWKS_URL could not be fetched again from {} ({error}): those that are here are \
                         good until an hour after they came",
                        self.url
                    ));
                }
                fetches.failed = Some((Instant::now(), error.to_string()));
                None
            }
        }
    }
}
