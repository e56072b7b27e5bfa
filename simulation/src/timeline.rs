//! A history as time and its calls must have written it: a second ledger, of buckets of tokens, by rules of its own.
//!
//! Whatever is due comes before what is decided later: expiries and billings in the order of their instants, at one
//! instant the expiries first. Each has its own instant, unless a clock that ran ahead has written beyond it, and none comes before the clock
//! that decided it has reached that instant.

use jeton::ledger::{Entry, GrantKind, Paid, Source, Timestamp, TransactionType};

use crate::{
    calendar::{Allowance, Billing},
    server::Written,
    trace::Shown,
};

/// When tokens of each source are spent: the smaller number first.
const PRIORITIES: [(Source, u8); 5] = [
    (Source::Initial, 10),
    (Source::Monthly, 10),
    (Source::Promotion, 20),
    (Source::Adjustment, 30),
    (Source::Purchase, 40),
];

/// A history under way.
pub(crate) struct Timeline<'a> {
    /// How much each billing brings.
    tokens: u64,
    allowance: Allowance,
    /// The billings to come.
    billings: &'a [Billing],
    /// Kinds of tokens and what is left of them, the oldest first.
    buckets: Vec<(GrantKind, u64)>,
    /// The instant of the last entry, in milliseconds.
    last: u64,
}

impl<'a> Timeline<'a> {
    /// A history that was opened at `opened` and is to have these billings.
    pub(crate) const fn new(tokens: u64, allowance: Allowance, billings: &'a [Billing], opened: u64) -> Self {
        Self { tokens, allowance, billings, buckets: Vec::new(), last: opened }
    }

