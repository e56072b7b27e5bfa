use std::fmt;

use crate::ledger::{Billed, Imported, LegacyStats, Takeover};

/// A user of the module before, by whatever id, and what became of it. Written, it is one line.
#[derive(Clone, Debug)]
pub struct MetUser {
    /// The id.
    pub id: String,
    /// What became of it.
    pub met: Met,
}

/// What became of a user, or what would. Amounts are tokens.
#[derive(Clone, Debug)]
pub enum Met {
    /// Is taken over, and billed for the months that were missed since.
    TakenOver(Box<Takeover>, Billed),
    /// Was taken over before.
    Imported {
        /// How the module before had left it then.
        then: Imported,
        /// Whether that module has gone on with it.
        written: Written,
    },
    /// Has an account that was opened without the module before.
    Own {
        /// Its balance, with what is set aside.
        balance: i64,
        /// That of the module before; `None` if it cannot be read.
        before: Option<u64>,
    },
    /// Opens with a seed of its own.
    TestUser,
    /// Has an id that is none.
    NotAUser,
    /// Is not there any more.
    Gone,
    /// Cannot be taken over.
    Damaged(String),
}

/// Whether the module before has gone on with a user who was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It has not.
    Not,
    /// It has left the user like this.
    To(Imported),
    /// Its stats cannot be read any more.
    Unreadable,
}

impl Written {
    /// What became of a user who was taken over `then`, and whose stats say this `now`.
    pub(super) fn since(then: &Imported, now: &LegacyStats) -> Self {
        then.written_since(now).map_or(Self::Not, Self::To)
    }
}

impl Met {
    /// Whether somebody must look at it.
    #[must_use]
    pub fn needs_a_look(&self) -> bool {
        match self {
            Self::TakenOver(..) | Self::TestUser | Self::Gone => false,
            Self::Imported { written, .. } => *written != Written::Not,
            Self::Own { .. } | Self::NotAUser | Self::Damaged(_) => true,
        }
    }

    /// Whether there is something to say about it.
    #[must_use]
    pub fn is_remarkable(&self) -> bool {
        match self {
            Self::TakenOver(report, billed) => billed.periods > 0 || !report.notes().is_empty(),
            Self::TestUser | Self::Gone => true,
            Self::Imported { .. } | Self::Own { .. } | Self::NotAUser | Self::Damaged(_) => self.needs_a_look(),
        }
    }
}

impl fmt::Display for MetUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, met } = self;
        let met = match met {
            Met::TakenOver(report, billed) => {
                let Takeover { entries, balance, .. } = &**report;
                let Billed { periods, tokens } = billed;
                let billed = match periods {
                    0 => String::new(),
                    _ => format!(", and {tokens} for {periods} months since"),
                };
                let mut said = vec![format!("{entries} entries, balance {balance}{billed}")];
                said.extend(report.notes());
                said.join("; ")
            }
            Met::Imported { then, written } => {
                let Imported { balance, next_billing, .. } = then;
                let written = match written {
                    Written::Not => String::new(),
                    Written::Unreadable => {
                        ", and the module before has changed it since, to something that cannot be read".to_owned()
                    }
                    Written::To(now) if now.next_billing == *next_billing => {
                        format!(", and the module before has changed it since, to {}", now.balance)
                    }
                    Written::To(now) => format!(
                        ", and the module before has changed it since, to {}, what it billed among it, as its \
                         nextBillingDate went from {next_billing} to {}: those months are billed here, too",
                        now.balance, now.next_billing
                    ),
                };
                format!("was taken over before, with {balance}{written}")
            }
            Met::Own { balance, before } => {
                format!(
                    "has an account of its own with {balance}, and the module before has {}: left alone",
                    before.map_or("a balance that cannot be read".to_owned(), |before| before.to_string())
                )
            }
            Met::TestUser => "is the test user, who opens with a seed of its own: left alone".to_owned(),
            Met::NotAUser => "has an id that is none: a user id is 1 to 128 of A-Z a-z 0-9 . _ : @ | + ~ -".to_owned(),
            Met::Gone => "is not there any more".to_owned(),
            Met::Damaged(cause) => format!("cannot be taken over: {cause}"),
        };
        // Whatever the id or a damaged record is made of must not look like a line of its own.
        f.write_str(&format!("user {id}: {met}").replace(char::is_control, " "))
    }
}

/// How far a run has come. Amounts are tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Users who are taken over.
    pub users: u64,
    /// Their entries.
    pub entries: u64,
    /// Their balances, without what was billed since.
    pub tokens: u128,
    /// What was billed since.
    pub billed: u128,
    /// Those of them whose history does not explain their balance.
    pub adjusted: u64,
    /// Counters that their histories do not explain.
    pub counters: u64,
    /// Users who were taken over before.
    pub imported: u64,
    /// Users who have accounts of their own.
    pub own: u64,
    /// Users who cannot be taken over.
    pub damaged: u64,
    /// Users whom somebody must look at.
    pub to_look_at: u64,
}

impl Tally {
    pub(super) fn count(&mut self, met: &Met) {
        let add = |count: &mut u64, more: u64| *count = count.saturating_add(more);
        match met {
            Met::TakenOver(report, billed) => {
                add(&mut self.users, 1);
                add(&mut self.entries, report.entries);
                self.tokens = self.tokens.saturating_add(report.balance.into());
                self.billed = self.billed.saturating_add(billed.tokens.into());
                add(&mut self.adjusted, u64::from(report.opening.or(report.closing).is_some()));
                add(&mut self.counters, u64::try_from(report.counters.len()).unwrap_or(u64::MAX));
            }
            Met::Imported { .. } => add(&mut self.imported, 1),
            Met::Own { .. } => add(&mut self.own, 1),
            Met::NotAUser | Met::Damaged(_) => add(&mut self.damaged, 1),
            Met::TestUser | Met::Gone => {}
        }
        add(&mut self.to_look_at, u64::from(met.needs_a_look()));
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { users, entries, tokens, billed, adjusted, counters, imported, own, damaged, to_look_at } = self;
        write!(
            f,
            "users {users}, entries {entries}, tokens {tokens}, billed {billed}, adjusted {adjusted}, differing counters {counters}, \
             imported before {imported}, own accounts {own}, unreadable {damaged}, to look at {to_look_at}"
        )
    }
}
