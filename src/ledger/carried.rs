use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Account, ContentType, Entry, LegacyStats, Timestamp};

/// That an account was taken over from the module that Jeton replaces, and how that module left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Imported {
    /// When.
    pub at: Timestamp,
    /// The balance that it had there, in tokens.
    pub balance: u64,
    /// When it was to be billed next there.
    pub next_billing: Timestamp,
    /// When it was changed last there, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_updated: Option<Timestamp>,
}

impl Imported {
    /// What to remember of `stats` that are taken over `at` that instant.
    pub(super) const fn of(stats: &LegacyStats, at: Timestamp) -> Self {
        Self { at, balance: stats.balance, next_billing: stats.next_billing, last_updated: stats.last_updated }
    }

    /// How the module before has left these `stats` now, if it has written them since.
    #[must_use]
    pub fn written_since(&self, stats: &LegacyStats) -> Option<Self> {
        let now = Self::of(stats, self.at);
        (now != *self).then_some(now)
    }
}

/// What the counters of a taken-over account say beyond what its history explains, with a sign: the module before may have
/// cut the history short, or lost some of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Carried {
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) tokens_used: i64,
    /// Those that are not 0.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) generations: BTreeMap<ContentType, i64>,
}

impl Carried {
    /// How many tokens more than its history says the account has spent.
    #[must_use]
    pub const fn tokens_used(&self) -> i64 {
        self.tokens_used
    }

    /// How many generations of this content type it counts more than its history has.
    #[must_use]
    pub fn generations(&self, content_type: &ContentType) -> i64 {
        self.generations.get(content_type).copied().unwrap_or(0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Account {
    /// Whether and how it was taken over from the module before. Its first history is then that module's.
    #[must_use]
    pub const fn imported(&self) -> Option<Imported> {
        self.imported
    }

    /// What its counters say beyond its history.
    #[must_use]
    pub const fn carried(&self) -> &Carried {
        &self.carried
    }
}

/// The member of an entry's metadata that names it as the module before did. Every entry that was taken over has it.
pub(super) const LEGACY_ID: &str = "legacyId";

impl Entry {
    /// Whether it names an entry of the module before. In a history that was taken over those do.
    #[must_use]
    pub fn names_legacy(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| metadata.contains_key(LEGACY_ID))
    }
}
