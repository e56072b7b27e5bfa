use std::sync::Arc;

use serde_json::{Map, Value};

use super::{
    Account, Amount, BillingCycle, ContentType, GrantKind, Source, Stats, Timestamp, Transaction, TransactionId,
    UserId,
    account::{Change, Moved},
    billing::allowance_expires_at,
};
use crate::{
    locale::Locale,
    mutation::{Mutation, planted},
    plans::{CarryOver, Catalogue, DemoStep, NotInCatalogue, Plan, Price},
    stage::Stage,
};

/// What can be asked of an account.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Nothing but what time has decided: opens an account, bills what fell due.
    Touch,
    /// Spends tokens on a generation.
    Debit {
        /// What is generated; one that the catalogue has.
        content_type: ContentType,
        /// What it costs, instead of the catalogue's cost.
        cost: Option<Amount>,
        /// What the entry says, instead of the catalogue's label.
        description: Option<String>,
        /// The caller's own data.
        metadata: Option<Map<String, Value>>,
    },
    /// Adds tokens.
    Credit {
        /// How many.
        amount: Amount,
        /// Where they come from, when they are spent, and until when.
        grant: GrantKind,
        /// What the entry says, instead of the catalogue's label.
        description: Option<String>,
        /// The caller's own data.
        metadata: Option<Map<String, Value>>,
    },
    /// Goes back to the opening state; the history is archived.
    Reset,
}

/// What a decision depends on besides the account and the command.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Plans, costs and texts.
    pub catalogue: &'a Catalogue,
    /// The instant of the decision.
    pub now: Timestamp,
    /// The language of descriptions.
    pub locale: Locale,
    /// Which seed the test user gets.
    pub stage: Stage,
}

/// Why a command is refused. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The balance does not cover the debit.
    InsufficientTokens {
        /// What it costs, in tokens.
        required: Amount,
        /// What there is, in tokens.
        available: u64,
    },
    /// The balance, or the count of used tokens, would go beyond what can be counted exactly.
    BalanceLimitExceeded,
    /// The tokens to add would be one grant more than there can be.
    TooManyGrants,
    /// The tokens to add would have expired by now.
    ExpiredAlready,
}

/// A refusal and the account as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The account, unchanged by the command.
    pub stats: Stats,
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The command's own entry; none when it wrote none of its own.
    pub transaction: Option<Transaction>,
    /// The account after it.
    pub stats: Stats,
}

/// A decision: what the account becomes, what its history gains, and what the caller is told.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The account after the command, or after a refusal only settled.
    pub account: Account,
    /// What joins the history, oldest first: what fell due before, then the command's own.
    pub entries: Vec<Transaction>,
    /// After how many of the entries the history is archived; the others begin the new one.
    pub archive_after: Option<usize>,
    /// How many tokens time alone brought, and in how many periods.
    pub billed: Billed,
    /// What the caller is told.
    pub result: Result<Outcome, Refused>,
}

/// What billing brought in one decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Billed {
    /// Periods that were billed.
    pub periods: u64,
    /// Tokens that were credited for them.
    pub tokens: u64,
}

/// Decides `command` on the account of `user`, which is opened if there is none and settled first.
///
/// # Errors
/// [`NotInCatalogue`] when the account's plan, or the content type, is not in the catalogue. A refusal is not an error: it is in
/// [`Decided::result`].
pub fn decide(
    account: Option<Account>,
    user: &UserId,
    command: &Command,
    terms: Terms<'_>,
) -> Result<Decided, NotInCatalogue> {
    let mut entries = Vec::new();
    let opens = account.is_none();
    let mut account = match account {
        Some(account) => account,
        None => open(user, terms, &mut entries)?,
    };
    let plan = terms.catalogue.plan(&account.plan)?;
    let settles = !(planted(Mutation::SpendWithoutSettling) && matches!(command, Command::Debit { .. }));
    let billed = if settles { settle(&mut account, plan, terms, &mut entries) } else { Billed::default() };
    // A reset of nobody is an opening: its entries are the command's own.
    let settled = if opens && *command == Command::Reset { 0 } else { entries.len() };
    let mut archive_after = None;

    let refusal = match command {
        Command::Touch => None,
        Command::Reset if opens => None,
        Command::Debit { content_type, cost, description, metadata } => {
            let Price { cost: catalogue_cost, label } = terms.catalogue.price(content_type, terms.locale)?;
            let spending = Spending {
                content_type,
                cost: cost.filter(|_| !planted(Mutation::IgnoreTokenCost)).unwrap_or(catalogue_cost),
                description: text_or(description.as_deref(), || label),
                metadata: metadata.clone(),
            };
            debit(&mut account, spending, terms.catalogue, terms.now).map(|entry| entries.push(entry)).err()
        }
        Command::Credit { amount, grant, description, metadata } => {
            let text = text_or(description.as_deref(), || terms.catalogue.source_label(grant.source, terms.locale));
            // A clock that is behind the last entry credits nothing that had expired before it.
            let latest = terms.now.max(account.last_entry.timestamp());
            if grant.expires_at.is_some_and(|expires_at| expires_at <= latest) {
                Some(Refusal::ExpiredAlready)
            } else if !account.grants.has_place_for(*grant) {
                Some(Refusal::TooManyGrants)
            } else {
                credit(&mut account, *amount, *grant, text, metadata.clone(), terms.now)
                    .map(|entry| entries.push(entry))
                    .err()
            }
        }
        Command::Reset => {
            archive_after = Some(settled);
            account = reopen(&account, terms, &mut entries)?;
            None
        }
    };

    let stats = Stats::of(&account, terms.catalogue.plan(&account.plan)?, terms.catalogue);
    let result = match refusal {
        Some(refusal) => Err(Refused { refusal, stats }),
        None => Ok(Outcome { transaction: entries.get(settled..).and_then(<[_]>::last).cloned(), stats }),
    };
    Ok(Decided { account, entries, archive_after, billed, result })
}

