//! Any text as a `.env` file: refused in words that are written in the source, so that no value gets into a log, or
//! settings that can be used.

#![no_main]

use std::{fs, time::Duration};

use jeton::{
    config::Config,
    store::redis::{Options, RedisStore},
};
use libfuzzer_sys::fuzz_target;
use once_cell::sync::Lazy;
use tempfile::TempDir;

static FOLDER: Lazy<TempDir> = Lazy::new(|| tempfile::tempdir().unwrap());

/// How each refusal begins, and all that it can say.
const REFUSALS: [(&str, &str); 19] = [
    (".env", " has a line that is not NAME=value or NAME=\"value\""),
    ("JETON_API_KEYS", " must list name:scope:secret, separated by commas"),
    ("JETON_API_KEYS", " has a key without a name or without a secret"),
    ("JETON_API_KEYS", " has a scope that is none of read, spend, credit, admin"),
    ("JETON_API_KEYS", " has the same secret twice"),
    ("CRON_SECRET", " and JETON_API_KEYS have the same secret twice"),
    ("JETON_REDIS_CA", " must hold the PEM text of a certificate, and holds none"),
    ("JETON_REDIS_CA", " must hold whole certificates, and holds one that cannot be read"),
    ("JETON_REDIS_CA", " must hold certificates alone, and holds a private key"),
    ("JETON_REDIS_CA", " must hold certificates alone, and holds something else as well"),
    (
        "JETON_JWKS_URL",
        " must be an https:// URL without a user and a password, or an http:// URL of this machine (localhost, 127.0.0.1, \
         [::1])",
    ),
    ("JETON_JWT_ISSUER", " must be set where JETON_JWKS_URL is, to the `iss` of the provider's tokens"),
    ("JETON_JWT_AUDIENCE", " must be set where JETON_JWKS_URL is, to the `aud` of the tokens for Jeton"),
    ("JETON_WAIT_REPLICAS", " must be a number of replicas from 0 to 5"),
    ("JETON_PREFIX", " must be at most 64 of A-Z a-z 0-9 . _ : -"),
    ("JETON_LOCALE", " must be fr or en"),
    ("JETON_BILLING_SECONDS", " must be a number of seconds from 0 to 3600"),
    ("JETON_EVENTS_SECONDS", " must be a number of seconds from 1 to 3600"),
    ("JETON_LEGACY_IMPORT", " must be 1, or not be set at all"),
];
const ORIGINS: &str = "JETON_CORS_ORIGINS must list origins (scheme, host, port; no path, no *), separated by commas";

/// What stands before and after the cause when no Redis can be at `REDIS_URL`.
const URL_REFUSAL: (&str, &str) = (
    "REDIS_URL is not a URL that Jeton can use (",
    "); write redis://user:password@host:port or rediss:// for TLS, for example redis://localhost:6379, and for a Redis \
     Cluster several of its nodes, separated by commas",
);

const UNCHECKED: &str = "#insecure asks for a certificate that nobody checks: put its authority into JETON_REDIS_CA";
const UNENCRYPTED: &str = "JETON_REDIS_CA is set, and redis:// is not encrypted: write rediss://, or unset it";

/// What can be wrong with the only URL, or with all of several.
const URL_CAUSES: [&str; 5] = [
    "it begins with neither redis:// nor rediss://",
    "it cannot be parsed",
    UNCHECKED,
    UNENCRYPTED,
    "some nodes are rediss:// and some redis://: all must be the same",
];

/// What can be wrong with one of several URLs; before it stands which one.
const ITEM_CAUSES: [&str; 6] = [
    "there is nothing",
    "it begins with neither redis:// nor rediss://",
    "it cannot be parsed",
    UNCHECKED,
    UNENCRYPTED,
    "a Redis Cluster has no database but 0",
];

