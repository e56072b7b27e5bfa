//! What must be true of every run.
//!
//! A user's entries, in the order in which they were written, are the sequential order: the account's version counts
//! them. Every answer names the version it speaks of, so it is checked against that very state, and against the time:
//! the state must have been the account's at some moment between the call and its answer.

use std::collections::{HashMap, HashSet};

use jeton::ledger::{Source, TransactionType, UserId};

use super::{
    client::{Asked, Seen, Told, USERS},
    network::{Kept, Server, Written},
};

/// Says what is wrong with a run, if something is.
pub(super) fn all(server: &Server, seen: &[Seen]) -> Result<(), String> {
    for user in USERS {
        let user = UserId::new(user).unwrap();
        let kept = server.kept(&user);
        histories(&user, &kept)?;
        let seen: Vec<&Seen> = seen.iter().filter(|seen| seen.user == user).collect();
        changes(&kept, &seen)?;
        for seen in seen {
            answer(&kept, seen).map_err(|wrong| format!("{wrong}: {seen:?}"))?;
        }
    }
    Ok(())
}

/// Each history adds up, entry by entry, its ids increase, and each billing date is in it once.
fn histories(user: &UserId, kept: &Kept) -> Result<(), String> {
    let mut balance = 0_u64;
    let mut last: Option<&Written> = None;
    let mut billed = HashSet::new();
    for written in &kept.written {
        let entry = &written.transaction.entry;
        if last.is_none_or(|last| last.history != written.history) {
            balance = 0;
            billed.clear();
            if entry.source != Some(Source::Initial) {
                return Err(format!("a history of {user} begins with {entry:?}"));
            }
        } else if last.is_some_and(|last| last.transaction.id >= written.transaction.id) {
            return Err(format!("ids of {user} do not increase at {}", written.transaction.id));
        } else if entry.source == Some(Source::Initial) {
            return Err(format!("{user} was opened twice"));
        }
        if entry.source == Some(Source::Monthly) && !billed.insert(entry.description.clone()) {
            return Err(format!("{user} was billed twice: {}", entry.description));
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
        last = Some(written);
    }
    let account = kept.account(user).ok_or_else(|| format!("{user} was never opened"))?.account;
    if account.balance() != balance {
        return Err(format!("{user} has {} where the history says {balance}", account.balance()));
    }
    // The run begins just before a billing date and ends after it: whoever was opened before was billed for it.
    let opened_before = kept.written.iter().rfind(|written| written.transaction.entry.source == Some(Source::Initial));
    let boundary = super::START + 3_000;
    let before = opened_before.is_some_and(|opening| opening.transaction.id.timestamp().as_millis() < boundary);
    if before && billed.len() != 1 {
        return Err(format!("{user} was billed {} times", billed.len()));
    }
    Ok(())
}

/// Each acknowledged change was made once, each other one at most once, and nothing was made that nobody asked for.
fn changes(kept: &Kept, seen: &[&Seen]) -> Result<(), String> {
    let mut made: HashMap<String, u64> = HashMap::new();
    for written in &kept.written {
        if let Some(tag) = written.transaction.entry.metadata.as_ref().and_then(|metadata| metadata["tag"].as_str()) {
            *made.entry(tag.to_owned()).or_default() += 1;
        }
    }
    for seen in seen {
        let times = made.remove(&seen.tag).unwrap_or(0);
        let right = match (&seen.asked, &seen.told) {
            (Asked::Read | Asked::Reset, _) | (_, Told::TooFew { .. }) => times == 0,
            (_, Told::Done { .. }) => times == 1,
            (_, Told::Nothing) => times <= 1,
            (_, Told::Different(..)) => true,
        };
        if !right {
            return Err(format!("made {times} times: {seen:?}"));
        }
    }
    if made.is_empty() { Ok(()) } else { Err(format!("nobody asked for {made:?}")) }
}

/// The answer is that of the version it names, at a moment of the call.
fn answer(kept: &Kept, seen: &Seen) -> Result<(), String> {
    let (version, balance, entry) = match &seen.told {
        Told::Nothing => return Ok(()),
        Told::Different(first, second) => return Err(format!("one key, two answers: {first}, {second}")),
        Told::Done { entry, version, balance } => (*version, *balance, entry.as_ref()),
        Told::TooFew { version, available } => (*version, *available, None),
    };
    let Some(written) = version.checked_sub(1).and_then(|index| kept.written.get(index as usize)) else {
        return Err(format!("version {version} never was"));
    };
    let Written { transaction, at: since, .. } = written;
    if transaction.entry.balance != balance {
        return Err(format!("the balance of version {version} was {}", transaction.entry.balance));
    }
    if let (Told::TooFew { .. }, Asked::Debit(cost)) = (&seen.told, seen.asked)
        && cost <= balance
    {
        return Err("refused although there were enough".to_owned());
    }
    if entry.is_some_and(|entry| *entry != transaction.id.to_string()) {
        return Err(format!("version {version} is entry {}", transaction.id));
    }
    let until = kept.written.get(version as usize).map(|next| next.at);
    if *since > seen.ended || until.is_some_and(|until| until < seen.began) {
        return Err(format!("version {version} was the account's from {since:?} to {until:?}"));
    }
    let changed = matches!(seen.told, Told::Done { .. }) && seen.asked != Asked::Read;
    if changed && *since < seen.began {
        return Err("made before it was asked for".to_owned());
    }
    Ok(())
}
