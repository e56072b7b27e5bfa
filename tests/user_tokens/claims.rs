//! What user tokens must say, and until when they hold: to the millisecond, by a time that the tests give.

use jeton::{
    ledger::{Timestamp, UserId},
    session::{Refused, SessionError, SessionSettings, Sessions},
};
use serde_json::{Value, json};

use super::{
    SECRET,
    identity::{AUDIENCE, ISSUER, Identity, sessions_of},
    signing::{Signer, claims_of},
};

/// A whole second.
const NOW: u64 = 1_790_000_000_000;
const SECOND: u64 = NOW / 1_000;
const HALF_A_SECOND_LATER: f64 = 1_790_000_000.5;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

/// `claims` with these instead; what is `null` is left out.
fn with(claims: &Value, others: &Value) -> Value {
    let mut claims = claims.as_object().unwrap().clone();
    for (name, value) in others.as_object().unwrap() {
        if value.is_null() {
            claims.remove(name)
        } else {
            claims.insert(name.clone(), value.clone())
        };
    }
    Value::Object(claims)
}

fn of_secret(issuer: Option<&str>, audience: Option<&str>) -> Sessions {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let secret = Some(SECRET.to_owned());
    Sessions::new(SessionSettings { secret, issuer: owned(issuer), audience: owned(audience), provider: None })
}

#[tokio::test]
async fn a_time_holds_to_the_millisecond_with_thirty_seconds_of_leeway() {
    let ed = Signer::ed();
    let identity = Identity::with(&[ed.jwk("k")]).await;
    let (provider, own) = (identity.sessions(), of_secret(None, None));
    let secret = Signer::secret(SECRET);
    let base = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": SECOND + 600});
    let (late, early) = (Some(Refused::Expired), Some(Refused::TooEarly));
    for (others, now, refused) in [
        (json!({"exp": SECOND}), NOW - 1, None),
        (json!({"exp": SECOND}), NOW + 29_000, None),
        (json!({"exp": SECOND}), NOW + 29_999, None),
        (json!({"exp": SECOND}), NOW + 30_000, late),
        (json!({"exp": SECOND}), NOW + 31_000, late),
        (json!({"exp": HALF_A_SECOND_LATER}), NOW + 30_499, None),
        (json!({"exp": HALF_A_SECOND_LATER}), NOW + 30_500, late),
        (json!({"exp": 0}), NOW, late),
        (json!({"exp": 1e15}), NOW, None),
        (json!({"exp": 1e19}), NOW, Some(Refused::Claims)),
        (json!({"exp": -1}), NOW, Some(Refused::Claims)),
        (json!({"exp": 1e30}), NOW, Some(Refused::Claims)),
        (json!({"exp": (SECOND + 600).to_string()}), NOW, Some(Refused::Claims)),
        (json!({"exp": null}), NOW, Some(Refused::Missing("exp"))),
        (json!({"nbf": SECOND}), NOW - 30_001, early),
        (json!({"nbf": SECOND}), NOW - 31_000, early),
        (json!({"nbf": SECOND}), NOW - 30_000, None),
        (json!({"nbf": SECOND}), NOW - 29_000, None),
        (json!({"nbf": "soon"}), NOW, Some(Refused::Claims)),
        // When it was issued says nothing.
        (json!({"iat": SECOND + 3_600}), NOW, None),
    ] {
        let claims = with(&base, &others);
        let judged = provider.verify(&ed.token_of("k", &claims), at(now)).await;
        let ours = with(&claims, &json!({"iss": null, "aud": null}));
        assert_eq!(own.verify(&secret.token_of("k", &ours), at(now)).await, judged, "{others}");
        assert_eq!(judged.clone().err(), refused.map(SessionError::from), "{others} at {now}");
        if let (Ok(session), Some(expiry)) = (judged, claims["exp"].as_u64()) {
            // Who comes in the thirty seconds after it has them to their end.
            let ends_at = expiry * 1_000 + if now < expiry * 1_000 { 0 } else { 30_000 };
            assert_eq!((session.user.as_str(), session.ends_at), ("alice", at(ends_at)));
        }
    }
}

