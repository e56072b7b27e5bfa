use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use vercel_runtime::{AppState, LogContext};

/// A request whose answer is not written yet. On SIGTERM the runtime waits for background work, not for requests: so while
/// there is any there is a piece of background work, one for all of them, that lasts as long.
pub(super) struct UnderWay;

/// Background work that lasts until this is dropped.
pub(super) type Held = oneshot::Sender<()>;

/// How many there are in this process.
struct All {
    count: usize,
    /// For the runtime.
    work: Option<Held>,
}

static ALL: Mutex<All> = Mutex::new(All { count: 0, work: None });

impl UnderWay {
    /// One that has just come. If it is the only one, those who come while it is there are waited for until `over` at most.
    pub(super) fn begin(over: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut all = all();
        if all.count == 0 {
            // Nobody's: what belongs to a request puts its end off, and this is about others too.
            all.work = Some(hold(&AppState::new(nobody()), over));
        }
        all.count = all.count.saturating_add(1);
        Self
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut all = all();
        all.count = all.count.saturating_sub(1);
        if all.count == 0 {
            drop(all.work.take());
        }
    }
}

/// Begins background work of `state` that lasts until the result is dropped, or until `over`.
pub(super) fn hold(state: &AppState, over: impl Future<Output = ()> + Send + 'static) -> Held {
    let (held, dropped) = oneshot::channel();
    state.wait_until(async move {
        tokio::select! {
            // Nothing is ever sent.
            _ = dropped => {}
            () = over => {}
        }
    });
    held
}

fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Of no request.
#[cfg(unix)]
fn nobody() -> LogContext {
    LogContext::new(None, None, None)
}

#[cfg(not(unix))]
fn nobody() -> LogContext {
    LogContext::new()
}
