//! User tokens (contract §5): JSON Web Tokens (RFC 7519) with which a browser reads one user. In code each is a session,
//! as tokens are what users spend.
//!
//! [`Sessions`] issues them, and judges those that come. What is signed with HS256 is checked with the secret of this
//! deployment alone; what is signed with RS256, ES256 or `EdDSA` with the keys of the identity provider alone: whoever knows
//! a public key can sign nothing with it.

mod claims;
mod crypto;
mod fetch;
mod jwks_url;
mod key_set;
mod provider;
mod refused;

use std::sync::Arc;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation, dangerous::insecure_decode_claims, decode, decode_header,
    encode, errors::ErrorKind,
};

use self::{
    claims::{Claims, Expected, Issue, OURSELVES},
    provider::Provider,
};
pub use self::{
    jwks_url::{InvalidJwksUrl, JwksUrl},
    provider::NoKeys,
    refused::Refused,
};
use crate::ledger::{Timestamp, UserId};

/// What signs in development without a secret, where everybody may call everything anyway. Everybody knows it.
pub const DEVELOPMENT_SECRET: &str = "jeton-development-known-to-everybody";

/// The shortest secret that is as hard to guess as HS256 is to break, in bytes (RFC 7518 §3.2).
pub const SECRET_BYTES_MIN: usize = 32;

/// The longest user token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// What identity providers sign with.
const ALGORITHMS_OF_PROVIDERS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA];

/// Who may issue user tokens.
#[derive(Clone, Default)]
pub struct SessionSettings {
    /// `JETON_JWT_SECRET`: what user tokens are signed with.
    pub secret: Option<String>,
    /// `JETON_JWT_ISSUER`: who issues them, besides this deployment.
    pub issuer: Option<String>,
    /// `JETON_JWT_AUDIENCE`: whom they are for, besides this deployment.
    pub audience: Option<String>,
    /// An identity provider.
    pub provider: Option<ProviderSettings>,
}

/// An identity provider whose user tokens are taken.
#[derive(Clone)]
pub struct ProviderSettings {
    /// `JETON_JWKS_URL`: where its keys are.
    pub keys: JwksUrl,
    /// `JETON_JWT_ISSUER`: its name.
    pub issuer: String,
    /// `JETON_JWT_AUDIENCE`: what it calls this deployment.
    pub audience: String,
}

/// A user token that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whom it is about, the only one whom it can read.
    pub user: UserId,
    /// When it ends: at its expiry, or, if that is over, when the leeway between clocks is.
    pub ends_at: Timestamp,
}

/// A user token that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The token.
    pub token: String,
    /// Its expiry.
    pub expires_at: Timestamp,
}

/// Why a user token could not be judged, or is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// It is not good.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There are no keys to judge it with.
    #[error(transparent)]
    NoKeys(#[from] NoKeys),
}

/// Why no user token could be issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotIssue {
    /// There is no secret to sign it with.
    #[error(
        "JETON_JWT_SECRET is not set: set it to a long random text, for example \
         JETON_JWT_SECRET=a-long-random-secret-of-32-bytes-or-more"
    )]
    NoSecret,
    /// It could not be written.
    #[error("the user token could not be written ({0})")]
    Unwritable(String),
}

/// Issues user tokens and judges them. One for each process, as it keeps the keys of the identity provider.
pub struct Sessions {
    secret: Option<(EncodingKey, DecodingKey)>,
    issuer: Option<String>,
    audience: Option<String>,
    provider: Option<Arc<Provider>>,
}

impl Sessions {
    /// By these settings.
    #[must_use]
    pub fn new(settings: SessionSettings) -> Self {
        crypto::install();
        let SessionSettings { secret, issuer, audience, provider } = settings;
        let keys =
            |secret: String| (EncodingKey::from_secret(secret.as_bytes()), DecodingKey::from_secret(secret.as_bytes()));
        Self {
            secret: secret.map(keys),
            issuer,
            audience,
            provider: provider.map(|provider| Arc::new(Provider::new(provider))),
        }
    }

    /// Issues a user token for `user` that lasts for so many seconds from `now` on.
    ///
    /// # Errors
    /// [`CannotIssue`], above all without a secret.
    pub fn issue(&self, user: &UserId, lasts_seconds: u64, now: Timestamp) -> Result<Issued, CannotIssue> {
        let (key, _) = self.secret.as_ref().ok_or(CannotIssue::NoSecret)?;
        let issue = Issue::new(user, lasts_seconds, now);
        let token = encode(&Header::new(Algorithm::HS256), &issue, key);
        let token = token.map_err(|error| CannotIssue::Unwritable(error.to_string()))?;
        Ok(Issued { token, expires_at: issue.expires_at() })
    }

    /// Judges `token` at `now`.
    ///
    /// # Errors
    /// [`SessionError::Refused`] when it is not good; [`SessionError::NoKeys`] when nobody can say, as the keys of the
    /// identity provider cannot be had.
    pub async fn verify(&self, token: &str, now: Timestamp) -> Result<Session, SessionError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Refused::TooLong.into());
        }
        let header = decode_header(token).map_err(|_| Refused::Header)?;
        if header.crit.is_some() {
            return Err(Refused::Critical.into());
        }
        if header.alg == Algorithm::HS256 {
            let (_, key) = self.secret.as_ref().ok_or(Refused::NoSecret)?;
            let expected = Expected {
                issuers: [Some(OURSELVES), self.issuer.as_deref()],
                audiences: [Some(OURSELVES), self.audience.as_deref()],
                names_issuer: self.issuer.is_some(),
                names_audience: self.audience.is_some(),
            };
            return Ok(claims_of(token, key, header.alg)?.judge(&expected, now)?);
        }
        if !ALGORITHMS_OF_PROVIDERS.contains(&header.alg) {
            return Err(Refused::Header.into());
        }
        let provider = self.provider.as_ref().ok_or(Refused::NoProvider)?;
        let expected = Expected {
            issuers: [Some(provider.issuer()), None],
            audiences: [Some(provider.audience()), None],
            names_issuer: true,
            names_audience: true,
        };
        // Whatever it says, it must be signed; but for one that says the wrong things no keys need be fetched.
        unsigned_claims_of(token)?.judge(&expected, now)?;
        let key = provider.key(header.kid.as_deref(), header.alg).await?;
        Ok(claims_of(token, &key, header.alg)?.judge(&expected, now)?)
    }
}

/// What `token` says, whoever wrote it.
fn unsigned_claims_of(token: &str) -> Result<Claims, Refused> {
    insecure_decode_claims(token).map_err(|_| Refused::Claims)
}

/// What `token` says, if its signature is good.
fn claims_of(token: &str, key: &DecodingKey, algorithm: Algorithm) -> Result<Claims, Refused> {
    let mut signature_alone = Validation::new(algorithm);
    // The claims are judged here, by the time that is given, and not by the library's clock.
    signature_alone.required_spec_claims.clear();
    signature_alone.validate_exp = false;
    signature_alone.validate_aud = false;
    match decode(token, key, &signature_alone) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) if matches!(error.kind(), ErrorKind::Json(_)) => Err(Refused::Claims),
        Err(_) => Err(Refused::Signature),
    }
}

/// Whether a text has the form of a user token (RFC 7515 §7.1): three parts in the letters of base64url, of which the last
/// may be empty. Of a secret that looks so by chance nothing depends on it.
#[must_use]
pub fn is_formed_like_one(text: &str) -> bool {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let parts: Vec<&str> = text.split('.').collect();
    parts.iter().all(|part| letters(part))
        && matches!(parts[..], [header, claims, _] if !header.is_empty() && !claims.is_empty())
}
