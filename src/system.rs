//! The machine's clock and chance. Below the edge both come in as arguments.

use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, Utc};
use once_cell::sync::Lazy;

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

/// A name that differs from all others of this process, and hardly ever is one of another's. Without a question to the system,
/// unlike [`random`]: two copies of one frozen instance give the same ones.
#[must_use]
pub fn passing_name() -> String {
    static FIRST: Lazy<u128> = Lazy::new(random);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    // The golden ratio, as a fraction of 2^128: neighbours come to lie far from each other.
    short_name(FIRST.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)))
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
