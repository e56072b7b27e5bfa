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
    /// `GET`, `POST` and `PATCH /api/reservations`.
    Reservations,
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
    pub const ALL: [Self; 9] = [
        Self::Accounts,
        Self::Billing,
        Self::Generations,
        Self::Health,
        Self::Reservations,
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
            Self::Reservations => "reservations",
            Self::Reset => "reset",
            Self::Stats => "stats",
            Self::Tokens => "tokens",
            Self::Transactions => "transactions",
        }
    }

    /// The methods it takes, for `Allow`.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Accounts | Self::Billing | Self::Health | Self::Stats | Self::Transactions => "GET, HEAD, OPTIONS",
            Self::Generations | Self::Reset | Self::Tokens => "POST, OPTIONS",
            Self::Reservations => "GET, HEAD, POST, PATCH, OPTIONS",
        }
    }

    pub(super) fn takes(self, method: &Method) -> bool {
        self.allow().split(", ").any(|taken| taken == method.as_str())
    }

    /// Who may call it with this method.
    pub(super) fn audience(self, method: &Method) -> Audience {
        match self {
            Self::Health => Audience::Everybody,
            Self::Billing => Audience::Cron,
            Self::Stats | Self::Transactions => Audience::Service(Scope::Read),
            Self::Reservations if !changes(method) => Audience::Service(Scope::Read),
            Self::Generations | Self::Reservations => Audience::Service(Scope::Spend),
            Self::Tokens => Audience::Service(Scope::Credit),
            Self::Accounts | Self::Reset => Audience::Service(Scope::Admin),
        }
    }
}

/// Whether a request with this method changes something, and so has a body; the others only read.
pub(super) fn changes(method: &Method) -> bool {
    method == Method::POST || method == Method::PATCH
}
