//! What the module that Jeton replaces kept of a user: read, and never guessed at.

use serde::{Deserialize, de::Error};
use serde_json::{Value, value::RawValue};

use super::{AMOUNT_MAX, Timestamp, TransactionType, UserId};
use crate::unreadable::Unreadable;

/// What was kept of one user, as it stands in its store: JSON, if it is what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyRecords {
    /// The stats object; `None` where there is a history alone.
    pub stats: Option<Vec<u8>>,
    /// The history.
    pub history: LegacyHistory,
}

/// A history in one of the forms that it was kept in, the newest entry first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyHistory {
    /// There is none.
    Missing,
    /// One array of all entries.
    Array(Vec<u8>),
    /// Each entry on its own.
    List(Vec<Vec<u8>>),
}

/// Why what was kept of a user cannot be read. It quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamagedLegacy {
    /// A history without the stats that it belongs to.
    #[error("there is a history, and no stats object")]
    NoStats,
    /// The stats are not a JSON object.
    #[error("the stats object is damaged: {0}")]
    Stats(Unreadable),
    /// They are somebody else's, or do not say whose they are.
    #[error("the stats object has another memberId, or none")]
    OtherUser,
    /// One of their fields is missing, or is something else.
    #[error("{0} of the stats object is not {1}")]
    Field(&'static str, &'static str),
    /// The first billing comes after the account was created.
    #[error("nextBillingDate of the stats object lies before its createdAt")]
    BilledBeforeCreated,
    /// The next billing lies beyond the calendar, or those before it do.
    #[error("nextBillingDate of the stats object leaves no room for its billings")]
    Billing,
    /// The history is not a JSON array.
    #[error("the history is damaged: {0}")]
    History(Unreadable),
    /// An entry is not a JSON object.
    #[error("entry {0} of the history, counted from the newest, is damaged: {1}")]
    Entry(usize, Unreadable),
    /// One of its fields is missing, or is something else.
    #[error("{1} of entry {0} of the history, counted from the newest, is not {2}")]
    EntryField(usize, &'static str, &'static str),
    /// Its tokens add up to more than a balance holds.
    #[error("the history adds up to more tokens than a balance can hold")]
    TooMuch,
    /// It has more entries than one commit can carry.
    #[error("the history has more entries than can be taken over")]
    TooLong,
}

/// What is asked of a number of tokens or of generations.
const WHOLE: &str = "a whole number from 0 to 9007199254740991, in digits";
/// What is asked of an instant.
const INSTANT: &str = "an RFC 3339 instant up to the year 9999";

/// The stats object, as far as it decides anything: what is not here is derived from the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyStats {
    /// `tokenBalance`.
    pub balance: u64,
    /// Whether its `memberId` is the test user's, though it is somebody else's: the old reset wrote it to everybody.
    pub(super) of_test_user: bool,
    pub(super) tokens_used: u64,
    pub(super) articles: u64,
    pub(super) descriptions: u64,
    pub(super) total: u64,
    pub(super) next_billing: Timestamp,
    /// When it was written, if it says so.
    pub(super) last_updated: Option<Timestamp>,
    pub(super) created_at: Timestamp,
}

/// The members of the stats object that are looked at, as they are written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStats<'a> {
    #[serde(borrow)]
    member_id: Option<&'a RawValue>,
    #[serde(borrow)]
    token_balance: Option<&'a RawValue>,
    #[serde(borrow)]
    tokens_used: Option<&'a RawValue>,
    #[serde(borrow)]
    articles_generated: Option<&'a RawValue>,
    #[serde(borrow)]
    product_descriptions_generated: Option<&'a RawValue>,
    #[serde(borrow)]
    total_generations: Option<&'a RawValue>,
    #[serde(borrow)]
    next_billing_date: Option<&'a RawValue>,
    #[serde(borrow)]
    last_updated: Option<&'a RawValue>,
    #[serde(borrow)]
    created_at: Option<&'a RawValue>,
}

impl LegacyStats {
    /// The stats of `user`. The old reset wrote the id of the `test_user` to everybody's: it does not count against them.
    ///
    /// # Errors
    /// [`DamagedLegacy`] when one of the fields that decide something is missing or is something else.
    pub fn read(user: &UserId, test_user: &UserId, text: &[u8]) -> Result<Self, DamagedLegacy> {
        let raw: RawStats<'_> = object(text).map_err(DamagedLegacy::Stats)?;
        let member: String = parsed(raw.member_id).ok_or(DamagedLegacy::OtherUser)?;
        let of_test_user = member != user.as_str();
        if of_test_user && member != test_user.as_str() {
            return Err(DamagedLegacy::OtherUser);
        }
        let count = |name, raw| whole(raw).ok_or(DamagedLegacy::Field(name, WHOLE));
        let time = |name, raw| instant(raw).ok_or(DamagedLegacy::Field(name, INSTANT));
        Ok(Self {
            of_test_user,
            balance: count("tokenBalance", raw.token_balance)?,
            tokens_used: count("tokensUsed", raw.tokens_used)?,
            articles: count("articlesGenerated", raw.articles_generated)?,
            descriptions: count("productDescriptionsGenerated", raw.product_descriptions_generated)?,
            total: count("totalGenerations", raw.total_generations)?,
            next_billing: time("nextBillingDate", raw.next_billing_date)?,
            last_updated: instant(raw.last_updated),
            created_at: time("createdAt", raw.created_at)?,
        })
    }
}

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LegacyEntry {
    /// Its name: a text or a number, or nothing.
    pub(super) id: Value,
    pub(super) kind: TransactionType,
    /// How many tokens moved; perhaps none.
    pub(super) amount: u64,
    pub(super) description: Option<String>,
    /// What was generated, if it says so, in whatever form.
    pub(super) content_type: Option<Value>,
    pub(super) at: Timestamp,
}

