//! The machine's clock and chance. Below the edge both come in as arguments.

use chrono::{DateTime, Utc};

use crate::{committer::Surroundings, ledger::Timestamp};

/// The real clock and real randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Surroundings for System {
    #[expect(clippy::disallowed_methods, reason = "this is the edge that reads the clock")]
    fn now(&self) -> Timestamp {
        DateTime::<Utc>::from(std::time::SystemTime::now()).into()
    }

    fn random(&self) -> u128 {
        random()
    }
}

/// 128 random bits from the operating system, which differ also between two copies of one frozen instance.
#[must_use]
pub fn random() -> u128 {
    let mut bytes = [0; 16];
    // A system without randomness cannot run at all; were it so, equal revisions would only make commits conflict.
    let _ = getrandom::fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// `bits` as 12 characters of `A–Z a–z 0–9 - _`: 72 of the bits.
#[must_use]
pub fn short_name(bits: u128) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let character = |position: u32| {
        let index = usize::try_from((bits >> position.saturating_mul(6)) & 63).unwrap_or(0);
        ALPHABET.get(index).copied().map_or('A', char::from)
    };
    (0..12).map(character).collect()
}
