//! Bugs that can be put in on purpose, one at a time, to see that the simulation finds each of them.
//!
//! Only a build with the feature `mutations` can hold one, and only the simulation asks for that feature, and plants any.
//! In every other build [`planted`] is a constant `false`, and what it guards is not compiled.

#[cfg(feature = "mutations")]
use std::cell::Cell;

/// A bug. Those of the store are in the simulated one: what they leave out is what `commit.lua` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The store writes a commit whatever the account's revision is.
    SkipRevisionCheck,
    /// The store says that a commit is written before it is.
    AcknowledgeBeforeWriting,
    /// The store writes the idempotency records only once its answer has arrived, apart from the commit.
    RememberAfterAnswering,
    /// A refusal is answered from the cached account.
    AnswerRefusalFromGuess,
    /// A read is answered from the cached account.
    ReadFromGuess,
    /// A lost answer is not looked up: the command is simply decided again.
    ForgetMark,
    /// A lost answer is looked up in the current history, though a reset may have put its entry away.
    LookInCurrentHistory,
    /// Each command of a group is decided on the account before the group.
    DecideApart,
    /// The callers of a group get each other's answers.
    SwapAnswers,
    /// A refusal is not remembered under its key.
    ForgetRefusals,
    /// A debit takes the catalogue's cost, whatever the caller's is.
    IgnoreTokenCost,
    /// The next billing date is computed from the last one: 31 January, 28 February, 28 March.
    BillFromPreviousDate,
    /// Of several missed periods one is billed.
    BillOnePeriod,
    /// A debit does not apply what fell due before it.
    SpendWithoutSettling,
    /// An entry's id is the clock's, also when the clock is behind the last entry.
    IdsFollowClock,
    /// What has expired can be spent until a billing sweeps it away.
    ExpireAtBilling,
    /// A credit that comes too late is refused without a look at its key.
    RefuseWithoutLooking,
    /// Tokens can still be spent in the millisecond in which they expire.
    ExpireLate,
    /// Tokens are gone some time before they expire.
    ExpireEarly,
    /// A debit takes from the oldest grant first, whatever its priority and its expiry.
    PayByAge,
    /// What a plan does not carry over is taken from all grants.
    CarryOverTakesPurchases,
    /// A commit that puts a history away still writes what was closed of its usage.
    KeepOldUsage,
    /// A change that writes no entry leaves no mark.
    LeaveNoMark,
    /// Where a reservation is found closed, a lost commit is not looked for.
    LookOnlyAfterLosses,
    /// What became of a reservation is not recorded.
    ForgetReservations,
    /// That a debit was refunded is not recorded.
    ForgetRefunds,
    /// What is set aside already can be set aside once more.
    ReserveWhatIsHeld,
    /// What a reservation still holds goes back to the oldest grant.
    ReturnToOldest,
    /// What comes back after its time is over can be spent until something else falls due.
    ReturnLateAlive,
    /// What a capture takes beyond its reservation costs nothing.
    CaptureNoMoreThanHeld,
    /// A reservation can still be captured in the millisecond in which it expires.
    CaptureAsItExpires,
    /// A capture takes the balance below zero, however far.
    OverdrawWithoutLimit,
    /// A reset leaves open reservations without an end.
    ResetForgetsReservations,
    /// A refund comes as tokens of its own, not to the grants that paid.
    RefundAsNewTokens,
    /// A refund leaves the caps as reached as they are.
    RefundCountsAsSpent,
    /// Caps are not looked at.
    IgnoreCaps,
    /// Caps do not count what is set aside.
    CapsForgetReservations,
    /// A change of plan that is meant for the next period is made at once.
    ChangePlanAtOnce,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 38] = [
        Self::SkipRevisionCheck,
        Self::AcknowledgeBeforeWriting,
        Self::RememberAfterAnswering,
        Self::AnswerRefusalFromGuess,
        Self::ReadFromGuess,
        Self::ForgetMark,
        Self::LookInCurrentHistory,
        Self::DecideApart,
        Self::SwapAnswers,
        Self::ForgetRefusals,
        Self::IgnoreTokenCost,
        Self::BillFromPreviousDate,
        Self::BillOnePeriod,
        Self::SpendWithoutSettling,
        Self::IdsFollowClock,
        Self::ExpireAtBilling,
        Self::RefuseWithoutLooking,
        Self::ExpireLate,
        Self::ExpireEarly,
        Self::PayByAge,
        Self::CarryOverTakesPurchases,
        Self::KeepOldUsage,
        Self::LeaveNoMark,
        Self::LookOnlyAfterLosses,
        Self::ForgetReservations,
        Self::ForgetRefunds,
        Self::ReserveWhatIsHeld,
        Self::ReturnToOldest,
        Self::ReturnLateAlive,
        Self::CaptureNoMoreThanHeld,
        Self::CaptureAsItExpires,
        Self::OverdrawWithoutLimit,
        Self::ResetForgetsReservations,
        Self::RefundAsNewTokens,
        Self::RefundCountsAsSpent,
        Self::IgnoreCaps,
        Self::CapsForgetReservations,
        Self::ChangePlanAtOnce,
    ];
}

#[cfg(feature = "mutations")]
thread_local! {
    static PLANTED: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// Puts a bug into what this thread runs, or takes it out again.
#[cfg(feature = "mutations")]
pub fn plant(mutation: Option<Mutation>) {
    PLANTED.set(mutation);
}

/// Whether this bug is in.
#[cfg(feature = "mutations")]
#[must_use]
pub fn planted(mutation: Mutation) -> bool {
    PLANTED.get() == Some(mutation)
}

/// Whether this bug is in: never.
#[cfg(not(feature = "mutations"))]
pub(crate) const fn planted(_: Mutation) -> bool {
    false
}
