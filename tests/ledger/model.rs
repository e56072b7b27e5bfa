//! The reference model: what an account is, told by its history alone.
//!
//! It shares nothing with the ledger but the words. It keeps every entry and every token that was set aside, adds them up
//! again for each answer, counts in `i128` and knows the calendar from the lengths of the months.

mod calendar;
mod capping;
mod purse;
mod refunding;
mod reserving;
mod words;

use std::collections::BTreeMap;

pub(super) use self::{
    calendar::Zone,
    capping::{Cap, Change, Own},
    purse::{Bucket, Purse},
    reserving::{Fate, Reserved},
    words::{Above, Answer, Ask, Kind, Line, Of, Rules, SOURCES, Terms},
};
use self::{
    calendar::{DAY, HOUR, after, before, day_number, days_in, month_of},
    purse::sum,
    words::{BALANCE_MAX, DEMO, INITIAL, KINDS_MAX, LABELS, MONTHLY, REFUND, SOLD},
};

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Model {
    rules: Rules,
    pub(super) opened: u64,
    /// The entries since the last opening.
    pub(super) lines: Vec<Line>,
    /// What they leave.
    pub(super) purse: Purse,
    /// The entries before the last reset.
    pub(super) archived: Vec<Line>,
    pub(super) reservations: Vec<Reserved>,
    pub(super) plan: usize,
    pub(super) planned: Change,
    /// The user's own caps: of the day, of the month.
    own: [Option<u64>; 2],
    /// On each day, less what was given back.
    spent: BTreeMap<u64, i128>,
    /// Year and month, from 0, of the next billing.
    pub(super) next: (u64, u64),
    pub(super) last_id: (u64, u32),
    pub(super) version: u64,
    /// Changes without an entry.
    pub(super) changes: u64,
    pub(super) resets: u32,
}

impl Model {
    /// A new account, opened at `now`.
    pub(super) fn open_at(rules: Rules, now: u64, language: usize) -> Self {
        let mut model = Self {
            next: month_of(rules.plans[0].zone.day_of(now)),
            rules,
            opened: now,
            lines: Vec::new(),
            purse: Purse::default(),
            archived: Vec::new(),
            reservations: Vec::new(),
            plan: 0,
            planned: Change::default(),
            own: [None; 2],
            spent: BTreeMap::new(),
            last_id: (0, 0),
            version: 0,
            changes: 0,
            resets: 0,
        };
        if model.next_billing() <= now {
            model.next = after(model.next);
        }
        if model.rules.demo {
            model.write(now - 7 * DAY, 5000, LABELS[0][language].to_owned(), Of::Credit(INITIAL));
            for (hours, sold) in DEMO {
                let (_, cost, label) = SOLD[sold];
                model.spend(now - hours * HOUR, cost, label[language].to_owned(), sold);
            }
        } else if model.rules.opening > 0 {
            model.write(now, model.rules.opening.into(), LABELS[0][language].to_owned(), Of::Credit(INITIAL));
        }
        model
    }

    /// Applies what has come by `now`, what came first first: at one instant reservations, then expiries, then a billing.
    pub(super) fn settle(&mut self, now: u64, language: usize) {
        loop {
            let (end, expiry, billing) = (self.next_end(), self.next_expiry(), self.next_billing());
            let instants = [end.map(|(at, _)| at), expiry.map(|(at, ..)| at), Some(billing)];
            let first = instants.into_iter().flatten().min().unwrap_or(billing);
            match (end, expiry) {
                _ if first > now => return,
                (Some((at, place)), _) if at == first => self.close(place, Fate::Expired, at),
                (_, Some((at, kind, left))) if at == first => self.expire(at, kind, left),
                _ => self.bill(billing, language),
            }
        }
    }

    fn bill(&mut self, at: u64, language: usize) {
        let planned = std::mem::take(&mut self.planned);
        self.change(planned, true);
        let Terms { allowance, kept, days, zone, .. } = *self.terms();
        let (year, month) = self.next;
        self.next = after(self.next);
        if let Some(kept) = kept {
            let mut allowances = self.purse.in_spending_order();
            allowances.retain(|bucket| bucket.kind.source == MONTHLY.source);
            // What is set aside is kept first.
            let held = self.purse.buckets.iter().filter(|bucket| bucket.kind.source == MONTHLY.source);
            let kept = (i128::from(kept) - held.map(|bucket| bucket.held).sum::<i128>()).max(0);
            let mut beyond = allowances.iter().map(|bucket| bucket.left).sum::<i128>() - kept;
            for Bucket { kind, left, .. } in allowances {
                self.expire(at, kind, left.min(beyond));
                beyond -= left.min(beyond);
            }
        }
        let tokens = i128::from(allowance).min(BALANCE_MAX - self.total());
        if tokens > 0 {
            let day = self.rules.day.min(days_in((year, month)));
            let description = match language {
                0 => format!("Facturation mensuelle du {day:02}/{:02}/{year}", month + 1),
                _ => format!("Monthly billing of {year}-{:02}-{day:02}", month + 1),
            };
            // What the next one will find nothing of is known to go then.
            let replaced = kept.filter(|kept| *kept == 0).map(|_| zone.begins(day_number(self.next, self.rules.day)));
            let lasts = days.map(|days| at + days * DAY);
            let kind = Kind { expires: replaced.into_iter().chain(lasts).min(), ..MONTHLY };
            self.write(at, tokens, description, Of::Credit(kind));
        } else {
            self.changes += 1;
        }
    }

