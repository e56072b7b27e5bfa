use std::fmt;

use hyper::Uri;

/// Where the keys of an identity provider are: `https://`, or `http://` on this machine.
#[derive(Clone, PartialEq, Eq)]
pub struct JwksUrl {
    uri: Uri,
    host: String,
    encrypted: bool,
}

/// A text that is no such URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an https:// URL without a user and a password, or an http:// URL of this machine (localhost, 127.0.0.1, [::1])"
)]
pub struct InvalidJwksUrl;

impl JwksUrl {
    /// `text` as such a URL.
    ///
    /// # Errors
    /// [`InvalidJwksUrl`] when it is none.
    pub fn new(text: &str) -> Result<Self, InvalidJwksUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidJwksUrl)?;
        let host = uri.host().unwrap_or_default();
        let encrypted = uri.scheme_str() == Some("https");
        let on_this_machine = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let allowed = encrypted || (uri.scheme_str() == Some("http") && on_this_machine);
        let anonymous = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        if !allowed || !anonymous || host.is_empty() {
            return Err(InvalidJwksUrl);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { uri, host, encrypted })
    }

    /// The name or the address of the server.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.encrypted { 443 } else { 80 })
    }

    pub(super) const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// What the request calls the server.
    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// What is asked of the server.
    pub(super) fn path_and_query(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

impl fmt::Display for JwksUrl {
    /// Without its query, which may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.encrypted { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.uri.path())
    }
}
