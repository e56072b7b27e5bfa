use std::{
    future::pending,
    io,
    pin::Pin,
    sync::{Arc, Mutex, Once, PoisonError},
    task::{Context, Poll},
};

use http_body_util::BodyExt;
use hyper::{
    Request,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    header::HeaderName,
};
use once_cell::sync::Lazy;
use vercel_runtime::{AppState, Error, ResponseBody, run, service_fn};

use super::{
    App, Function, Response,
    under_way::{Held, UnderWay, hold},
};
use crate::log::{self, Level};

/// By these the platform knows a request, and the runtime what belongs to it.
const INVOCATION_ID: HeaderName = HeaderName::from_static("x-vercel-internal-invocation-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-vercel-internal-request-id");

/// How long a body can be that is written at once, in bytes: so much room a connection has where nothing else is under way,
/// also on systems that are careful with it.
const WRITTEN_AT_ONCE: u64 = 16 * 1024;

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

async fn answer(function: Function, app: &'static Lazy<App>, request: Request<Incoming>, state: AppState) -> Response {
    let under_way = UnderWay::begin(is_given_up(function, app));
    let headers = request.headers();
    let on_platform = headers.contains_key(INVOCATION_ID) && headers.contains_key(REQUEST_ID);
    let lines = Mutex::new(Vec::new());
    let keep = |level, line| lines.lock().unwrap_or_else(PoisonError::into_inner).push((level, line));
    let response = app.answer(function, request, keep).await;
    let mut lines = Lines { kept: lines.into_inner().unwrap_or_else(PoisonError::into_inner), on_platform, state };
    let takes_its_time = response.body().size_hint().exact().is_none_or(|length| length > WRITTEN_AT_ONCE);
    let over = takes_its_time.then(|| {
        lines.tell();
        hold(&lines.state, is_given_up(function, app))
    });
    let ending = Arc::new(Ending { _lines: lines, _over: over, _under_way: under_way });
    response.map(|body| ResponseBody(Guarded { body, ending }.boxed()))
}

/// When a request to `function` is waited for no longer.
async fn is_given_up(function: Function, app: &App) {
    if function == Function::Events {
        app.streams_are_over().await;
    } else {
        pending::<()>().await;
    }
}

/// What ends when the last byte of an answer is written, or when it is given up.
struct Ending {
    _lines: Lines,
    /// Until it is gone the platform is not told that the request is over: of an answer that takes its time.
    _over: Option<Held>,
    _under_way: UnderWay,
}

/// What is told of a request, at the end: to the platform that takes some ten microseconds, which nobody should wait for who
/// waits for the answer.
struct Lines {
    kept: Vec<(Level, String)>,
    on_platform: bool,
    state: AppState,
}

impl Lines {
    fn tell(&mut self) {
        let context = &self.state.log_context;
        for (level, line) in self.kept.drain(..) {
            match level {
                _ if !self.on_platform => log::write(&line),
                Level::Info => context.info(&line),
                Level::Warning => context.warn(&line),
                Level::Error => context.error(&line),
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.tell();
    }
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

/// A body that ends with all of it written, or when it is given up.
struct Guarded {
    body: ResponseBody,
    ending: Arc<Ending>,
}

/// A part of a body. It is dropped when it is written: the body itself goes as soon as its last part waits for that, and
/// a reader who is slow may still lack the last few hundred KiB.
struct Part {
    data: Bytes,
    _ending: Arc<Ending>,
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
        let guarded = |data| Bytes::from_owner(Part { data, _ending: Arc::clone(&self.ending) });
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(guarded))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