#[tokio::test]
async fn a_provider_must_name_itself_and_this_deployment() {
    let ed = Signer::ed();
    let identity = Identity::with(&[ed.jwk("k")]).await;
    let sessions = identity.sessions();
    let base = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": SECOND + 600});
    let (issuer, audience) = (Some(Refused::Issuer), Some(Refused::Audience));
    for (others, refused) in [
        (json!({}), None),
        (json!({"aud": [AUDIENCE]}), None),
        (json!({"aud": ["another", AUDIENCE]}), None),
        (json!({"iss": "https://evil.example/"}), issuer),
        (json!({"iss": "https://auth.example"}), issuer),
        (json!({"iss": "HTTPS://auth.example/"}), issuer),
        (json!({"iss": "jeton"}), issuer),
        (json!({"iss": ""}), issuer),
        (json!({"iss": [ISSUER]}), Some(Refused::Claims)),
        (json!({"iss": null}), Some(Refused::Missing("iss"))),
        (json!({"aud": "another"}), audience),
        (json!({"aud": "jeton"}), audience),
        (json!({"aud": []}), audience),
        (json!({"aud": ["another", "jeton"]}), audience),
        (json!({"aud": {"a": AUDIENCE}}), Some(Refused::Claims)),
        (json!({"aud": null}), Some(Refused::Missing("aud"))),
        (json!({"sub": null}), Some(Refused::Missing("sub"))),
        (json!({"sub": ""}), Some(Refused::Subject)),
        (json!({"sub": "a b"}), Some(Refused::Subject)),
        (json!({"sub": "x".repeat(129)}), Some(Refused::Subject)),
        (json!({"sub": 7}), Some(Refused::Claims)),
        (json!({"sub": "auth0|7", "scope": "admin"}), None),
    ] {
        let judged = sessions.verify(&ed.token_of("k", &with(&base, &others)), at(NOW)).await;
        assert_eq!(judged.err(), refused.map(SessionError::from), "{others}");
    }
    // A name that stands there twice is no name.
    let twice = format!(r#"{{"sub":"bob","iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{},"sub":"alice"}}"#, SECOND + 600);
    let token = ed.token_of_text("k", &twice);
    assert_eq!(sessions.verify(&token, at(NOW)).await, Err(Refused::Claims.into()));
    assert_eq!(sessions.verify(&ed.token_of_text("k", "[]"), at(NOW)).await, Err(Refused::Claims.into()));
}

#[tokio::test]
async fn what_the_secret_signs_names_nobody_else() {
    let secret = Signer::secret(SECRET);
    let base = json!({"sub": "alice", "exp": SECOND + 600});
    let (issuer, audience) = (Some(Refused::Issuer), Some(Refused::Audience));
    let (plain, named) = (of_secret(None, None), of_secret(Some(ISSUER), Some(AUDIENCE)));
    for (others, without, with_names) in [
        (json!({}), None, Some(Refused::Missing("iss"))),
        (json!({"iss": "jeton"}), None, Some(Refused::Missing("aud"))),
        (json!({"iss": "jeton", "aud": "jeton"}), None, None),
        (json!({"iss": ISSUER, "aud": AUDIENCE}), issuer, None),
        (json!({"iss": ISSUER, "aud": "jeton"}), issuer, None),
        (json!({"iss": "jeton", "aud": [AUDIENCE]}), audience, None),
        (json!({"aud": ["x", "jeton"]}), None, Some(Refused::Missing("iss"))),
        (json!({"iss": "another"}), issuer, issuer),
        (json!({"iss": "jeton", "aud": "another"}), audience, audience),
    ] {
        let token = secret.token_of("any", &with(&base, &others));
        assert_eq!(plain.verify(&token, at(NOW)).await.err(), without.map(SessionError::from), "{others}");
        assert_eq!(named.verify(&token, at(NOW)).await.err(), with_names.map(SessionError::from), "{others}");
    }
    let foreign = Signer::secret("another-secret-of-the-tests-32-bytes").token_of("any", &base);
    assert_eq!(plain.verify(&foreign, at(NOW)).await, Err(Refused::Signature.into()));
    for text in ["", ".", "..", "a.b.c", "a.b", "a.b.c.d", "\u{e9}.b.c", &secret.token_of("x", &base)[5..]] {
        assert_eq!(plain.verify(text, at(NOW)).await, Err(Refused::Header.into()), "{text:?}");
    }
}

#[tokio::test]
async fn what_is_issued_says_until_when_and_holds_until_then() {
    let user = UserId::new("auth0|a.b_c:d@e+f~g-h").unwrap();
    for sessions in [of_secret(None, None), of_secret(Some(ISSUER), Some(AUDIENCE))] {
        for (now, lasts) in [(NOW, 1), (NOW + 999, 900), (NOW, 86_400)] {
            let issued = sessions.issue(&user, lasts, at(now)).unwrap();
            let claims = json!({"iss": "jeton", "aud": "jeton", "sub": user, "iat": SECOND, "exp": SECOND + lasts});
            assert_eq!((claims_of(&issued.token), issued.expires_at), (claims, at((SECOND + lasts) * 1_000)));
            let ends_at = (SECOND + lasts) * 1_000 + 30_000;
            let session = sessions.verify(&issued.token, at(ends_at - 1)).await.unwrap();
            assert_eq!((session.user, session.ends_at), (user.clone(), at(ends_at)));
            let late = sessions.verify(&issued.token, at(ends_at)).await;
            assert_eq!(late, Err(Refused::Expired.into()));
        }
    }
    let nobody = sessions_of("https://auth.example/keys").issue(&user, 900, at(NOW)).unwrap_err().to_string();
    assert!(nobody.starts_with("JETON_JWT_SECRET is not set") && nobody.contains("for example"), "{nobody}");
}
