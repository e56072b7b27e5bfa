use std::{
    io,
    pin::Pin,
    sync::{Arc, Once},
    task::{Context, Poll},
};

use http_body_util::BodyExt;
use hyper::{
    Request,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
};
use once_cell::sync::Lazy;
use tokio::sync::oneshot;
use vercel_runtime::{AppState, Error, ResponseBody, run, service_fn};

use super::{App, Function, Response};
use crate::log::{self, Level};

/// What all requests of this instance share.
static APP: Lazy<App> = Lazy::new(App::from_environment);

/// Serves `function` as the platform wants it, until the platform ends the process.
///
/// # Errors
/// When the platform's port cannot be opened.
pub async fn serve(function: Function) -> Result<(), Error> {
    serve_app(function, &APP).await
}

/// The same with an app of the caller's own.
///
/// # Errors
/// When the platform's port cannot be opened.
pub async fn serve_app(function: Function, app: &'static Lazy<App>) -> Result<(), Error> {
    // On this thread it has its turn when the runtime has said that it is ready and waits: while the platform hands over
    // the first request.
    tokio::spawn(async move {
        Lazy::force(app);
    });
    run(service_fn(move |request: Request<Incoming>, state: AppState| async move {
        if function == Function::Events {
            close_on_sigterm(app);
        }
        Ok::<Response, Error>(answer(function, app, request, state).await)
    }))
    .await
}

async fn answer(function: Function, app: &'static App, request: Request<Incoming>, state: AppState) -> Response {
    // On SIGTERM the runtime waits for background work, not for requests: each request counts as such until its last byte
    // is written.
    let (guard, ended) = oneshot::channel();
    state.wait_until(async move {
        tokio::select! {
            // The sender is dropped, never used.
            _ = ended => {}
            () = app.streams_are_over(), if function == Function::Events => {}
        }
    });
    let platform = ["x-vercel-internal-invocation-id", "x-vercel-internal-request-id"];
    let on_platform = platform.iter().all(|name| request.headers().contains_key(*name));
    let log = |level: Level, line: &str| {
        if !on_platform {
            log::write(line);
            return;
        }
        match level {
            Level::Info => state.log_context.info(line),
            Level::Warning => state.log_context.warn(line),
            Level::Error => state.log_context.error(line),
        }
    };
    app.answer(function, request, log).await.map(|body| guarded(body, guard))
}

/// Ends the streams when the platform ends the process, as the runtime waits for them. It listens from the first request
/// on, when the runtime does too: a signal that it did not hear would not end the process.
fn close_on_sigterm(app: &'static Lazy<App>) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        tokio::spawn(async {
            if terminated().await.is_ok() {
                app.close();
            }
        });
    });
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}

/// `body`, which drops `guard` when all of it is written, or when it is given up.
fn guarded(body: ResponseBody, guard: oneshot::Sender<()>) -> ResponseBody {
    ResponseBody(Guarded { body, guard: Arc::new(guard) }.boxed())
}

struct Guarded {
    body: ResponseBody,
    guard: Arc<oneshot::Sender<()>>,
}

/// A part of a body. It is dropped when it is written: the body itself goes as soon as its last part waits for that, and
/// a reader who is slow may still lack the last few hundred KiB.
struct Part {
    data: Bytes,
    _guard: Arc<oneshot::Sender<()>>,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Body for Guarded {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let guarded = |data| Bytes::from_owner(Part { data, _guard: Arc::clone(&self.guard) });
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(guarded))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
