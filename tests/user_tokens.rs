//! User tokens: which are taken and which are refused, from whom, and what they open (contract §5).

mod cache;
mod claims;
mod identity;
mod opens;
mod signing;

use serde_json::{Value, json};

use self::{
    identity::{AUDIENCE, IN_THE_QUERY, ISSUER, Identity, claims, now},
    signing::{Signer, base64url},
};
pub(crate) use self::{
    opens::{token_for, token_until},
    signing::claims_of,
};
use crate::{
    refusals::{KEYS, USER_TOKEN_SECRET as SECRET, assert_problem},
    support::server::{Backend, Local},
};

const HEADER: &str = "the header of the user token names none of HS256, RS256, ES256 and EdDSA, or cannot be read";
const CRITICAL: &str = "the user token has `crit` in its header: what is critical is not understood";
const SIGNATURE: &str = "the signature of the user token is wrong";
const UNKNOWN_KEY: &str = "the user token names a key that is not among the keys of JETON_JWKS_URL for its algorithm";
const WHICH_KEY: &str = "the user token names no key, and not exactly one of JETON_JWKS_URL is for its algorithm";

/// A token, and why it is refused; nothing if it is good.
type Case = (String, String, Option<&'static str>);

/// The keys of a provider and their tokens.
struct Keys {
    secret: Signer,
    rsa: Signer,
    ec: Signer,
    ed: Signer,
}

impl Keys {
    fn new() -> Self {
        Self { secret: Signer::secret(SECRET), rsa: Signer::rsa(), ec: Signer::ec(), ed: Signer::ed() }
    }

    /// As the provider publishes them: among others that nobody may use for user tokens.
    fn published(&self) -> Vec<Value> {
        let with = |mut jwk: Value, member: &str, value: Value| {
            jwk[member] = value;
            jwk
        };
        vec![
            json!({"kty": "RSA"}),
            json!("no key"),
            json!({"kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA"}),
            Signer::secret("a secret that everybody can read").jwk("oct"),
            with(self.rsa.jwk("for-encryption"), "use", json!("enc")),
            with(self.ec.jwk("for-es384"), "alg", json!("ES384")),
            with(self.ed.jwk("for-signing"), "key_ops", json!(["sign"])),
            with(with(self.rsa.jwk("rsa"), "use", json!("sig")), "alg", json!("RS256")),
            with(self.ec.jwk("ec"), "key_ops", json!(["verify"])),
            self.ed.jwk("ed"),
            self.ec.jwk("ec-twice"),
        ]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        let good = claims();
        let mut case = |name: &str, token: String, refused| cases.push((name.to_owned(), token, refused));
        for (signer, id) in [(&self.rsa, "rsa"), (&self.ec, "ec"), (&self.ed, "ed")] {
            let named = |what: &str| format!("{} {what}", signer.algorithm());
            let token = signer.token_of(id, &good);
            case(&named("is good"), token.clone(), None);
            case(&named("truncated"), token[..token.len() - 4].to_owned(), Some(SIGNATURE));
            case(&named("without its signature"), token[..=token.rfind('.').unwrap()].to_owned(), Some(SIGNATURE));
            let (header, rest) = token.split_once('.').unwrap();
            let (_, signature) = rest.split_once('.').unwrap();
            let bob = base64url(good.to_string().replace("alice", "bob"));
            case(&named("tampered with"), format!("{header}.{bob}.{signature}"), Some(SIGNATURE));
            case(&named("of an unknown key"), signer.token_of("another", &good), Some(UNKNOWN_KEY));
            case(&named("of a key for something else"), signer.token_of("oct", &good), Some(UNKNOWN_KEY));
            // Whoever knows the public key does not know the secret.
            let public = Signer::Hs256(signer.public());
            case(&named("public key as a secret"), public.token_of(id, &good), Some(SIGNATURE));
            let none = Signer::Nobody;
            for name in ["none", "None", "NONE", ""] {
                let header = json!({"alg": name, "kid": id});
                case(&named(&format!("as {name:?}")), none.token(&header, &good), Some(HEADER));
            }
            let other = if signer.algorithm() == "ES256" { "ed" } else { "ec" };
            case(&named("with the id of another kind"), signer.token_of(other, &good), Some(UNKNOWN_KEY));
        }
        for (name, token, refused) in [
            // Two of its kind fit: ec, ec-twice.
            ("ES256 without an id", self.ec.token(&json!({"alg": "ES256"}), &good), Some(WHICH_KEY)),
            ("EdDSA without an id", self.ed.token(&json!({"alg": "EdDSA"}), &good), None),
            ("RS256 without an id", self.rsa.token(&json!({"alg": "RS256"}), &good), None),
            ("RS256 by an EC key", self.ec.token(&json!({"alg": "RS256", "kid": "rsa"}), &good), Some(SIGNATURE)),
            ("RS256 naming an EC key", self.rsa.token_of("ec", &good), Some(UNKNOWN_KEY)),
            ("a key for encryption", self.rsa.token_of("for-encryption", &good), Some(UNKNOWN_KEY)),
            ("a key for ES384", self.ec.token_of("for-es384", &good), Some(UNKNOWN_KEY)),
            ("a key that only signs", self.ed.token_of("for-signing", &good), Some(UNKNOWN_KEY)),
            ("RS512", self.rsa.token(&json!({"alg": "RS512", "kid": "rsa"}), &good), Some(HEADER)),
            ("PS256", self.rsa.token(&json!({"alg": "PS256", "kid": "rsa"}), &good), Some(HEADER)),
            ("HS512", self.secret.token(&json!({"alg": "HS512"}), &good), Some(HEADER)),
            ("no algorithm", self.secret.token(&json!({"typ": "JWT"}), &good), Some(HEADER)),
            ("a header that is none", self.secret.token(&json!([]), &good), Some(HEADER)),
        ] {
            case(name, token, refused);
        }
        let published = Signer::secret("a secret that everybody can read");
        case("HS256 by a published secret", published.token_of("oct", &good), Some(SIGNATURE));
        for (signer, id) in [(&self.secret, "any"), (&self.ed, "ed")] {
            let critical = json!({"alg": signer.algorithm(), "kid": id, "crit": ["b64"], "b64": false});
            case("critical", signer.token(&critical, &good), Some(CRITICAL));
            // Where a key is said to be, nobody looks.
            for (member, value) in [
                ("jku", json!("http://127.0.0.1:1/keys")),
                ("x5u", json!("http://127.0.0.1:1/keys")),
                ("jwk", self.rsa.jwk("rsa")),
            ] {
                let mut header = json!({"alg": signer.algorithm(), "kid": id});
                header[member] = value;
                case(member, signer.token(&header, &good), None);
            }
        }
        let long =
            json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + 600, "more": "x".repeat(8_192)});
        case("too long", self.secret.token_of("any", &long), Some("the user token is longer than 8 KiB"));
        // By the system's clock, with seconds to spare; to the millisecond in `claims`.
        for (what, member, value, refused) in [
            ("just expired", "exp", now() - 5, None),
            ("expired", "exp", now() - 31, Some("the user token has expired")),
            ("nearly valid", "nbf", now() + 20, None),
            ("not valid yet", "nbf", now() + 90, Some("the user token is not valid yet")),
        ] {
            for (signer, id) in [(&self.secret, "any"), (&self.ed, "ed")] {
                let mut claims = good.clone();
                claims[member] = value.into();
                case(what, signer.token_of(id, &claims), refused);
            }
        }
        cases
    }
}

