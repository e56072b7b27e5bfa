//! Every key that Jeton uses in Redis. A user's keys carry the user in braces, so that they share a cluster slot.

use crate::{
    ledger::UserId,
    store::{History, RecordName},
};

/// Over how many keys what is about all users is spread: the index of who is due, and the list.
pub const SHARED_KEYS: u8 = 16;

/// What the keys of the module that Jeton replaces begin with: its stats, and its histories.
const LEGACY_STATS: &str = "user:stats:";
const LEGACY_HISTORY: &str = "user:transactions:";

/// A pattern, as `SCAN` takes it, that matches the keys of the module before, and few others.
pub const LEGACY_KEYS: &str = "user:[st][tr]a[tn]s*";

/// The key of the module before with the stats of the user of this id, which may be any text.
#[must_use]
pub fn legacy_stats(id: &str) -> String {
    format!("{LEGACY_STATS}{id}")
}

/// Its key with the history.
#[must_use]
pub fn legacy_history(id: &str) -> String {
    format!("{LEGACY_HISTORY}{id}")
}

/// A key of the module before: of whom, by whatever id, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LegacyKey {
    /// The stats.
    Stats(String),
    /// The history.
    History(String),
}

impl LegacyKey {
    /// What `key` is; `None` for every other key.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let stats = key.strip_prefix(LEGACY_STATS).map(|id| Self::Stats(id.to_owned()));
        stats.or_else(|| key.strip_prefix(LEGACY_HISTORY).map(|id| Self::History(id.to_owned())))
    }
}

/// Whose key it is, and what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    /// The account of this user.
    Account(UserId),
    /// A history of this user.
    History(UserId, History),
}

/// The keys under one prefix.
#[derive(Clone, Debug)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// Hash `rev`, `doc`: the account.
    #[must_use]
    pub fn account(&self, user: &UserId) -> String {
        self.of_user(user, "account")
    }

    /// Stream of `tx`, `c`: a history.
    #[must_use]
    pub fn history(&self, user: &UserId, history: History) -> String {
        match history {
            History::Current => self.of_user(user, "history"),
            History::Archived(number) => self.of_user(user, &format!("archive:{number}")),
        }
    }

    /// Hash: what was used, by field.
    #[must_use]
    pub fn usage(&self, user: &UserId) -> String {
        self.of_user(user, "usage")
    }

    /// Channel: what tells that the account has changed. It carries the user in braces as the keys do, so that in a cluster
    /// the node that has the account tells it.
    #[must_use]
    pub fn changes(&self, user: &UserId) -> String {
        self.of_user(user, "changes")
    }

    /// Whose [channel](Self::changes) it is.
    #[must_use]
    pub fn changed(&self, channel: &str) -> Option<UserId> {
        let user = channel.strip_prefix(&self.prefix)?.strip_prefix(":{")?.strip_suffix("}:changes")?;
        UserId::new(user)
    }

    /// A pattern, as `SCAN` takes it, that matches the accounts and the histories, and few others.
    #[must_use]
    pub fn accounts_and_histories(&self) -> String {
        let mut pattern = String::new();
        for letter in self.prefix.chars() {
            if "*?[]\\".contains(letter) {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        // `account`, `archive:`, `history`; above all not `once:`, of which there are many.
        pattern + ":{*}:[ah]*"
    }

    /// Whose account or history `key` is; `None` for every other key.
    #[must_use]
    pub fn owner(&self, key: &str) -> Option<Owned> {
        let (user, kind) = key.strip_prefix(&self.prefix)?.strip_prefix(":{")?.split_once("}:")?;
        let user = UserId::new(user)?;
        let history = match kind {
            "account" => return Some(Owned::Account(user)),
            "history" => History::Current,
            _ => History::Archived(kind.strip_prefix("archive:")?.parse().ok()?),
        };
        // A number has one way to be written.
        (self.history(&user, history) == key).then_some(Owned::History(user, history))
    }

    /// String: a record.
    #[must_use]
    pub fn record(&self, user: &UserId, name: &RecordName) -> String {
        match name {
            RecordName::Answer(key) => self.of_user(user, &format!("once:{key}")),
            RecordName::Mark(revision) => self.of_user(user, &format!("mark:{}", revision.as_str())),
            RecordName::Refund(debit) => self.of_user(user, &format!("refund:{debit}")),
            RecordName::Reservation(id) => self.of_user(user, &format!("reservation:{id}")),
        }
    }

    fn of_user(&self, user: &UserId, what: &str) -> String {
        // Not by `format!`, which takes several times the instructions: every change names three.
        [&self.prefix, ":{", user.as_str(), "}:", what].concat()
    }

    /// Sorted set: the due users of one sixteenth of all users, numbered 00–15.
    #[must_use]
    pub fn due(&self, number: u8) -> String {
        format!("{}:due:{number:02}", self.prefix)
    }

    /// The [due](Self::due) key that `user` belongs to.
    #[must_use]
    pub fn due_of(&self, user: &UserId) -> String {
        self.due(number_of(user))
    }

    /// Sorted set, all scores 0: the users of the same sixteenth, by name.
    #[must_use]
    pub fn users(&self, number: u8) -> String {
        format!("{}:users:{number:02}", self.prefix)
    }

    /// The [users](Self::users) key that `user` belongs to.
    #[must_use]
    pub fn users_of(&self, user: &UserId) -> String {
        self.users(number_of(user))
    }
}

/// Which sixteenth `user` belongs to, by the FNV-1a hash of the id: the same in every version.
fn number_of(user: &UserId) -> u8 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = user.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    let number = hash.checked_rem(u64::from(SHARED_KEYS)).unwrap_or(0);
    u8::try_from(number).unwrap_or(0)
}
