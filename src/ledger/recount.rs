use super::{Account, Amount, ContentType, Entry, GrantKind, Paid, Source, TransactionType};

/// What a history, counted again from its first entry, makes of an account. It does not grow with the history.
#[derive(Clone, Debug)]
pub struct Recount {
    /// Its grants and generations are what has been counted so far.
    counted: Account,
    sum: i128,
    spent: u128,
    monthly: u64,
}

/// Why tokens cannot have gone where an entry says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misspent {
    /// The grants of a debit add up to this, in tokens, and not to its amount.
    Sum(u64),
    /// Those of a refund do.
    SumBack(u64),
    /// A grant that it names did not have what it paid.
    Uncovered {
        /// Which grant.
        grant: GrantKind,
        /// What it paid.
        amount: Amount,
        /// What it had, in tokens.
        had: u64,
    },
}

impl Recount {
    /// `account` before the first entry of its history.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let mut counted = account.clone();
        counted.grants.clear();
        counted.overdrawn = 0;
        counted.generations.values_mut().for_each(|count| *count = 0);
        Self { counted, sum: 0, spent: 0, monthly: 0 }
    }

    /// Counts the entry that comes next. A generation that the account does not know is not counted as one.
    ///
    /// # Errors
    /// [`Misspent`] when the grants that a debit names cannot have paid it, or a refund's are not its amount. What they had is
    /// counted as taken.
    pub fn add(&mut self, entry: &Entry) -> Result<(), Misspent> {
        match entry.kind {
            TransactionType::Credit => {
                self.sum = self.sum.saturating_add(entry.amount.get().into());
                if entry.source == Some(Source::Refund) {
                    return self.refund(entry);
                }
                if let Some(source) = entry.source {
                    let Entry { priority, expires_at, .. } = *entry;
                    self.counted.put(GrantKind { source, priority, expires_at }, entry.amount);
                    self.monthly = self.monthly.saturating_add(u64::from(source == Source::Monthly));
                }
                Ok(())
            }
            TransactionType::Debit => {
                self.sum = self.sum.saturating_sub(entry.amount.get().into());
                if !entry.is_unspent() {
                    self.spent = self.spent.saturating_add(entry.amount.get().into());
                }
                let count = entry.generation().and_then(|name| self.counted.generations.get_mut(name));
                if let Some(count) = count {
                    *count = count.saturating_add(1);
                }
                self.take(entry)
            }
        }
    }

    fn take(&mut self, entry: &Entry) -> Result<(), Misspent> {
        if entry.grants.is_empty() && entry.reservation_id.is_none() {
            // A debit of the first version: it took what was given before what was paid for.
            self.counted.grants.take_by(entry.amount, |kind| Some(kind.source));
            return Ok(());
        }
        let sum = sum_of(&entry.grants);
        // What a capture took below zero is from no grant.
        let owed = entry.amount.get().saturating_sub(sum);
        let mut taken = Ok(());
        if owed > 0 && entry.reservation_id.is_some() {
            self.counted.overdrawn = self.counted.overdrawn.saturating_add(owed);
        } else if sum != entry.amount.get() {
            taken = Err(Misspent::Sum(sum));
        }
        for Paid { grant, amount } in &entry.grants {
            let had = self.counted.grants.take_first(*amount, |kind| (kind == *grant).then_some(()));
            let had = had.map_or(0, |paid| paid.amount.get());
            if had < amount.get() && taken.is_ok() {
                taken = Err(Misspent::Uncovered { grant: *grant, amount: *amount, had });
            }
        }
        taken
    }

    fn refund(&mut self, entry: &Entry) -> Result<(), Misspent> {
        for Paid { grant, amount } in &entry.grants {
            self.counted.put(*grant, *amount);
        }
        let sum = sum_of(&entry.grants);
        if sum == entry.amount.get() { Ok(()) } else { Err(Misspent::SumBack(sum)) }
    }

    /// Credits less debits, in tokens.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }

    /// All debits but those of what expired or was adjusted, in tokens.
    #[must_use]
    pub const fn spent(&self) -> u128 {
        self.spent
    }

    /// What `tokensUsed` should be: that, and what was carried from a history that was taken over.
    #[must_use]
    pub fn tokens_used(&self) -> i128 {
        i128::try_from(self.spent).unwrap_or(i128::MAX).saturating_add(self.counted.carried.tokens_used.into())
    }

    /// How many generations of `content_type` should be counted: those of the history, and what was carried.
    #[must_use]
    pub fn generations(&self, content_type: &ContentType) -> i128 {
        let counted = self.counted.generations.get(content_type).copied().unwrap_or(0);
        i128::from(counted).saturating_add(self.counted.carried.generations(content_type).into())
    }

    /// How many monthly allowances were credited.
    #[must_use]
    pub const fn monthly(&self) -> u64 {
        self.monthly
    }

    /// Whether the tokens that are left are of the same kinds as in `account`, set aside or not.
    #[must_use]
    pub fn has_the_grants_of(&self, account: &Account) -> bool {
        self.counted.grants.by_kind() == account.grants.by_kind() && self.counted.overdrawn == account.overdrawn
    }
}

fn sum_of(grants: &[Paid]) -> u64 {
    grants.iter().fold(0, |sum, paid| sum.saturating_add(paid.amount.get()))
}
