use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use super::{ALGORITHMS_OF_PROVIDERS, Refused};

/// How many keys of a set are looked at.
const KEYS_MAX: usize = 100;

/// A public key that can verify user tokens, and by which algorithm.
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    verifies_with: DecodingKey,
}

/// The keys in the text of a JWK Set (RFC 7517 §5) that can verify user tokens. One that cannot be read is passed over, as
/// the RFC asks, and so is one for something else, or for a secret. `None` if the text is no such set.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(text).ok()?;
    let keys = set.keys.into_iter().take(KEYS_MAX);
    Some(keys.filter_map(|key| serde_json::from_value(key).ok()).filter_map(|key| Key::of(&key)).collect())
}

/// The key with this id for this algorithm; for a token without an id the only one for the algorithm.
pub(super) fn choose<'a>(keys: &'a [Key], id: Option<&str>, algorithm: Algorithm) -> Result<&'a DecodingKey, Refused> {
    let mut fitting = keys.iter().filter(|key| key.algorithm == algorithm);
    match id {
        Some(id) => {
            fitting.find(|key| key.id.as_deref() == Some(id)).map(|key| &key.verifies_with).ok_or(Refused::UnknownKey)
        }
        None => match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(&only.verifies_with),
            (_, _) => Err(Refused::WhichKey),
        },
    }
}

impl Key {
    fn of(key: &Jwk) -> Option<Self> {
        let algorithm = ALGORITHMS_OF_PROVIDERS.into_iter().find(|algorithm| fits(key, *algorithm))?;
        Some(Self { id: key.common.key_id.clone(), algorithm, verifies_with: DecodingKey::from_jwk(key).ok()? })
    }
}

/// Whether a key is for this algorithm, and for verifying.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let common = &key.common;
    let verifies = common.public_key_use.as_ref().is_none_or(|kind| *kind == PublicKeyUse::Signature)
        && common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify))
        && common.key_algorithm.is_none_or(|named| named == KeyAlgorithm::from(algorithm));
    let is_of_its_kind = if let AlgorithmParameters::RSA(_) = &key.algorithm {
        algorithm == Algorithm::RS256
    } else if let AlgorithmParameters::EllipticCurve(point) = &key.algorithm {
        algorithm == Algorithm::ES256 && point.curve == EllipticCurve::P256
    } else if let AlgorithmParameters::OctetKeyPair(pair) = &key.algorithm {
        algorithm == Algorithm::EdDSA && pair.curve == EllipticCurve::Ed25519
    } else {
        false
    };
    verifies && is_of_its_kind
}
