//! Every setting, read once from the environment, and in development from the `.env` files beside it (contract §7).

mod env_files;
mod sessions;

use std::{collections::HashMap, ffi::OsString, path::Path, time::Duration};

use crate::{
    authorities::Authorities,
    credentials::{Credentials, Holder, Scope},
    locale::Locale,
    session::{SECRET_BYTES_MIN, SessionSettings},
    stage::{Signs, Stage},
};

/// How long a billing sweep runs by default; the function's `maxDuration` in `vercel.json` is above it.
const BILLING_SECONDS: u64 = 45;

/// How many replicas a change can wait for at most.
const WAIT_REPLICAS_MAX: u8 = 5;

/// How long a stream of events lasts by default; the function's `maxDuration` in `vercel.json` is above it.
const EVENTS_SECONDS: u64 = 50;

const API_KEYS_EXAMPLE: &str = "web:spend:a-long-random-secret,ops:admin:another-secret";

/// The settings of a process.
pub struct Config {
    /// Development or production.
    pub stage: Stage,
    /// `REDIS_URL`: where Redis is, or, separated by commas, where some nodes of a Redis Cluster are.
    pub redis_url: Option<String>,
    /// `JETON_REDIS_CA`: who alone may vouch for a `rediss://` Redis.
    pub redis_ca: Option<Authorities>,
    /// `JETON_WAIT_REPLICAS`: how many replicas of Redis must have a change before it is answered.
    pub wait_replicas: u8,
    /// `JETON_PREFIX`: what all keys in Redis begin with.
    pub prefix: String,
    /// `JETON_LOCALE`: the language of those who ask for none.
    pub locale: Locale,
    /// `JETON_CORS_ORIGINS`: the origins whose pages may call.
    pub cors_origins: Vec<String>,
    /// `JETON_API_KEYS` and `CRON_SECRET`: who may call.
    pub credentials: Credentials,
    /// `JETON_JWT_SECRET`, `JETON_JWKS_URL`, `JETON_JWT_ISSUER` and `JETON_JWT_AUDIENCE`: who may issue user tokens.
    pub sessions: SessionSettings,
    /// `JETON_BILLING_SECONDS`: how long one billing sweep runs at most.
    pub billing_time: Duration,
    /// `JETON_EVENTS_SECONDS`: how long one stream of events lasts at most.
    pub events_time: Duration,
    /// `JETON_LEGACY_IMPORT`: whether users are taken over from the module before at their first touch.
    pub legacy_import: bool,
}

/// A setting that cannot be used. It says which, why, and what one looks like; it never repeats the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}; for example {setting}={example}")]
pub struct InvalidSetting {
    setting: &'static str,
    problem: String,
    example: &'static str,
}

/// Why the settings could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A setting that cannot be used.
    #[error(transparent)]
    Setting(#[from] InvalidSetting),
    /// A `.env` file that cannot be read.
    #[error("{0}")]
    File(String),
}

/// The names and values that settings are read from.
pub type Variables = HashMap<String, String>;

impl Config {
    /// The settings of this process: of a function, or of the local server.
    ///
    /// # Errors
    /// [`ConfigError`], naming the setting.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads settings")]
    pub fn from_environment(local_server: bool) -> Result<Self, ConfigError> {
        // What is not text is not ours, or is refused for the character that stands for what could not be read.
        let text = |name: OsString| name.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self::read(variables, Path::new("."), local_server)
    }

    /// The settings in `variables` and, in development, in the `.env` files in `folder`.
    ///
    /// # Errors
    /// [`ConfigError`], naming the setting.
    pub fn read(mut variables: Variables, folder: &Path, local_server: bool) -> Result<Self, ConfigError> {
        variables.retain(|_, value| !value.trim().is_empty());
        let sign = |name: &str| variables.get(name).map(String::as_str);
        let stage = Stage::of(Signs {
            vercel_env: sign("VERCEL_ENV"),
            vercel_dev: sign("VERCEL_DEV"),
            node_env: sign("NODE_ENV"),
            local_server,
        });
        if stage == Stage::Development {
            env_files::add(&mut variables, folder).map_err(ConfigError::File)?;
        }
        let value = |name: &str| variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());

