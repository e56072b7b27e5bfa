use super::{Account, Entry, Source, TransactionType};

/// What a history, counted again from its first entry, makes of an account. It does not grow with the history.
#[derive(Clone, Debug)]
pub struct Recount {
    /// Its grants and generations are what has been counted so far.
    counted: Account,
    sum: i128,
    debited: u128,
    monthly: u64,
}

impl Recount {
    /// `account` before the first entry of its history.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let mut counted = account.clone();
        counted.grants.clear();
        counted.generations.values_mut().for_each(|count| *count = 0);
        Self { counted, sum: 0, debited: 0, monthly: 0 }
    }

    /// Counts the entry that comes next. A generation that the account does not know is not counted as one.
    pub fn add(&mut self, entry: &Entry) {
        match entry.kind {
            TransactionType::Credit => {
                self.sum = self.sum.saturating_add(entry.amount.get().into());
                if let Some(source) = entry.source {
                    self.counted.put(source, entry.amount);
                    self.monthly = self.monthly.saturating_add(u64::from(source == Source::Monthly));
                }
            }
            TransactionType::Debit => {
                self.sum = self.sum.saturating_sub(entry.amount.get().into());
                self.debited = self.debited.saturating_add(entry.amount.get().into());
                self.counted.take(entry.amount);
                let count = entry.content_type.as_ref().and_then(|name| self.counted.generations.get_mut(name));
                if let Some(count) = count {
                    *count = count.saturating_add(1);
                }
            }
        }
    }

    /// Credits less debits, in tokens.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// All debits, in tokens.
    #[must_use]
    pub const fn debited(&self) -> u128 {
        self.debited
    }

    /// How many monthly allowances were credited.
    #[must_use]
    pub const fn monthly(&self) -> u64 {
        self.monthly
    }

    /// The account with the tokens, by their sources, and the generations that the history gives it.
    #[must_use]
    pub const fn counted(&self) -> &Account {
        &self.counted
    }

    /// Whether the tokens that are left come from the same sources as in `account`.
    #[must_use]
    pub fn has_the_grants_of(&self, account: &Account) -> bool {
        self.counted.grants == account.grants
    }
}
