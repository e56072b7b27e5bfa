//! The words of the model: what is asked, what it says, what it keeps; and the numbers and texts of the catalogue.

use super::{Change, Fate, Zone};

/// How many kinds of tokens credits can make.
pub(super) const KINDS_MAX: usize = 1_000;
/// The most that a balance can be.
pub(super) const BALANCE_MAX: i128 = (1 << 53) - 1;

/// Where credits come from.
pub(in crate::ledger) const SOURCES: [&str; 6] =
    ["initial", "monthly", "promotion", "adjustment", "purchase", "refund"];
pub(super) const LABELS: [[&str; 2]; 5] = [
    ["Initialisation du compte", "Account opening"],
    ["", ""],
    ["Tokens offerts", "Promotional tokens"],
    ["Ajustement du solde", "Balance adjustment"],
    ["Achat de tokens", "Token purchase"],
];
/// When each is spent: the smaller number first.
pub(super) const PRIORITIES: [u8; 6] = [10, 10, 20, 30, 40, 40];
pub(super) const INITIAL: Kind = Kind { source: 0, priority: None, expires: None };
pub(super) const MONTHLY: Kind = Kind { source: 1, ..INITIAL };
pub(super) const REFUND: Kind = Kind { source: 5, ..INITIAL };

/// What is generated: its name, its cost, its label in French and English.
pub(super) const SOLD: [(&str, i128, [&str; 2]); 2] = [
    ("ARTICLE", 3, ["Génération article", "Article generation"]),
    ("PRODUCT_DESCRIPTION", 2, ["Génération description produit", "Product description generation"]),
];
/// The demo history: hours before the opening, and what was generated; first came 5 000 tokens, a week before.
pub(super) const DEMO: [(u64, usize); 5] = [(144, 0), (96, 0), (48, 1), (24, 0), (12, 1)];

/// What is asked. A reservation is named by its place among all that ever were, a plan by its place in the rules.
#[derive(Clone, Debug)]
pub(in crate::ledger) enum Ask {
    Touch,
    Debit { sold: usize, cost: Option<u64>, description: Option<String> },
    Credit { amount: u64, kind: Kind, description: Option<String> },
    Reserve { amount: u64, sold: Option<usize>, lasts: u64 },
    Capture { place: usize, amount: Option<u64>, last: bool },
    Release { place: usize },
    Extend { place: usize, lasts: u64 },
    Refund { id: (u64, u32), description: Option<String> },
    Change { change: Change, at_once: bool },
    Reset,
}

/// What the model says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Answer {
    Done,
    TooFew { required: u64, available: u64 },
    CapReached { daily: bool, limit: u64, resets: u64 },
    TooMany,
    TooManyKinds,
    TooManyOpen,
    TooLate,
    NoReservation,
    Closed(Fate),
    NoTransaction,
    RefundedAlready,
    NotRefundable,
}

/// Tokens that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Kind {
    pub(in crate::ledger) source: usize,
    pub(in crate::ledger) priority: Option<u8>,
    pub(in crate::ledger) expires: Option<u64>,
}

impl Kind {
    pub(in crate::ledger) fn priority(self) -> u8 {
        self.priority.unwrap_or(PRIORITIES[self.source])
    }

    /// Whether its turn comes before the other's, wherever they stand: by priority, then by expiry.
    pub(super) fn comes_before(self, other: Self) -> bool {
        let until = |kind: Self| kind.expires.unwrap_or(u64::MAX);
        self.priority() < other.priority() || (self.priority() == other.priority() && until(self) < until(other))
    }
}

/// One entry of a history: tokens are positive when they come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Line {
    pub(in crate::ledger) id: (u64, u32),
    pub(in crate::ledger) tokens: i128,
    pub(in crate::ledger) balance: i128,
    pub(in crate::ledger) description: String,
    pub(in crate::ledger) of: Of,
}

/// What a line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Of {
    Credit(Kind),
    /// Which of what is sold, who paid, and which reservation was captured for the how-many-th time.
    Debit {
        sold: Option<usize>,
        paid: Vec<(Kind, i128)>,
        capture: Option<(usize, u32)>,
    },
    /// Of which debit, and to whom.
    Refund((u64, u32), Vec<(Kind, i128)>),
    Expiration(Kind),
}

/// What becomes of a capture that nothing covers.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ledger) enum Above {
    #[default]
    Reject,
    Cap,
    Allow(u64),
}

/// The terms of a plan.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ledger) struct Terms {
    pub(in crate::ledger) allowance: u64,
    /// How much of the allowances is kept at the next one.
    pub(in crate::ledger) kept: Option<u64>,
    /// How many days an allowance lasts.
    pub(in crate::ledger) days: Option<u64>,
    pub(in crate::ledger) zone: Zone,
    pub(in crate::ledger) daily: Option<u64>,
    pub(in crate::ledger) monthly: Option<u64>,
    pub(in crate::ledger) above: Above,
    /// How many days refunded tokens last that had expired.
    pub(in crate::ledger) refund_days: Option<u64>,
}

/// The catalogue: an account begins on the first of two plans.
#[derive(Clone, Debug, Default)]
pub(in crate::ledger) struct Rules {
    pub(in crate::ledger) opening: u64,
    pub(in crate::ledger) day: u64,
    pub(in crate::ledger) demo: bool,
    pub(in crate::ledger) plans: [Terms; 2],
}
