use super::{Amount, CapPeriod, ReservationStatus, Stats, Timestamp};

/// Why a command is refused. Nothing changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There never was a reservation of this name, or its outcome has been forgotten.
    ReservationNotFound,
    /// The current history has no such transaction.
    TransactionNotFound,
    /// The reservation is not open any more.
    ReservationClosed(ReservationStatus),
    /// The debit was given back before.
    AlreadyRefunded,
    /// Nothing was spent by that transaction.
    NotRefundable,
    /// The balance does not cover the debit.
    InsufficientTokens {
        /// What it costs, in tokens.
        required: Amount,
        /// What there is, in tokens.
        available: u64,
    },
    /// More would be spent than may be.
    SpendingCapReached {
        /// Under which cap.
        cap: CapPeriod,
        /// What may be spent, in tokens.
        limit: u64,
        /// When it counts from nothing again.
        resets_at: Timestamp,
    },
    /// The balance, or the count of used tokens, would go beyond what can be counted exactly.
    BalanceLimitExceeded,
    /// The tokens to add would be one grant more than there can be.
    TooManyGrants,
    /// As many reservations are open as there can be.
    TooManyReservations,
    /// The tokens to add would have expired by now.
    ExpiredAlready,
    /// The test clock would go back or more than ten years ahead, or this is production, which has none.
    ClockRefused,
}

impl Refusal {
    /// Whether the same request is refused again, whenever it comes: then the refusal is its answer for good.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::ReservationNotFound
            | Self::TransactionNotFound
            | Self::ReservationClosed(_)
            | Self::AlreadyRefunded
            | Self::NotRefundable
            | Self::InsufficientTokens { .. }
            | Self::SpendingCapReached { .. }
            | Self::BalanceLimitExceeded
            | Self::TooManyGrants => true,
            Self::TooManyReservations | Self::ExpiredAlready | Self::ClockRefused => false,
        }
    }
}

/// A refusal and the account as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The account, unchanged by the command.
    pub stats: Stats,
}
