use std::{io, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use once_cell::sync::Lazy;
use rustls::{ClientConfig, RootCertStore, crypto::ring::default_provider, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    JwksUrl,
    key_set::{self, Key},
};

/// How long a fetch takes at most.
const TIME: Duration = Duration::from_secs(2);
/// The largest key set, in bytes.
const BYTES_MAX: usize = 256 * 1024;

/// The public certificate authorities. Read once.
static TLS: Lazy<Option<TlsConnector>> = Lazy::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let versions =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions();
    let config = versions.ok()?.with_root_certificates(roots).with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
});

/// Why keys could not be fetched. Says nothing of the URL.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("it took longer than 2 s")]
    Late,
    #[error("{0}")]
    Connection(#[from] io::Error),
    #[error("TLS cannot be used with this host")]
    NoTls,
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("the answer had the status {0}, and not 200")]
    Status(u16),
    #[error("the answer broke off, or was larger than 256 KiB")]
    Body,
    #[error("the answer was no JWK Set")]
    NotAKeySet,
}

/// Fetches the keys at `url`: one request, no redirects.
pub(super) async fn fetch(url: &JwksUrl) -> Result<Vec<Key>, FetchError> {
    let text = timeout(TIME, get(url)).await.map_err(|_| FetchError::Late)??;
    key_set::parse(&text).ok_or(FetchError::NotAKeySet)
}

async fn get(url: &JwksUrl) -> Result<Bytes, FetchError> {
    let stream = TcpStream::connect((url.host(), url.port())).await?;
    if !url.is_encrypted() {
        return ask(stream, url).await;
    }
    let name = ServerName::try_from(url.host().to_owned()).map_err(|_| FetchError::NoTls)?;
    let connector = TLS.as_ref().ok_or(FetchError::NoTls)?;
    ask(connector.connect(name, stream).await?, url).await
}

async fn ask(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, url: &JwksUrl) -> Result<Bytes, FetchError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with this function, whatever the server does.
    let mut driving = JoinSet::new();
    driving.spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = url.path_and_query().parse().unwrap_or_default();
    let headers = request.headers_mut();
    for (name, value) in [
        (HOST, url.authority()),
        (ACCEPT, "application/json"),
        (USER_AGENT, concat!("jeton/", env!("CARGO_PKG_VERSION"))),
        (CONNECTION, "close"),
    ] {
        headers.extend(value.parse().ok().map(|value| (name, value)));
    }
    let response = sender.send_request(request).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), BYTES_MAX).collect().await;
    Ok(body.map_err(|_| FetchError::Body)?.to_bytes())
}