    /// The billing that comes next.
    pub(crate) const fn next_billing(&self) -> Option<&'a Billing> {
        self.billings.first()
    }

    /// When the first tokens expire that are left.
    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.first_to_expire().map(|(at, _)| at)
    }

    /// The next entry: says what is wrong with it, if something is.
    pub(crate) fn take(&mut self, written: &Written) -> Result<(), String> {
        let entry = &written.transaction.entry;
        let at = written.transaction.id.timestamp().as_millis();
        let wrong = |told: String| Err(format!("{told}: {:?} {}", entry.description, written.transaction.shown()));
        let taken = match (entry.kind, entry.source) {
            (TransactionType::Credit, Some(Source::Monthly)) => self.bill(entry, at, written.decided),
            (TransactionType::Credit, _) => self.nothing_is_due(at).map(|()| self.put(entry)),
            (TransactionType::Debit, Some(_)) => self.expire(entry, at, written.decided),
            (TransactionType::Debit, None) => self.nothing_is_due(at).and_then(|()| self.spend(entry)),
        };
        self.last = at;
        taken.or_else(wrong)
    }

    /// A call's own entry comes after all that fell due before it.
    fn nothing_is_due(&self, at: u64) -> Result<(), String> {
        if at > self.last
            && let Some(billing) = self.next_billing().filter(|billing| billing.due <= at)
        {
            return Err(format!("not billed before, as {:?}", billing.description));
        }
        match self.next_expiry().filter(|expiry| *expiry <= at) {
            Some(expiry) => Err(format!("tokens that expire at {expiry} are still there")),
            None => Ok(()),
        }
    }

    fn bill(&mut self, entry: &Entry, at: u64, decided: u64) -> Result<(), String> {
        let Some((billing, later)) = self.billings.split_first() else {
            return Err("billed once too often".to_owned());
        };
        let Billing { due, description, .. } = billing;
        if *description != *entry.description || at != self.last.max(*due) {
            return Err(format!("to be billed at {due} as {description:?}"));
        }
        if *due > decided {
            return Err(format!("billed at {decided}, and due at {due}"));
        }
        if let Some(expiry) = self.next_expiry().filter(|expiry| expiry <= due) {
            return Err(format!("billed at {due} before what expires at {expiry}"));
        }
        if let Some((kind, left)) = self.not_carried_over() {
            return Err(format!("billed with {left} of {kind} that are not carried over"));
        }
        let expires_at = self.allowance.expires_at(billing);
        if (entry.amount.get(), entry.expires_at.map(Timestamp::as_millis)) != (self.tokens, expires_at) {
            return Err(format!("an allowance is {} until {expires_at:?}", self.tokens));
        }
        self.billings = later;
        self.put(entry);
        Ok(())
    }

    /// Either tokens whose time is over go, all of them, or those that the next billing does not carry over.
    fn expire(&mut self, entry: &Entry, at: u64, decided: u64) -> Result<(), String> {
        let billing = self.next_billing().map_or(u64::MAX, |billing| billing.due);
        let (due, (kind, amount)) = match self.first_to_expire().filter(|(expiry, _)| *expiry <= billing) {
            Some(first) => first,
            None => (billing, self.not_carried_over().ok_or("nothing expires")?),
        };
        let told = (at, entry.source, entry.amount.get(), paid(entry));
        let expected = (self.last.max(due), Some(kind.source), amount, vec![(kind, amount)]);
        if told != expected {
            return Err(format!("expected {expected:?}, found {told:?}"));
        }
        if due > decided {
            return Err(format!("gone at {decided}, and there until {due}"));
        }
        self.remove(kind, amount);
        Ok(())
    }

    fn spend(&mut self, entry: &Entry) -> Result<(), String> {
        let (mut missing, mut expected) = (entry.amount.get(), Vec::new());
        for (kind, left) in self.in_turn(|_| true) {
            let amount = left.min(missing);
            if amount > 0 {
                expected.push((kind, amount));
            }
            missing -= amount;
        }
        if missing > 0 {
            return Err("oversold".to_owned());
        }
        if paid(entry) != expected {
            return Err(format!("it was for {expected:?} to pay, and {:?} did", paid(entry)));
        }
        for (kind, amount) in expected {
            self.remove(kind, amount);
        }
        Ok(())
    }

    fn put(&mut self, entry: &Entry) {
        let Entry { priority, expires_at, .. } = *entry;
        let kind = GrantKind { source: entry.source.unwrap(), priority, expires_at };
        match self.buckets.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, left)) => *left += entry.amount.get(),
            None => self.buckets.push((kind, entry.amount.get())),
        }
    }

    fn remove(&mut self, kind: GrantKind, amount: u64) {
        self.buckets.iter_mut().filter(|(known, _)| *known == kind).for_each(|(_, left)| *left -= amount);
        self.buckets.retain(|(_, left)| *left > 0);
    }

    fn first_to_expire(&self) -> Option<(u64, (GrantKind, u64))> {
        let expiring = self.buckets.iter().filter_map(|bucket| Some((bucket.0.expires_at?.as_millis(), *bucket)));
        expiring.min_by_key(|(expiry, _)| *expiry)
    }

    /// Of the allowances that the next billing finds, the first to go, and how much of it goes.
    fn not_carried_over(&self) -> Option<(GrantKind, u64)> {
        let kept = self.allowance.kept?;
        let allowances = self.in_turn(|kind| kind.source == Source::Monthly);
        let beyond =
            allowances.iter().map(|(_, left)| left).sum::<u64>().checked_sub(kept).filter(|beyond| *beyond > 0)?;
        allowances.first().map(|(kind, left)| (*kind, beyond.min(*left)))
    }

    /// The buckets of these kinds, in the order in which they are spent.
    fn in_turn(&self, counts: impl Fn(GrantKind) -> bool) -> Vec<(GrantKind, u64)> {
        let mut buckets: Vec<_> = self.buckets.iter().copied().filter(|(kind, _)| counts(*kind)).collect();
        buckets.sort_by_key(|(kind, _)| {
            let (_, by_source) = PRIORITIES.into_iter().find(|(source, _)| *source == kind.source).unwrap();
            let expiry = kind.expires_at.map_or(u64::MAX, Timestamp::as_millis);
            (kind.priority.map_or(by_source, u8::from), expiry)
        });
        buckets
    }
}

fn paid(entry: &Entry) -> Vec<(GrantKind, u64)> {
    entry.grants.iter().map(|Paid { grant, amount }| (*grant, amount.get())).collect()
}
