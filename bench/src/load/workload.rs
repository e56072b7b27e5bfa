use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Workload {
    /// Debits of all users evenly.
    Users,
    /// Debits of one user.
    Hot,
    /// Reads of all users evenly.
    Reads,
    /// Nine reads for each debit.
    Mixed,
    /// Debits by one caller, one at a time.
    Alone,
    /// Debits of all users evenly, as the platform calls: with its own headers, so that its runtime tells it of each request.
    Platform,
    /// Debits with an idempotency key each.
    Keys,
    /// Reservations, and the capture of each.
    Streams,
}

impl Workload {
    /// How it is called in tables.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Users => "debits, users evenly",
            Self::Hot => "debits, one hot user",
            Self::Reads => "reads",
            Self::Mixed => "90 % reads, 10 % debits",
            Self::Alone => "debits, one caller",
            Self::Platform => "debits, with the platform's headers",
            Self::Keys => "debits with idempotency keys",
            Self::Streams => "reserve and capture",
        }
    }

    /// The load tool's script.
    pub(crate) const fn script(self) -> &'static str {
        match self {
            Self::Users | Self::Alone => "users.lua",
            Self::Hot => "hot.lua",
            Self::Reads => "reads.lua",
            Self::Mixed => "mixed.lua",
            Self::Platform => "platform.lua",
            Self::Keys => "keys.lua",
            Self::Streams => "streams.lua",
        }
    }

    /// Of how many of `users`.
    pub(crate) const fn users(self, users: usize) -> usize {
        match self {
            Self::Hot => 1,
            Self::Users | Self::Reads | Self::Mixed | Self::Alone | Self::Platform | Self::Keys | Self::Streams => {
                users
            }
        }
    }

    /// How many of `connections` ask at once.
    pub(crate) const fn connections(self, connections: usize) -> usize {
        match self {
            Self::Alone => 1,
            Self::Users | Self::Hot | Self::Reads | Self::Mixed | Self::Platform | Self::Keys | Self::Streams => {
                connections
            }
        }
    }
}
