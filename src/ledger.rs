//! The pure core: account + command + terms → new account, history entries and an outcome, or a refusal.
//!
//! No input or output, no clock, no randomness. Every rule of the business lives here and nowhere else; the numbers it
//! uses come from the [catalogue](crate::plans). Read it in this order: [`Command`] is what can be asked, [`decide`]
//! what comes of it, [`Account`] the state, [`Grant`] the tokens in it, [`ReservationStats`] those that are set aside,
//! [`Caps`] what may be spent, [`BillingCycle`] the calendar, [`Usage`] what was spent when. [`Recount`] makes the state once more, from a history;
//! [`take_over`] makes it from what the module before kept.

mod account;
mod amount;
mod billing;
mod caps;
mod carried;
mod command;
mod decide;
mod forecast;
mod grant;
mod grants;
mod legacy;
mod legacy_texts;
mod opening;
mod recount;
mod refund;
mod refusal;
mod reservation;
mod reservation_id;
mod reserving;
#[cfg(feature = "openapi")]
mod schemas;
mod settle;
mod spending;
mod spent_days;
mod stats;
mod takeover;
mod takeover_report;
mod timestamp;
mod transaction;
mod usage;
mod user_id;

pub use account::{Account, DamagedAccount};
pub use amount::{AMOUNT_MAX, Amount, AmountOutOfRange};
pub use billing::{BillingCycle, BillingDay, first_instant};
pub use caps::{CapChange, CapPeriod, CapStats, Caps, CapsStats, Effective, NextCaps, PlanChange};
pub use carried::{Carried, Imported};
pub use command::{Command, ReservationAction};
pub use decide::{Billed, Decided, Outcome, Terms, decide};
pub use forecast::{Coming, ComingKind, Forecast};
pub use grant::{Grant, GrantKind, InvalidGrantId, Paid, Priorities, Priority, PriorityOutOfRange};
pub use grants::GRANTS_MAX;
pub use legacy::{DamagedLegacy, Legacy, LegacyHistory, LegacyRecords, LegacyStats};
pub use recount::{Misspent, Recount};
pub use refusal::{Refusal, Refused};
pub use reservation::{RESERVATIONS_MAX, ReservationStats, ReservationStatus};
pub use reservation_id::{InvalidReservationId, ReservationId};
pub use stats::{GrantStats, Stats};
pub use takeover::{TakenOver, TakeoverError, take_over};
pub use takeover_report::{Counter, Takeover};
pub use timestamp::{Timestamp, TimestampOutOfRange};
pub use transaction::{ContentType, Entry, InvalidTransactionId, Source, Transaction, TransactionId, TransactionType};
pub use usage::{
    ByContentType, ClosedUsage, DayUsage, HOURS_IN_DAY, HourUsage, QUARTERS_IN_HOUR, Spent, Usage, UsageField,
    quarter_of, start_of_quarter,
};
pub use user_id::{InvalidUserId, UserId};
