//! What the module that Jeton replaces has of a user, for whoever has no account yet.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    ledger::{Legacy, TakenOver, TakeoverError, Terms, UserId, take_over},
    plans::Catalogue,
    store::{LegacySource, StoreError},
};

/// How often a history that does not explain its balance is looked at again, until both stand still.
const LOOKS_MAX: u32 = 5;
/// How long after each other. The module writes the one right after the other.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What `source` has of `user`; `None` when it is nothing. The test user opens with a seed of its own, and is nobody there.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Damaged`] when it cannot be read.
pub(crate) async fn find(
    source: &LegacySource,
    user: &UserId,
    catalogue: &Catalogue,
) -> Result<Option<Legacy>, StoreError> {
    if user == catalogue.test_user() {
        return Ok(None);
    }
    let mut records = source.find(user).await?;
    let mut looks_left = LOOKS_MAX;
    loop {
        let Some(found) = &records else { return Ok(None) };
        let legacy = Legacy::read(user, found).map_err(|damage| damaged(user, &damage.into()))?;
        if legacy.adds_up() || looks_left == 0 {
            return Ok(Some(legacy));
        }
        // It may be in the middle of a change.
        sleep(LOOK_AGAIN_AFTER).await;
        let again = source.find(user).await?;
        if again == records {
            return Ok(Some(legacy));
        }
        (records, looks_left) = (again, looks_left.saturating_sub(1));
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
