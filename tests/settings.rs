//! The settings: what is development, where settings come from, what a bad one is told, who holds which key, and which
//! language a caller is spoken to in (contract §5 and §7).

mod legacy;
mod sessions;

use std::{fs, path::Path, time::Duration};

use jeton::{
    config::{Config, ConfigError, Variables},
    credentials::{Credentials, Holder, Scope},
    locale::Locale,
    stage::{Signs, Stage},
};
use tempfile::TempDir;

const SECRET: &str = "s3cr3t-n3v3r-shown";

fn variables(pairs: &[(&str, &str)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The settings of a process without `.env` files.
fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(variables(pairs), Path::new("/nonexistent"), false)
}

/// The settings of a process in a folder with these files.
fn read_with(files: &[(&str, &str)], pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    Config::read(variables(pairs), folder.path(), false)
}

fn refused(result: Result<Config, ConfigError>) -> String {
    result.err().expect("the setting is wrong").to_string()
}

#[test]
fn only_what_is_clearly_development_is_development() {
    let values =
        |words: [&'static str; 4]| [None, Some(""), Some(words[0]), Some(words[1]), Some(words[2]), Some(words[3])];
    for vercel_env in values(["development", "preview", "production", "Development"]) {
        for vercel_dev in values(["1", "0", "true", "11"]) {
            for node_env in values(["development", "production", "test", "dev"]) {
                for local_server in [false, true] {
                    let signs = Signs { vercel_env, vercel_dev, node_env, local_server };
                    // One of the four signs of the contract, and nothing that says otherwise.
                    let signed = [vercel_env, node_env].contains(&Some("development"));
                    let mut development = signed || vercel_dev == Some("1") || local_server;
                    if !matches!(vercel_env, None | Some("development")) || node_env == Some("production") {
                        development = false;
                    }
                    let expected = if development { Stage::Development } else { Stage::Production };
                    assert_eq!(Stage::of(signs), expected, "{signs:?}");
                }
            }
        }
    }
}

#[test]
fn the_stage_of_known_places() {
    for (place, pairs, local_server, expected) in [
        ("nothing set", &[][..], false, Stage::Production),
        ("vercel dev", &[("VERCEL_DEV", "1")], false, Stage::Development),
        (
            "vercel dev, settings pulled",
            &[("VERCEL_DEV", "1"), ("VERCEL_ENV", "development")],
            false,
            Stage::Development,
        ),
        ("next dev", &[("NODE_ENV", "development")], false, Stage::Development),
        ("the local server", &[], true, Stage::Development),
        ("the local server with empty signs", &[("VERCEL_ENV", ""), ("NODE_ENV", " ")], true, Stage::Development),
        ("a deployment", &[("VERCEL_ENV", "production"), ("NODE_ENV", "production")], false, Stage::Production),
        ("a preview", &[("VERCEL_ENV", "preview"), ("NODE_ENV", "production")], false, Stage::Production),
        (
            "a deployment with a stray sign",
            &[("VERCEL_ENV", "production"), ("VERCEL_DEV", "1")],
            false,
            Stage::Production,
        ),
        (
            "a deployment of the development build",
            &[("VERCEL_ENV", "preview"), ("NODE_ENV", "development")],
            false,
            Stage::Production,
        ),
        ("the local server told otherwise", &[("NODE_ENV", "production")], true, Stage::Production),
        ("a contradiction", &[("VERCEL_ENV", "development"), ("NODE_ENV", "production")], false, Stage::Production),
        ("a test run", &[("NODE_ENV", "test")], false, Stage::Production),
    ] {
        let config = Config::read(variables(pairs), Path::new("/nonexistent"), local_server).unwrap();
        assert_eq!(config.stage, expected, "{place}");
    }
}

#[test]
fn without_settings_the_defaults_hold() {
    for pairs in [
        &[][..],
        &[
            ("JETON_PREFIX", ""),
            ("JETON_LOCALE", "  "),
            ("JETON_CORS_ORIGINS", " , "),
            ("JETON_API_KEYS", ","),
            ("JETON_BILLING_SECONDS", ""),
            ("JETON_EVENTS_SECONDS", ""),
            ("JETON_WAIT_REPLICAS", ""),
            ("JETON_REDIS_CA", "\n"),
            ("JETON_JWKS_URL", " "),
            ("JETON_JWT_AUDIENCE", ""),
            ("JETON_JWT_ISSUER", " "),
            ("JETON_JWT_SECRET", "\t"),
            ("CRON_SECRET", " "),
            ("REDIS_URL", "\t"),
        ],
    ] {
        let config = read(pairs).unwrap();
        assert_eq!(config.stage, Stage::Production);
        assert_eq!((config.redis_url, config.prefix.as_str(), config.locale), (None, "jeton", Locale::French));
        assert_eq!((config.cors_origins, config.billing_time), (vec![], Duration::from_secs(45)));
        assert_eq!((config.wait_replicas, config.redis_ca), (0, None));
        assert_eq!(config.events_time, Duration::from_secs(50));
        assert!(!config.credentials.has_service_keys());
        for secret in ["", " ", ","] {
            assert_eq!(config.credentials.identify(secret), None, "{secret:?} opens nothing");
        }
    }
}

#[test]
fn every_setting_is_read() {
    let config = read(&[
        ("REDIS_URL", " rediss://default:pw@host:6380/2 "),
        ("JETON_PREFIX", "jeton-preview:a.b_c"),
        ("JETON_LOCALE", "en-GB"),
        ("JETON_CORS_ORIGINS", "https://App.example, http://localhost:3001 ,"),
        ("JETON_API_KEYS", "web:spend:one:with:colons , ops:admin:two"),
        ("JETON_BILLING_SECONDS", "75"),
        ("JETON_EVENTS_SECONDS", "290"),
        ("JETON_WAIT_REPLICAS", "2"),
        ("CRON_SECRET", "tick"),
    ])
    .unwrap();
    assert_eq!(config.redis_url.as_deref(), Some("rediss://default:pw@host:6380/2"));
    assert_eq!((config.prefix.as_str(), config.locale), ("jeton-preview:a.b_c", Locale::English));
    assert_eq!(config.cors_origins, ["https://app.example", "http://localhost:3001"]);
    assert_eq!((config.billing_time, config.wait_replicas), (Duration::from_secs(75), 2));
    assert_eq!(config.events_time, Duration::from_secs(290));
    assert!(config.credentials.has_service_keys());
    for (secret, holder) in [
        ("one:with:colons", Some(Holder::Service(Scope::Spend))),
        ("two", Some(Holder::Service(Scope::Admin))),
        ("tick", Some(Holder::Cron)),
        ("one", None),
        ("web", None),
        ("ops:admin:two", None),
    ] {
        assert_eq!(config.credentials.identify(secret), holder, "{secret}");
    }
}

#[test]
fn a_bad_setting_is_named_with_an_example_and_without_its_value() {
    const KEYS: &str = "JETON_API_KEYS=web:spend:a-long-random-secret,ops:admin:another-secret";
    let long = SECRET.repeat(4);
    for (name, value, example) in [
        ("JETON_API_KEYS", SECRET, KEYS),
        ("JETON_API_KEYS", "web:s3cr3t-n3v3r-shown", KEYS),
        ("JETON_API_KEYS", "web:s3cr3t-n3v3r-shown:write", KEYS),
        ("JETON_API_KEYS", "web:Spend:s3cr3t-n3v3r-shown", KEYS),
        ("JETON_API_KEYS", ":spend:s3cr3t-n3v3r-shown", KEYS),
        ("JETON_API_KEYS", "s3cr3t-n3v3r-shown:spend:", KEYS),
        ("JETON_API_KEYS", "web:spend:fine,s3cr3t-n3v3r-shown", KEYS),
        ("JETON_PREFIX", "{s3cr3t-n3v3r-shown}", "JETON_PREFIX=jeton-preview"),
        ("JETON_PREFIX", "s3cr3t-n3v3r-shown and more", "JETON_PREFIX=jeton-preview"),
        ("JETON_PREFIX", &long, "JETON_PREFIX=jeton-preview"),
        ("JETON_LOCALE", SECRET, "JETON_LOCALE=fr"),
        ("JETON_LOCALE", "de", "JETON_LOCALE=fr"),
        ("JETON_CORS_ORIGINS", "*", "JETON_CORS_ORIGINS=https://app.example,http://localhost:3001"),
        ("JETON_CORS_ORIGINS", "https://app.example/", "JETON_CORS_ORIGINS=https://app.example,"),
        ("JETON_CORS_ORIGINS", "app.example", "JETON_CORS_ORIGINS=https://app.example,"),
        ("JETON_CORS_ORIGINS", "https://", "JETON_CORS_ORIGINS=https://app.example,"),
        ("JETON_CORS_ORIGINS", "https://*.example", "JETON_CORS_ORIGINS=https://app.example,"),
        ("JETON_CORS_ORIGINS", "https://me:s3cr3t-n3v3r-shown@app.example", "JETON_CORS_ORIGINS=https://app.example,"),
        ("JETON_BILLING_SECONDS", SECRET, "JETON_BILLING_SECONDS=45"),
        ("JETON_BILLING_SECONDS", "-1", "JETON_BILLING_SECONDS=45"),
        ("JETON_BILLING_SECONDS", "3601", "JETON_BILLING_SECONDS=45"),
        ("JETON_BILLING_SECONDS", "4.5", "JETON_BILLING_SECONDS=45"),
        ("JETON_EVENTS_SECONDS", SECRET, "JETON_EVENTS_SECONDS=50"),
        ("JETON_EVENTS_SECONDS", "0", "JETON_EVENTS_SECONDS=50"),
        ("JETON_EVENTS_SECONDS", "3601", "JETON_EVENTS_SECONDS=50"),
        ("JETON_WAIT_REPLICAS", "s3cr3t-n3v3r-shown", "JETON_WAIT_REPLICAS=1"),
        ("JETON_WAIT_REPLICAS", "-1", "JETON_WAIT_REPLICAS=1"),
        ("JETON_WAIT_REPLICAS", "6", "JETON_WAIT_REPLICAS=1"),
        ("JETON_JWKS_URL", SECRET, "JETON_JWKS_URL=https://auth.example/.well-known/jwks.json"),
        ("JETON_JWKS_URL", "https://", "JETON_JWKS_URL=https://auth.example/"),
        ("JETON_JWKS_URL", "https:///keys", "JETON_JWKS_URL=https://auth.example/"),
        ("JETON_JWKS_URL", "ftp://auth.example/s3cr3t-n3v3r-shown", "JETON_JWKS_URL=https://auth.example/"),
        ("JETON_JWKS_URL", "http://auth.example/s3cr3t-n3v3r-shown", "JETON_JWKS_URL=https://auth.example/"),
        ("JETON_JWKS_URL", "http://localhost.auth.example/s3cr3t-n3v3r-shown", "JETON_JWKS_URL=https://auth.example/"),
        ("JETON_JWKS_URL", "https://me:s3cr3t-n3v3r-shown@auth.example/", "JETON_JWKS_URL=https://auth.example/"),
    ] {
        let message = refused(read(&[(name, value)]));
        assert!(message.starts_with(&format!("{name} ")), "{name}={value}: {message}");
        assert!(message.contains(&format!("; for example {example}")), "{name}={value}: {message}");
        assert!(!message.contains(SECRET), "{name}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(refused(read(&[("JETON_LOCALE", "de")])), "JETON_LOCALE must be fr or en; for example JETON_LOCALE=fr");
}

#[test]
fn the_first_of_the_env_files_wins_and_what_is_set_stays() {
    const FILES: [&str; 4] = [".env.development.local", ".env.local", ".env.development", ".env"];
    const DEVELOPMENT: (&str, &str) = ("NODE_ENV", "development");
    let files = FILES.map(|name| (name, format!("JETON_PREFIX=of{name}\n")));
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    for first in 0..FILES.len() {
        let config = read_with(&files[first..], &[DEVELOPMENT]).unwrap();
        assert_eq!(config.prefix, format!("of{}", FILES[first]));
    }
    for (what, pairs, prefix) in [
        ("set already", &[DEVELOPMENT, ("JETON_PREFIX", "set")][..], "set"),
        ("set to nothing is not set", &[DEVELOPMENT, ("JETON_PREFIX", " ")], "of.env.development.local"),
        ("in production", &[], "jeton"),
        ("in production, set", &[("JETON_PREFIX", "set")], "set"),
        ("in a preview", &[DEVELOPMENT, ("VERCEL_ENV", "preview")], "jeton"),
    ] {
        assert_eq!(read_with(&files, pairs).unwrap().prefix, prefix, "{what}");
    }

    // They complete each other; an empty value leaves the next file its say; none of them decides the stage.
    let config = read_with(
        &[
            (".env.development.local", "JETON_PREFIX=\nJETON_LOCALE=\"\"\nVERCEL_ENV=production\n"),
            (".env.local", "REDIS_URL=redis://one\n"),
            (".env.development", "JETON_LOCALE=en\nREDIS_URL=redis://two\n"),
            (".env", "JETON_PREFIX=last\n"),
        ],
        &[DEVELOPMENT],
    )
    .unwrap();
    assert_eq!((config.prefix.as_str(), config.locale), ("last", Locale::English));
    assert_eq!((config.redis_url.as_deref(), config.stage), (Some("redis://one"), Stage::Development));
    assert!(read_with(&[], &[DEVELOPMENT]).is_ok(), "no file is needed");
}

#[test]
fn the_files_are_read_as_vercel_and_people_write_them() {
    let pulled = "# Created by Vercel CLI\n\
        CRON_SECRET=\"tick tock\"\n\
        JETON_API_KEYS=\"web:spend:a=b#c,ops:admin:two\"\n\
        NX_DAEMON=\"\"\n\
        PRIVATE_KEY=\"-----BEGIN-----\\nabc==\\n-----END-----\\n\"\n\
        REDIS_URL=\"rediss://default:p%40ss@host.example:6379\"\n\
        VERCEL_OIDC_TOKEN=\"eyJ.eyJ-_.x\"\n";
    let by_hand = "\n  # mine\nexport CRON_SECRET='tick tock' # said twice\n\n\
        JETON_API_KEYS = web:spend:a=b#c,ops:admin:two\nREDIS_URL=rediss://default:p%40ss@host.example:6379";
    for text in [pulled.to_owned(), pulled.replace('\n', "\r\n"), by_hand.to_owned(), by_hand.replace('\n', "\r\n")] {
        let config =
            read_with(&[(".env.local", &text)], &[("VERCEL_DEV", "1")]).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(config.redis_url.as_deref(), Some("rediss://default:p%40ss@host.example:6379"), "{text}");
        assert_eq!(config.credentials.identify("tick tock"), Some(Holder::Cron), "{text}");
        assert_eq!(config.credentials.identify("a=b#c"), Some(Holder::Service(Scope::Spend)), "{text}");
        assert_eq!(config.credentials.identify("two"), Some(Holder::Service(Scope::Admin)), "{text}");
    }
}

#[test]
fn a_bad_line_is_an_error_that_names_the_file_alone() {
    for line in [
        "REDIS_URL s3cr3t-n3v3r-shown",
        "CRON_SECRET=s3cr3t-n3v3r-shown and more",
        "CRON_SECRET=\"s3cr3t-n3v3r-shown",
        "CRON_SECRET='s3cr3t-n3v3r-shown",
    ] {
        for name in [".env.development.local", ".env.local", ".env.development", ".env"] {
            let text = format!("JETON_PREFIX=fine\n{line}\n");
            let read = read_with(&[(name, &text)], &[("VERCEL_ENV", "development")]);
            assert!(read.is_err(), "{line}");
            let message = refused(read);
            assert_eq!(message, format!("{name} has a line that is not NAME=value or NAME=\"value\""), "{line}");
            assert!(read_with(&[(name, &text)], &[]).is_ok(), "production does not even look");
        }
    }
}

#[test]
fn lines_that_others_read_are_theirs() {
    let text = "\u{feff}FIREBASE=\"{\"type\":\"service_account\"}\"\nA line\nOTHER=two words\nKEY=\"a\\qb\"\n\
        CRON_SECRET=tick\nLAST=\"pa$\"\n";
    let config = read_with(&[(".env.local", text)], &[("VERCEL_DEV", "1")]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(config.credentials.identify("tick"), Some(Holder::Cron));
}

#[test]
fn a_secret_has_one_holder() {
    for settings in [
        [("JETON_API_KEYS", "a:admin:s3cr3t-n3v3r-shown,b:read:s3cr3t-n3v3r-shown"), ("CRON_SECRET", "tick")],
        [("JETON_API_KEYS", "a:admin:s3cr3t-n3v3r-shown"), ("CRON_SECRET", "s3cr3t-n3v3r-shown")],
    ] {
        let message = refused(read_with(&[], &settings));
        assert!(message.contains("the same secret twice") && !message.contains(SECRET), "{message}");
    }
}

#[test]
fn a_bad_setting_in_a_file_is_told_like_any_other() {
    let message = refused(read_with(&[(".env", "JETON_API_KEYS=s3cr3t-n3v3r-shown")], &[("NODE_ENV", "development")]));
    assert!(
        message.starts_with("JETON_API_KEYS must list name:scope:secret") && !message.contains(SECRET),
        "{message}"
    );
}

#[test]
fn a_scope_includes_those_before_it() {
    assert!(Scope::Read < Scope::Spend && Scope::Spend < Scope::Credit && Scope::Credit < Scope::Admin);
    for (name, scope) in [
        ("read", Some(Scope::Read)),
        ("spend", Some(Scope::Spend)),
        ("credit", Some(Scope::Credit)),
        ("admin", Some(Scope::Admin)),
        ("Admin", None),
        ("", None),
        ("cron", None),
    ] {
        assert_eq!(Scope::from_name(name), scope, "{name:?}");
        assert_eq!(scope.map(Scope::name), scope.map(|_| name));
    }
}

#[test]
fn a_secret_is_known_exactly_or_not_at_all() {
    let mut credentials = Credentials::default();
    assert!(!credentials.has_service_keys());
    assert_eq!(credentials.identify(""), None, "without secrets nobody is known");
    assert!(credentials.add("tick", Holder::Cron));
    assert!(!credentials.has_service_keys(), "the cron's secret is not a service key");
    assert!(credentials.add("clé", Holder::Service(Scope::Read)));
    assert!(credentials.add("key", Holder::Service(Scope::Admin)));
    assert!(credentials.has_service_keys());
    for (secret, holder) in [
        ("tick", Some(Holder::Cron)),
        ("clé", Some(Holder::Service(Scope::Read))),
        ("key", Some(Holder::Service(Scope::Admin))),
        ("ke", None),
        ("keys", None),
        ("Key", None),
        (" key", None),
        ("cle", None),
        ("", None),
    ] {
        assert_eq!(credentials.identify(secret), holder, "{secret:?}");
    }
}

#[test]
fn the_language_is_the_best_liked_of_those_we_speak() {
    const FRENCH: Option<Locale> = Some(Locale::French);
    const ENGLISH: Option<Locale> = Some(Locale::English);
    for (header, expected) in [
        ("en", ENGLISH),
        ("fr", FRENCH),
        ("EN", ENGLISH),
        ("en-GB", ENGLISH),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", FRENCH),
        ("en-US,en;q=0.9,fr;q=0.8", ENGLISH),
        ("fr;q=0.5, en;q=0.8", ENGLISH),
        ("fr;q=0.8, en;q=0.8", FRENCH),
        ("en;q=0.8, fr;q=0.8", ENGLISH),
        ("de, en;q=0.1", ENGLISH),
        ("en ; q=0.2 , fr ; q=0.3", FRENCH),
        ("en;Q=0.2, fr;q=0.3", FRENCH),
        ("fr;q=0.001", FRENCH),
        ("en;q=0, fr;q=0.1", FRENCH),
        ("en;q=0", None),
        ("fr;q=0.000", None),
        ("de", None),
        ("*", None),
        ("", None),
        (",;,", None),
        ("english", None),
        ("fra", None),
        ("en;q=a lot", None),
        ("en;q=NaN", None),
        ("en;q=-1", None),
    ] {
        assert_eq!(Locale::from_accept_language(header), expected, "{header:?}");
    }
    for (locale, tag) in [(Locale::French, "fr"), (Locale::English, "en")] {
        assert_eq!((locale.tag(), Locale::from_tag(tag)), (tag, Some(locale)));
    }
    assert_eq!(Locale::default(), Locale::French);
}
