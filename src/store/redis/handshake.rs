//! What went wrong between Jeton and a Redis that is to be spoken to by TLS, in words for the operator.

use std::{error::Error, io, sync::Arc};

use redis::RedisError;
use rustls::{AlertDescription, CertificateError, pki_types::UnixTime};

use crate::{ledger::Timestamp, store::StoreError};

/// How many of the hosts that a certificate is for are named.
const HOSTS_TOLD_MAX: usize = 5;

/// Why TLS failed, if that is why `error` came about. What another attempt cannot change is a wrong setting, there or
/// here. Nothing was sent.
#[expect(clippy::wildcard_enum_match_arm, reason = "what another attempt cannot change, and the rest")]
pub(super) fn failure(address: &str, error: &RedisError) -> Option<StoreError> {
    let problem = match tls_error(error)? {
        rustls::Error::InvalidCertificate(problem) => {
            let (problem, remedy) = of_certificate(problem);
            format!("the certificate of Redis at {address} {problem}: {remedy}")
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => format!(
            "Redis at {address} wants a client certificate, and Jeton has none: set tls-auth-clients to no or optional \
             there, and let the password of REDIS_URL say who may come in"
        ),
        rustls::Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion)
        | rustls::Error::PeerIncompatible(_) => format!(
            "Redis at {address} and Jeton have no way of TLS in common ({error}): it must speak TLS 1.2 or 1.3 \
             (tls-protocols) with usual ciphers, and ask for no client certificate (tls-auth-clients)"
        ),
        rustls::Error::InvalidMessage(_) => format!(
            "what answers at {address} does not speak TLS: REDIS_URL must name the port that does, or begin with \
             redis://, which encrypts nothing"
        ),
        error => {
            let cause = format!("TLS with Redis at {address} broke off: {error}");
            return Some(StoreError::Unavailable { cause, sent: false });
        }
    };
    Some(StoreError::Misconfigured(problem))
}

/// The client wraps what the TLS library says.
fn tls_error(error: &RedisError) -> Option<&rustls::Error> {
    let inner = error.source()?.downcast_ref::<Arc<dyn Error + Send + Sync>>()?;
    inner.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

/// What is wrong with a certificate, and what is to be done.
#[expect(clippy::wildcard_enum_match_arm, reason = "what the operator can do something about, and the rest")]
fn of_certificate(problem: &CertificateError) -> (String, &'static str) {
    match problem {
        // A CA that was made anew has the name of the one before, and not its key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "was not issued by a CA that is trusted".to_owned(),
            "put the PEM text of the CA that did into JETON_REDIS_CA (only those in it are trusted; without it, the \
             public ones)",
        ),
        CertificateError::NotValidForNameContext { presented, .. } => (
            format!("is {}, and not for this host", hosts(presented)),
            "REDIS_URL, and a node of a cluster, must name a host that it is for; or let the certificate name this one \
             (subjectAltName)",
        ),
        CertificateError::ExpiredContext { not_after, .. } => {
            (format!("expired at {}", instant(*not_after)), "renew it there, or set the clock of this machine right")
        }
        CertificateError::NotValidYetContext { not_before, .. } => (
            format!("is not valid before {}", instant(*not_before)),
            "set the clocks right, of this machine and of the one that issued it",
        ),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            ("is not meant for a server".to_owned(), "give Redis one that is (extendedKeyUsage serverAuth)")
        }
        // The library that says so has no name here.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => (
            "is that of a CA itself".to_owned(),
            "give Redis one that this CA issued (basicConstraints CA:FALSE), and put the CA into JETON_REDIS_CA",
        ),
        other => (format!("cannot be verified ({other})"), "give Redis another one"),
    }
}

/// The hosts that a certificate is for, of which the library says `DnsName("a.example")` or `IpAddress(127.0.0.1)`.
fn hosts(presented: &[String]) -> String {
    if presented.is_empty() {
        return "for no host".to_owned();
    }
    let bare = |host: &'_ String| {
        let inner = host.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(host);
        inner.trim_matches('"').to_owned()
    };
    let mut told: Vec<String> = presented.iter().take(HOSTS_TOLD_MAX).map(bare).collect();
    if presented.len() > told.len() {
        told.push("…".to_owned());
    }
    format!("for {}", told.join(", "))
}

fn instant(time: UnixTime) -> String {
    let time = Timestamp::from_millis(time.as_secs().saturating_mul(1_000));
    time.map_or_else(|| "a time after the year 9999".to_owned(), |time| time.to_string())
}
