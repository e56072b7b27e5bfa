//! The keys of an identity provider: when they are fetched, how often at most, and what becomes of a bad answer.

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::join_all};
use jeton::{
    committer::Surroundings,
    session::{Refused, Session, SessionError, Sessions},
    system::System,
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::json;
use tokio::{net::TcpListener, time};
use tokio_rustls::TlsAcceptor;

use super::{
    identity::{IN_THE_QUERY, Identity, claims, http, sessions_of},
    server,
    signing::Signer,
};
use crate::{
    refusals::assert_problem,
    support::{process::TOO_LATE, tls::Ca},
};

/// The largest answer that is read.
const BYTES_MAX: usize = 256 * 1024;

async fn judged(sessions: &Sessions, token: &str) -> Result<Session, SessionError> {
    sessions.verify(token, System.now()).await
}

/// Lets so much time pass at once.
async fn pass(minutes: u64, seconds: u64) {
    time::pause();
    time::advance(Duration::from_secs(60 * minutes + seconds)).await;
    time::resume();
}

#[tokio::test]
async fn keys_are_kept_for_ten_minutes_and_good_for_an_hour() {
    let ed = Signer::ed();
    let identity = Identity::with(&[ed.jwk("k")]).await;
    let (sessions, token) = (identity.sessions(), ed.token_of("k", &claims()));
    for (minutes, seconds, fetches) in [(0, 0, 1), (9, 50, 1), (0, 10, 2), (9, 50, 2), (0, 10, 3)] {
        pass(minutes, seconds).await;
        assert!(judged(&sessions, &token).await.is_ok());
        assert_eq!(identity.asked().len(), fetches, "{minutes}:{seconds}");
    }
    identity.answer(&http("503 Service Unavailable", ""));
    // They are asked for again, not with every call.
    for (minutes, seconds, fetches) in [(9, 50, 3), (0, 10, 4), (0, 20, 4), (0, 10, 5), (49, 20, 6)] {
        pass(minutes, seconds).await;
        assert!(judged(&sessions, &token).await.is_ok(), "{minutes}:{seconds}");
        assert_eq!(identity.asked().len(), fetches, "{minutes}:{seconds}");
    }
    pass(0, 30).await;
    assert!(matches!(judged(&sessions, &token).await, Err(SessionError::NoKeys(_))), "after an hour they are not");
    identity.publish(&[ed.jwk("k")]);
    pass(0, 1).await;
    assert!(judged(&sessions, &token).await.is_ok(), "and soon they are again");
}

#[tokio::test]
async fn nothing_is_fetched_for_a_token_that_says_the_wrong_things() {
    let ed = Signer::ed();
    let identity = Identity::with(&[ed.jwk("k")]).await;
    let sessions = identity.sessions();
    for (member, value) in [("iss", json!("https://evil.example/")), ("aud", json!("another")), ("exp", json!(1))] {
        let mut claims = claims();
        claims[member] = value;
        let judged = judged(&sessions, &ed.token_of("k", &claims)).await;
        assert!(matches!(judged, Err(SessionError::Refused(_))), "{member}: {judged:?}");
    }
    assert_eq!(identity.asked().len(), 0);
    assert!(judged(&sessions, &ed.token_of("k", &claims())).await.is_ok());
    assert_eq!(identity.asked().len(), 1);
}

#[tokio::test]
async fn an_unknown_key_has_the_keys_fetched_again_once_in_thirty_seconds() {
    let (old, new) = (Signer::ed(), Signer::ec());
    let identity = Identity::with(&[old.jwk("old")]).await;
    let sessions = identity.sessions();
    let unknown = || Err(Refused::UnknownKey.into());
    let stranger = Signer::ed();
    let strange: Vec<String> = (0..50).map(|n| stranger.token_of(&format!("strange-{n}"), &claims())).collect();
    // The first fetch is fresh enough for those who brought it about.
    let first = join_all(strange.iter().map(|token| judged(&sessions, token))).await;
    assert!(first.into_iter().all(|judged| judged == unknown()));
    assert_eq!(identity.asked().len(), 1);
    assert!(judged(&sessions, &old.token_of("old", &claims())).await.is_ok());

    // Rotated.
    identity.publish(&[old.jwk("old"), new.jwk("new")]);
    let token = new.token_of("new", &claims());
    let together = join_all((0..50).map(|_| judged(&sessions, &token))).await;
    assert!(together.iter().all(Result::is_ok), "all wait for the same fetch");
    assert_eq!(identity.asked().len(), 2);
    for (seconds, fetches) in [(0, 2), (20, 2), (10, 3), (0, 3), (20, 3), (10, 4)] {
        pass(0, seconds).await;
        let judged = join_all(strange.iter().map(|token| judged(&sessions, token))).await;
        assert!(judged.into_iter().all(|judged| judged == unknown()));
        assert_eq!(identity.asked().len(), fetches, "{seconds} s later");
    }
    // Without an id nothing is looked for, and neither is a key that is known.
    pass(0, 30).await;
    assert!(judged(&sessions, &stranger.token_of("old", &claims())).await.is_err());
    let nameless = stranger.token(&json!({"alg": "RS256"}), &claims());
    assert_eq!(judged(&sessions, &nameless).await, Err(Refused::WhichKey.into()));
    assert_eq!(identity.asked().len(), 4);
    // A key that was withdrawn is gone with the next fetch.
    identity.publish(&[new.jwk("new")]);
    assert!(judged(&sessions, &strange[0]).await.is_err());
    assert_eq!(judged(&sessions, &old.token_of("old", &claims())).await, unknown());
}

#[tokio::test]
async fn whoever_goes_away_leaves_the_fetch_to_the_others() {
    let (old, new) = (Signer::ed(), Signer::ec());
    let identity = Identity::with(&[old.jwk("old")]).await;
    let sessions = identity.sessions();
    assert!(judged(&sessions, &old.token_of("old", &claims())).await.is_ok());
    identity.publish(&[new.jwk("new")]);
    let token = new.token_of("new", &claims());
    assert!(judged(&sessions, &token).now_or_never().is_none(), "the fetch has begun");
    assert!(judged(&sessions, &token).await.is_ok());
    assert_eq!(identity.asked().len(), 2);
}

#[tokio::test]
async fn one_fetch_is_for_all_who_wait_also_when_it_fails() {
    let ed = Signer::ed();
    let identity = Identity::with(&[]).await;
    let token = ed.token_of("k", &claims());
    let sessions = identity.sessions();
    identity.answer(&http("500 Internal Server Error", ""));
    let all = join_all((0..50).map(|_| judged(&sessions, &token))).await;
    assert!(all.iter().all(|judged| matches!(judged, Err(SessionError::NoKeys(_)))), "{all:?}");
    assert_eq!(identity.asked().len(), 1);
    identity.publish(&[ed.jwk("k")]);
    pass(0, 1).await;
    let all = join_all((0..50).map(|_| judged(&sessions, &token))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(identity.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_set_or_too_much_is_not_taken() {
    let ed = Signer::ed();
    let token = ed.token_of("k", &claims());
    let set = json!({"keys": [ed.jwk("k")]}).to_string();
    let padded = |length: usize| format!("{set}{}", " ".repeat(length - set.len()));
    let many = |before: usize| {
        let mut keys = vec![Signer::ed().jwk("another"); before];
        keys.push(ed.jwk("k"));
        json!({"keys": keys}).to_string()
    };
    let redirect = |status: &str| {
        let header = "Location: /keys\r\nContent-Length:";
        http(status, &set).replacen("Content-Length:", header, 1)
    };
    let none: Option<&str> = None;
    let no_set = Some("the answer was no JWK Set");
    let too_much = Some("the answer broke off, or was larger than 256 KiB");
    let unknown = "the user token names a key that is not among the keys";
    for (name, answer, cause) in [
        ("good", http("200 OK", &set), none),
        ("large", http("200 OK", &padded(BYTES_MAX)), none),
        ("a hundred keys", http("200 OK", &many(99)), none),
        ("a hundred and one", http("200 OK", &many(100)), Some(unknown)),
        ("empty", http("200 OK", r#"{"keys":[]}"#), Some(unknown)),
        ("too large", http("200 OK", &padded(BYTES_MAX + 1)), too_much),
        ("broken off", http("200 OK", &set).replacen(": ", ": 1", 1), too_much),
        ("301", redirect("301 Moved Permanently"), Some("the answer had the status 301, and not 200")),
        ("302", redirect("302 Found"), Some("the answer had the status 302, and not 200")),
        ("201", http("201 Created", &set), Some("the answer had the status 201, and not 200")),
        ("500", http("500 Internal Server Error", &set), Some("the answer had the status 500, and not 200")),
        ("not JSON", http("200 OK", "<html>"), no_set),
        ("not a set", http("200 OK", "[]"), no_set),
        ("no list", http("200 OK", r#"{"keys":{}}"#), no_set),
        ("cut off", http("200 OK", &set[..set.len() - 1]), no_set),
        ("nothing in it", http("200 OK", ""), no_set),
        ("not HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(), Some("invalid HTTP version parsed")),
        ("slow", String::new(), Some("it took longer than 2 s")),
    ] {
        let identity = Identity::with(&[]).await;
        identity.answer(&answer);
        let told = judged(&identity.sessions(), &token).await.err().map(|error| error.to_string());
        match (&told, cause) {
            (None, None) => {}
            (Some(told), Some(cause)) => assert!(told.contains(cause), "{name}: {told}"),
            _ => panic!("{name}: {told:?}"),
        }
        assert!(!told.unwrap_or_default().contains(IN_THE_QUERY), "{name}");
        assert_eq!(identity.asked().len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_vouched_for_by_a_public_authority_is_not_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
    let identity = Ca::new("nobody's").issue();
    let certificate = CertificateDer::from_pem_slice(identity.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_file(identity.key()).unwrap();
    let config =
        ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(async move { acceptor.accept(listener.accept().await.unwrap().0).await.is_ok() });
    let told = judged(&sessions_of(&url), &Signer::ed().token_of("k", &claims())).await.unwrap_err().to_string();
    assert!(told.contains("invalid peer certificate"), "{told}");
    assert!(!accepting.await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_told_of_and_what_it_said_goes_on() {
    let ed = Signer::ed();
    let identity = Identity::with(&[ed.jwk("k")]).await;
    let folder = tempfile::tempdir().unwrap();
    let local = server(folder.path(), &identity);
    let ask = async |token: &str| local.client().with_key(token).get("stats").await;
    let good = ed.token_of("k", &claims());
    assert_eq!(ask(&good).await.status, 200);
    identity.goes_away();
    for unknown in ["a", "b", "c"] {
        assert_problem(&ask(&ed.token_of(unknown, &claims())).await, 401, "unauthenticated");
        assert_eq!(ask(&good).await.status, 200);
    }
    // Lines come in order.
    ask(&good).await.line_of(&local.process);
    let warned = |line: &String| line.contains("could not be fetched again");
    let warnings: Vec<String> = local.process.lines().into_iter().filter(warned).collect();
    assert_eq!(warnings.len(), 1, "one for each fetch: {warnings:?}");
    assert!(warnings[0].contains(r#""level":"warn""#) && !warnings[0].contains(IN_THE_QUERY), "{warnings:?}");

    // Who has never been there.
    let folder = tempfile::tempdir().unwrap();
    let local = server(folder.path(), &identity);
    let begun = std::time::Instant::now();
    let answer = local.client().with_key(&good).get("stats").await;
    assert!(begun.elapsed() < TOO_LATE);
    assert_problem(&answer, 500, "internal");
    let line = answer.line_of(&local.process);
    let message = line["message"].as_str().unwrap();
    let url = identity.url();
    assert!(message.contains("JETON_JWKS_URL") && message.contains(url.split('?').next().unwrap()), "{line}");
    assert!(!message.contains(IN_THE_QUERY) && line["level"] == "error", "{line}");
    // A key of a service needs nobody.
    assert_eq!(local.client().with_key("r-secret").get("stats?userId=u").await.status, 200);
}
