//! What went wrong with Redis, in words for the operator: what to look at, and never the password.

use redis::{ErrorKind, RedisError, ServerErrorKind, Value, from_redis_value};

use super::handshake;
use crate::store::StoreError;

/// Whether the connection is of no more use.
pub(super) fn breaks_the_line(error: &RedisError) -> bool {
    // A timeout counts: what comes late on this line is nobody's answer any more. A replica counts: another machine has
    // taken over, and the same address may lead there.
    error.is_io_error() || error.is_unrecoverable_error() || comes_from_a_replica(error)
}

/// Whether the cluster is no longer as it was when the node was chosen.
pub(super) fn tells_of_a_change(error: &RedisError) -> bool {
    breaks_the_line(error)
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::ClusterDown))
}

fn comes_from_a_replica(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

/// Why the connection could not be opened, which is `encrypted` or not. Nothing was sent.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the kinds that the operator can do something about, and the others"
)]
pub(super) fn of_opening(address: &str, encrypted: bool, error: &RedisError) -> StoreError {
    if let Some(failure) = handshake::failure(address, error) {
        return failure;
    }
    // One who does not speak the same way may not say so.
    let broke_off = error.is_timeout() || error.is_connection_dropped() && !error.is_connection_refusal();
    let other_way = if encrypted && broke_off {
        "; it must also speak TLS at that port, and ask for no client certificate"
    } else if !encrypted && (broke_off || error.kind() == ErrorKind::Parse) {
        "; if it wants TLS, REDIS_URL must begin with rediss://"
    } else {
        ""
    };
    match error.kind() {
        ErrorKind::AuthenticationFailed => StoreError::Misconfigured(format!(
            "Redis at {address} refuses the user or the password of REDIS_URL: check both"
        )),
        ErrorKind::Server(ServerErrorKind::BusyLoading) => {
            StoreError::Unavailable { cause: format!("Redis at {address} is still loading its data"), sent: false }
        }
        // The answer came in part, as when the line breaks in its middle: it may hold at the next attempt.
        ErrorKind::Parse => StoreError::Unavailable {
            cause: format!(
                "what answers at {address} broke off, or is not a Redis: check that REDIS_URL names one{other_way}"
            ),
            sent: false,
        },
        ErrorKind::Io => StoreError::Unavailable {
            cause: format!(
                "cannot connect to Redis at {address} ({error}): check that it runs, that REDIS_URL names it, and that \
                 the firewall lets this machine in{other_way}"
            ),
            sent: false,
        },
        _ => StoreError::Misconfigured(format!("Redis at {address} does not accept the connection ({error})")),
    }
}

/// Why the connection of one who listens could not be opened. It begins with a command that carries the password, and
/// Redis may repeat what it refuses: so its words are left out.
pub(super) fn of_listening(address: &str, encrypted: bool, error: &RedisError) -> StoreError {
    let refuses = |what: &str| StoreError::Misconfigured(format!("Redis at {address} {what}"));
    match (error.kind(), error.code()) {
        (ErrorKind::Server(_) | ErrorKind::Extension, Some("WRONGPASS")) => {
            refuses("refuses the user or the password of REDIS_URL: check both")
        }
        (ErrorKind::Server(_) | ErrorKind::Extension, Some("NOAUTH")) => {
            refuses("wants a password: put it in REDIS_URL")
        }
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => of_opening(address, encrypted, error),
        (ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::RESP3NotSupported, _) => refuses(
            "does not speak version 3 of its protocol, RESP3: it must be Redis 6 or later, and know the command HELLO",
        ),
        _ => of_opening(address, encrypted, error),
    }
}

/// Why a command failed.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds that say that nothing was done, and the others")]
pub(super) fn of_command(address: &str, error: &RedisError) -> StoreError {
    match error.kind() {
        _ if error.code() == Some("NOAUTH") => {
            StoreError::Misconfigured(format!("Redis at {address} wants a password: put it in REDIS_URL"))
        }
        _ if error.detail().is_some_and(|detail| detail.contains("cluster support disabled")) => {
            StoreError::Misconfigured(format!(
                "Redis at {address} is not a node of a cluster: REDIS_URL must name it alone, and not several, \
                 separated by commas"
            ))
        }
        _ if comes_from_a_replica(error) => StoreError::Unavailable {
            cause: format!("Redis at {address} is a replica ({error}): REDIS_URL must name the primary"),
            sent: false,
        },
        ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => StoreError::Misconfigured(format!(
            "Redis at {address} is one node of a cluster, and another has this user: REDIS_URL must list several \
             nodes, separated by commas, or this one twice"
        )),
        ErrorKind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain | ServerErrorKind::ClusterDown) => {
            StoreError::Unavailable { cause: format!("Redis at {address} is not ready: {error}"), sent: false }
        }
        _ if error.code() == Some("WRONGTYPE") => {
            StoreError::Damaged(format!("Redis at {address} holds something else under a key of Jeton's: {error}"))
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {
            StoreError::Refused(format!("Redis at {address} refuses the command: {error}"))
        }
        _ => {
            StoreError::Unavailable { cause: format!("lost the connection to Redis at {address}: {error}"), sent: true }
        }
    }
}

/// Whether enough replicas have all that was changed, by what Redis says to that.
pub(super) fn confirmed(address: &str, replicas: u8, reached: Value) -> Result<(), StoreError> {
    let only = match from_redis_value::<u8>(reached) {
        Ok(reached) if reached >= replicas => return Ok(()),
        Ok(reached) => {
            format!("only {reached} of the {replicas} replicas that JETON_WAIT_REPLICAS asks for have it in time")
        }
        Err(error) => format!("it does not say how many replicas have it ({error})"),
    };
    Err(StoreError::Unconfirmed(format!("what Redis at {address} has is not safe yet: {only}")))
}
