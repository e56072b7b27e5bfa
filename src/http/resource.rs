use hyper::{Method, Uri};

use super::{function::Function, query};
use crate::credentials::Scope;

/// What callers ask for. Most have a function of their own; the others share a neighbour's, by a rewrite in `vercel.json`,
/// which leaves the path as the caller wrote it, and says in the query what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// `GET` and `PATCH /api/accounts`.
    Accounts,
    /// `GET /api/billing`.
    Billing,
    /// `GET /api/events`.
    Events,
    /// `POST /api/generations`.
    Generations,
    /// `GET /api/health`.
    Health,
    /// `POST /api/refunds`, of the function `transactions`.
    Refunds,
    /// `GET`, `POST` and `PATCH /api/reservations`.
    Reservations,
    /// `POST /api/reset`.
    Reset,
    /// `POST /api/sessions`.
    Sessions,
    /// `GET /api/stats`.
    Stats,
    /// `POST /api/tokens`.
    Tokens,
    /// `GET /api/transactions`.
    Transactions,
    /// `GET /api/usage`, of the function `stats`.
    Usage,
}

/// Who may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Everybody.
    Everybody,
    /// The holders of a service key with this scope, or a greater one.
    Service(Scope),
    /// The platform's cron.
    Cron,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Accounts,
        Self::Billing,
        Self::Events,
        Self::Generations,
        Self::Health,
        Self::Refunds,
        Self::Reservations,
        Self::Reset,
        Self::Sessions,
        Self::Stats,
        Self::Tokens,
        Self::Transactions,
        Self::Usage,
    ];

    /// The one at this path; `None` where there is nothing.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        Self::named(path.strip_prefix("/api/")?)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|resource| resource.name() == name)
    }

    /// What a request to `function` asks for: by its path or, if that names none that shares the function, by what the rewrite
    /// added. Otherwise it is the function's own.
    pub(super) fn of(function: Function, uri: &Uri) -> Self {
        let own = function.own();
        let guest = |resource: &Self| resource.function() == function && *resource != own;
        let by_query = || query::resource(uri.query()).and_then(|name| Self::named(&name)).filter(guest);
        Self::at(uri.path()).filter(guest).or_else(by_query).unwrap_or(own)
    }

    /// The function that answers.
    #[must_use]
    pub const fn function(self) -> Function {
        match self {
            Self::Accounts => Function::Accounts,
            Self::Billing => Function::Billing,
            Self::Events => Function::Events,
            Self::Generations => Function::Generations,
            Self::Health => Function::Health,
            Self::Reservations => Function::Reservations,
            Self::Reset => Function::Reset,
            Self::Sessions => Function::Sessions,
            Self::Stats | Self::Usage => Function::Stats,
            Self::Tokens => Function::Tokens,
            Self::Refunds | Self::Transactions => Function::Transactions,
        }
    }

    /// The last part of its path, and its name in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Billing => "billing",
            Self::Events => "events",
            Self::Generations => "generations",
            Self::Health => "health",
            Self::Refunds => "refunds",
            Self::Reservations => "reservations",
            Self::Reset => "reset",
            Self::Sessions => "sessions",
            Self::Stats => "stats",
            Self::Tokens => "tokens",
            Self::Transactions => "transactions",
            Self::Usage => "usage",
        }
    }

    /// The methods it takes, for `Allow`.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Accounts => "GET, HEAD, PATCH, OPTIONS",
            Self::Billing | Self::Events | Self::Health | Self::Stats | Self::Transactions | Self::Usage => {
                "GET, HEAD, OPTIONS"
            }
            Self::Generations | Self::Refunds | Self::Reset | Self::Sessions | Self::Tokens => "POST, OPTIONS",
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
            Self::Events | Self::Stats | Self::Transactions | Self::Usage => Audience::Service(Scope::Read),
            Self::Reservations if !changes(method) => Audience::Service(Scope::Read),
            Self::Generations | Self::Reservations | Self::Sessions => Audience::Service(Scope::Spend),
            Self::Refunds | Self::Tokens => Audience::Service(Scope::Credit),
            Self::Accounts | Self::Reset => Audience::Service(Scope::Admin),
        }
    }

    /// Whether a user may read it with a user token: what it tells of is one user.
    pub(super) const fn is_for_users(self) -> bool {
        match self {
            Self::Events | Self::Stats | Self::Transactions | Self::Usage => true,
            Self::Accounts
            | Self::Billing
            | Self::Generations
            | Self::Health
            | Self::Refunds
            | Self::Reservations
            | Self::Reset
            | Self::Sessions
            | Self::Tokens => false,
        }
    }

    /// Whether the user token may come in the query, as `access_token` (RFC 6750 §2.3): for callers that cannot send
    /// headers, as `EventSource`.
    pub(super) const fn takes_token_in_query(self) -> bool {
        matches!(self, Self::Events)
    }
}

/// Whether a request with this method changes something, and so has a body; the others only read.
pub(super) fn changes(method: &Method) -> bool {
    method == Method::POST || method == Method::PATCH
}
