//! Who may issue user tokens, by the settings.

use jeton::session::DEVELOPMENT_SECRET;

use super::{SECRET, read, refused};

#[test]
fn keys_of_a_provider_need_its_name_and_that_of_whom_its_tokens_are_for() {
    let url = ("JETON_JWKS_URL", "https://auth.example/keys?s3cr3t-n3v3r-shown");
    let (issuer, audience) = (("JETON_JWT_ISSUER", "https://auth.example/"), ("JETON_JWT_AUDIENCE", "mine"));
    for (pairs, named, example) in [
        (vec![url], "JETON_JWT_ISSUER", "https://auth.example/"),
        (vec![url, audience], "JETON_JWT_ISSUER", "https://auth.example/"),
        (vec![url, issuer], "JETON_JWT_AUDIENCE", "https://tokens.example"),
        (vec![url, issuer, ("JETON_JWT_AUDIENCE", " ")], "JETON_JWT_AUDIENCE", "https://tokens.example"),
    ] {
        let message = refused(read(&pairs));
        assert!(message.starts_with(&format!("{named} must be set where JETON_JWKS_URL is")), "{message}");
        assert!(message.ends_with(&format!("; for example {named}={example}")), "{message}");
        assert!(!message.contains(SECRET) && message.lines().count() == 1, "{message}");
    }
    for url in [
        "https://auth.example",
        "https://auth.example:8443/keys?a=b",
        "http://localhost:3001/keys",
        "http://127.0.0.1/keys",
        "http://[::1]:3001/keys",
    ] {
        let sessions = read(&[("JETON_JWKS_URL", url), issuer, audience]).unwrap().sessions;
        let provider = sessions.provider.unwrap();
        assert_eq!((provider.issuer.as_str(), provider.audience.as_str()), (issuer.1, audience.1), "{url}");
        let shown = provider.keys.to_string();
        assert_eq!(shown.trim_end_matches('/'), url.split('?').next().unwrap(), "without its query");
        assert_eq!(sessions.secret, None);
    }
}

#[test]
fn only_open_development_signs_without_a_secret_of_ones_own() {
    const KEY: (&str, &str) = ("JETON_API_KEYS", "web:spend:one");
    const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
    const OWN: (&str, &str) = ("JETON_JWT_SECRET", " 0123456789abcdef0123456789abcdef ");
    for (pairs, secret, open) in [
        (vec![], None, false),
        (vec![KEY], None, false),
        (vec![DEVELOPMENT], Some(DEVELOPMENT_SECRET), true),
        (vec![DEVELOPMENT, KEY], None, false),
        (vec![OWN], Some(OWN.1.trim()), false),
        (vec![DEVELOPMENT, OWN], Some(OWN.1.trim()), true),
        (vec![DEVELOPMENT, KEY, OWN], Some(OWN.1.trim()), false),
    ] {
        let config = read(&pairs).unwrap();
        assert_eq!((config.sessions.secret.as_deref(), config.is_open()), (secret, open), "{pairs:?}");
        assert_eq!(config.warnings(), [""; 0], "{pairs:?}");
    }
    let config = read(&[("JETON_JWT_SECRET", SECRET)]).unwrap();
    let [warning] = &config.warnings()[..] else { panic!("{:?}", config.warnings()) };
    assert!(warning.starts_with("JETON_JWT_SECRET has fewer than 32 bytes") && !warning.contains(SECRET), "{warning}");
}