/// A new account: its opening balance, or in production the test user's demo history.
fn open(user: &UserId, terms: Terms<'_>, entries: &mut Vec<Transaction>) -> Result<Account, NotInCatalogue> {
    let Terms { catalogue, now, locale, stage } = terms;
    let (name, plan) = catalogue.default_plan()?;
    let billing = BillingCycle::starting_after(now, plan.billing_day(), plan.time_zone());
    let mut account = Account::empty(user.clone(), Arc::clone(name), now, billing);
    let demo = match stage {
        Stage::Production => catalogue.demo_of(user),
        Stage::Development => None,
    };
    if let Some(steps) = demo {
        for step in steps {
            entries.extend(demonstrate(&mut account, step, terms)?);
        }
    } else if let Some(amount) = Amount::new(plan.opening_balance()) {
        let text = catalogue.source_label(Source::Initial, locale);
        entries.extend(credit(&mut account, amount, Source::Initial.into(), text, None, now));
    }
    Ok(account)
}

/// One step of the demo history, in the past. The catalogue has checked that no step is refused.
fn demonstrate(
    account: &mut Account,
    step: &DemoStep,
    terms: Terms<'_>,
) -> Result<Option<Transaction>, NotInCatalogue> {
    let at = terms.now.earlier_by(step.millis_ago());
    let entry = match step {
        DemoStep::Credit { amount, .. } => {
            let text = terms.catalogue.source_label(Source::Initial, terms.locale);
            credit(account, *amount, Source::Initial.into(), text, None, at)
        }
        DemoStep::Generation { content_type, .. } => {
            let Price { cost, label } = terms.catalogue.price(content_type, terms.locale)?;
            let spending = Spending { content_type, cost, description: label, metadata: None };
            debit(account, spending, terms.catalogue, at)
        }
    };
    Ok(entry.ok())
}

/// The opening state again, with a history of its own. Ids go on increasing, but for a demo history, which lies in the
/// past.
fn reopen(before: &Account, terms: Terms<'_>, entries: &mut Vec<Transaction>) -> Result<Account, NotInCatalogue> {
    let mut opening = Vec::new();
    let mut account = open(&before.user_id, terms, &mut opening)?;
    for transaction in &mut opening {
        if transaction.id.timestamp() >= terms.now {
            transaction.id = before.last_entry.next(transaction.id.timestamp());
        }
    }
    let last = opening.last().map_or(TransactionId::ZERO, |transaction| transaction.id);
    account.last_entry = before.last_entry.max(last);
    account.version = before.version.saturating_add(account.version);
    account.archives = before.archives.saturating_add(1);
    entries.append(&mut opening);
    Ok(account)
}

/// Applies what time alone has decided up to now, in the order in which it fell due: each grant that expired and each
/// billing period, by its own entry at its own instant. At one instant what expires goes before what is billed.
fn settle(account: &mut Account, plan: &Plan, terms: Terms<'_>, entries: &mut Vec<Transaction>) -> Billed {
    let mut billed = Billed::default();
    let mut due = account.billing.next(plan.time_zone());
    loop {
        if let Some((kind, expires_at)) = account.grants.first_to_expire()
            && expires_at <= due
            && is_over(expires_at, terms.now)
            && !(planted(Mutation::ExpireAtBilling) && due > terms.now)
        {
            entries.extend(expire(account, Amount::MAX, |other| (other == kind).then_some(()), expires_at, terms));
            continue;
        }
        if due > terms.now || (planted(Mutation::BillOnePeriod) && billed.periods > 0) {
            return billed;
        }
        billed.periods = billed.periods.saturating_add(1);
        if let Some(entry) = bill(account, plan, due, terms, entries) {
            billed.tokens = billed.tokens.saturating_add(entry.entry.amount.get());
            entries.push(entry);
        }
        let billed_at = std::mem::replace(&mut due, account.billing.next(plan.time_zone()));
        // A calendar that no longer moves on (its end, far beyond any clock) must not hold the request.
        if due <= billed_at {
            return billed;
        }
    }
}

