//! A second ledger, of buckets of tokens, by rules of its own: what an account and its history must be after each call.
//!
//! Whatever is due comes before what is decided later: the ends of reservations, expiries and billings in the order of their
//! instants, at one instant in this order. Each has its own instant, unless a clock that ran ahead has written beyond it, and
//! none comes before the clock that decides has reached that instant.

mod buckets;
mod calls;
mod holds;
mod spent;

use jeton::ledger::{
    CapChange, GrantKind, ReservationId, ReservationStatus, Source, Timestamp, TransactionId, TransactionType,
};

pub(crate) use self::{buckets::Tokens, calls::Told, holds::Facts};
use self::{
    buckets::{Buckets, expiry},
    holds::{Closed, Hold},
    spent::Spent,
};
use crate::{
    asked::Change,
    calendar::{Cycle, after_day, after_month},
    server::Written,
    sold::{Plan, Sold},
};

/// An account.
#[derive(Clone)]
pub(crate) struct Ledger {
    sold: &'static Sold,
    plan: usize,
    planned: Change,
    /// The user's own, of a day and of a month.
    caps: [Option<u64>; 2],
    /// The billing to come, and when it is due.
    cycle: Cycle,
    due: u64,
    /// The instant of the last entry, in milliseconds.
    last: u64,
    /// How many changes there were that callers can see.
    pub(crate) version: u64,
    /// How many resets there were.
    pub(crate) history: u32,
    buckets: Buckets,
    /// What was captured and not there.
    owed: u64,
    open: Vec<Hold>,
    closed: Vec<Closed>,
    refunded: Vec<TransactionId>,
    spent: Spent,
    /// What was spent in this history, and for how many generations.
    used: u64,
    generations: u64,
}

/// What callers see of an account.
#[derive(Debug, PartialEq)]
pub(crate) struct View {
    pub(crate) version: u64,
    pub(crate) balance: i64,
    pub(crate) reserved: u64,
    pub(crate) used: u64,
    pub(crate) generations: u64,
    pub(crate) plan: String,
    pub(crate) next_plan: Option<String>,
    pub(crate) next_billing: u64,
    pub(crate) grants: Vec<Tokens>,
    /// Limit, what was spent, and until when that counts: of the day, and of the month.
    pub(crate) caps: [Option<(u64, u64, u64)>; 2],
}

/// An entry: all that the rules say of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    at: u64,
    history: u32,
    kind: TransactionType,
    amount: u64,
    balance: i64,
    /// Of a credit, what it is; of what expired, where it came from.
    source: Option<GrantKind>,
    grants: Vec<Tokens>,
    pub(crate) reservation: Option<ReservationId>,
    part: Option<u32>,
    pub(crate) refund_of: Option<TransactionId>,
    /// Which call's it is, or of which month.
    pub(crate) text: Option<String>,
}

/// What a call writes beside the account.
#[derive(Default)]
pub(crate) struct Writes {
    pub(crate) lines: Vec<Line>,
    pub(crate) closed: Vec<Facts>,
}

impl Line {
    /// What is written.
    pub(crate) fn of(written: &Written) -> Self {
        let entry = &written.transaction.entry;
        let source =
            entry.source.map(|source| GrantKind { source, priority: entry.priority, expires_at: entry.expires_at });
        let is_credit = entry.kind == TransactionType::Credit;
        let described = is_credit && matches!(entry.source, Some(Source::Monthly | Source::Refund));
        let tag = || Some(entry.metadata.as_ref()?.get("tag")?.as_str()?.to_owned());
        Self {
            at: written.transaction.id.timestamp().as_millis(),
            history: written.history,
            kind: entry.kind,
            amount: entry.amount.get(),
            balance: entry.balance,
            source,
            grants: entry.grants.iter().map(|paid| (paid.grant, paid.amount.get())).collect(),
            reservation: entry.reservation_id.clone(),
            part: entry.part,
            refund_of: entry.refund_of,
            text: if described { Some(entry.description.to_string()) } else { tag() },
        }
    }

