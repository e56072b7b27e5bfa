//! A story of one user, as the ledger tells it: what it answers are the examples of the document.

use std::error::Error;

use serde_json::{Map, Value, json};

use crate::{
    http::{change, messages},
    ledger::{
        Account, Amount, CapChange, Command, ContentType, Effective, Outcome, PlanChange, Refused, ReservationAction,
        ReservationId, Stats, Terms, Timestamp, Transaction, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

/// When it begins, in milliseconds: the 23rd of November 2026. Something happens in each second.
const BEGINS: u64 = 1_795_461_624_099;
const STEP: u64 = 1_000;

/// What was answered to whom.
pub(super) struct Examples {
    pub(super) generation: Value,
    pub(super) credit: Value,
    pub(super) reservation: Value,
    pub(super) capture: Value,
    pub(super) refund: Value,
    pub(super) plan: Value,
    pub(super) reset: Value,
    pub(super) stats: Stats,
    /// The history, newest first.
    pub(super) transactions: Vec<Transaction>,
    pub(super) insufficient: Refused,
    /// When a daily cap counts from nothing again.
    pub(super) resets_at: Timestamp,
    /// When a session of a quarter of an hour ends.
    pub(super) session_ends_at: Timestamp,
}

impl Examples {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        let mut story = Story::begin()?;
        let metadata = Map::from_iter([("productId".to_owned(), json!("sku-42"))]);
        let content_type = ContentType::new("ARTICLE");
        let debit = |cost| Command::Debit {
            content_type: content_type.clone(),
            cost,
            description: None,
            metadata: Some(metadata.clone()),
        };
        let debited = story.goes_on(&debit(None))?;
        let credit = Command::Credit {
            amount: amount(1_000)?,
            grant: "purchase".parse()?,
            description: Some("Top-up".to_owned()),
            metadata: None,
        };
        let credited = story.goes_on(&credit)?;
        let id = ReservationId::named("7Hq0cXb2LmPa").ok_or("no reservation")?;
        let reserve = Command::Reserve {
            id: id.clone(),
            amount: amount(50)?,
            content_type: Some(content_type.clone()),
            lasts_ms: 300_000,
            metadata: None,
        };
        let reserved = story.goes_on(&reserve)?;
        let capture = ReservationAction::Capture { amount: Some(amount(42)?), is_final: true };
        let captured = story.goes_on(&Command::Reservation { id, action: capture, closed: None })?;
        let debit_to_refund = captured.transaction.clone().ok_or("nothing was captured")?;
        let refund = Command::Refund {
            id: debit_to_refund.id,
            found: Some(debit_to_refund),
            archives: 0,
            refunded: false,
            description: None,
        };
        let refunded = story.goes_on(&refund)?;
        let insufficient = story.decide(&debit(Some(amount(9_000)?)))?.err().ok_or("there is enough")?;
        let change = PlanChange { plan: None, daily: Some(CapChange::Set(500)), monthly: None };
        let planned = story.goes_on(&Command::Change { change, effective: Effective::Now })?;
        let stats = planned.stats.clone();
        let daily = stats.caps.and_then(|caps| caps.daily).ok_or("there is no cap")?;
        let mut transactions = story.history.clone();
        transactions.reverse();
        let session_ends_at = story.now.later_by(900_000).ok_or("time is over")?;
        let reset = story.goes_on(&Command::Reset)?;
        let told = |outcome, message: change::Message| {
            serde_json::from_str(&change::result(outcome, message, Locale::English))
        };
        Ok(Self {
            generation: told(&debited, messages::of_outcome)?,
            credit: told(&credited, messages::of_outcome)?,
            reservation: told(&reserved, messages::of_reservation)?,
            capture: told(&captured, messages::of_capture)?,
            refund: told(&refunded, messages::of_refund)?,
            plan: told(&planned, messages::of_plan)?,
            reset: told(&reset, messages::of_reset)?,
            stats,
            transactions,
            insufficient,
            resets_at: daily.resets_at,
            session_ends_at,
        })
    }
}

fn amount(tokens: u64) -> Result<Amount, &'static str> {
    Amount::new(tokens).ok_or("not an amount")
}

/// An account, and what happened to it so far.
struct Story {
    catalogue: &'static Catalogue,
    user: UserId,
    now: Timestamp,
    account: Option<Account>,
    history: Vec<Transaction>,
}

impl Story {
    fn begin() -> Result<Self, Box<dyn Error>> {
        let mut story = Self {
            catalogue: Catalogue::built_in()?,
            user: UserId::new("alice").ok_or("not a user")?,
            now: Timestamp::from_millis(BEGINS).ok_or("not an instant")?,
            account: None,
            history: Vec::new(),
        };
        story.goes_on(&Command::Touch)?;
        Ok(story)
    }

    /// What happens next, which must not be refused.
    fn goes_on(&mut self, command: &Command) -> Result<Outcome, Box<dyn Error>> {
        self.decide(command)?.map_err(|refused| format!("{:?}", refused.refusal).into())
    }

    fn decide(&mut self, command: &Command) -> Result<Result<Outcome, Refused>, Box<dyn Error>> {
        let terms =
            Terms { catalogue: self.catalogue, now: self.now, locale: Locale::English, stage: Stage::Production };
        let decided = decide(self.account.take(), &self.user, command, terms)?;
        self.account = Some(decided.account);
        self.history.extend(decided.entries);
        self.now = self.now.later_by(STEP).ok_or("time is over")?;
        Ok(decided.result)
    }
}