fn is_over(expires_at: Timestamp, now: Timestamp) -> bool {
    if planted(Mutation::ExpireLate) {
        return expires_at < now;
    }
    if planted(Mutation::ExpireEarly) {
        return expires_at.earlier_by(100) <= now;
    }
    expires_at <= now
}

/// Bills the period that is due. What the plan does not carry over expires first, also if it came when the plan did not say
/// so yet; an allowance that the balance has no room for is cut to the room, without an entry if that is none.
fn bill(
    account: &mut Account,
    plan: &Plan,
    due: Timestamp,
    terms: Terms<'_>,
    entries: &mut Vec<Transaction>,
) -> Option<Transaction> {
    let date = account.billing.next_date();
    account.billing.advance();
    if let CarryOver::AtMost(kept) = plan.carry_over() {
        let is_allowance =
            |kind: GrantKind| kind.source == Source::Monthly || planted(Mutation::CarryOverTakesPurchases);
        let priorities = terms.catalogue.priorities();
        let rank = |kind: GrantKind| is_allowance(kind).then(|| priorities.rank(kind));
        while let Some(beyond) = Amount::new(account.grants.total_of(is_allowance).saturating_sub(kept))
            && let Some(entry) = expire(account, beyond, rank, due, terms)
        {
            entries.push(entry);
        }
    }
    let amount = Amount::new(plan.monthly_allowance().min(account.room()))?;
    let expires_at = allowance_expires_at(plan, due, account.billing.next(plan.time_zone()));
    let grant = GrantKind { expires_at, ..Source::Monthly.into() };
    let text = terms.catalogue.monthly_label(date, terms.locale);
    credit(account, amount, grant, text, None, due).ok()
}

/// Tokens of the grant that comes first in the order of `rank`, at most `amount`, expire at `at`.
fn expire<R: Ord>(
    account: &mut Account,
    amount: Amount,
    rank: impl Fn(GrantKind) -> Option<R>,
    at: Timestamp,
    terms: Terms<'_>,
) -> Option<Transaction> {
    let paid = account.grants.take_first(amount, rank)?;
    let description = terms.catalogue.expiration_label(terms.locale);
    Some(account.record(at, Change { moved: Moved::Expired(paid), description, content_type: None, metadata: None }))
}

struct Spending<'a> {
    content_type: &'a ContentType,
    cost: Amount,
    description: Arc<str>,
    metadata: Option<Map<String, Value>>,
}

fn debit(
    account: &mut Account,
    spending: Spending<'_>,
    catalogue: &Catalogue,
    at: Timestamp,
) -> Result<Transaction, Refusal> {
    let Spending { content_type, cost, description, metadata } = spending;
    let available = account.balance();
    if cost.get() > available {
        return Err(Refusal::InsufficientTokens { required: cost, available });
    }
    let Some(tokens_used) = account.tokens_used.checked_add(cost.get()) else {
        return Err(Refusal::BalanceLimitExceeded);
    };

    let paid = account.grants.take(cost, catalogue.priorities());
    account.tokens_used = tokens_used;
    let count = account.generations.entry(content_type.clone()).or_insert(0);
    *count = count.saturating_add(1);
    let moved = Moved::Spent(cost, paid);
    Ok(account.record(at, Change { moved, description, content_type: Some(content_type.clone()), metadata }))
}

fn credit(
    account: &mut Account,
    amount: Amount,
    grant: GrantKind,
    description: Arc<str>,
    metadata: Option<Map<String, Value>>,
    at: Timestamp,
) -> Result<Transaction, Refusal> {
    if amount.get() > account.room() {
        return Err(Refusal::BalanceLimitExceeded);
    }

    account.grants.put(grant, amount);
    let moved = Moved::In(grant, amount);
    Ok(account.record(at, Change { moved, description, content_type: None, metadata }))
}

fn text_or(text: Option<&str>, default: impl FnOnce() -> Arc<str>) -> Arc<str> {
    text.map_or_else(default, Arc::from)
}
