use std::sync::Arc;

use super::{
    Account, ClosedUsage, Command, Effective, PlanChange, Refusal, Refused, ReservationAction, ReservationStats,
    ReservationStatus, Source, Stats, Timestamp, Transaction, UserId, opening,
    refund::refund,
    reserving::{Reserving, capture, extend, reserve},
    settle::{close, settle},
    spending::{Spending, credit, debit},
};
use crate::{
    locale::Locale,
    mutation::{Mutation, planted},
    plans::{Catalogue, NotInCatalogue, Plan, Price},
    stage::Stage,
};

/// How far a test clock can be moved at once, in days: ten years, each month of which is billed.
const CLOCK_STEP_DAYS: u16 = 3_653;

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

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The command's own entry; none when it wrote none of its own.
    pub transaction: Option<Transaction>,
    /// The reservation that it was about.
    pub reservation: Option<ReservationStats>,
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
    /// The reservations that are not open any more.
    pub closed: Vec<ReservationStats>,
    /// After how many of the entries the history is archived; the others begin the new one.
    pub archive_after: Option<usize>,
    /// The hours and days that are over now: what was spent in each, of the history that goes on.
    pub usage: Vec<ClosedUsage>,
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

/// What a decision writes beside the account.
#[derive(Default)]
pub(super) struct Writing {
    pub(super) entries: Vec<Transaction>,
    pub(super) closed: Vec<ReservationStats>,
}

/// What a command did of its own.
#[derive(Default)]
struct Own {
    transaction: Option<Transaction>,
    reservation: Option<ReservationStats>,
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
    let mut writing = Writing::default();
    let opens = account.is_none();
    let mut terms = terms.of(account.as_ref());
    let mut account = match account {
        Some(account) => account,
        None => opening::open(user, terms, &mut writing.entries)?,
    };
    if terms.stage == Stage::Production {
        account.clock = None;
    }
    let settles = !(planted(Mutation::SpendWithoutSettling) && matches!(command, Command::Debit { .. }));
    let mut billed = if settles { settle(&mut account, terms, &mut writing)? } else { Billed::default() };
    let mut archive_after = None;

    let own = match command {
        Command::Reset if opens => {
            // A reset of nobody is an opening: its entries are the command's own.
            Ok(Own { transaction: writing.entries.last().cloned(), ..Own::default() })
        }
        Command::Reset => {
            let (reopened, after) = opening::reopen(&mut account, terms, &mut writing)?;
            (account, archive_after) = (reopened, Some(after));
            let transaction = writing.entries.get(after..).and_then(<[_]>::last).cloned();
            Ok(Own { transaction, ..Own::default() })
        }
        Command::SetClock(at) => {
            let moved = set_clock(&mut account, *at, terms);
            terms = terms.of(Some(&account));
            billed = billed.and(settle(&mut account, terms, &mut writing)?);
            moved
        }
        Command::Change { change, effective } => {
            change_plan(&mut account, change.clone(), *effective, terms)?;
            // Under another time zone the next billing may be due.
            billed = billed.and(settle(&mut account, terms, &mut writing)?);
            Ok(Own::default())
        }
        Command::Touch
        | Command::Debit { .. }
        | Command::Credit { .. }
        | Command::Reserve { .. }
        | Command::Reservation { .. }
        | Command::Refund { .. } => apply(&mut account, command, terms, &mut writing)?,
    };

    // An account that was opened anew has counted nothing yet.
    let of_this_history = writing.entries.iter().skip(archive_after.unwrap_or(0));
    let usage = of_this_history.flat_map(|each| account.usage.count(each.id, &each.entry)).flatten().collect();
    let stats = Stats::of(&account, terms.catalogue.plan(&account.plan)?, terms.catalogue, terms.now);
    let result = match own {
        Err(refusal) => Err(Refused { refusal, stats }),
        Ok(Own { transaction, reservation }) => Ok(Outcome { transaction, reservation, stats }),
    };
    let Writing { entries, closed } = writing;
    Ok(Decided { account, entries, closed, archive_after, usage, billed, result })
}

