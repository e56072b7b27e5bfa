use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    AMOUNT_MAX, Amount, BillingCycle, Caps, Carried, ContentType, Entry, GrantKind, Imported, Paid, PlanChange,
    ReservationId, Source, Timestamp, Transaction, TransactionId, TransactionType, Usage, UserId, grant::is_zero,
    grants::Grants, reservation::Reservation, spent_days::SpentDays,
};
use crate::{stage::Stage, unreadable::Unreadable};

/// The form of the document that this version reads and writes.
const FORMAT: u32 = 1;

/// A user's account: all that a decision needs, and nothing that grows with the history.
///
/// Stored as a JSON document. A document with fields or a format that this version does not know is refused, never
/// overwritten: it was written by a later version, or by somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    format: u32,
    pub(super) user_id: UserId,
    /// The name of the plan in the catalogue.
    pub(super) plan: Arc<str>,
    pub(super) opened_at: Timestamp,
    /// How many entries were ever written, in this history and the archived ones.
    pub(super) version: u64,
    /// The greatest id ever given.
    pub(super) last_entry: TransactionId,
    pub(super) billing: BillingCycle,
    pub(super) tokens_used: u64,
    pub(super) generations: BTreeMap<ContentType, u64>,
    /// What is left of the tokens that came in.
    pub(super) grants: Grants,
    /// How many histories were archived, each by a reset.
    pub(super) archives: u32,
    /// How many changes there were that callers see and that wrote no entry: of reservations, of plan and caps.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) changes: u64,
    /// How many tokens were captured that were not there, and that the next ones pay for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) overdrawn: u64,
    /// What is set aside, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reservations: Vec<Reservation>,
    /// What was spent lately.
    #[serde(default, skip_serializing_if = "SpentDays::is_empty")]
    pub(super) days: SpentDays,
    /// The user's own caps.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) caps: Caps,
    /// What changes at the next billing.
    #[serde(default, skip_serializing_if = "PlanChange::is_empty")]
    pub(super) planned: PlanChange,
    /// A test clock: the account's time is at least this. Only in development.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) clock: Option<Timestamp>,
    /// What was spent in this history lately. What was spent before stands beside the account.
    #[serde(default, skip_serializing_if = "Usage::is_empty")]
    pub(super) usage: Usage,
    /// That it was taken over from the module before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) imported: Option<Imported>,
    /// What its counters say beyond this history, which was taken over.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) carried: Carried,
}

/// Whether a field of the document says nothing.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Why a stored document is not an account.
#[derive(Debug, thiserror::Error)]
pub enum DamagedAccount {
    /// Not the JSON of an account, or of a later version.
    #[error("the document is not an account that this version of Jeton knows: {0}")]
    Unreadable(#[from] Unreadable),
    /// Of another format.
    #[error("the document has format {0}, this version of Jeton knows format {FORMAT}")]
    Format(u32),
    /// Somebody else's.
    #[error("the document belongs to another user")]
    OtherUser,
    /// Its last entry is at the end of the calendar, so that no id can follow.
    #[error("the last entry in the document leaves no room for another")]
    LastEntry,
    /// The billing cycle does not begin with a month, or leaves the calendar.
    #[error("the billing cycle in the document is not one")]
    Billing,
    /// The grants add up to more than a balance can hold, or two of them are of one kind.
    #[error("the grants in the document do not form a balance")]
    Grants,
    /// The reservations are too many, or do not hold what the grants have set aside.
    #[error("the reservations in the document do not hold what its grants have set aside")]
    Reservations,
    /// More days are remembered than there can be.
    #[error("the days in the document are more than are remembered")]
    Days,
}

impl Account {
    /// An account without tokens or history.
    pub(super) fn empty(user_id: UserId, plan: Arc<str>, opened_at: Timestamp, billing: BillingCycle) -> Self {
        Self {
            format: FORMAT,
            user_id,
            plan,
            opened_at,
            version: 0,
            last_entry: TransactionId::ZERO,
            billing,
            tokens_used: 0,
            generations: BTreeMap::new(),
            grants: Grants::default(),
            archives: 0,
            changes: 0,
            overdrawn: 0,
            reservations: Vec::new(),
            days: SpentDays::default(),
            caps: Caps::default(),
            planned: PlanChange::default(),
            clock: None,
            usage: Usage::default(),
            imported: None,
            carried: Carried::default(),
        }
    }

