use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Amount, Paid, Priority, ReservationId, Timestamp, timestamp};
use crate::mutation::{Mutation, planted};

/// What a generation made, as the catalogue names it: `ARTICLE`, `PRODUCT_DESCRIPTION`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContentType(Arc<str>);

impl ContentType {
    /// The content type of this name; whether the catalogue has it is [`crate::plans::Catalogue::content_type`]'s to say.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way tokens went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum TransactionType {
    /// Tokens came in.
    Credit,
    /// Tokens were spent.
    Debit,
}

impl fmt::Display for TransactionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credit => "CREDIT",
            Self::Debit => "DEBIT",
        })
    }
}

/// Where credited tokens come from. The order is the order in which debits took them before each of them said which
/// grants paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(description = "Where tokens come from."))]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The opening balance.
    Initial,
    /// The monthly allowance.
    Monthly,
    /// Given by the operator, to win or to thank.
    Promotion,
    /// A correction by the operator.
    Adjustment,
    /// Bought.
    Purchase,
    /// Given back of a debit: to the grants that paid it, or as tokens of its own.
    Refund,
}

impl Source {
    const ALL: [Self; 6] =
        [Self::Initial, Self::Monthly, Self::Promotion, Self::Adjustment, Self::Purchase, Self::Refund];

    const fn name(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Monthly => "monthly",
            Self::Promotion => "promotion",
            Self::Adjustment => "adjustment",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
        }
    }

    /// The source of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names a transaction: `<milliseconds>-<n>`. Ids of one user are unique and increase, so the same text is the page
/// cursor. The milliseconds are the instant at which the change took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId {
    millis: Timestamp,
    sequence: u32,
}

impl TransactionId {
    /// Before every real id.
    pub const ZERO: Self = Self { millis: Timestamp::EPOCH, sequence: 0 };

    /// The id with this instant and number.
    #[must_use]
    pub const fn new(millis: Timestamp, sequence: u32) -> Self {
        Self { millis, sequence }
    }

    /// The id of a change that takes effect at `at`, made greater than `self`. A clock that runs behind the one that
    /// wrote the last entry does not turn the history back.
    #[must_use]
    pub fn next(self, at: Timestamp) -> Self {
        if at > self.millis || planted(Mutation::IdsFollowClock) {
            return Self::new(at, 0);
        }
        match self.sequence.checked_add(1) {
            Some(sequence) => Self::new(self.millis, sequence),
            None => Self::new(Timestamp::from_millis(self.millis.as_millis().saturating_add(1)).unwrap_or(at), 0),
        }
    }

    /// The instant at which the change took effect.
    #[must_use]
    pub const fn timestamp(self) -> Timestamp {
        self.millis
    }

    /// The number among the changes of the same millisecond.
    #[must_use]
    pub const fn sequence(self) -> u32 {
        self.sequence
    }
}

impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.millis.as_millis(), self.sequence)
    }
}

/// A text that is not `<milliseconds>-<n>`, each written in digits without leading zeros.
#[derive(Debug, thiserror::Error)]
#[error("a transaction id is <milliseconds>-<n>")]
pub struct InvalidTransactionId;

impl FromStr for TransactionId {
    type Err = InvalidTransactionId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // In one way only, so that an id is the same as text and as two numbers.
        let digits = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let (millis, sequence) = text.split_once('-').ok_or(InvalidTransactionId)?;
        if !digits(millis) || !digits(sequence) {
            return Err(InvalidTransactionId);
        }
        let millis = millis.parse().ok().and_then(Timestamp::from_millis).ok_or(InvalidTransactionId)?;
        Ok(Self::new(millis, sequence.parse().map_err(|_| InvalidTransactionId)?))
    }
}

impl Serialize for TransactionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TransactionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What one history entry says. The instant is in its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Which way the tokens went.
    #[serde(rename = "type")]
    pub kind: TransactionType,
    /// How many tokens moved.
    pub amount: Amount,
    /// For people, in the language of whoever made the change, as it was written at the time.
    pub description: Arc<str>,
    /// What was generated; only on debits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// The balance after this entry with what was set aside, in tokens: what the history adds up to so far. Below zero where
    /// the plan lets a capture go there.
    pub balance: i64,
    /// Where the tokens come from; only on credits, and on debits of what expired or was adjusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The reservation whose tokens a debit captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation_id: Option<ReservationId>,
    /// Which capture of that reservation it was, from the second on: 2, 3, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
    /// The debit that a credit gave back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<TransactionId>,
    /// The priority that a credit was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// When the tokens of a credit expire.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional_rfc3339")]
    #[cfg_attr(feature = "openapi", schemars(with = "Timestamp"))]
    pub expires_at: Option<Timestamp>,
    /// Which grants a debit took its tokens from, in this order, and which a refund gave them to. Debits of the first
    /// version don't say, and what a debit took below zero is from none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Paid>,
    /// The caller's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Map<String, Value>>,
}

impl Entry {
    /// The longest description, in characters.
    pub const DESCRIPTION_LENGTH_MAX: usize = 500;

    /// Whether a description may have this letter. It ends up in files and on screens: no control characters but the ends of
    /// lines and tabs.
    #[must_use]
    pub fn describes_with(letter: char) -> bool {
        !letter.is_control() || matches!(letter, '\n' | '\r' | '\t')
    }

    /// Whether nobody spent these tokens: their time was over.
    #[must_use]
    pub fn is_expiration(&self) -> bool {
        self.is_unspent() && !self.is_adjustment()
    }

    /// Whether nobody spent these tokens: there were more of them than there should have been. Adjustments that expire say
    /// when.
    #[must_use]
    pub fn is_adjustment(&self) -> bool {
        let expires = |paid: &Paid| paid.grant.source == Source::Adjustment && paid.grant.expires_at.is_some();
        self.is_unspent() && self.source == Some(Source::Adjustment) && !self.grants.iter().any(expires)
    }

    /// Whether tokens went without being spent.
    #[must_use]
    pub fn is_unspent(&self) -> bool {
        self.kind == TransactionType::Debit && self.content_type.is_none() && self.source.is_some()
    }

    /// What was generated by this debit. A further part of a capture belongs to a generation that is counted already.
    #[must_use]
    pub fn generation(&self) -> Option<&ContentType> {
        self.content_type.as_ref().filter(|_| self.part.is_none())
    }
}

/// One entry of a user's history, under its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Its name and its place in the history.
    pub id: TransactionId,
    /// What it says.
    pub entry: Entry,
}

impl Serialize for Transaction {
    /// As callers see it (contract §2).
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            id: TransactionId,
            #[serde(flatten)]
            entry: &'a Entry,
            #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
            timestamp: Timestamp,
        }
        Shown { id: self.id, entry: &self.entry, timestamp: self.id.timestamp() }.serialize(serializer)
    }
}