/// A command that changes a settled account and leaves its history what it is.
fn apply(
    account: &mut Account,
    command: &Command,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Result<Result<Own, Refusal>, NotInCatalogue> {
    let Terms { catalogue, now, locale, .. } = terms;
    let plan = catalogue.plan(&account.plan)?;
    let wrote = |entry: Transaction| {
        writing.entries.push(entry.clone());
        Own { transaction: Some(entry), reservation: None }
    };
    Ok(match command {
        Command::Debit { content_type, cost, description, metadata } => {
            let Price { cost: catalogue_cost, label } = catalogue.price(content_type, locale)?;
            let cost = cost.filter(|_| !planted(Mutation::IgnoreTokenCost)).unwrap_or(catalogue_cost);
            let spending = Spending {
                content_type: Some(content_type.clone()),
                description: text_or(description.as_deref(), || label),
                metadata: metadata.clone(),
                capture: None,
            };
            debit(account, cost, spending, plan, catalogue.priorities(), now).map(wrote)
        }
        Command::Credit { amount, grant, description, metadata } => {
            let text = text_or(description.as_deref(), || catalogue.source_label(grant.source, locale));
            if grant.is_over(account.latest(now)) {
                Err(Refusal::ExpiredAlready)
            } else if !account.grants.has_places_for([*grant]) {
                Err(Refusal::TooManyGrants)
            } else {
                credit(account, *amount, *grant, text, metadata.clone(), now).map(wrote)
            }
        }
        Command::Reserve { id, amount, content_type, lasts_ms, metadata } => {
            let (content_type, metadata) = (content_type.as_ref(), metadata.as_ref());
            let reserving = Reserving { id, amount: *amount, content_type, lasts_ms: *lasts_ms, metadata };
            let reserved = reserve(account, &reserving, plan, terms);
            reserved.map(|stats| Own { reservation: Some(stats), ..Own::default() })
        }
        Command::Reservation { id, action, closed } => {
            if let Some(place) = account.reservations.iter().position(|reservation| reservation.id == *id) {
                act(account, place, *action, plan, terms, writing)
            } else {
                // Its time may have been over just now.
                let ended = writing.closed.iter().find(|ended| ended.id == *id).map(|ended| ended.status);
                Err(ended.or(*closed).map_or(Refusal::ReservationNotFound, Refusal::ReservationClosed))
            }
        }
        Command::Refund { found, archives, refunded, description, .. } => {
            match found.as_ref().filter(|_| *archives == account.archives) {
                None => Err(Refusal::TransactionNotFound),
                Some(_) if *refunded => Err(Refusal::AlreadyRefunded),
                Some(found) => {
                    let text = text_or(description.as_deref(), || catalogue.source_label(Source::Refund, locale));
                    let refunded = refund(account, found, text, plan, terms, writing);
                    refunded.map(|entry| Own { transaction: Some(entry), reservation: None })
                }
            }
        }
        Command::Touch | Command::Change { .. } | Command::SetClock(_) | Command::Reset => Ok(Own::default()),
    })
}

/// Does something with the open reservation at `place`.
fn act(
    account: &mut Account,
    place: usize,
    action: ReservationAction,
    plan: &Plan,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Result<Own, Refusal> {
    let (transaction, reservation) = match action {
        ReservationAction::Capture { amount, is_final } => {
            let (transaction, stats) = capture(account, place, amount, is_final, plan, terms, writing)?;
            (transaction, Some(stats))
        }
        ReservationAction::Release => {
            (None, Some(close(account, place, ReservationStatus::Released, terms.now, terms, writing)))
        }
        ReservationAction::Extend { lasts_ms } => (None, extend(account, place, lasts_ms, terms.now)),
    };
    Ok(Own { transaction, reservation })
}

/// Changes plan and caps, now or at the next billing. Neither credits nor takes anything.
fn change_plan(
    account: &mut Account,
    change: PlanChange,
    effective: Effective,
    terms: Terms<'_>,
) -> Result<(), NotInCatalogue> {
    if let Some(name) = &change.plan {
        terms.catalogue.plan(name)?;
    }
    match effective {
        Effective::Now => change.make(account),
        Effective::NextPeriod if planted(Mutation::ChangePlanAtOnce) => change.make(account),
        Effective::NextPeriod => change.plan(account),
    }
    account.changed();
    Ok(())
}

fn set_clock(account: &mut Account, at: Timestamp, terms: Terms<'_>) -> Result<Own, Refusal> {
    if account.clock == Some(at) {
        return Ok(Own::default());
    }
    let too_far = terms.now.later_by_days(CLOCK_STEP_DAYS).is_none_or(|furthest| at > furthest);
    if terms.stage == Stage::Production || at < terms.now || too_far {
        return Err(Refusal::ClockRefused);
    }
    account.clock = Some(at);
    account.changed();
    Ok(Own::default())
}

impl Terms<'_> {
    /// These, by the test clock of `account` if it has one that is ahead. In production nobody's is looked at.
    fn of(self, account: Option<&Account>) -> Self {
        Self { now: account.map_or(self.now, |account| account.time(self.now, self.stage)), ..self }
    }
}

impl Billed {
    const fn and(self, more: Self) -> Self {
        Self { periods: self.periods.saturating_add(more.periods), tokens: self.tokens.saturating_add(more.tokens) }
    }
}

fn text_or(text: Option<&str>, default: impl FnOnce() -> Arc<str>) -> Arc<str> {
    text.map_or_else(default, Arc::from)
}
