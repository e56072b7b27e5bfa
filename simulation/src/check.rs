//! What must be true of every run.
//!
//! A user's entries, in the order in which they were written, are the sequential order: the account's version counts
//! them. Every answer names the version it speaks of, so it is checked against that very state, and against the time:
//! the state must have been the account's at some moment between the call and its answer. That is linearizability, with
//! the history as the witness; no search is needed.

use std::collections::{HashMap, HashSet};

use jeton::ledger::{Entry, GrantKind, Source, Transaction, TransactionType, UserId};

use crate::{
    calendar,
    client::{Asked, PAGE, Seen, Told, USERS},
    server::{Kept, Written},
    timeline::Timeline,
    trace::Shown,
    usage,
    world::{AHEAD_MS_MAX, World},
};

/// Says what is wrong with a run, if something is.
pub(crate) fn all(world: &World, seen: &[Seen]) -> Result<(), String> {
    for user in USERS {
        let user = UserId::new(user).unwrap();
        let kept = world.server.kept(&user);
        let seen: Vec<&Seen> = seen.iter().filter(|seen| seen.user == user).collect();
        let mut checked = Checked { world, user: &user, kept: &kept, expiries: Vec::new() };
        checked.expiries = checked.histories()?;
        checked.changes(&seen)?;
        checked.resets(&seen)?;
        for seen in seen {
            checked.answer(seen).map_err(|wrong| format!("{wrong}: {seen:?}"))?;
        }
        usage::adds_up(&user, &kept)?;
    }
    Ok(())
}

/// How many calls there were, and how many of them were answered.
pub(crate) fn calls(seen: &[Seen]) -> (usize, usize) {
    (seen.len(), seen.iter().filter(|seen| seen.told != Told::Nothing).count())
}

/// One user's part of a run.
struct Checked<'a> {
    world: &'a World,
    user: &'a UserId,
    kept: &'a Kept,
    /// Of each version, when the first tokens expire that it has.
    expiries: Vec<Option<u64>>,
}

