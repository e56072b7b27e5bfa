//! How Redis tells this process of changes: over connections of their own, one to each server that has somebody who is
//! watched. They are opened with the first watch and closed after the last.

mod outage;
mod subscriber;
mod upkeep;

use std::sync::Arc;

use tokio::runtime::Handle;

use self::upkeep::Upkeep;
use super::line::Line;
use crate::{
    ledger::UserId,
    store::{
        keys::Keys,
        watch::{Watch, Watched},
    },
};

/// What is subscribed for those who are watched. It ends with its value.
#[derive(Debug)]
pub(super) struct Subscription {
    line: Arc<Line>,
    keys: Keys,
    watched: Arc<Watched>,
}

impl Subscription {
    /// One over connections to where `line` leads. Nothing is sent yet.
    pub(super) fn new(line: &Arc<Line>, keys: &Keys) -> Self {
        Self { line: Arc::clone(line), keys: keys.clone(), watched: Arc::default() }
    }

    /// Watches `user`. It is prompt from when Redis has confirmed.
    pub(super) fn watch(&self, user: &UserId) -> Watch {
        let watch = self.watched.watch(user, false);
        if let Ok(runtime) = Handle::try_current()
            && let Some(tending) = self.watched.tend()
        {
            runtime.spawn(Upkeep::new(tending, &self.line, &self.keys).run());
        }
        watch
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.watched.close();
    }
}
