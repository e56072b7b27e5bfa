use hyper::Method;

use crate::credentials::Scope;

/// The functions: one for each file under `api/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `GET /api/accounts`.
    Accounts,
    /// `GET /api/billing`.
    Billing,
    /// `POST /api/generations`.
    Generations,
    /// `GET /api/health`.
    Health,
    /// `POST /api/reset`.
    Reset,
    /// `GET /api/stats`.
    Stats,
    /// `POST /api/tokens`.
    Tokens,
    /// `GET /api/transactions`.
    Transactions,
}

/// Who may call a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Everybody.
    Everybody,
    /// The holders of a service key with this scope, or a greater one.
    Service(Scope),
    /// The platform's cron.
    Cron,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Accounts,
        Self::Billing,
        Self::Generations,
        Self::Health,
        Self::Reset,
        Self::Stats,
        Self::Tokens,
        Self::Transactions,
    ];

    /// The last part of its path, and its name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Billing => "billing",
            Self::Generations => "generations",
            Self::Health => "health",
            Self::Reset => "reset",
            Self::Stats => "stats",
            Self::Tokens => "tokens",
            Self::Transactions => "transactions",
        }
    }

    /// Whether it changes something on request, and so takes POST; the others take GET.
    pub(super) const fn changes(self) -> bool {
        match self {
            Self::Generations | Self::Reset | Self::Tokens => true,
            Self::Accounts | Self::Billing | Self::Health | Self::Stats | Self::Transactions => false,
        }
    }

    /// The methods it takes, for `Allow`.
    pub(super) const fn allow(self) -> &'static str {
        if self.changes() { "POST, OPTIONS" } else { "GET, HEAD, OPTIONS" }
    }

    pub(super) fn takes(self, method: &Method) -> bool {
        if self.changes() { method == Method::POST } else { method == Method::GET || method == Method::HEAD }
    }

    pub(super) const fn audience(self) -> Audience {
        match self {
            Self::Health => Audience::Everybody,
            Self::Billing => Audience::Cron,
            Self::Stats | Self::Transactions => Audience::Service(Scope::Read),
            Self::Generations => Audience::Service(Scope::Spend),
            Self::Tokens => Audience::Service(Scope::Credit),
            Self::Accounts | Self::Reset => Audience::Service(Scope::Admin),
        }
    }
}