impl Checked<'_> {
    /// Each history adds up, entry by entry, its ids increase, and what falls due comes once and in time.
    fn histories(&self) -> Result<Vec<Option<u64>>, String> {
        let Self { user, kept, .. } = self;
        let mut expiries = Vec::new();
        let histories: Vec<&[Written]> = kept.written.chunk_by(|one, next| one.history == next.history).collect();
        for (number, history) in histories.iter().enumerate() {
            if history[0].history as usize != number {
                return Err(format!("history {number} of {user} is in pieces, or missing"));
            }
            self.adds_up(history)?;
            let next = histories.get(number + 1).map(|next| next[0].transaction.id.timestamp().as_millis());
            expiries.extend(self.is_in_time(history, next)?);
        }
        for pair in kept.written.windows(2) {
            if pair[0].transaction.id >= pair[1].transaction.id {
                return Err(format!("ids of {user} do not increase at {}", pair[1].transaction.id));
            }
        }
        let account = kept.account(user).ok_or_else(|| format!("{user} was never opened"))?.account;
        let balance = kept.written.last().map_or(0, |last| last.transaction.entry.balance);
        if account.balance() != balance {
            return Err(format!("{user} has {} where the history says {balance}", account.balance()));
        }
        Ok(expiries)
    }

    fn adds_up(&self, history: &[Written]) -> Result<(), String> {
        let user = self.user;
        let (_, plan) = self.world.catalogue.default_plan().unwrap();
        let mut balance = 0_u64;
        for (index, Written { transaction, .. }) in history.iter().enumerate() {
            let entry = &transaction.entry;
            let opens = entry.kind == TransactionType::Credit && entry.source == Some(Source::Initial);
            if opens != (index == 0) {
                return Err(format!("entry {index} of a history of {user} is {entry:?}"));
            }
            if opens && entry.amount.get() != plan.opening_balance() {
                return Err(format!("{user} was opened with {entry:?}"));
            }
            balance = match entry.kind {
                TransactionType::Credit => balance + entry.amount.get(),
                TransactionType::Debit => {
                    balance.checked_sub(entry.amount.get()).ok_or_else(|| format!("{user} was oversold"))?
                }
            };
            if entry.balance != balance {
                return Err(format!("{user} has {} after an entry where {balance} adds up", entry.balance));
            }
        }
        Ok(())
    }

    /// What falls due in a history, from its opening to the next history's or to the end of the run, is in it in its order,
    /// each once, at its own instant, and before everything that was decided later. Gives for each entry when the first
    /// tokens expire that are left after it.
    fn is_in_time(&self, history: &[Written], next_opening: Option<u64>) -> Result<Vec<Option<u64>>, String> {
        let user = self.user;
        let opened = history[0].transaction.id.timestamp().as_millis();
        let until = next_opening.unwrap_or_else(|| self.world.start.now_ms() + AHEAD_MS_MAX);
        // An opening whose clock is behind gets the instant of the entry before it: a period that fell due in between
        // may be billed, or have been over.
        let first = history.iter().map(|written| &written.transaction.entry);
        let first = first.filter(|entry| is_allowance(entry)).map(|entry| &*entry.description).next();
        let mut expected = calendar::billings(self.world.catalogue, opened - AHEAD_MS_MAX, until);
        expected.retain(|billing| billing.due > opened || Some(billing.description.as_str()) == first);
        let (_, plan) = self.world.catalogue.default_plan().unwrap();
        let mut timeline = Timeline::new(plan.monthly_allowance(), self.world.allowance, &expected, opened);
        let mut expiries = Vec::new();
        for written in history {
            timeline.take(written).map_err(|wrong| format!("of {user}: {wrong}"))?;
            expiries.push(timeline.next_expiry());
        }
        let certain = next_opening.map_or(until, |next| next) - AHEAD_MS_MAX;
        if let Some(missed) = timeline.next_billing().filter(|next| next.due <= certain) {
            return Err(format!("{user} was never billed: {}", missed.description));
        }
        match timeline.next_expiry().filter(|expiry| *expiry <= certain) {
            Some(expiry) => Err(format!("{user} still has what expired at {expiry}")),
            None => Ok(expiries),
        }
    }

    /// Each acknowledged change was made once, each other one at most once, all as they were asked for, and nothing was
    /// made that nobody asked for.
    fn changes(&self, seen: &[&Seen]) -> Result<(), String> {
        let mut made: HashMap<&str, Vec<&Transaction>> = HashMap::new();
        for Written { transaction, .. } in &self.kept.written {
            if let Some(tag) = tag_of(transaction) {
                made.entry(tag).or_default().push(transaction);
            }
        }
        for seen in seen {
            let entries = made.remove(seen.tag.as_str()).unwrap_or_default();
            let times = entries.len();
            let right = match (&seen.asked, &seen.told) {
                (Asked::Read | Asked::Page | Asked::Reset, _) | (_, Told::TooFew { .. } | Told::TooLate { .. }) => {
                    times == 0
                }
                (_, Told::Done { .. }) => times == 1,
                (_, Told::Nothing) => times <= 1,
                (_, Told::Different(..) | Told::Failed(_) | Told::Page(_)) => true,
            };
            if !right {
                return Err(format!("made {times} times: {seen:?}"));
            }
            if let Some(other) = entries.iter().find(|entry| !is_what_was_asked(seen.asked, entry)) {
                return Err(format!("made as {}: {seen:?}", other.shown()));
            }
        }
        if made.is_empty() { Ok(()) } else { Err(format!("nobody asked for {:?}", made.keys())) }
    }

    /// Each acknowledged reset began a history of its own, and no history was begun that nobody asked for.
    fn resets(&self, seen: &[&Seen]) -> Result<(), String> {
        let openings =
            self.kept.written.iter().filter(|written| written.transaction.entry.source == Some(Source::Initial));
        let openings: HashSet<String> = openings.map(|written| written.transaction.id.to_string()).collect();
        let asked: Vec<_> = seen.iter().filter(|seen| seen.asked == Asked::Reset).collect();
        let mut acknowledged = HashSet::new();
        for reset in &asked {
            if let Told::Done { entry, .. } = &reset.told {
                let own = entry.as_ref().filter(|entry| openings.contains(*entry));
                if !own.is_some_and(|entry| acknowledged.insert(entry)) {
                    return Err(format!("a reset that opened nothing of its own: {reset:?}"));
                }
            }
        }
        // The others come of resets that nobody was told of, but for the first, which may be anybody's.
        let first = self.kept.written.first().map(|written| written.transaction.id.to_string());
        let anybodys = usize::from(first.is_some_and(|first| !acknowledged.contains(&first)));
        let (others, untold) = (openings.len() - acknowledged.len(), asked.len() - acknowledged.len());
        if others > untold + anybodys {
            return Err(format!("{} was reset {} times too often", self.user, others - untold - anybodys));
        }
        Ok(())
    }

    /// The answer is that of the version it names, at a moment of the call.
    fn answer(&self, seen: &Seen) -> Result<(), String> {
        let (version, balance, entry) = match &seen.told {
            Told::Nothing => return Ok(()),
            Told::Different(first, second) => return Err(format!("one key, two answers: {first}, {second}")),
            Told::Failed(error) => return Err(format!("failed: {error}")),
            Told::Page(ids) => return self.page(seen, ids),
            Told::Done { entry, version, balance } => (*version, *balance, entry.as_ref()),
            Told::TooFew { version, available } | Told::TooLate { version, available } => (*version, *available, None),
        };
        let Some(index) = version.checked_sub(1).map(|index| index as usize) else {
            return Err("version 0 never was".to_owned());
        };
        let Some(Written { transaction, at: since, .. }) = self.kept.written.get(index) else {
            return Err(format!("version {version} never was"));
        };
        if transaction.entry.balance != balance {
            return Err(format!("the balance of version {version} was {}", transaction.entry.balance));
        }
        match (&seen.told, seen.asked) {
            (Told::TooFew { .. }, Asked::Debit(cost)) if cost > balance => {}
            (Told::TooLate { .. }, Asked::Credit(_, GrantKind { expires_at: Some(expires_at), .. }))
                if expires_at.as_millis()
                    <= (seen.ended + AHEAD_MS_MAX).max(transaction.id.timestamp().as_millis()) => {}
            (Told::TooFew { .. } | Told::TooLate { .. }, _) => return Err("refused without a reason".to_owned()),
            (_, Asked::Read) => {}
            _ if entry != Some(&transaction.id.to_string()) => {
                return Err(format!("version {version} is entry {}", transaction.id));
            }
            (_, Asked::Debit(_) | Asked::Credit(..)) if tag_of(transaction) != Some(&seen.tag) => {
                return Err(format!("entry {} is somebody else's", transaction.id));
            }
            _ if *since < seen.began => return Err("made before it was asked for".to_owned()),
            _ => {}
        }
        self.held(index, seen)
    }

    /// The state after entry `index` was the account's at a moment of the call, with all that had fallen due before it.
    fn held(&self, index: usize, seen: &Seen) -> Result<(), String> {
        let written = &self.kept.written;
        let (since, until) = (written[index].at, written.get(index + 1).map(|next| next.at));
        if since > seen.ended || until.is_some_and(|until| until < seen.began) {
            return Err(format!("version {} was the account's from {since} to {until:?}", index + 1));
        }
        // Every clock is at the call's beginning or beyond. What fell due by then was done in the state that is told.
        if let Some(expiry) = self.expiries[index].filter(|expiry| *expiry <= seen.began) {
            return Err(format!("version {} still had what expired at {expiry}", index + 1));
        }
        let history = written[index].history;
        let states = written[..=index].iter().rev().take_while(|written| written.history == history);
        let known: HashSet<&str> = states.clone().map(|written| &*written.transaction.entry.description).collect();
        let opened = states.last().map_or(0, |opening| opening.transaction.id.timestamp().as_millis());
        let due = calendar::billings(self.world.catalogue, opened, seen.began);
        match due.iter().find(|due| !known.contains(due.description.as_str())) {
            Some(missing) => Err(format!("told without what had fallen due: {}", missing.description)),
            None => Ok(()),
        }
    }

    /// The page is the newest entries of one history, as they were at a moment of the call.
    fn page(&self, seen: &Seen, ids: &[String]) -> Result<(), String> {
        let written = &self.kept.written;
        let newest = ids.first().ok_or("an empty page")?;
        let index = written.iter().position(|written| written.transaction.id.to_string() == *newest);
        let index = index.ok_or_else(|| format!("{newest} never was"))?;
        let history = written[index].history;
        let entries = written[..=index].iter().rev().take_while(|written| written.history == history).take(PAGE);
        let expected: Vec<String> = entries.map(|written| written.transaction.id.to_string()).collect();
        if expected != ids {
            return Err(format!("the page at that moment was {expected:?}"));
        }
        self.held(index, seen)
    }
}

fn is_allowance(entry: &Entry) -> bool {
    entry.kind == TransactionType::Credit && entry.source == Some(Source::Monthly)
}

/// The tag of the call that made an entry, if a call did.
fn tag_of(transaction: &Transaction) -> Option<&str> {
    transaction.entry.metadata.as_ref()?.get("tag")?.as_str()
}

/// Whether an entry is the one that `asked` makes.
fn is_what_was_asked(asked: Asked, transaction: &Transaction) -> bool {
    let Entry { kind, source, priority, expires_at, .. } = transaction.entry;
    let amount = transaction.entry.amount.get();
    match asked {
        Asked::Debit(cost) => kind == TransactionType::Debit && amount == cost,
        Asked::Credit(credit, grant) => {
            let given = source.map(|source| GrantKind { source, priority, expires_at });
            kind == TransactionType::Credit && amount == credit && given == Some(grant)
        }
        Asked::Read | Asked::Page | Asked::Reset => false,
    }
}