        let mut credentials = Credentials::default();
        for key in list(value("JETON_API_KEYS")) {
            let (secret, scope) = service_key(key)?;
            if !credentials.add(secret, Holder::Service(scope)) {
                return Err(invalid("JETON_API_KEYS", "has the same secret twice", API_KEYS_EXAMPLE).into());
            }
        }
        if let Some(secret) = value("CRON_SECRET")
            && !credentials.add(secret, Holder::Cron)
        {
            return Err(invalid(
                "CRON_SECRET",
                "and JETON_API_KEYS have the same secret twice",
                "a-long-random-secret",
            )
            .into());
        }
        let sessions = sessions::sessions(value, is_open(stage, &credentials))?;
        Ok(Self {
            stage,
            redis_url: value("REDIS_URL").map(str::to_owned),
            redis_ca: value("JETON_REDIS_CA").map(authorities).transpose()?,
            wait_replicas: wait_replicas(value("JETON_WAIT_REPLICAS"))?,
            prefix: prefix(value("JETON_PREFIX"))?,
            locale: locale(value("JETON_LOCALE"))?,
            cors_origins: list(value("JETON_CORS_ORIGINS")).map(origin).collect::<Result<_, _>>()?,
            credentials,
            sessions,
            billing_time: billing_time(value("JETON_BILLING_SECONDS"))?,
            events_time: events_time(value("JETON_EVENTS_SECONDS"))?,
            legacy_import: legacy_import(value("JETON_LEGACY_IMPORT"))?,
        })
    }

    /// Whether everybody may call everything: in development, as long as no keys are configured (contract §5).
    #[must_use]
    pub fn is_open(&self) -> bool {
        is_open(self.stage, &self.credentials)
    }

    /// What the operator should know of settings that are used all the same.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let short = self.sessions.secret.as_ref().is_some_and(|secret| secret.len() < SECRET_BYTES_MIN);
        let warning = format!(
            "JETON_JWT_SECRET has fewer than {SECRET_BYTES_MIN} bytes (RFC 7518 section 3.2), and is easier to guess than it \
             need be; the setting is used"
        );
        short.then_some(warning).into_iter().collect()
    }
}

fn is_open(stage: Stage, credentials: &Credentials) -> bool {
    stage == Stage::Development && !credentials.has_service_keys()
}

fn list(value: Option<&str>) -> impl Iterator<Item = &str> {
    value.into_iter().flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

fn invalid(setting: &'static str, problem: &str, example: &'static str) -> InvalidSetting {
    InvalidSetting { setting, problem: problem.to_owned(), example }
}

fn service_key(key: &str) -> Result<(&str, Scope), InvalidSetting> {
    let wrong = |problem| invalid("JETON_API_KEYS", problem, API_KEYS_EXAMPLE);
    let mut parts = key.splitn(3, ':');
    let (Some(name), Some(scope), Some(secret)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(wrong("must list name:scope:secret, separated by commas"));
    };
    if name.is_empty() || secret.is_empty() {
        return Err(wrong("has a key without a name or without a secret"));
    }
    let scope =
        Scope::from_name(scope).ok_or_else(|| wrong("has a scope that is none of read, spend, credit, admin"))?;
    Ok((secret, scope))
}

fn prefix(value: Option<&str>) -> Result<String, InvalidSetting> {
    let prefix = value.unwrap_or("jeton");
    // Braces would move the cluster slot, spaces are a slip of the keyboard.
    if prefix.len() <= 64 && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte)) {
        Ok(prefix.to_owned())
    } else {
        Err(invalid("JETON_PREFIX", "must be at most 64 of A-Z a-z 0-9 . _ : -", "jeton-preview"))
    }
}

fn authorities(value: &str) -> Result<Authorities, InvalidSetting> {
    let example = r#""-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----""#;
    Authorities::from_pem(value).map_err(|problem| invalid("JETON_REDIS_CA", &problem.to_string(), example))
}

fn wait_replicas(value: Option<&str>) -> Result<u8, InvalidSetting> {
    match value.map_or(Ok(0), str::parse) {
        Ok(replicas @ 0..=WAIT_REPLICAS_MAX) => Ok(replicas),
        Ok(_) | Err(_) => Err(invalid("JETON_WAIT_REPLICAS", "must be a number of replicas from 0 to 5", "1")),
    }
}

fn locale(value: Option<&str>) -> Result<Locale, InvalidSetting> {
    value.map_or(Ok(Locale::default()), |tag| {
        Locale::from_tag(tag).ok_or_else(|| invalid("JETON_LOCALE", "must be fr or en", "fr"))
    })
}

fn origin(origin: &str) -> Result<String, InvalidSetting> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    if host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ', '?', '#', '@'])) {
        Ok(origin.to_ascii_lowercase())
    } else {
        let problem = "must list origins (scheme, host, port; no path, no *), separated by commas";
        Err(invalid("JETON_CORS_ORIGINS", problem, "https://app.example,http://localhost:3001"))
    }
}

fn billing_time(value: Option<&str>) -> Result<Duration, InvalidSetting> {
    let wrong = || invalid("JETON_BILLING_SECONDS", "must be a number of seconds from 0 to 3600", "45");
    seconds(value, BILLING_SECONDS, 0).ok_or_else(wrong)
}

fn events_time(value: Option<&str>) -> Result<Duration, InvalidSetting> {
    let wrong = || invalid("JETON_EVENTS_SECONDS", "must be a number of seconds from 1 to 3600", "50");
    seconds(value, EVENTS_SECONDS, 1).ok_or_else(wrong)
}

fn legacy_import(value: Option<&str>) -> Result<bool, InvalidSetting> {
    match value {
        None => Ok(false),
        Some("1") => Ok(true),
        Some(_) => Err(invalid("JETON_LEGACY_IMPORT", "must be 1, or not be set at all", "1")),
    }
}

/// So many seconds, or `default`: `least` at least, and an hour at most.
fn seconds(value: Option<&str>, default: u64, least: u64) -> Option<Duration> {
    let seconds = value.map_or(Some(default), |value| value.parse().ok())?;
    (least..=3_600).contains(&seconds).then(|| Duration::from_secs(seconds))
}