    /// The account of `user` from its stored document.
    ///
    /// # Errors
    /// [`DamagedAccount`] when the document is anything else than that user's account in this format.
    pub fn from_document(document: &str, user: &UserId) -> Result<Self, DamagedAccount> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let account: Self =
            serde_json::from_str(document).map_err(|error| match serde_json::from_str::<Format>(document) {
                Ok(Format { format }) if format != FORMAT => DamagedAccount::Format(format),
                Ok(_) | Err(_) => DamagedAccount::Unreadable(error.into()),
            })?;
        if account.format != FORMAT {
            return Err(DamagedAccount::Format(account.format));
        }
        if account.user_id != *user {
            return Err(DamagedAccount::OtherUser);
        }
        if account.last_entry.timestamp() == Timestamp::END {
            return Err(DamagedAccount::LastEntry);
        }
        if !account.billing.is_sound() {
            return Err(DamagedAccount::Billing);
        }
        if !account.grants.is_sound() || account.overdrawn.saturating_sub(account.grants.total()) > AMOUNT_MAX {
            return Err(DamagedAccount::Grants);
        }
        if !account.reservations_are_sound() {
            return Err(DamagedAccount::Reservations);
        }
        if !account.days.is_sound() {
            return Err(DamagedAccount::Days);
        }
        Ok(account)
    }

    /// The document to store: JSON.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_document(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Whose account it is.
    #[must_use]
    pub const fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The name of its plan.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// When it is billed.
    #[must_use]
    pub const fn billing(&self) -> &BillingCycle {
        &self.billing
    }

    /// How many entries were ever written, in all its histories.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// When it was opened, or reset.
    #[must_use]
    pub const fn opened_at(&self) -> Timestamp {
        self.opened_at
    }

    /// What was spent since then, in tokens.
    #[must_use]
    pub const fn tokens_used(&self) -> u64 {
        self.tokens_used
    }

    /// How many generations there were since then, by content type.
    #[must_use]
    pub const fn generations(&self) -> &BTreeMap<ContentType, u64> {
        &self.generations
    }

    /// The greatest transaction id it gave.
    #[must_use]
    pub const fn last_entry(&self) -> TransactionId {
        self.last_entry
    }

    /// How many of its histories were archived by a reset.
    #[must_use]
    pub const fn archives(&self) -> u32 {
        self.archives
    }

    /// Its time when it is `now`: that of its test clock if it has one that is ahead. In production nobody's is looked at.
    #[must_use]
    pub fn time(&self, now: Timestamp, stage: Stage) -> Timestamp {
        self.clock.filter(|_| stage == Stage::Development).map_or(now, |clock| clock.max(now))
    }

    /// The tokens that can be spent, less those that were captured and not there.
    #[must_use]
    pub fn balance(&self) -> i64 {
        signed(self.grants.total()).saturating_sub(signed(self.overdrawn))
    }

    /// The tokens that can be spent.
    #[must_use]
    pub fn available(&self) -> u64 {
        self.grants.total().saturating_sub(self.overdrawn)
    }

