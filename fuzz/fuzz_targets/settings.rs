//! Any text as a `.env` file: refused in words that are written in the source, so that no value gets into a log, or
//! settings that can be used.

#![no_main]

use std::{fs, time::Duration};

use jeton::{config::Config, store::redis::RedisStore};
use libfuzzer_sys::fuzz_target;
use once_cell::sync::Lazy;
use tempfile::TempDir;

static FOLDER: Lazy<TempDir> = Lazy::new(|| tempfile::tempdir().unwrap());

/// How each refusal begins, and all that it can say.
const REFUSALS: [(&str, &str); 9] = [
    (".env", " has a line that is not NAME=value or NAME=\"value\""),
    ("JETON_API_KEYS", " must list name:scope:secret, separated by commas"),
    ("JETON_API_KEYS", " has a key without a name or without a secret"),
    ("JETON_API_KEYS", " has a scope that is none of read, spend, credit, admin"),
    ("JETON_API_KEYS", " has the same secret twice"),
    ("CRON_SECRET", " and JETON_API_KEYS have the same secret twice"),
    ("JETON_PREFIX", " must be at most 64 of A-Z a-z 0-9 . _ : -"),
    ("JETON_LOCALE", " must be fr or en"),
    ("JETON_BILLING_SECONDS", " must be a number of seconds from 0 to 3600"),
];
const ORIGINS: &str = "JETON_CORS_ORIGINS must list origins (scheme, host, port; no path, no *), separated by commas";

/// What can be wrong with the URL of a Redis.
const URL_CAUSES: [&str; 3] = [
    "several nodes, a Redis Cluster, are not supported yet",
    "it begins with neither redis:// nor rediss://",
    "it cannot be parsed",
];

/// What each refusal that has an example ends with.
const EXAMPLES: [&str; 6] = [
    "; for example JETON_API_KEYS=web:spend:a-long-random-secret,ops:admin:another-secret",
    "; for example CRON_SECRET=a-long-random-secret",
    "; for example JETON_PREFIX=jeton-preview",
    "; for example JETON_LOCALE=fr",
    "; for example JETON_BILLING_SECONDS=45",
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
    assert!(config.billing_time <= Duration::from_secs(3_600));
    for origin in &config.cors_origins {
        assert!(origin.starts_with("http://") || origin.starts_with("https://"), "{origin:?}");
        assert_eq!(*origin, origin.to_ascii_lowercase());
    }
    assert!(!config.credentials.has_service_keys() || file.contains("JETON_API_KEYS"));
    let Some(url) = &config.redis_url else { return };
    match RedisStore::new(url, &config.prefix) {
        Ok(store) => {
            // What stands before the last @ holds a password. Such a long one is not in the name of a host by chance.
            let secret = url.rsplit_once('@').and_then(|(before, _)| before.rsplit_once(':')).map(|(_, secret)| secret);
            let secret = secret.filter(|secret| secret.len() >= 16 && url.matches(secret).count() == 1);
            let shown = format!("{store}");
            assert!(secret.is_none_or(|secret| !shown.contains(secret)), "{shown:?}");
        }
        Err(error) => {
            let told = error.to_string();
            let cause = told.split(['(', ')']).nth(1).unwrap();
            assert!(URL_CAUSES.contains(&cause) && told.len() < 250, "{told:?}");
        }
    }
}