/// The local server in production, with keys, a secret and this provider.
fn server(folder: &std::path::Path, identity: &Identity) -> Local {
    let url = identity.url();
    let settings = [
        ("VERCEL_ENV", "production"),
        ("JETON_API_KEYS", KEYS),
        ("JETON_JWT_SECRET", SECRET),
        ("JETON_JWKS_URL", &url),
        ("JETON_JWT_ISSUER", ISSUER),
        ("JETON_JWT_AUDIENCE", AUDIENCE),
    ];
    Local::start(folder, &[], &settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn which_are_taken_and_which_are_refused() {
    let keys = Keys::new();
    let identity = Identity::with(&keys.published()).await;
    let folder = tempfile::tempdir().unwrap();
    let local = server(folder.path(), &identity);
    let cases = keys.cases();
    for (name, token, refused) in &cases {
        let answer = local.client().with_key(token).get("stats").await;
        let line = answer.line_of(&local.process);
        if let Some(cause) = refused {
            assert_problem(&answer, 401, "unauthenticated");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"jeton\""), "{name}");
            let told = [&line["message"], &line["level"], &line["code"]];
            assert_eq!(told, [&json!(cause), &json!("info"), &json!("unauthenticated")], "{name}");
            assert!(!answer.body.contains(cause), "{answer:?}");
        } else {
            assert_eq!(answer.status, 200, "{name}: {answer:?} {line}");
            assert_eq!((&answer.json()["memberId"], &line["user"]), (&json!("alice"), &json!("alice")), "{name}");
        }
    }
    assert_eq!(identity.asked().len(), 2, "once for the keys, and once for the first that nobody knows");
    for asked in identity.asked() {
        assert!(asked.starts_with(&format!("GET /keys?{IN_THE_QUERY} HTTP/1.1\r\n")), "{asked}");
    }
    for line in local.process.lines() {
        for (name, token, _) in &cases {
            // Not in parts either. An empty part, or the header of many, says nothing.
            let parts: Vec<&str> = token.split('.').skip(1).filter(|part| !part.is_empty()).collect();
            assert!(!parts.iter().any(|part| line.contains(part)), "{name} is in the log: {line}");
        }
        assert!(!line.contains(SECRET) && !line.contains(IN_THE_QUERY), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_settings_none_is_taken() {
    let keys = Keys::new();
    for backend in Backend::both(&[("VERCEL_ENV", "production"), ("JETON_API_KEYS", KEYS)]) {
        for (signer, setting) in [(&keys.secret, "JETON_JWT_SECRET"), (&keys.ed, "JETON_JWKS_URL")] {
            let answer = backend.client().with_key(&signer.token_of("ed", &claims())).get("stats").await;
            assert_problem(&answer, 401, "unauthenticated");
            let line = match &backend {
                Backend::Platform { deployment, .. } => deployment.instance("stats").line_of(&answer),
                Backend::Embedded { local, .. } => answer.line_of(&local.process),
            };
            let message = line["message"].as_str().unwrap();
            assert!(message.ends_with(&format!("and {setting} is not set")), "{line}");
        }
    }
}
