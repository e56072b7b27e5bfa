//! What the module that Jeton replaces has of a user, for whoever has no account yet.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    ledger::{DamagedLegacy, Legacy, TakenOver, TakeoverError, Terms, Timestamp, UserId, take_over},
    plans::Catalogue,
    store::{LegacySource, StoreError},
};

/// How often what looks like the middle of a change is looked at again, and how long after each other: the module writes the
/// one key right after the other, over a line of its own.
const LOOKS_MAX: u32 = 20;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Only what was written lately, by any clock, can be in the middle of a change.
const LATELY_MS: u64 = 10_000;

/// What `source` has of `user` at `now`; `None` when it is nothing. The test user opens with a seed of its own, and is nobody
/// there.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Damaged`] when it cannot be read.
pub(crate) async fn find(
    source: &LegacySource,
    user: &UserId,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Result<Option<Legacy>, StoreError> {
    if user == catalogue.test_user() {
        return Ok(None);
    }
    let mut looks_left = LOOKS_MAX;
    loop {
        let Some(found) = source.find(user).await? else { return Ok(None) };
        let legacy = Legacy::read(user, catalogue.test_user(), &found);
        let half_written = match &legacy {
            Ok(legacy) => !legacy.adds_up() && legacy.newest().as_millis().abs_diff(now.as_millis()) < LATELY_MS,
            Err(damage) => *damage == DamagedLegacy::NoStats,
        };
        if !half_written || looks_left == 0 {
            return legacy.map(Some).map_err(|damage| damaged(user, &damage.into()));
        }
        looks_left = looks_left.saturating_sub(1);
        sleep(LOOK_AGAIN_AFTER).await;
    }
}

/// The account that goes on from `legacy`.
///
/// # Errors
/// [`StoreError::Damaged`] when none can.
pub(crate) fn take(user: &UserId, legacy: &Legacy, terms: Terms<'_>) -> Result<TakenOver, StoreError> {
    take_over(legacy, terms).map_err(|error| damaged(user, &error))
}

fn damaged(user: &UserId, error: &TakeoverError) -> StoreError {
    StoreError::Damaged(format!("what the module before has of user {user} is damaged and was left as it is: {error}"))
}
