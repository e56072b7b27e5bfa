use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::{
    Method, Request, StatusCode, body::Incoming, header::HeaderValue, server::conn::http1, service::service_fn,
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

use super::{App, Resource, Response, respond};
use crate::log;

const PAGE: &str = include_str!("../../public/index.html");
const OPENAPI: &str = include_str!("../../public/openapi.json");
const PRICES: &str = include_str!("../../public/prices.json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The pause after a connection that could not be taken.
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);

/// How long requests under way are waited for at the end.
const DRAIN: Duration = Duration::from_secs(10);

/// The local server: all functions and what `public/` has, on one port of this machine.
pub struct LocalServer {
    listener: TcpListener,
    app: Arc<App>,
}

impl LocalServer {
    /// Takes `port` of the loopback address; 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn bind(port: u16, app: App) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        Ok(Self { listener, app: Arc::new(app) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop`, then lets the requests under way finish.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, app } = self;
        let connections = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, _)) = accepted else {
                // A connection that was gone before it was taken, or too many at once: soon there are fewer.
                sleep(ACCEPT_AGAIN).await;
                continue;
            };
            // Answers are small and waited for.
            let _ = stream.set_nodelay(true);
            let app = Arc::clone(&app);
            let service = service_fn(move |request| {
                let app = Arc::clone(&app);
                async move { Ok::<_, Infallible>(route(&app, request).await) }
            });
            let connection =
                http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                // A client that breaks off is its own affair.
                let _ = connection.await;
            });
        }
        // Newcomers are turned away at once, instead of waiting for what will not come.
        drop(listener);
        // Streams would outlast the wait.
        app.close();
        // Who has not finished by then is cut off: the server must end.
        let _ = timeout(DRAIN, connections.shutdown()).await;
    }
}

async fn route(app: &App, request: Request<Incoming>) -> Response {
    let path = request.uri().path();
    if let Some(resource) = Resource::at(path) {
        return app.answer(resource.function(), request, |_, line| log::write(&line)).await;
    }
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    match path {
        "/" | "/index.html" if reads => respond::with_body(StatusCode::OK, HTML, PAGE),
        "/openapi.json" if reads => respond::with_body(StatusCode::OK, JSON, OPENAPI),
        "/prices.json" if reads => respond::with_body(StatusCode::OK, JSON, PRICES),
        _ => respond::with_body(StatusCode::NOT_FOUND, TEXT, "Not found\n"),
    }
}
