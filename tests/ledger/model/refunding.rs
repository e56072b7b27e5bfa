//! Refunds: to those who paid.

use super::{
    Answer, BALANCE_MAX, KINDS_MAX, Kind, Model, Of, REFUND,
    calendar::DAY,
    purse::{join, sum},
};

impl Model {
    pub(super) fn refund(&mut self, id: (u64, u32), description: Option<&str>, now: u64, language: usize) -> Answer {
        let Some(line) = self.lines.iter().find(|line| line.id == id).cloned() else { return Answer::NoTransaction };
        if self.lines.iter().any(|line| matches!(line.of, Of::Refund(of, _) if of == id)) {
            return Answer::RefundedAlready;
        }
        let Of::Debit { paid, .. } = line.of else { return Answer::NotRefundable };
        let amount = -line.tokens;
        if self.total() + amount > BALANCE_MAX {
            return Answer::TooMany;
        }
        let latest = now.max(self.last_id.0);
        let is_over = |kind: Kind| kind.expires.is_some_and(|expires| expires <= latest);
        let mut back = Vec::new();
        for (kind, tokens) in &paid {
            let kind = match self.terms().refund_days {
                Some(days) if is_over(*kind) => Kind { expires: Some(latest + days * DAY), ..REFUND },
                _ => *kind,
            };
            join(&mut back, (kind, *tokens));
        }
        // What nobody is known to have paid.
        if amount > sum(&paid) {
            join(&mut back, (REFUND, amount - sum(&paid)));
        }
        let buckets = &self.purse.buckets;
        let is_new = |kind: Kind| !buckets.iter().any(|bucket| bucket.kind == kind);
        let new = back.iter().filter(|(kind, _)| is_new(*kind)).count();
        if new > 0 && buckets.len() + new > KINDS_MAX {
            return Answer::TooManyKinds;
        }
        let label = ["Remboursement", "Refund"][language];
        self.write(now, amount, description.unwrap_or(label).to_owned(), Of::Refund(id, back.clone()));
        let day = self.terms().zone.day_of(id.0);
        self.give_back(day, amount);
        for (kind, tokens) in back.into_iter().filter(|(kind, _)| is_over(*kind)) {
            let left = self.purse.left(kind);
            self.expire(now, kind, tokens.min(left));
        }
        Answer::Done
    }
}