    /// When the first tokens expire that can be spent, which, and how many.
    pub(super) fn next_expiry(&self) -> Option<(u64, Kind, i128)> {
        let left = self.purse.buckets.iter().filter(|bucket| bucket.left > 0);
        let (at, bucket) = left.filter_map(|bucket| Some((bucket.kind.expires?, bucket))).min_by_key(|(at, _)| *at)?;
        Some((at, bucket.kind, bucket.left))
    }

    /// What a settled account does at `now`.
    pub(super) fn ask(&mut self, ask: &Ask, now: u64, language: usize) -> Answer {
        match ask {
            Ask::Touch => {}
            Ask::Debit { sold, cost, description } => {
                let (_, price, label) = SOLD[*sold];
                let cost = cost.map_or(price, i128::from);
                if cost > self.spendable() {
                    return Answer::TooFew { required: cost as u64, available: self.spendable() as u64 };
                }
                if let Some(reached) = self.cap_reached(cost, now) {
                    return reached;
                }
                self.spend(now, cost, description.clone().unwrap_or_else(|| label[language].to_owned()), *sold);
            }
            Ask::Credit { amount, kind, description } => {
                if kind.expires.is_some_and(|expires| expires <= now.max(self.last_id.0)) {
                    return Answer::TooLate;
                }
                let buckets = &self.purse.buckets;
                if buckets.len() >= KINDS_MAX && !buckets.iter().any(|bucket| bucket.kind == *kind) {
                    return Answer::TooManyKinds;
                }
                if i128::from(*amount) + self.total() > BALANCE_MAX {
                    return Answer::TooMany;
                }
                let description = description.clone().unwrap_or_else(|| LABELS[kind.source][language].to_owned());
                self.write(now, (*amount).into(), description, Of::Credit(*kind));
            }
            Ask::Reserve { amount, sold, lasts } => return self.reserve(*amount, *sold, *lasts, now),
            Ask::Capture { place, amount, last } => {
                let refused = self.not_open(*place);
                return refused.unwrap_or_else(|| self.capture(*place, *amount, *last, now, language));
            }
            Ask::Release { place } => match self.not_open(*place) {
                Some(refused) => return refused,
                None => self.close(*place, Fate::Released, now),
            },
            Ask::Extend { place, lasts } => {
                if let Some(refused) = self.not_open(*place) {
                    return refused;
                }
                self.reservations[*place].ends = self.reservations[*place].ends.max(now + lasts);
                self.changes += 1;
            }
            Ask::Refund { id, description } => return self.refund(*id, description.as_deref(), now, language),
            Ask::Change { change, at_once } => {
                self.change(*change, *at_once);
                self.changes += 1;
                self.settle(now, language);
            }
            Ask::Reset => self.reset(now, language),
        }
        Answer::Done
    }

    fn reset(&mut self, now: u64, language: usize) {
        let open: Vec<usize> = self.open().map(|(place, _)| place).collect();
        for place in open {
            self.close(place, Fate::Released, now);
        }
        let before = std::mem::replace(self, Self::open_at(self.rules.clone(), now, language));
        if !self.rules.demo {
            for line in &mut self.lines {
                line.id = id_after(before.last_id, now);
                self.last_id = line.id;
            }
        }
        self.archived = before.lines;
        self.last_id = self.last_id.max(before.last_id);
        self.changes = before.changes + u64::from(self.version == 0);
        self.version += before.version;
        self.resets = before.resets + 1;
        self.reservations = before.reservations;
    }

    fn spend(&mut self, at: u64, cost: i128, description: String, sold: usize) {
        let paid = self.purse.payers(cost);
        self.write(at, -cost, description, Of::Debit { sold: Some(sold), paid, capture: None });
        self.count_spent(cost);
    }

    fn expire(&mut self, at: u64, kind: Kind, tokens: i128) {
        if tokens > 0 {
            self.write(at, -tokens, "Expiration".to_owned(), Of::Expiration(kind));
        }
    }

    fn write(&mut self, at: u64, tokens: i128, description: String, of: Of) {
        self.last_id = id_after(self.last_id, at);
        self.version += 1;
        let balance = self.total() + tokens;
        let line = Line { id: self.last_id, tokens, balance, description, of };
        self.purse.change(&line);
        self.lines.push(line);
    }

    /// What the history adds up to.
    fn total(&self) -> i128 {
        self.lines.last().map_or(0, |last| last.balance)
    }

    /// What is set aside.
    pub(super) fn held(&self) -> i128 {
        self.open().map(|(_, reserved)| sum(&reserved.held)).sum()
    }

    /// What is not, less what is owed.
    pub(super) fn balance(&self) -> i128 {
        self.total() - self.held()
    }

    fn spendable(&self) -> i128 {
        self.balance().max(0)
    }

    /// What was spent.
    pub(super) fn used(&self) -> i128 {
        self.lines.iter().filter(|line| matches!(line.of, Of::Debit { .. })).map(|line| -line.tokens).sum()
    }

    /// How often this was made: a capture in parts is of one.
    pub(super) fn generations(&self, made: usize) -> usize {
        let counts = |of: &Of| match of {
            Of::Debit { sold, capture, .. } => *sold == Some(made) && capture.is_none_or(|(_, part)| part == 1),
            Of::Credit(_) | Of::Refund(..) | Of::Expiration(_) => false,
        };
        self.lines.iter().filter(|line| counts(&line.of)).count()
    }

    pub(super) fn next_billing(&self) -> u64 {
        self.terms().zone.begins(day_number(self.next, self.rules.day))
    }

    pub(super) fn last_billing(&self) -> u64 {
        self.terms().zone.begins(day_number(before(self.next), self.rules.day))
    }
}

fn id_after((millis, number): (u64, u32), at: u64) -> (u64, u32) {
    if at > millis { (at, 0) } else { (millis, number + 1) }
}