    /// The tokens that are set aside by open reservations.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.grants.held()
    }

    /// What the history adds up to: the balance, and what is set aside.
    #[must_use]
    pub fn ledger_balance(&self) -> i64 {
        self.balance().saturating_add(signed(self.reserved()))
    }

    /// How many changes callers have seen: it grows with each of them.
    pub(super) const fn stats_version(&self) -> u64 {
        self.version.saturating_add(self.changes)
    }

    /// Whether callers have seen more changes of `other`.
    pub(crate) const fn is_older_than(&self, other: &Self) -> bool {
        self.stats_version() < other.stats_version()
    }

    /// Callers see something else than before, and no entry says so.
    pub(super) const fn changed(&mut self) {
        self.changes = self.changes.saturating_add(1);
    }

    /// The instant that decides what has expired at `now`: by a clock that is behind the last entry nothing comes in or back
    /// that had expired before it.
    pub(super) fn latest(&self, now: Timestamp) -> Timestamp {
        now.max(self.last_entry.timestamp())
    }

    /// Whether the balance would be below −`limit` if `tokens` were taken from it.
    pub(super) fn falls_below(&self, limit: u64, tokens: u64) -> bool {
        i128::from(self.balance()).saturating_sub(tokens.into()) < i128::from(limit).saturating_neg()
    }

    /// How many tokens it can still take in, with what may come back.
    pub(super) fn room(&self) -> u64 {
        let left = self.grants.total().saturating_add(self.grants.held());
        AMOUNT_MAX.saturating_sub(left).saturating_add(self.overdrawn)
    }

    /// Adds tokens. The first of them pay for what was captured and not there.
    pub(super) fn put(&mut self, kind: GrantKind, amount: Amount) {
        if let Some(rest) = self.pay_owed(amount) {
            self.grants.put(kind, rest);
        }
    }

    /// Tokens come back to where they had been. The first of them pay for what was captured and not there.
    pub(super) fn put_back(&mut self, kind: GrantKind, amount: Amount) {
        if let Some(rest) = self.pay_owed(amount) {
            self.grants.put_back(kind, rest);
        }
    }

    /// Pays what was captured and not there. Gives what is left of `amount`.
    fn pay_owed(&mut self, amount: Amount) -> Option<Amount> {
        let owed = self.overdrawn.min(amount.get());
        self.overdrawn = self.overdrawn.saturating_sub(owed);
        Amount::new(amount.get().saturating_sub(owed))
    }

    /// The history entry of a change that has been made, taking effect at `at`.
    pub(super) fn record(&mut self, at: Timestamp, change: Change) -> Transaction {
        let id = self.last_entry.next(at);
        self.last_entry = id;
        self.version = self.version.saturating_add(1);
        let Change { moved, description, content_type, metadata, capture } = change;
        let (reservation_id, part) = capture.map_or((None, None), |(id, part)| (Some(id), Some(part)));
        let mut entry = Entry {
            kind: TransactionType::Debit,
            amount: moved.amount(),
            description,
            content_type,
            balance: self.ledger_balance(),
            source: None,
            reservation_id,
            part: part.filter(|part| *part > 1),
            refund_of: None,
            priority: None,
            expires_at: None,
            grants: Vec::new(),
            metadata,
        };
        match moved {
            Moved::In(GrantKind { source, priority, expires_at }, _) => {
                entry.kind = TransactionType::Credit;
                (entry.source, entry.priority, entry.expires_at) = (Some(source), priority, expires_at);
            }
            Moved::Spent(_, grants) => entry.grants = grants,
            Moved::Back(refund_of, _, grants) => {
                entry.kind = TransactionType::Credit;
                (entry.source, entry.refund_of, entry.grants) = (Some(Source::Refund), Some(refund_of), grants);
            }
            Moved::Expired(paid) => (entry.source, entry.grants) = (Some(paid.grant.source), vec![paid]),
            Moved::Adjusted(_, grants) => (entry.source, entry.grants) = (Some(Source::Adjustment), grants),
        }
        Transaction { id, entry }
    }
}

/// Which tokens moved, and which way.
pub(super) enum Moved {
    /// They came in.
    In(GrantKind, Amount),
    /// They were spent, and these grants paid.
    Spent(Amount, Vec<Paid>),
    /// They were spent on that debit, and came back to these grants.
    Back(TransactionId, Amount, Vec<Paid>),
    /// Their time was over.
    Expired(Paid),
    /// They were too many, and went from these grants.
    Adjusted(Amount, Vec<Paid>),
}

impl Moved {
    const fn amount(&self) -> Amount {
        match self {
            Self::In(_, amount)
            | Self::Spent(amount, _)
            | Self::Back(_, amount, _)
            | Self::Adjusted(amount, _)
            | Self::Expired(Paid { amount, .. }) => *amount,
        }
    }
}

/// What a history entry says of a change, but for the balance after it.
pub(super) struct Change {
    pub(super) moved: Moved,
    pub(super) description: Arc<str>,
    pub(super) content_type: Option<ContentType>,
    pub(super) metadata: Option<serde_json::Map<String, serde_json::Value>>,
    /// The reservation that was captured, and which capture of it this is: 1, 2, …
    pub(super) capture: Option<(ReservationId, u32)>,
}

impl Change {
    /// One that says only this.
    pub(super) fn plain(moved: Moved, description: Arc<str>) -> Self {
        Self { moved, description, content_type: None, metadata: None, capture: None }
    }
}

/// A number of tokens that fits an account, with a sign.
fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
