//! Following accounts in the embedded store. One process has it, so whoever writes can wake whoever watches.

use super::{EmbeddedStore, read};
use crate::{
    ledger::{TransactionId, UserId},
    store::{
        Answer, EntryRange,
        follow::{Follow, FollowLimit, Followed, Watch},
    },
};

impl Follow for EmbeddedStore {
    fn follow<'a>(
        &'a self,
        user: &'a UserId,
        from: Option<TransactionId>,
        limit: FollowLimit,
    ) -> Answer<'a, Option<Followed>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let Some(stored) = read::account(reading, &user)? else { return Ok(None) };
            let range = from.map_or(EntryRange::newest(1), |from| EntryRange::from(from, limit.count));
            let mut entries = read::entries(reading, &user, range)?;
            let count = entries.len();
            entries.truncate(limit.entries);
            Ok(Some(Followed { stored, entries, count }))
        }))
    }

    fn watch(&self, user: &UserId) -> Watch {
        self.watched.watch(user, true)
    }
}
