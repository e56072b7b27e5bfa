use super::resource::Resource;

/// The functions: one for each file under `api/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `api/accounts.rs`.
    Accounts,
    /// `api/billing.rs`.
    Billing,
    /// `api/events.rs`.
    Events,
    /// `api/generations.rs`.
    Generations,
    /// `api/health.rs`.
    Health,
    /// `api/reservations.rs`.
    Reservations,
    /// `api/reset.rs`.
    Reset,
    /// `api/sessions.rs`.
    Sessions,
    /// `api/stats.rs`.
    Stats,
    /// `api/tokens.rs`.
    Tokens,
    /// `api/transactions.rs`.
    Transactions,
}

impl Function {
    /// What it is named after.
    pub(super) const fn own(self) -> Resource {
        match self {
            Self::Accounts => Resource::Accounts,
            Self::Billing => Resource::Billing,
            Self::Events => Resource::Events,
            Self::Generations => Resource::Generations,
            Self::Health => Resource::Health,
            Self::Reservations => Resource::Reservations,
            Self::Reset => Resource::Reset,
            Self::Sessions => Resource::Sessions,
            Self::Stats => Resource::Stats,
            Self::Tokens => Resource::Tokens,
            Self::Transactions => Resource::Transactions,
        }
    }
}
