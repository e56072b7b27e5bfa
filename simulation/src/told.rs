//! What clients are told, as the text of an answer and as they understand it.

use jeton::{
    committer::Decision,
    history::Page,
    ledger::{CapPeriod, Refusal, Refused, ReservationStats, Stats, UserId},
    store::StoreError,
};
use serde_json::{Value, json};

use crate::asked::Asked;

/// One call as its client saw it. Under a key it is one call however often it is tried; without, each try is its own.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) user: UserId,
    /// Unique to the call; its entry's metadata carries it.
    pub(crate) tag: String,
    pub(crate) asked: Asked,
    pub(crate) keyed: bool,
    /// The true times, in milliseconds.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) told: Told,
}

/// What it was told in the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// It was done, or read.
    Done(Answer),
    /// It was refused, and why.
    Refused(Answer, String),
    /// What became of a reservation.
    Looked(Answer),
    /// The newest entries' ids, newest first.
    Page(Vec<String>),
    /// Nothing that says whether it was done.
    Nothing,
    /// Something that no bad line explains.
    Failed(String),
    /// Two answers under one key that differ.
    Different(String, String),
}

/// The account after it, and what it was about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    /// The caller's own entry.
    pub(crate) entry: Option<String>,
    pub(crate) reservation: Option<ReservationStats>,
    pub(crate) version: u64,
    pub(crate) balance: i64,
    pub(crate) reserved: u64,
}

/// Why something cannot come of trying again: the next try may be told otherwise.
pub(crate) const TOO_LATE: &str = "too late";

impl Told {
    /// What is left of what a try under a key was told. That it is too late is not an answer to keep: a try that is still
    /// under way may have come in time.
    pub(crate) fn and(self, again: Self) -> Self {
        let is_late = |told: &Self| matches!(told, Self::Refused(_, why) if why == TOO_LATE);
        match (self, again) {
            (Self::Nothing, late) if is_late(&late) => Self::Nothing,
            (late, Self::Nothing) if is_late(&late) => Self::Nothing,
            (late, again) if is_late(&late) => again,
            (Self::Nothing, only) | (only, Self::Nothing) => only,
            (first, again) if first == again => first,
            (different @ Self::Different(..), _) => different,
            (first, again) => Self::Different(format!("{first:?}"), format!("{again:?}")),
        }
    }

    /// What a try was told that failed, or that nobody answered in time.
    pub(crate) fn failed(error: Option<&StoreError>) -> Self {
        match error {
            None | Some(StoreError::Unavailable { .. } | StoreError::Contended) => Self::Nothing,
            Some(error) => Self::Failed(error.to_string()),
        }
    }

    /// What an answer says.
    pub(crate) fn read(answer: &str) -> Self {
        let told: Value = serde_json::from_str(answer).unwrap();
        if let Some(page) = told["page"].as_array() {
            return Self::Page(page.iter().map(|id| id.as_str().unwrap().to_owned()).collect());
        }
        let number = |name: &str| told[name].as_u64().unwrap();
        let answer = Answer {
            entry: told["entry"].as_str().map(str::to_owned),
            reservation: serde_json::from_value(told["reservation"].clone()).unwrap(),
            version: number("version"),
            balance: told["balance"].as_i64().unwrap(),
            reserved: number("reserved"),
        };
        match told["refused"].as_str() {
            Some(why) => Self::Refused(answer, why.to_owned()),
            None if told["looked"] == true => Self::Looked(answer),
            None => Self::Done(answer),
        }
    }
}

/// The answer to a read, and a part of every other.
pub(crate) fn stats(stats: &Stats) -> Value {
    json!({"version": stats.version, "balance": stats.token_balance, "reserved": stats.tokens_reserved})
}

/// The answer to a decision.
pub(crate) fn written(decision: &Decision) -> String {
    let mut answer = match decision {
        Ok(outcome) => stats(&outcome.stats),
        Err(refused) => stats(&refused.stats),
    };
    match decision {
        Ok(outcome) => {
            answer["entry"] = json!(outcome.transaction.as_ref().map(|transaction| transaction.id.to_string()));
            answer["reservation"] = json!(outcome.reservation);
        }
        Err(Refused { refusal, .. }) => answer["refused"] = json!(why(refusal)),
    }
    answer.to_string()
}

/// The answer to who looks for a reservation.
pub(crate) fn looked((of, reservation): &(Stats, Option<ReservationStats>)) -> String {
    let mut answer = stats(of);
    answer["looked"] = json!(true);
    answer["reservation"] = json!(reservation);
    answer.to_string()
}

/// The answer to who reads a page.
pub(crate) fn page(page: &Page) -> String {
    let ids: Vec<String> = page.transactions.iter().map(|entry| entry.id.to_string()).collect();
    json!({ "page": ids }).to_string()
}

/// A reason, in the words of the second ledger.
fn why(refusal: &Refusal) -> String {
    match refusal {
        Refusal::ReservationNotFound => "unknown reservation".to_owned(),
        Refusal::TransactionNotFound => "unknown debit".to_owned(),
        Refusal::ReservationClosed(status) => format!("closed: {status}"),
        Refusal::AlreadyRefunded => "refunded already".to_owned(),
        Refusal::NotRefundable => "not refundable".to_owned(),
        Refusal::InsufficientTokens { .. } => "too few".to_owned(),
        Refusal::SpendingCapReached { cap, resets_at, .. } => {
            let cap = if *cap == CapPeriod::Daily { "daily" } else { "monthly" };
            format!("{cap} cap until {}", resets_at.as_millis())
        }
        Refusal::ExpiredAlready => TOO_LATE.to_owned(),
        Refusal::BalanceLimitExceeded
        | Refusal::TooManyGrants
        | Refusal::TooManyReservations
        | Refusal::ClockRefused => format!("for a reason that cannot be: {refusal:?}"),
    }
}