/// The members of an entry that are looked at, as they are written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawEntry<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    amount: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    content_type: Option<&'a RawValue>,
    #[serde(borrow)]
    timestamp: Option<&'a RawValue>,
}

impl LegacyEntry {
    /// The entry of this number, from 1.
    fn read(number: usize, text: &[u8]) -> Result<Self, DamagedLegacy> {
        let raw: RawEntry<'_> = object(text).map_err(|damage| DamagedLegacy::Entry(number, damage))?;
        let wrong = |name, what| DamagedLegacy::EntryField(number, name, what);
        if raw.description.is_some_and(|raw| !raw.get().starts_with('"')) {
            return Err(wrong("description", "a text"));
        }
        Ok(Self {
            id: parsed::<Value>(raw.id).filter(|id| id.is_string() || id.is_number()).unwrap_or_default(),
            kind: parsed(raw.kind).ok_or_else(|| wrong("type", "CREDIT or DEBIT"))?,
            amount: whole(raw.amount).ok_or_else(|| wrong("amount", WHOLE))?,
            // One that was cut in the middle of a letter has no text.
            description: parsed(raw.description),
            content_type: parsed(raw.content_type),
            at: instant(raw.timestamp).ok_or_else(|| wrong("timestamp", INSTANT))?,
        })
    }
}

/// What the module that Jeton replaces kept of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legacy {
    pub(super) user: UserId,
    pub(super) stats: LegacyStats,
    /// The oldest first.
    pub(super) entries: Vec<LegacyEntry>,
}

impl Legacy {
    /// What `records` say of `user`; for `test_user` see [`LegacyStats::read`].
    ///
    /// # Errors
    /// [`DamagedLegacy`] at the first thing that is not as it should be.
    pub fn read(user: &UserId, test_user: &UserId, records: &LegacyRecords) -> Result<Self, DamagedLegacy> {
        let stats = records.stats.as_deref().ok_or(DamagedLegacy::NoStats)?;
        let stats = LegacyStats::read(user, test_user, stats)?;
        let mut entries: Vec<LegacyEntry> = match &records.history {
            LegacyHistory::Missing => Vec::new(),
            LegacyHistory::Array(text) => {
                let raw: Vec<&RawValue> =
                    serde_json::from_slice(text).map_err(|error| DamagedLegacy::History(error.into()))?;
                let read = |(number, raw): (usize, &RawValue)| LegacyEntry::read(number, raw.get().as_bytes());
                (1..).zip(raw).map(read).collect::<Result<_, _>>()?
            }
            LegacyHistory::List(texts) => {
                let read = |(number, text): (usize, &Vec<u8>)| LegacyEntry::read(number, text);
                (1..).zip(texts).map(read).collect::<Result<_, _>>()?
            }
        };
        // The oldest first, by their own word; of equals the one that stands further back.
        entries.reverse();
        entries.sort_by_key(|entry| entry.at);
        Ok(Self { user: user.clone(), stats, entries })
    }

    /// What the history sums up to in the end, and the least that it sums up to on the way, at most 0.
    pub(super) fn sums(&self) -> (i128, i128) {
        self.entries.iter().fold((0, 0), |(sum, least), entry| {
            let amount = i128::from(entry.amount);
            let sum: i128 = match entry.kind {
                TransactionType::Credit => i128::saturating_add(sum, amount),
                TransactionType::Debit => i128::saturating_sub(sum, amount),
            };
            (sum, least.min(sum))
        })
    }

    /// When it was written last, by its own word.
    pub(crate) fn newest(&self) -> Timestamp {
        let entry = self.entries.last().map(|entry| entry.at);
        self.stats.last_updated.max(entry).unwrap_or(self.stats.created_at)
    }

    /// Whether the history explains the balance. One that does not may just be in the middle of a change: the module
    /// writes the two one after the other.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.sums() == (self.stats.balance.into(), 0)
    }
}

/// The object that `text` is. An array, which serde would take for its members, is none.
fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, Unreadable> {
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(serde_json::Error::custom("not an object").into());
    }
    Ok(serde_json::from_slice(text)?)
}

/// `raw` as what is wanted of it; `None` if it is missing or something else.
fn parsed<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A whole number of tokens or generations, written in digits.
fn whole(raw: Option<&RawValue>) -> Option<u64> {
    parsed::<u64>(raw).filter(|number| *number <= AMOUNT_MAX)
}

fn instant(raw: Option<&RawValue>) -> Option<Timestamp> {
    Timestamp::from_rfc3339(&parsed::<String>(raw)?)
}
