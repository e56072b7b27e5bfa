//! Tokens by their kinds: what can be spent, and what is set aside.

use jeton::ledger::{GrantKind, Source, Timestamp};

/// When tokens of each source are spent: the smaller number first.
const PRIORITIES: [(Source, u8); 6] = [
    (Source::Initial, 10),
    (Source::Monthly, 10),
    (Source::Promotion, 20),
    (Source::Adjustment, 30),
    (Source::Purchase, 40),
    (Source::Refund, 40),
];

/// So many tokens of a kind.
pub(crate) type Tokens = (GrantKind, u64);

/// Tokens of one kind.
#[derive(Clone, Copy)]
struct Bucket {
    kind: GrantKind,
    left: u64,
    held: u64,
}

/// Those that are not empty, the oldest first.
#[derive(Clone, Default)]
pub(crate) struct Buckets(Vec<Bucket>);

impl Buckets {
    /// How many tokens can be spent.
    pub(crate) fn left(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.left).sum()
    }

    /// How many are set aside.
    pub(crate) fn held(&self) -> u64 {
        self.0.iter().map(|bucket| bucket.held).sum()
    }

    /// What can be spent, in its order.
    pub(crate) fn in_turn(&self) -> Vec<Tokens> {
        let left = self.0.iter().filter(|bucket| bucket.left > 0);
        let mut tokens: Vec<_> = left.map(|bucket| (bucket.kind, bucket.left)).collect();
        tokens.sort_by_key(|(kind, _)| {
            let (_, by_source) = PRIORITIES.into_iter().find(|(source, _)| *source == kind.source).unwrap();
            (kind.priority.map_or(by_source, u8::from), expiry(*kind).unwrap_or(u64::MAX))
        });
        tokens
    }

    /// Of which tokens `amount` are paid whose turn it is; less where there are not so many.
    fn turns(&self, amount: u64) -> Vec<Tokens> {
        let mut missing = amount;
        let shares = self.in_turn().into_iter().map(|(kind, left)| {
            let share = left.min(missing);
            missing -= share;
            (kind, share)
        });
        shares.filter(|(_, share)| *share > 0).collect()
    }

    /// Spends them.
    pub(crate) fn spend(&mut self, amount: u64) -> Vec<Tokens> {
        let paid = self.turns(amount);
        for tokens in &paid {
            self.remove(*tokens);
        }
        paid
    }

    /// Sets them aside.
    pub(crate) fn hold(&mut self, amount: u64) -> Vec<Tokens> {
        let held = self.turns(amount);
        for (kind, amount) in &held {
            let bucket = self.bucket(*kind);
            bucket.left -= amount;
            bucket.held += amount;
        }
        held
    }

    /// What was set aside can be spent again.
    pub(crate) fn give_back(&mut self, (kind, amount): Tokens) {
        let bucket = self.bucket(kind);
        bucket.held -= amount;
        bucket.left += amount;
    }

    /// What was set aside is spent.
    pub(crate) fn spend_held(&mut self, (kind, amount): Tokens) {
        self.bucket(kind).held -= amount;
        self.forget_empty();
    }

    /// Tokens come in.
    pub(crate) fn put(&mut self, (kind, amount): Tokens) {
        if amount > 0 {
            self.bucket(kind).left += amount;
        }
    }

    /// Tokens go that could be spent.
    pub(crate) fn remove(&mut self, (kind, amount): Tokens) {
        self.bucket(kind).left -= amount;
        self.forget_empty();
    }

    /// How many of a kind can be spent.
    pub(crate) fn left_of(&self, kind: GrantKind) -> u64 {
        self.0.iter().filter(|bucket| bucket.kind == kind).map(|bucket| bucket.left).sum()
    }

    /// Which of those that can be spent expire first, and when.
    pub(crate) fn first_to_expire(&self) -> Option<(u64, Tokens)> {
        let left = self.0.iter().filter(|bucket| bucket.left > 0);
        let expiring = left.filter_map(|bucket| Some((expiry(bucket.kind)?, (bucket.kind, bucket.left))));
        expiring.min_by_key(|(expiry, _)| *expiry)
    }

    /// Of the allowances, beyond `kept` of them, the first to go, and how much of it goes.
    pub(crate) fn not_carried_over(&self, kept: u64) -> Option<Tokens> {
        let allowances: Vec<_> =
            self.in_turn().into_iter().filter(|(kind, _)| kind.source == Source::Monthly).collect();
        let all: u64 = allowances.iter().map(|(_, left)| left).sum();
        // What is set aside is kept first.
        let held: u64 =
            self.0.iter().filter(|bucket| bucket.kind.source == Source::Monthly).map(|bucket| bucket.held).sum();
        let beyond = all.checked_sub(kept.saturating_sub(held)).filter(|beyond| *beyond > 0)?;
        allowances.first().map(|(kind, left)| (*kind, beyond.min(*left)))
    }

    fn bucket(&mut self, kind: GrantKind) -> &mut Bucket {
        let place = self.0.iter().position(|bucket| bucket.kind == kind).unwrap_or_else(|| {
            self.0.push(Bucket { kind, left: 0, held: 0 });
            self.0.len() - 1
        });
        &mut self.0[place]
    }

    fn forget_empty(&mut self) {
        self.0.retain(|bucket| bucket.left > 0 || bucket.held > 0);
    }
}

/// When tokens of this kind expire, in milliseconds.
pub(crate) fn expiry(kind: GrantKind) -> Option<u64> {
    kind.expires_at.map(Timestamp::as_millis)
}