/// What each refusal that has an example ends with.
const EXAMPLES: [&str; 13] = [
    "; for example JETON_API_KEYS=web:spend:a-long-random-secret,ops:admin:another-secret",
    "; for example CRON_SECRET=a-long-random-secret",
    "; for example JETON_REDIS_CA=\"-----BEGIN CERTIFICATE-----\\nMIIB…\\n-----END CERTIFICATE-----\"",
    "; for example JETON_JWKS_URL=https://auth.example/.well-known/jwks.json",
    "; for example JETON_JWT_ISSUER=https://auth.example/",
    "; for example JETON_JWT_AUDIENCE=https://tokens.example",
    "; for example JETON_WAIT_REPLICAS=1",
    "; for example JETON_PREFIX=jeton-preview",
    "; for example JETON_LOCALE=fr",
    "; for example JETON_BILLING_SECONDS=45",
    "; for example JETON_EVENTS_SECONDS=50",
    "; for example JETON_LEGACY_IMPORT=1",
    "; for example JETON_CORS_ORIGINS=https://app.example,http://localhost:3001",
];

fuzz_target!(|file: &[u8]| {
    fs::write(FOLDER.path().join(".env"), file).unwrap();
    let development = [("VERCEL_ENV".to_owned(), "development".to_owned())].into_iter().collect();
    match Config::read(development, FOLDER.path(), false) {
        Ok(config) => check(&config, &String::from_utf8_lossy(file)),
        Err(error) => {
            let told = error.to_string();
            let text = EXAMPLES.iter().find_map(|example| told.strip_suffix(example)).unwrap_or(&told);
            let known = REFUSALS.iter().any(|(name, problem)| text.strip_prefix(name) == Some(problem));
            assert!(known || text == ORIGINS || text == ".env cannot be read", "{told:?}");
        }
    }
});

fn check(config: &Config, file: &str) {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    assert!(config.prefix.len() <= 64 && config.prefix.bytes().all(named), "{:?}", config.prefix);
    assert!(config.wait_replicas <= 5);
    assert!(config.billing_time <= Duration::from_secs(3_600));
    for origin in &config.cors_origins {
        assert!(origin.starts_with("http://") || origin.starts_with("https://"), "{origin:?}");
        assert_eq!(*origin, origin.to_ascii_lowercase());
    }
    assert!(!config.credentials.has_service_keys() || file.contains("JETON_API_KEYS"));
    let authorities = config.redis_ca.clone();
    if let Some(authorities) = &authorities {
        let text = std::str::from_utf8(authorities.as_pem()).unwrap();
        assert!(text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("PRIVATE KEY-----"), "{text:?}");
    }
    let Some(url) = &config.redis_url else { return };
    let options = Options { replicas: config.wait_replicas, authorities };
    match RedisStore::with(url, &config.prefix, &options) {
        Ok(store) => {
            assert!(options.authorities.is_none() || url.split(',').all(|url| url.trim().starts_with("rediss://")));
            let shown = format!("{store}");
            let secrets: Vec<&str> = url.split(',').filter_map(secret).collect();
            for secret in &secrets {
                // Such a long one is not in the name of a host by chance, unless it stands there in the URL as well.
                let as_secret = secrets.iter().filter(|other| *other == secret).count();
                let hidden = secret.len() >= 16 && url.matches(secret).count() == as_secret;
                assert!(!hidden || !shown.contains(secret), "{shown:?}");
            }
        }
        Err(error) => {
            let told = error.to_string();
            let (before, after) = URL_REFUSAL;
            let cause = told.strip_prefix(before).and_then(|told| told.strip_suffix(after));
            assert!(cause.is_some_and(|cause| is_known(cause, url.split(',').count())), "{told:?}");
        }
    }
}

/// The password in a URL: what stands before the last @ holds it.
fn secret(url: &str) -> Option<&str> {
    Some(url.rsplit_once('@')?.0.rsplit_once(':')?.1)
}

/// Whether this can be wrong with so many URLs. Of one among several it is said which one.
fn is_known(cause: &str, urls: usize) -> bool {
    let item =
        cause.strip_prefix("item ").and_then(|item| item.strip_suffix("; a comma within a password is written %2C"));
    let Some((place, cause)) = item.and_then(|item| item.split_once(": ")) else { return URL_CAUSES.contains(&cause) };
    let number = place.strip_suffix(&format!(" of {urls}")).and_then(|number| number.parse().ok());
    urls > 1 && number.is_some_and(|number| (1..=urls).contains(&number)) && ITEM_CAUSES.contains(&cause)
}
