//! Which calls made a user's account what it became: a sequential order of them that the second ledger agrees with.
//!
//! Commits say what was written, and in which order; which calls they made is found out. Mostly it is plain to see: an entry
//! carries its call's tag, a key's record its name, and who was told of a version names the place. Only for what was asked
//! without a key and never answered several calls may come into question, and then each is tried.

mod expected;

use std::collections::BTreeMap;

use jeton::ledger::{ReservationId, UserId};

use self::expected::Expected;
use crate::{
    asked::Asked,
    second_ledger::{Facts, Ledger, Line, Told as Called, Writes},
    server::Kept,
    sold::Sold,
    told::{Answer, Seen, Told},
};

/// How many calls are tried at most: a run that is right needs few more than it has.
const TRIES_MAX: u32 = 20_000;

/// A state in which the account was between two calls.
pub(crate) struct State {
    pub(crate) ledger: Ledger,
    /// The true time at which it was written, in milliseconds.
    pub(crate) since: u64,
    /// How many entries there were.
    pub(crate) entries: usize,
}

/// How far a commit is explained.
#[derive(Clone)]
struct Progress {
    ledger: Ledger,
    lines: usize,
    closed: usize,
    keys: usize,
    /// The commit opened the account, and no call of it has been made since.
    is_new: bool,
}

struct Search<'a> {
    sold: &'static Sold,
    seen: &'a [&'a Seen],
    /// What balance and what is set aside somebody was told of a version.
    told: BTreeMap<u64, (i64, u64)>,
    ids: Vec<String>,
    lines: Vec<Line>,
    commits: Vec<Expected>,
    made: Vec<bool>,
    states: Vec<State>,
    tries: u32,
    /// What stood in the way where it came furthest.
    wrong: (usize, u64, String),
}

/// All states that the account of `user` was in, one after the other.
pub(crate) fn replay(sold: &'static Sold, user: &UserId, kept: &Kept, seen: &[&Seen]) -> Result<Vec<State>, String> {
    let mut lines = 0;
    let expected = kept.commits.iter().map(|logged| {
        lines += logged.commit.entries.len();
        Expected::of(sold, user, logged, lines)
    });
    let commits: Vec<_> = expected.collect::<Result<_, _>>()?;
    let mut search = Search {
        sold,
        seen,
        told: seen.iter().filter_map(|seen| answer_of(&seen.told)).collect(),
        ids: kept.written.iter().map(|written| written.transaction.id.to_string()).collect(),
        lines: kept.written.iter().map(Line::of).collect(),
        commits,
        made: vec![false; seen.len()],
        states: Vec::new(),
        tries: 0,
        wrong: (0, 0, "nothing was ever written".to_owned()),
    };
    if !search.explains_commit(0, None) {
        let (commit, _, wrong) = search.wrong;
        let revision = kept.commits.get(commit).map_or("", |logged| logged.commit.revision.as_str());
        return Err(format!("nothing explains commit {revision} of {user}: {wrong}"));
    }
    let untold = search
        .made
        .iter()
        .zip(seen)
        .find(|(made, seen)| !**made && !seen.asked.only_looks() && matches!(seen.told, Told::Done(_)));
    match untold {
        Some((_, seen)) => Err(format!("acknowledged, and never made: {seen:?}")),
        None => Ok(search.states),
    }
}

