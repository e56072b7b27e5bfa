/// Why a user token is refused, for the operator: its holder learns no more than that it is. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is longer than any that is looked at.
    #[error("the user token is longer than 8 KiB")]
    TooLong,
    /// Its header is none, or names an algorithm that is not taken, such as `none`.
    #[error("the header of the user token names none of HS256, RS256, ES256 and EdDSA, or cannot be read")]
    Header,
    /// Its header says that it must not be taken by whoever does not understand it (RFC 7515 §4.1.11).
    #[error("the user token has `crit` in its header: what is critical is not understood")]
    Critical,
    /// It is signed with HS256, and there is no secret.
    #[error("the user token is signed with HS256, and JETON_JWT_SECRET is not set")]
    NoSecret,
    /// It is signed as by an identity provider, and there is none.
    #[error("the user token is signed as by an identity provider, and JETON_JWKS_URL is not set")]
    NoProvider,
    /// The key that it names is not among those of the identity provider, or is not for its algorithm.
    #[error("the user token names a key that is not among the keys of JETON_JWKS_URL for its algorithm")]
    UnknownKey,
    /// It names no key.
    #[error("the user token names no key, and not exactly one of JETON_JWKS_URL is for its algorithm")]
    WhichKey,
    /// Somebody else signed it, or it was changed.
    #[error("the signature of the user token is wrong")]
    Signature,
    /// What it says is not what claims are.
    #[error("the claims of the user token cannot be read")]
    Claims,
    /// It lacks a claim.
    #[error("the user token has no `{0}`")]
    Missing(&'static str),
    /// It is too late.
    #[error("the user token has expired")]
    Expired,
    /// It is too early.
    #[error("the user token is not valid yet")]
    TooEarly,
    /// It comes from somebody else.
    #[error("the user token is of another issuer")]
    Issuer,
    /// It is meant for somebody else.
    #[error("the user token is for another audience")]
    Audience,
    /// It is about nobody.
    #[error("the `sub` of the user token is not a user id")]
    Subject,
}
