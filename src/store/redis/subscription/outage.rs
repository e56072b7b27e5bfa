//! What goes wrong with subscriptions: when the next attempt is made, and what the operator is told of it, once.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    log,
    store::{StoreError, pause_before},
    system,
};

/// The pause before another attempt where only the operator can help.
const HELP_PAUSE: Duration = Duration::from_secs(5);
/// How many times in a row a user may have moved before that is worth a word.
const MOVES_MAX: u32 = 5;

/// Why a subscription ended.
#[derive(Debug)]
pub(super) enum Loss {
    /// Another server has one of the users now.
    Moved,
    /// It failed.
    Failed(StoreError),
}

impl Loss {
    /// Whether another server may have the users now.
    pub(super) const fn may_move_users(&self) -> bool {
        matches!(self, Self::Moved | Self::Failed(StoreError::Unavailable { .. }))
    }
}

/// The losses in a row at one place.
#[derive(Debug)]
pub(super) struct Outage {
    losses: u32,
    until: Instant,
    told: Told,
}

/// What the operator knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Nothing,
    /// That something failed, which may pass by itself.
    Failure,
    /// What they have to do.
    Need,
}

impl Outage {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { losses: 0, until: Instant::now(), told: Told::Nothing }
    }

    /// Until when no attempt is made, if that is still to come.
    pub(super) fn until(&self) -> Option<Instant> {
        (self.until > Instant::now()).then_some(self.until)
    }

    /// The subscription was lost, once more or, if all was well meanwhile, anew. Gives when the next attempt is made.
    pub(super) fn add(&mut self, loss: &Loss, was_well: bool) -> Instant {
        if was_well {
            (self.losses, self.told) = (0, Told::Nothing);
        }
        self.losses = self.losses.saturating_add(1);
        let cause = match loss {
            Loss::Failed(error) => Some(error.to_string()),
            Loss::Moved if self.losses > MOVES_MAX => Some("the nodes do not agree on who has whom".to_owned()),
            Loss::Moved => None,
        };
        let needs_help = matches!(loss, Loss::Failed(StoreError::Misconfigured(_) | StoreError::Refused(_)));
        let tells = if needs_help { Told::Need } else { Told::Failure };
        if let Some(cause) = cause.filter(|_| self.told < tells) {
            self.told = tells;
            log::warning(&format!(
                "until this is well again open streams hear of changes late, as they look for them every few seconds: \
                 {cause}"
            ));
        }
        let pause = if needs_help { HELP_PAUSE } else { pause_before(self.losses, system::random()) };
        let now = Instant::now();
        self.until = now.checked_add(pause).unwrap_or(now);
        self.until
    }
}