impl Search<'_> {
    /// Whether this commit and all after it come of calls, made of the account before it.
    fn explains_commit(&mut self, index: usize, before: Option<Ledger>) -> bool {
        let Some(commit) = self.commits.get(index) else { return true };
        let (now, lines) = (commit.now, if index == 0 { 0 } else { self.commits[index - 1].lines });
        let (mut writes, is_new) = (Writes::default(), before.is_none());
        let mut ledger = before.unwrap_or_else(|| Ledger::open(self.sold, now, &mut writes));
        ledger.settle(now, &mut writes);
        let progress = Progress { ledger, lines, closed: 0, keys: 0, is_new };
        match self.written(index, &progress, &writes) {
            Ok(progress) => self.goes_on(index, progress),
            Err(wrong) => {
                self.note(index, 0, || format!("what had fallen due was not done: {wrong}"));
                false
            }
        }
    }

    /// The same, from where a call has left it.
    fn goes_on(&mut self, index: usize, progress: Progress) -> bool {
        let since = self.commits[index].at;
        let mut ledger = progress.ledger.clone();
        if let Some(wrong) = self.is_told_otherwise(&ledger) {
            self.note(index, ledger.version, || wrong);
            return false;
        }
        ledger.closed_at(since);
        self.states.push(State { ledger, since, entries: progress.lines });
        let all = progress.ledger.version >= self.commits[index].stats.version;
        let explained = (!all || progress.is_new) && self.makes_one(index, &progress);
        let explained = explained || (all && self.is_done(index, progress));
        if !explained {
            self.states.pop();
        }
        explained
    }

    /// What somebody was told of this version that it is not, or of one that it has passed over.
    fn is_told_otherwise(&self, ledger: &Ledger) -> Option<String> {
        let before = self.states.last().map_or(0, |state| state.ledger.version);
        if let Some((passed, told)) = self.told.range(before + 1..ledger.version.max(before + 1)).next() {
            return Some(format!("version {passed} is within a call, and somebody was told that it had {told:?}"));
        }
        let (told, had) = (self.told.get(&ledger.version)?, (ledger.balance(), ledger.reserved()));
        (*told != had).then(|| format!("version {} had {had:?}, and somebody was told {told:?}", ledger.version))
    }

    /// Whether the commit wrote nothing else, and the account is what it must be.
    fn is_done(&mut self, index: usize, mut progress: Progress) -> bool {
        let commit = &self.commits[index];
        let told = (commit.lines, commit.closed.len(), commit.keys.len());
        let found = (progress.lines, progress.closed, progress.keys);
        let (view, expected) = (commit.view(), progress.ledger.view(commit.now));
        let wrong = if view != expected {
            Some(format!("it is {view:?} where it must be {expected:?}"))
        } else if told != found {
            Some(format!("entries, ends and remembered changes are {told:?} where they must be {found:?}"))
        } else if let Some(untold) = self.untold(index) {
            Some(format!("acknowledged, and not made: {untold:?}"))
        } else {
            let seen = |open: &Facts| commit.account.reservation(&open.id).as_ref().map(Facts::from);
            let other = progress.ledger.open_reservations().find(|open| seen(open).as_ref() != Some(open));
            other.map(|open| format!("a reservation is {:?} where it must be {open:?}", seen(&open)))
        };
        if let Some(wrong) = wrong {
            self.note(index, u64::MAX, || wrong);
            return false;
        }
        progress.ledger.closed_at(commit.at);
        self.explains_commit(index + 1, Some(progress.ledger))
    }

    /// Who was told of a version that this commit has made, and whose call has not been made.
    fn untold(&self, index: usize) -> Option<&Seen> {
        let before = index.checked_sub(1).map_or(0, |before| self.commits[before].stats.version);
        let versions = before + 1..=self.commits[index].stats.version;
        let mut unmade = self.seen.iter().zip(&self.made).filter(|(seen, made)| !**made && !seen.asked.only_looks());
        let is_of_it = |seen: &Seen| matches!(&seen.told, Told::Done(answer) if versions.contains(&answer.version));
        unmade.find(|(seen, _)| is_of_it(seen)).map(|(seen, _)| *seen)
    }

    /// Whether a call comes next with which it can go on.
    fn makes_one(&mut self, index: usize, progress: &Progress) -> bool {
        // Who was told of it before who was not: that one may have asked in vain. What makes nothing comes first.
        let mut numbers: Vec<_> = (0..self.seen.len()).collect();
        numbers.sort_by_key(|number| {
            let seen = self.seen[*number];
            (!self.is_opening(index, progress, seen), !matches!(seen.told, Told::Done(_)))
        });
        for number in numbers {
            if self.made[number] || !self.can_be(index, progress, self.seen[number]) {
                continue;
            }
            let opening = self.is_opening(index, progress, self.seen[number]);
            for opens in [opening, false].into_iter().take(1 + usize::from(opening)) {
                self.tries += 1;
                if self.tries > TRIES_MAX {
                    return false;
                }
                match self.after(index, progress, self.seen[number], opens) {
                    Err(wrong) => {
                        let seen = self.seen[number];
                        self.note(index, 1 + progress.ledger.version, || format!("{wrong}: {seen:?}"));
                    }
                    Ok(next) => {
                        self.made[number] = true;
                        if self.goes_on(index, next) {
                            return true;
                        }
                        self.made[number] = false;
                    }
                }
            }
        }
        let line = self.lines[..self.commits[index].lines].get(progress.lines).cloned();
        self.note(index, progress.ledger.version, || {
            format!("nobody asked for what was done after version {}: {line:?}", progress.ledger.version)
        });
        false
    }

    /// Whether a call can be the next one, by what is plain to see.
    fn can_be(&self, index: usize, progress: &Progress, seen: &Seen) -> bool {
        let (commit, version) = (&self.commits[index], progress.ledger.version);
        if self.is_opening(index, progress, seen) {
            return true;
        }
        let told = match &seen.told {
            Told::Done(answer) => answer.version > version && answer.version <= commit.stats.version,
            Told::Nothing => true,
            Told::Refused(..) | Told::Looked(_) | Told::Page(_) | Told::Failed(_) | Told::Different(..) => false,
        };
        if !told || seen.began > commit.at || (seen.keyed && commit.keys.get(progress.keys) != Some(&seen.tag)) {
            return false;
        }
        let line = self.lines[..commit.lines].get(progress.lines);
        let is_own = || line.is_some_and(|line| line.reservation.is_none() && line.text.as_ref() == Some(&seen.tag));
        match &seen.asked {
            Asked::Read | Asked::Page | Asked::Look(_) => false,
            Asked::Debit(_) | Asked::Credit(..) => is_own(),
            Asked::Refund(id) => line.is_some_and(|line| line.refund_of == Some(*id)) && is_own(),
            Asked::Reserve { .. } => self.name_of(index, progress, seen).is_some(),
            Asked::Capture { id, .. } | Asked::Release(id) | Asked::Extend { id, .. } => {
                progress.ledger.open_reservations().any(|open| open.id == *id)
            }
            Asked::Reset => self.lines[progress.lines..commit.lines].iter().any(Line::opens),
            Asked::Change { .. } => true,
        }
    }

    /// A reset of nobody is an opening, and makes nothing besides. Who was told nothing may have been anybody.
    fn is_opening(&self, index: usize, progress: &Progress, seen: &Seen) -> bool {
        let version = progress.ledger.version;
        let claims = matches!(&seen.told, Told::Done(answer) if answer.version == version)
            || (seen.told == Told::Nothing && seen.keyed);
        let keys = self.commits[index].keys.get(progress.keys);
        let named = !seen.keyed || keys == Some(&seen.tag);
        progress.is_new && seen.asked == Asked::Reset && claims && named
    }

    /// The name of what a call has set aside in this commit.
    fn name_of(&self, index: usize, progress: &Progress, seen: &Seen) -> Option<ReservationId> {
        let mut names = self.commits[index].names.iter().filter(|(tag, _)| *tag == seen.tag);
        names.find(|(_, id)| !progress.ledger.knows(id)).map(|(_, id)| id.clone())
    }

    /// The account after a call, if that is what was written and told.
    fn after(&self, index: usize, progress: &Progress, seen: &Seen, opens: bool) -> Result<Progress, String> {
        let commit = &self.commits[index];
        let mut next = Progress { is_new: false, ..progress.clone() };
        next.keys += usize::from(seen.keyed);
        let mut writes = Writes::default();
        let own = if opens {
            (progress.lines.checked_sub(1), None)
        } else {
            let called = Called {
                asked: &seen.asked,
                tag: &seen.tag,
                id: self.name_of(index, progress, seen),
                named: named(&self.ids, &self.lines, &seen.asked, progress.ledger.history, progress.lines),
                now: commit.now,
                at: commit.at,
            };
            let own = next.ledger.call(&called, &mut writes)?;
            (own.line.map(|line| progress.lines + line), own.reservation)
        };
        let next = self.written(index, &next, &writes)?;
        if let Told::Done(answer) = &seen.told {
            let Answer { entry, reservation, version, balance, reserved } = answer;
            let told = (entry.as_ref(), reservation.as_ref().map(Facts::from), *version, *balance, *reserved);
            let ledger = &next.ledger;
            let id = own.0.and_then(|line| self.ids.get(line));
            let expected = (id, own.1, ledger.version, ledger.balance(), ledger.reserved());
            if told != expected {
                return Err(format!("to be told {expected:?}"));
            }
        }
        Ok(next)
    }

    /// Whether what was to be written is what comes next in the commit.
    fn written(&self, index: usize, progress: &Progress, writes: &Writes) -> Result<Progress, String> {
        let commit = &self.commits[index];
        let mut next = progress.clone();
        for line in &writes.lines {
            let found = self.lines[..commit.lines].get(next.lines);
            if found != Some(line) {
                return Err(format!("to be written {line:?}, and found {found:?}"));
            }
            next.lines += 1;
        }
        for end in &writes.closed {
            let found = commit.closed.get(next.closed);
            if found != Some(end) {
                return Err(format!("to be kept {end:?}, and found {found:?}"));
            }
            next.closed += 1;
        }
        Ok(next)
    }

    /// `far` says how far the commit was explained.
    fn note(&mut self, commit: usize, far: u64, wrong: impl FnOnce() -> String) {
        if (commit, far) >= (self.wrong.0, self.wrong.1) {
            self.wrong = (commit, far, wrong());
        }
    }
}

/// The version that an answer names, and what it says of it.
const fn answer_of(told: &Told) -> Option<(u64, (i64, u64))> {
    match told {
        Told::Done(answer) | Told::Refused(answer, _) | Told::Looked(answer) => {
            Some((answer.version, (answer.balance, answer.reserved)))
        }
        Told::Page(_) | Told::Nothing | Told::Failed(_) | Told::Different(..) => None,
    }
}

/// The entry that a call names, if it is one of this history among the first ones.
pub(crate) fn named<'a>(
    ids: &[String],
    lines: &'a [Line],
    asked: &Asked,
    history: u32,
    until: usize,
) -> Option<&'a Line> {
    let Asked::Refund(id) = asked else { return None };
    let id = id.to_string();
    let place = ids[..until].iter().position(|known| *known == id)?;
    lines.get(place).filter(|line| line.history() == history)
}
