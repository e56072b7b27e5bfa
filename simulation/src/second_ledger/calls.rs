//! What calls do to an account.

use jeton::ledger::{GrantKind, ReservationId, ReservationStatus, Source, Timestamp, TransactionId, TransactionType};

use super::{
    Facts, Ledger, Line, Writes,
    buckets::{Tokens, expiry},
    holds::Hold,
};
use crate::{
    asked::{Asked, Change},
    calendar::{after_day, after_month},
    sold::Above,
};

/// What a call depends on besides the account.
pub(crate) struct Told<'a> {
    pub(crate) asked: &'a Asked,
    pub(crate) tag: &'a str,
    /// The name that was given to what it sets aside.
    pub(crate) id: Option<ReservationId>,
    /// The entry that it names, if the current history has it.
    pub(crate) named: Option<&'a Line>,
    /// By the clock that decides.
    pub(crate) now: u64,
    /// The true time.
    pub(crate) at: u64,
}

/// What a call did.
#[derive(Default)]
pub(crate) struct Own {
    /// Which of the lines is its own.
    pub(crate) line: Option<usize>,
    pub(crate) reservation: Option<Facts>,
}

type Done = Result<Own, String>;

impl Ledger {
    /// Does what a call asks of an account in which nothing is due, or says why not.
    pub(crate) fn call(&mut self, told: &Told<'_>, writes: &mut Writes) -> Done {
        let Told { asked, tag, now, at, .. } = *told;
        let text = Some(tag.to_owned());
        match asked {
            Asked::Read | Asked::Page | Asked::Look(_) => Err("it only looks".to_owned()),
            Asked::Debit(cost) => {
                self.covers(*cost)?;
                self.within_caps(*cost, now)?;
                let grants = self.buckets.spend(*cost);
                self.generations += 1;
                let line = Line { grants, text, ..Line::new(TransactionType::Debit, *cost) };
                Ok(self.spend(line, now, writes))
            }
            Asked::Credit(amount, kind) => {
                if expiry(*kind).is_some_and(|expiry| expiry <= now.max(self.last)) {
                    return Err("too late".to_owned());
                }
                self.come_in(*kind, *amount, now, text, writes);
                Ok(own(writes))
            }
            Asked::Reserve { amount, lasts, is_generation } => {
                self.covers(*amount)?;
                self.within_caps(*amount, now)?;
                let id = told.id.clone().ok_or("it has no name")?;
                let parts = self.buckets.hold(*amount);
                self.open.push(Hold {
                    id,
                    tag: tag.to_owned(),
                    amount: *amount,
                    parts,
                    captured: 0,
                    captures: 0,
                    shortfall: 0,
                    is_generation: *is_generation,
                    expires_at: now + lasts,
                });
                self.version += 1;
                Ok(self.open_one(self.open.len() - 1))
            }
            Asked::Capture { id, amount, is_final } => {
                let place = self.place(id, at)?;
                self.capture(place, *amount, *is_final, now, writes)
            }
            Asked::Release(id) => {
                let place = self.place(id, at)?;
                self.close(place, ReservationStatus::Released, now, writes);
                Ok(Own { line: None, reservation: writes.closed.last().cloned() })
            }
            Asked::Extend { id, lasts } => {
                let place = self.place(id, at)?;
                self.open[place].expires_at = self.open[place].expires_at.max(now + lasts);
                self.version += 1;
                Ok(self.open_one(place))
            }
            Asked::Refund(id) => {
                let debit = told.named.ok_or("unknown debit")?;
                self.refund(*id, debit, tag, now, writes)
            }
            Asked::Change { change, now: at_once } => {
                if *at_once {
                    self.change(*change);
                } else {
                    self.planned = self.planned.then(*change);
                }
                self.version += 1;
                self.settle(now, writes);
                Ok(Own::default())
            }
            Asked::Reset => {
                self.reopen(now, writes);
                Ok(own(writes))
            }
        }
    }

    fn covers(&self, amount: u64) -> Result<(), String> {
        if amount > self.available() { Err("too few".to_owned()) } else { Ok(()) }
    }

    /// What is left under each cap, that of the month first, and when it ends. What is set aside counts as spent.
    fn rooms(&self, now: u64) -> Vec<(u64, String)> {
        let today = self.sold.date_of(self.plan, now);
        let [daily, monthly] = self.limits();
        let of = |limit: Option<u64>, spent: u64, name: &str, ends| {
            let left = limit?.saturating_sub(spent + self.reserved());
            Some((left, format!("{name} cap until {}", self.sold.begin_of(self.plan, ends))))
        };
        let monthly = of(monthly, self.spent.in_month(today), "monthly", after_month(today));
        monthly.into_iter().chain(of(daily, self.spent.on(today), "daily", after_day(today))).collect()
    }

    fn within_caps(&self, amount: u64, now: u64) -> Result<(), String> {
        self.rooms(now).into_iter().find(|(left, _)| *left < amount).map_or(Ok(()), |(_, reached)| Err(reached))
    }

    /// Where an open reservation is, or what became of it.
    fn place(&self, id: &ReservationId, at: u64) -> Result<usize, String> {
        self.open.iter().position(|hold| hold.id == *id).ok_or_else(|| {
            self.reservation(id, at).map_or("unknown reservation".to_owned(), |end| format!("closed: {}", end.status))
        })
    }

