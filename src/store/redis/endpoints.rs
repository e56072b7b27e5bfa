//! `REDIS_URL`: where Redis is, one server or several nodes of a cluster.

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, io::tcp::TcpSettings};

use crate::authorities::Authorities;

/// A text that does not say where a Redis is. It is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", wrong("REDIS_URL", .0))]
pub struct InvalidRedisUrl(String);

impl InvalidRedisUrl {
    /// The same, of a URL that `setting` has, and not `REDIS_URL`.
    #[must_use]
    pub fn in_setting(&self, setting: &str) -> String {
        wrong(setting, &self.0)
    }
}

fn wrong(setting: &str, problem: &str) -> String {
    format!(
        "{setting} is not a URL that Jeton can use ({problem}); write redis://user:password@host:port or rediss:// for TLS, for \
         example redis://localhost:6379, and for a Redis Cluster several of its nodes, separated by commas"
    )
}

/// The server that `urls` names, and the others, if it names several: they are nodes of a cluster. `authorities`, if
/// there are any, alone vouch for them.
pub(super) fn endpoints(
    urls: &str,
    authorities: Option<&Authorities>,
) -> Result<(ConnectionInfo, Vec<ConnectionInfo>), InvalidRedisUrl> {
    let endpoint = |url: &str| endpoint(url, authorities);
    let urls: Vec<&str> = urls.split(',').map(str::trim).collect();
    if let [url] = urls.as_slice() {
        let only = endpoint(url).map_err(|problem| InvalidRedisUrl(problem.to_owned()))?;
        return Ok((only, Vec::new()));
    }
    let of_node = |(number, url): (usize, &&str)| {
        let wrong = |problem: &str| {
            let (number, all) = (number.saturating_add(1), urls.len());
            InvalidRedisUrl(format!("item {number} of {all}: {problem}; a comma within a password is written %2C"))
        };
        let endpoint = endpoint(url).map_err(wrong)?;
        if endpoint.redis_settings().db() != 0 {
            return Err(wrong("a Redis Cluster has no database but 0"));
        }
        Ok(endpoint)
    };
    let mut nodes: Vec<ConnectionInfo> = urls.iter().enumerate().map(of_node).collect::<Result<_, _>>()?;
    if nodes.iter().any(encrypted) && !nodes.iter().all(encrypted) {
        return Err(InvalidRedisUrl("some nodes are rediss:// and some redis://: all must be the same".to_owned()));
    }
    // A list of several has a first one.
    Ok((nodes.remove(0), nodes))
}

/// Whether what is sent there is encrypted, to a server that is known.
pub(super) fn encrypted(endpoint: &ConnectionInfo) -> bool {
    matches!(endpoint.addr(), ConnectionAddr::TcpTls { .. })
}

/// The server at one URL. The client's own words are left out of what is wrong: they may quote the URL.
fn endpoint(url: &str, authorities: Option<&Authorities>) -> Result<ConnectionInfo, &'static str> {
    if url.is_empty() {
        return Err("there is nothing");
    }
    if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
        return Err("it begins with neither redis:// nor rediss://");
    }
    let mut endpoint = url.into_connection_info().map_err(|_| "it cannot be parsed")?;
    if let ConnectionAddr::TcpTls { insecure, .. } = endpoint.addr() {
        if *insecure {
            return Err("#insecure asks for a certificate that nobody checks: put its authority into JETON_REDIS_CA");
        }
        // The TLS library wants its cryptography named before its first use. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    if let Some(authorities) = authorities {
        if !encrypted(&endpoint) {
            return Err("JETON_REDIS_CA is set, and redis:// is not encrypted: write rediss://, or unset it");
        }
        // Read here, once, and not anew for each connection.
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(authorities.as_pem().to_owned()) };
        let client = Client::build_with_tls(endpoint, certificates);
        endpoint = client.map_err(|_| "JETON_REDIS_CA cannot be used")?.get_connection_info().clone();
    }
    Ok(endpoint.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}
