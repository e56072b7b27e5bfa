use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    AMOUNT_MAX, Amount, BillingCycle, ContentType, Entry, GrantKind, Paid, Timestamp, Transaction, TransactionId,
    TransactionType, UserId, grant::Grants,
};
use crate::unreadable::Unreadable;

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
        if !account.grants.is_sound() {
            return Err(DamagedAccount::Grants);
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

    /// The tokens that can be spent.
    #[must_use]
    pub fn balance(&self) -> u64 {
        self.grants.total()
    }

    /// How many tokens it can still take in.
    pub(super) fn room(&self) -> u64 {
        AMOUNT_MAX.saturating_sub(self.balance())
    }

    /// The history entry of a change that has been made, taking effect at `at`.
    pub(super) fn record(&mut self, at: Timestamp, change: Change) -> Transaction {
        let id = self.last_entry.next(at);
        self.last_entry = id;
        self.version = self.version.saturating_add(1);
        let Change { moved, description, content_type, metadata } = change;
        let mut entry = Entry {
            kind: TransactionType::Debit,
            amount: moved.amount(),
            description,
            content_type,
            balance: self.balance(),
            source: None,
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
            Moved::Expired(paid) => (entry.source, entry.grants) = (Some(paid.grant.source), vec![paid]),
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
    /// Their time was over.
    Expired(Paid),
}

impl Moved {
    const fn amount(&self) -> Amount {
        match self {
            Self::In(_, amount) | Self::Spent(amount, _) | Self::Expired(Paid { amount, .. }) => *amount,
        }
    }
}

/// What a history entry says of a change, but for the balance after it.
pub(super) struct Change {
    pub(super) moved: Moved,
    pub(super) description: Arc<str>,
    pub(super) content_type: Option<ContentType>,
    pub(super) metadata: Option<serde_json::Map<String, serde_json::Value>>,
}
