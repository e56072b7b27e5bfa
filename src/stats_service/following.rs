use super::{Locale, StatsService};
use crate::{
    ledger::{Stats, Timestamp, Transaction, TransactionId, UserId},
    store::{
        StoreError, deadline,
        follow::{Follow, FollowLimit, Followed},
        in_time,
    },
};

/// An account as it was at one moment, for those who follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The stats object.
    pub stats: Stats,
    /// How many of its histories were archived: while this stays the same, so does the history.
    pub archives: u32,
    /// What was asked for of the history, oldest first.
    pub entries: Vec<Transaction>,
    /// How many entries there are of that, with those that were not read.
    pub count: usize,
    /// How long it takes, in milliseconds, until time alone changes the account.
    pub changes_in: u64,
}

impl StatsService {
    /// The account of `user` in `store`, which is this service's own, and of its history the entries from `from` on, or
    /// without it the newest one. Opens the account at the first touch and bills what fell due.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; never a default.
    pub async fn follow(
        &self,
        store: &dyn Follow,
        user: &UserId,
        from: Option<TransactionId>,
        limit: FollowLimit,
        locale: Locale,
    ) -> Result<Moment, StoreError> {
        let deadline = deadline();
        in_time(async {
            loop {
                if let Some(Followed { stored, entries, count }) = store.follow(user, from, limit).await?
                    && let Some(stats) = self.stats_if_settled(&stored.account, user, locale)?
                {
                    let now = self.now();
                    let time = stored.account.time(now, self.stage);
                    let next = stored.account.next_change(self.catalogue, time);
                    let next: Timestamp =
                        next.map_err(|missing| StoreError::Damaged(format!("the account of user {user}: {missing}")))?;
                    let changes_in = next.as_millis().saturating_sub(now.as_millis());
                    return Ok(Moment { stats, archives: stored.account.archives(), entries, count, changes_in });
                }
                self.settle(user, locale, deadline).await?;
            }
        })
        .await
    }
}