    fn open_one(&self, place: usize) -> Own {
        Own { line: None, reservation: Some(self.open[place].facts(ReservationStatus::Open, None)) }
    }

    /// First what is set aside, then what the balance has, then what the plan says.
    fn capture(&mut self, place: usize, amount: Option<u64>, is_final: bool, now: u64, writes: &mut Writes) -> Done {
        let set_aside = self.open[place].remaining();
        let wanted = amount.unwrap_or(set_aside);
        let beyond = wanted.saturating_sub(set_aside);
        let missing = beyond.saturating_sub(self.available());
        let (mut balance, mut owed, mut shortfall) = (beyond - missing, 0, 0);
        match self.plan().above {
            Above::Reject if missing > 0 => return Err("too few".to_owned()),
            Above::Allow(limit) if missing > 0 && self.balance() - beyond.cast_signed() < -limit.cast_signed() => {
                return Err("too few".to_owned());
            }
            Above::Reject | Above::Allow(_) => {
                self.within_caps(beyond, now)?;
                owed = missing;
            }
            Above::Cap => {
                let room = self.rooms(now).into_iter().map(|(left, _)| left).min();
                balance = balance.min(room.unwrap_or(u64::MAX));
                shortfall = beyond - balance;
            }
        }
        let mut grants = self.open[place].draw(wanted - beyond);
        for tokens in &grants {
            self.buckets.spend_held(*tokens);
        }
        for tokens in self.buckets.spend(balance) {
            join(&mut grants, tokens);
        }
        self.owed += owed;
        let taken = wanted - shortfall;
        let hold = &mut self.open[place];
        hold.shortfall += shortfall;
        let mut done = Own::default();
        if taken > 0 {
            hold.captured += taken;
            hold.captures += 1;
            let part = Some(hold.captures).filter(|part| *part > 1);
            self.generations += u64::from(hold.is_generation && part.is_none());
            let (reservation, text) = (Some(hold.id.clone()), Some(hold.tag.clone()));
            let line = Line { grants, reservation, part, text, ..Line::new(TransactionType::Debit, taken) };
            done = self.spend(line, now, writes);
        }
        if is_final {
            self.close(place, ReservationStatus::Captured, now, writes);
            return Ok(Own { reservation: writes.closed.last().cloned(), ..done });
        }
        self.version += 1;
        Ok(Own { reservation: self.open_one(place).reservation, ..done })
    }

    /// Writes a debit of what has been taken. It counts on the day of its entry.
    fn spend(&mut self, line: Line, now: u64, writes: &mut Writes) -> Own {
        let amount = line.amount;
        self.used += amount;
        self.write(line, now, writes);
        self.spent.spend(self.sold.date_of(self.plan, self.last), amount);
        own(writes)
    }

    /// Gives a debit back to those who paid it.
    fn refund(&mut self, id: TransactionId, debit: &Line, tag: &str, now: u64, writes: &mut Writes) -> Done {
        if self.refunded.contains(&id) {
            return Err("refunded already".to_owned());
        }
        if debit.kind == TransactionType::Credit || debit.source.is_some() {
            return Err("not refundable".to_owned());
        }
        let over = now.max(self.last);
        let is_over = |kind: GrantKind| expiry(kind).is_some_and(|expiry| expiry <= over);
        let anew = self.plan().comes_back_until(over).and_then(Timestamp::from_millis);
        let mut grants = Vec::new();
        for (kind, amount) in &debit.grants {
            let fresh = GrantKind { expires_at: anew, ..Source::Refund.into() };
            join(&mut grants, (if is_over(*kind) && anew.is_some() { fresh } else { *kind }, *amount));
        }
        let unpaid = debit.amount - debit.grants.iter().map(|(_, amount)| amount).sum::<u64>();
        if unpaid > 0 {
            join(&mut grants, (Source::Refund.into(), unpaid));
        }
        for tokens in &grants {
            self.put(*tokens);
        }
        self.spent.give_back(self.sold.date_of(self.plan, debit.at), debit.amount);
        self.refunded.push(id);
        let line = Line::new(TransactionType::Credit, debit.amount);
        let (source, text) = (Some(Source::Refund.into()), Some(tag.to_owned()));
        self.write(Line { source, grants: grants.clone(), refund_of: Some(id), text, ..line }, now, writes);
        let done = own(writes);
        for tokens in grants.into_iter().filter(|(kind, _)| is_over(*kind)) {
            self.expire(tokens, now, writes);
        }
        Ok(done)
    }
}

impl Change {
    /// What of this does not hold any more once the same has been changed.
    pub(super) fn forget(&mut self, made: Self) {
        self.plan = self.plan.filter(|_| made.plan.is_none());
        self.daily = self.daily.filter(|_| made.daily.is_none());
        self.monthly = self.monthly.filter(|_| made.monthly.is_none());
    }
}

/// The last line is the call's own.
fn own(writes: &Writes) -> Own {
    Own { line: writes.lines.len().checked_sub(1), reservation: None }
}

fn join(all: &mut Vec<Tokens>, (kind, amount): Tokens) {
    match all.iter_mut().find(|(known, _)| *known == kind) {
        Some((_, sum)) => *sum += amount,
        None => all.push((kind, amount)),
    }
}
