//! What went wrong with Redis, in words for the operator: what to look at, and never the password.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::store::StoreError;

/// A text that is not the URL of a Redis. It is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "REDIS_URL is not a URL that Jeton can use ({0}); write redis://user:password@host:port or rediss:// for TLS, for \
     example redis://localhost:6379"
)]
pub struct InvalidRedisUrl(String);

impl InvalidRedisUrl {
    /// The client's own words are left out: they may quote the URL.
    pub(super) fn unreadable() -> Self {
        Self("it cannot be parsed".to_owned())
    }
}

/// `url`, if its form is one that Jeton takes.
pub(super) fn checked(url: &str) -> Result<&str, InvalidRedisUrl> {
    if url.contains(',') {
        return Err(InvalidRedisUrl("several nodes, a Redis Cluster, are not supported yet".to_owned()));
    }
    if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
        return Err(InvalidRedisUrl("it begins with neither redis:// nor rediss://".to_owned()));
    }
    Ok(url)
}

/// Whether the connection is of no more use.
pub(super) fn breaks_the_line(error: &RedisError) -> bool {
    // A timeout counts: what comes late on this line is nobody's answer any more. A replica counts: another machine has
    // taken over, and the same address may lead there.
    error.is_io_error() || error.is_unrecoverable_error() || comes_from_a_replica(error)
}

fn comes_from_a_replica(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

/// Why the connection could not be opened. Nothing was sent.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds that the operator can do something about, and the others"
)]
pub(super) fn of_opening(address: &str, error: &RedisError) -> StoreError {
    match error.kind() {
        ErrorKind::AuthenticationFailed => StoreError::Misconfigured(format!(
            "Redis at {address} refuses the user or the password of REDIS_URL: check both"
        )),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            StoreError::Unavailable { cause: format!("Redis at {address} is still loading its data"), sent: false }
        }
        // The answer came in part, as when the line breaks in its middle: it may hold at the next attempt.
        ErrorKind::Parse => StoreError::Unavailable {
            cause: format!("what answers at {address} broke off, or is not a Redis: check that REDIS_URL names one"),
            sent: false,
        },
        ErrorKind::Io => StoreError::Unavailable {
            cause: format!(
                "cannot connect to Redis at {address} ({error}): check that it runs, that REDIS_URL names it, and that \
                 the firewall lets this machine in"
            ),
            sent: false,
        },
        _ => StoreError::Misconfigured(format!("Redis at {address} does not accept the connection ({error})")),
    }
}

/// Why a command failed.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds that say that nothing was done, and the others")]
pub(super) fn of_command(address: &str, error: &RedisError) -> StoreError {
    match error.kind() {
        _ if error.code() == Some("NOAUTH") => {
            StoreError::Misconfigured(format!("Redis at {address} wants a password: put it in REDIS_URL"))
        }
        _ if comes_from_a_replica(error) => StoreError::Unavailable {
            cause: format!("Redis at {address} is a replica ({error}): REDIS_URL must name the primary"),
            sent: false,
        },
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => {
            StoreError::Unavailable { cause: format!("Redis at {address} is not ready: {error}"), sent: false }
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {
            StoreError::Refused(format!("Redis at {address} refuses the command: {error}"))
        }
        _ => {
            StoreError::Unavailable { cause: format!("lost the connection to Redis at {address}: {error}"), sent: true }
        }
    }
}