    /// Which history it is in.
    pub(crate) const fn history(&self) -> u32 {
        self.history
    }

    /// Whether a reset, or the first touch, wrote it.
    pub(crate) fn opens(&self) -> bool {
        self.kind == TransactionType::Credit && self.source.is_some_and(|kind| kind.source == Source::Initial)
    }

    fn new(kind: TransactionType, amount: u64) -> Self {
        Self {
            at: 0,
            history: 0,
            kind,
            amount,
            balance: 0,
            source: None,
            grants: Vec::new(),
            reservation: None,
            part: None,
            refund_of: None,
            text: None,
        }
    }
}

impl Ledger {
    /// The account of somebody new.
    pub(crate) fn open(sold: &'static Sold, now: u64, writes: &mut Writes) -> Self {
        let cycle = sold.first_cycle(now);
        let mut opened = Self {
            sold,
            plan: 0,
            planned: Change::default(),
            caps: [None; 2],
            cycle,
            due: sold.due(0, cycle),
            last: now,
            version: 0,
            history: 0,
            buckets: Buckets::default(),
            owed: 0,
            open: Vec::new(),
            closed: Vec::new(),
            refunded: Vec::new(),
            spent: Spent::default(),
            used: 0,
            generations: 0,
        };
        opened.come_in(Source::Initial.into(), sold.plans[0].opening, now, None, writes);
        opened
    }

    /// The opening state again.
    fn reopen(&mut self, now: u64, writes: &mut Writes) {
        while !self.open.is_empty() {
            self.close(0, ReservationStatus::Released, now, writes);
        }
        let before = self.clone();
        *self = Self::open(self.sold, now, &mut Writes::default());
        self.buckets = Buckets::default();
        (self.version, self.history, self.last) = (before.version, before.history + 1, before.last);
        // What was refunded and what became of reservations is remembered beside the account.
        (self.closed, self.refunded) = (before.closed, before.refunded);
        self.come_in(Source::Initial.into(), self.plan().opening, now, None, writes);
    }

    /// What time has decided up to `now`.
    pub(crate) fn settle(&mut self, now: u64, writes: &mut Writes) {
        loop {
            let ends = self.open.iter().enumerate().map(|(place, hold)| (hold.expires_at, place));
            let end = ends.min().unwrap_or((u64::MAX, 0));
            let expiry = self.buckets.first_to_expire();
            let expires = expiry.map_or(u64::MAX, |(at, _)| at);
            if self.next_due() > now {
                return;
            }
            if end.0 <= expires.min(self.due) {
                self.close(end.1, ReservationStatus::Expired, end.0, writes);
            } else if let Some((at, tokens)) = expiry.filter(|_| expires <= self.due) {
                self.expire(tokens, at, writes);
            } else {
                self.bill(writes);
            }
        }
    }

    /// When time decides something next.
    pub(crate) fn next_due(&self) -> u64 {
        let ends = self.open.iter().map(|hold| hold.expires_at);
        ends.chain(self.buckets.first_to_expire().map(|(at, _)| at)).chain([self.due]).min().unwrap()
    }

    fn bill(&mut self, writes: &mut Writes) {
        let due = self.due;
        let planned = std::mem::take(&mut self.planned);
        self.change(planned);
        let plan = self.plan();
        while let Some(tokens) = plan.kept.and_then(|kept| self.buckets.not_carried_over(kept)) {
            self.expire(tokens, due, writes);
        }
        let text = self.cycle.description();
        self.cycle = self.cycle.next();
        self.due = self.sold.due(self.plan, self.cycle);
        let expires_at = plan.allowance_expires_at(due, self.due).and_then(Timestamp::from_millis);
        if plan.monthly > 0 {
            self.come_in(GrantKind { expires_at, ..Source::Monthly.into() }, plan.monthly, due, Some(text), writes);
        } else {
            self.version += 1;
        }
    }

