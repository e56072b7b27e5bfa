//! What a history leaves of each kind of tokens.

use super::{BALANCE_MAX, Kind, Line, Of};

/// What there is of tokens that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Bucket {
    pub(in crate::ledger) kind: Kind,
    /// What can be spent.
    pub(in crate::ledger) left: i128,
    /// What reservations hold.
    pub(in crate::ledger) held: i128,
    pub(in crate::ledger) granted: i128,
}

/// All tokens.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Purse {
    /// Oldest first.
    pub(in crate::ledger) buckets: Vec<Bucket>,
    /// What was captured that was not there.
    pub(in crate::ledger) owed: i128,
}

impl Purse {
    /// The next entry of the history.
    pub(super) fn change(&mut self, line: &Line) {
        match &line.of {
            Of::Credit(kind) => self.put(*kind, line.tokens),
            Of::Refund(_, parts) => {
                for (kind, tokens) in parts {
                    self.put_back(*kind, *tokens);
                }
            }
            Of::Expiration(kind) => self.take(*kind, -line.tokens),
            Of::Debit { paid, .. } => {
                for (kind, tokens) in paid {
                    self.take(*kind, *tokens);
                }
                self.owed += -line.tokens - sum(paid);
            }
        }
        self.buckets.retain(|bucket| bucket.left != 0 || bucket.held != 0);
        let all = self.buckets.iter().all(|bucket| bucket.left >= 0 && bucket.held >= 0);
        assert!(all && self.owed >= 0, "the model lets nobody spend what is not there: {self:?}");
        let sum: i128 = self.buckets.iter().map(|bucket| bucket.left + bucket.held).sum();
        assert_eq!(sum - self.owed, line.balance);
    }

    /// What comes in pays what is owed first.
    fn put(&mut self, kind: Kind, tokens: i128) {
        let pays = tokens.min(self.owed);
        self.owed -= pays;
        if let Some(bucket) = self.buckets.iter_mut().find(|bucket| bucket.kind == kind) {
            bucket.left += tokens - pays;
            bucket.granted = (bucket.granted + tokens - pays).min(BALANCE_MAX);
        } else {
            self.buckets.push(Bucket { kind, left: tokens - pays, held: 0, granted: tokens - pays });
        }
    }

    /// The same for what had been there: it was granted before, unless all of it is gone and forgotten.
    fn put_back(&mut self, kind: Kind, tokens: i128) {
        let before = self.buckets.iter().find(|bucket| bucket.kind == kind).map(|bucket| bucket.granted);
        self.put(kind, tokens);
        if let (Some(granted), bucket) = (before, self.bucket(kind)) {
            bucket.granted = granted.max(bucket.left + bucket.held);
        }
    }

    fn take(&mut self, kind: Kind, tokens: i128) {
        self.bucket(kind).left -= tokens;
    }

    /// Sets tokens aside, or makes those spendable again that were.
    pub(super) fn hold(&mut self, kind: Kind, tokens: i128) {
        self.bucket(kind).left -= tokens;
        self.bucket(kind).held += tokens;
    }

    fn bucket(&mut self, kind: Kind) -> &mut Bucket {
        self.buckets.iter_mut().find(|bucket| bucket.kind == kind).expect("the model names no kind that is not there")
    }

    /// How much of this kind can be spent.
    pub(super) fn left(&self, kind: Kind) -> i128 {
        self.buckets.iter().find(|bucket| bucket.kind == kind).map_or(0, |bucket| bucket.left)
    }

    /// What can be spent, in the order of spending: of what is left the oldest of those that none comes before, again and
    /// again.
    pub(in crate::ledger) fn in_spending_order(&self) -> Vec<Bucket> {
        let mut left: Vec<Bucket> = self.buckets.iter().filter(|bucket| bucket.left > 0).cloned().collect();
        let mut ordered = Vec::new();
        while !left.is_empty() {
            let is_turn = |bucket: &Bucket| !left.iter().any(|other| other.kind.comes_before(bucket.kind));
            let turn = left.iter().position(is_turn).expect("an order has a first one");
            ordered.push(left.remove(turn));
        }
        ordered
    }

    /// Who pays so much, and how much each of them.
    pub(super) fn payers(&self, tokens: i128) -> Vec<(Kind, i128)> {
        let (mut missing, mut paid) = (tokens, Vec::new());
        for Bucket { kind, left, .. } in self.in_spending_order() {
            if missing > 0 {
                paid.push((kind, left.min(missing)));
                missing -= left.min(missing);
            }
        }
        assert_eq!(missing, 0, "the model lets nobody spend what is not there");
        paid
    }
}

pub(super) fn sum(parts: &[(Kind, i128)]) -> i128 {
    parts.iter().map(|(_, tokens)| tokens).sum()
}

/// Adds a part to its kind's, or behind the others.
pub(super) fn join(parts: &mut Vec<(Kind, i128)>, (kind, tokens): (Kind, i128)) {
    match parts.iter_mut().find(|part| part.0 == kind) {
        Some(part) => part.1 += tokens,
        None => parts.push((kind, tokens)),
    }
}
