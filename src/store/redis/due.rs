//! The index of who is billed when.

use std::cmp::Ordering;

use futures_util::future::try_join_all;
use redis::cmd;

use super::RedisStore;
use crate::{
    ledger::{Timestamp, UserId},
    store::{StoreError, keys::SHARED_KEYS},
};

/// How many are read of each key beyond twice its share.
const BEYOND_SHARE: usize = 16;

/// The time, as Redis has it, and the user: notes stand in a key in this order.
type Note = (f64, UserId);

/// The beginning of a key.
struct Beginning {
    key: u8,
    notes: Vec<Note>,
    /// Whether there is nothing behind it.
    whole: bool,
}

impl RedisStore {
    /// The first `limit` users who are noted until then.
    pub(super) async fn noted_until(&self, until: Timestamp, limit: usize) -> Result<Vec<UserId>, StoreError> {
        // While Redis reads the keys everybody else waits. Users are spread evenly over them: so of each so much is read as is
        // nearly always enough, and all that can be needed only of those where it was not.
        let share = limit.div_ceil(SHARED_KEYS.into()).saturating_mul(2).saturating_add(BEYOND_SHARE);
        let mut found = try_join_all((0..SHARED_KEYS).map(|key| self.beginning(key, until, share.min(limit)))).await?;
        if share < limit {
            let last = first(&found, limit).into_iter().nth(limit.saturating_sub(1));
            let (short, enough): (Vec<_>, Vec<_>) = found.into_iter().partition(|key| key.may_be_short(last.as_ref()));
            let longer = short.iter().map(|short| self.beginning(short.key, until, limit));
            found = try_join_all(longer).await?.into_iter().chain(enough).collect();
        }
        Ok(first(&found, limit).into_iter().map(|(_, user)| user).collect())
    }

    async fn beginning(&self, key: u8, until: Timestamp, count: usize) -> Result<Beginning, StoreError> {
        let name = self.keys.due(key);
        let command = cmd("ZRANGEBYSCORE")
            .arg(&name)
            .arg("-inf")
            .arg(until.as_millis())
            .arg("WITHSCORES")
            .arg("LIMIT")
            .arg(0)
            .arg(count)
            .to_owned();
        let found: Vec<(String, f64)> = self.read(&name, &command).await?;
        let whole = found.len() < count;
        // A note is a hint: one that is no time of ours is looked at like the others, and then corrected.
        let notes = found.into_iter().filter_map(|(user, at)| UserId::new(&user).map(|user| (at, user))).collect();
        Ok(Beginning { key, notes, whole })
    }
}

impl Beginning {
    /// Whether behind it there may be one who comes before `last`, the last one who is wanted.
    fn may_be_short(&self, last: Option<&Note>) -> bool {
        let ends_before = |last| self.notes.last().is_none_or(|end| in_order(end, last).is_le());
        !self.whole && last.is_none_or(ends_before)
    }
}

/// The first `limit` notes of all.
fn first(found: &[Beginning], limit: usize) -> Vec<Note> {
    let mut all: Vec<Note> = found.iter().flat_map(|key| key.notes.iter().cloned()).collect();
    all.sort_unstable_by(in_order);
    all.truncate(limit);
    all
}

fn in_order((earlier, user): &Note, (later, other): &Note) -> Ordering {
    earlier.total_cmp(later).then_with(|| user.cmp(other))
}