    /// A reservation ends: what it still holds goes back to where it came from, and on if it has expired there.
    fn close(&mut self, place: usize, status: ReservationStatus, at: u64, writes: &mut Writes) {
        let hold = self.open.remove(place);
        self.version += 1;
        let over = at.max(self.last);
        for tokens in &hold.parts {
            self.buckets.give_back(*tokens);
            if expiry(tokens.0).is_some_and(|expiry| expiry <= over) {
                self.expire(*tokens, at, writes);
            }
        }
        let facts = hold.facts(status, Some(at));
        self.closed.push(Closed { facts: facts.clone(), known_since: u64::MAX });
        writes.closed.push(facts);
    }

    /// Tokens go, at most so many as there are.
    fn expire(&mut self, (kind, amount): Tokens, at: u64, writes: &mut Writes) {
        let amount = amount.min(self.buckets.left_of(kind));
        if amount > 0 {
            self.buckets.remove((kind, amount));
            let line = Line::new(TransactionType::Debit, amount);
            let source = Some(kind.source.into());
            self.write(Line { source, grants: vec![(kind, amount)], ..line }, at, writes);
        }
    }

    fn come_in(&mut self, kind: GrantKind, amount: u64, at: u64, text: Option<String>, writes: &mut Writes) {
        self.put((kind, amount));
        let line = Line::new(TransactionType::Credit, amount);
        self.write(Line { source: Some(kind), text, ..line }, at, writes);
    }

    /// What is owed is paid first.
    fn put(&mut self, (kind, amount): Tokens) {
        let owed = self.owed.min(amount);
        self.owed -= owed;
        self.buckets.put((kind, amount - owed));
    }

    fn write(&mut self, line: Line, at: u64, writes: &mut Writes) {
        self.last = self.last.max(at);
        self.version += 1;
        let balance = self.balance() + self.buckets.held().cast_signed();
        writes.lines.push(Line { at: self.last, history: self.history, balance, ..line });
    }

    fn plan(&self) -> Plan {
        self.sold.plans[self.plan]
    }

    /// What can be spent, less what is owed.
    pub(crate) fn balance(&self) -> i64 {
        self.buckets.left().cast_signed() - self.owed.cast_signed()
    }

    fn available(&self) -> u64 {
        self.buckets.left().saturating_sub(self.owed)
    }

    /// What is set aside.
    pub(crate) fn reserved(&self) -> u64 {
        self.buckets.held()
    }

    /// What callers see at `now`.
    pub(crate) fn view(&self, now: u64) -> View {
        let today = self.sold.date_of(self.plan, now);
        let [daily, monthly] = self.limits();
        let ends = |date| self.sold.begin_of(self.plan, date);
        let name = |plan: usize| self.sold.plans[plan].name.to_owned();
        View {
            version: self.version,
            balance: self.balance(),
            reserved: self.reserved(),
            used: self.used,
            generations: self.generations,
            plan: name(self.plan),
            next_plan: self.planned.plan.map(name),
            next_billing: self.due,
            grants: self.buckets.in_turn(),
            caps: [
                daily.map(|limit| (limit, self.spent.on(today), ends(after_day(today)))),
                monthly.map(|limit| (limit, self.spent.in_month(today), ends(after_month(today)))),
            ],
        }
    }

    /// The caps that hold.
    fn limits(&self) -> [Option<u64>; 2] {
        let ([daily, monthly], plans) = (self.caps, self.plan().caps);
        [daily.or(plans[0]), monthly.or(plans[1])]
    }

    fn change(&mut self, Change { plan, daily, monthly }: Change) {
        self.plan = plan.unwrap_or(self.plan);
        self.due = self.sold.due(self.plan, self.cycle);
        let cap = |change: Option<CapChange>, before| match change {
            Some(CapChange::Set(tokens)) => Some(tokens),
            Some(CapChange::Lift) => None,
            None => before,
        };
        self.caps = [cap(daily, self.caps[0]), cap(monthly, self.caps[1])];
        self.planned.forget(Change { plan, daily, monthly });
    }
}
