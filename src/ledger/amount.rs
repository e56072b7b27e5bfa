use std::fmt;

use serde::{Deserialize, Serialize};

/// The most tokens that one amount or one balance can hold: 2^53 − 1, the largest integer that JavaScript holds
/// exactly (contract §1).
pub const AMOUNT_MAX: u64 = 9_007_199_254_740_991;

/// A number of tokens that a change moves: 1 … [`AMOUNT_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Amount(u64);

impl Amount {
    /// The most there can be.
    pub(super) const MAX: Self = Self(AMOUNT_MAX);

    /// `tokens` as an amount; `None` outside 1 … [`AMOUNT_MAX`].
    #[must_use]
    pub const fn new(tokens: u64) -> Option<Self> {
        if tokens >= 1 && tokens <= AMOUNT_MAX { Some(Self(tokens)) } else { None }
    }

    /// The number of tokens.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Both together, as far as an amount can count.
    pub(super) fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0).min(AMOUNT_MAX))
    }
}

/// A number outside 1 … [`AMOUNT_MAX`].
#[derive(Debug, thiserror::Error)]
#[error("an amount is a whole number of tokens from 1 to 9007199254740991")]
pub struct AmountOutOfRange;

impl TryFrom<u64> for Amount {
    type Error = AmountOutOfRange;

    fn try_from(tokens: u64) -> Result<Self, Self::Error> {
        Self::new(tokens).ok_or(AmountOutOfRange)
    }
}

impl From<Amount> for u64 {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
