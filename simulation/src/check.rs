//! What must be true of every run.
//!
//! A user's commits, in the order in which they were written, and the calls that explain them are the sequential order.
//! Every answer names the version it speaks of, so it is checked against that very state, and against the time: the state
//! must have been the account's at some moment between the call and its answer. That is linearizability, with what was
//! written as the witness.

use std::collections::HashSet;

use jeton::ledger::{ReservationId, Source, TransactionType, UserId};

use crate::{
    asked::{Asked, PAGE},
    client::USERS,
    replay::{State, named, replay},
    second_ledger::{Facts, Line, Told as Called, Writes},
    server::Kept,
    told::{Answer, Seen, Told},
    usage,
    world::{AHEAD_MS_MAX, World},
};

/// Says what is wrong with a run that is settled until then, if something is.
pub(crate) fn all(world: &World, seen: &[Seen], settled: u64) -> Result<(), String> {
    for user in USERS {
        let user = UserId::new(user).unwrap();
        let kept = world.server.look(&user, Kept::clone);
        let seen: Vec<&Seen> = seen.iter().filter(|seen| seen.user == user).collect();
        seen.iter().try_for_each(|seen| answers(seen))?;
        history_adds_up(&user, &kept)?;
        usage::adds_up(&user, &kept)?;
        let states = replay(world.sold, &user, &kept, &seen)?;
        let last = states.last().ok_or_else(|| format!("{user} was never opened"))?;
        if last.ledger.next_due() <= settled {
            return Err(format!("{user} was never settled: something was due at {}", last.ledger.next_due()));
        }
        let ids = kept.written.iter().map(|written| written.transaction.id.to_string()).collect();
        let lines = kept.written.iter().map(Line::of).collect();
        let checked = Checked { states, ids, lines };
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

/// No line explains what a call was told.
fn answers(seen: &Seen) -> Result<(), String> {
    match &seen.told {
        Told::Different(first, second) => Err(format!("one key, two answers: {first}, {second}")),
        Told::Failed(error) => Err(format!("failed: {error}: {seen:?}")),
        Told::Done(_) | Told::Refused(..) | Told::Looked(_) | Told::Page(_) | Told::Nothing => Ok(()),
    }
}

/// Each history begins with its opening and is in one piece, each entry's balance is the one before it and what it moved,
/// ids increase, and no debit is given back twice.
fn history_adds_up(user: &UserId, kept: &Kept) -> Result<(), String> {
    let (mut history, mut balance, mut refunded) = (None, 0_i64, HashSet::new());
    for written in &kept.written {
        let entry = &written.transaction.entry;
        let opens = entry.kind == TransactionType::Credit && entry.source == Some(Source::Initial);
        if opens {
            balance = 0;
            history = Some(history.map_or(0, |number| number + 1));
        }
        if history != Some(written.history) {
            return Err(format!("{} of {user} is in history {}", written.transaction.id, written.history));
        }
        let amount = entry.amount.get().cast_signed();
        balance += if entry.kind == TransactionType::Credit { amount } else { -amount };
        if entry.balance != balance {
            return Err(format!("{user} has {} after an entry where {balance} adds up", entry.balance));
        }
        if entry.refund_of.is_some_and(|debit| !refunded.insert(debit)) {
            return Err(format!("{user} was given back {:?} twice", entry.refund_of));
        }
    }
    let unordered = kept.written.windows(2).find(|pair| pair[0].transaction.id >= pair[1].transaction.id);
    unordered.map_or(Ok(()), |pair| Err(format!("ids of {user} do not increase at {}", pair[1].transaction.id)))
}

/// One user's part of a run.
struct Checked {
    states: Vec<State>,
    ids: Vec<String>,
    lines: Vec<Line>,
}

impl Checked {
    /// The answer is that of the version it names, at a moment of the call.
    fn answer(&self, seen: &Seen) -> Result<(), String> {
        match &seen.told {
            Told::Nothing | Told::Failed(_) | Told::Different(..) => Ok(()),
            Told::Page(ids) => self.page(seen, ids),
            Told::Looked(answer) => {
                self.state_of(answer)?;
                self.reservation(seen, answer)
            }
            Told::Done(answer) => {
                let (place, state) = self.state_of(answer)?;
                if !seen.asked.only_looks() && state.since < seen.began {
                    return Err("made before it was asked for".to_owned());
                }
                self.held(place, seen)
            }
            Told::Refused(answer, why) => {
                let (place, state) = self.state_of(answer)?;
                self.refused(state, seen, why)?;
                self.held(place, seen)
            }
        }
    }

    /// The state of this version, with its place.
    fn state_of(&self, answer: &Answer) -> Result<(usize, &State), String> {
        let Answer { version, balance, reserved, .. } = answer;
        let place = self.states.partition_point(|state| state.ledger.version < *version);
        let state = self.states.get(place).filter(|state| state.ledger.version == *version);
        let state = state.ok_or_else(|| format!("version {version} never was"))?;
        let had = (state.ledger.balance(), state.ledger.reserved());
        if had == (*balance, *reserved) { Ok((place, state)) } else { Err(format!("version {version} had {had:?}")) }
    }

    /// The state of this version was the account's at a moment of the call, with all that had fallen due before it.
    fn held(&self, place: usize, seen: &Seen) -> Result<(), String> {
        let State { ledger, since, .. } = &self.states[place];
        let until = self.states[place..].iter().find(|later| later.ledger.version > ledger.version);
        let until = until.map(|later| later.since);
        if *since > seen.ended || until.is_some_and(|until| until < seen.began) {
            return Err(format!("version {} was the account's from {since} to {until:?}", ledger.version));
        }
        // Every clock is at the call's beginning or beyond. What fell due by then was done in the state that is told.
        if ledger.next_due() <= seen.began {
            return Err(format!("told without what had fallen due at {}", ledger.next_due()));
        }
        Ok(())
    }

    /// The second ledger refuses it in that state too, for the same reason, by a clock of that time.
    fn refused(&self, state: &State, seen: &Seen, why: &str) -> Result<(), String> {
        let reason = |now: u64, at: u64| {
            let (id, history) = (ReservationId::named("new"), state.ledger.history);
            let named = named(&self.ids, &self.lines, &seen.asked, history, state.entries);
            let called = Called { asked: &seen.asked, tag: &seen.tag, id, named, now, at };
            state.ledger.clone().call(&called, &mut Writes::default()).err()
        };
        let reasons = [reason(seen.began, seen.began), reason(seen.ended + AHEAD_MS_MAX, seen.ended)];
        if reasons.iter().flatten().any(|reason| reason == why) {
            return Ok(());
        }
        Err(format!("refused where it is {reasons:?}"))
    }

    /// What is told of a reservation was true at a moment of the call.
    fn reservation(&self, seen: &Seen, answer: &Answer) -> Result<(), String> {
        let Asked::Look(id) = &seen.asked else { return Err("nobody looked for a reservation".to_owned()) };
        let told = answer.reservation.as_ref().map(Facts::from);
        let mut then = self.during(seen).filter(|(state, _)| state.ledger.version >= answer.version);
        let is_right = |(state, until): (&State, u64)| {
            let moments = [state.since.max(seen.began), until.min(seen.ended)];
            state.ledger.next_due() > seen.began
                && moments.into_iter().any(|moment| state.ledger.reservation(id, moment) == told)
        };
        if then.any(is_right) { Ok(()) } else { Err("it never was so".to_owned()) }
    }

    /// The page is the newest entries of one history, as they were at a moment of the call.
    fn page(&self, seen: &Seen, ids: &[String]) -> Result<(), String> {
        let newest = ids.first().ok_or("an empty page")?;
        let index = self.ids.iter().position(|id| id == newest).ok_or_else(|| format!("{newest} never was"))?;
        let history = self.lines[index].history();
        let entries = (0..=index).rev().take_while(|entry| self.lines[*entry].history() == history).take(PAGE);
        let expected: Vec<&String> = entries.map(|entry| &self.ids[entry]).collect();
        if expected != ids.iter().collect::<Vec<_>>() {
            return Err(format!("the page at that moment was {expected:?}"));
        }
        let mut then = self.during(seen).filter(|(state, _)| state.ledger.next_due() > seen.began);
        if then.any(|(state, _)| state.entries == index + 1) { Ok(()) } else { Err("it never was so".to_owned()) }
    }

    /// The states in which the account was during the call, each with until when.
    fn during(&self, seen: &Seen) -> impl Iterator<Item = (&State, u64)> {
        let untils = self.states.iter().skip(1).map(|state| state.since).chain([u64::MAX]);
        let (began, ended) = (seen.began, seen.ended);
        self.states.iter().zip(untils).filter(move |(state, until)| state.since <= ended && *until >= began)
    }
}
