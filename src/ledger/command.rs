use serde_json::{Map, Value};

use super::{
    Amount, ContentType, Effective, GrantKind, PlanChange, ReservationId, ReservationStatus, Timestamp, Transaction,
    TransactionId,
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
    /// Sets tokens aside for work under way.
    Reserve {
        /// Its name, which no other has.
        id: ReservationId,
        /// How many.
        amount: Amount,
        /// What is generated, if it is something that the catalogue has.
        content_type: Option<ContentType>,
        /// How long they are set aside, in milliseconds.
        lasts_ms: u64,
        /// The caller's own data.
        metadata: Option<Map<String, Value>>,
    },
    /// Does something with a reservation.
    Reservation {
        /// Which one.
        id: ReservationId,
        /// What.
        action: ReservationAction,
        /// What is known of it in case that it is not open.
        closed: Option<ReservationStatus>,
    },
    /// Gives a debit back.
    Refund {
        /// Its id.
        id: TransactionId,
        /// The debit, as it was found in a history.
        found: Option<Transaction>,
        /// How many histories had been archived when it was looked for.
        archives: u32,
        /// Whether it is known to have been given back.
        refunded: bool,
        /// What the entry says, instead of the catalogue's label.
        description: Option<String>,
    },
    /// Changes plan and caps.
    Change {
        /// How.
        change: PlanChange,
        /// From when on.
        effective: Effective,
    },
    /// Moves the account's test clock forward. Only in development.
    SetClock(Timestamp),
    /// Goes back to the opening state; the history is archived.
    Reset,
}

/// What can be done with an open reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReservationAction {
    /// Debits what was used.
    Capture {
        /// How many tokens; otherwise all that are still set aside.
        amount: Option<Amount>,
        /// Whether it is the last capture, so that the rest comes back.
        is_final: bool,
    },
    /// Gives all back.
    Release,
    /// Lets it last longer.
    Extend {
        /// How long from now, in milliseconds.
        lasts_ms: u64,
    },
}
