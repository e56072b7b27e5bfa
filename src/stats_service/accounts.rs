use futures_util::{StreamExt, TryStreamExt, stream};

use super::StatsService;
use crate::{
    ledger::{Outcome, Refused, Stats, UserId},
    locale::Locale,
    store::{StoreError, in_time},
};

/// How many accounts are read at once.
const AT_ONCE: usize = 32;

/// A part of the list of all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountPage {
    /// The accounts, in the order of their users' ids, byte by byte.
    pub accounts: Vec<Stats>,
    /// Whom the next page comes after; `None` at the end.
    pub next_cursor: Option<UserId>,
}

impl StatsService {
    /// At most `limit` accounts of users whose ids begin with `prefix` and come after `cursor`, as they are now. Nobody is
    /// opened and nothing is written: what fell due is settled for the answer alone.
    ///
    /// # Errors
    /// [`StoreError`], also when only one of the accounts cannot be read; never a page without it.
    pub async fn list_accounts(
        &self,
        prefix: &str,
        cursor: Option<UserId>,
        limit: usize,
        locale: Locale,
    ) -> Result<AccountPage, StoreError> {
        in_time(async {
            let mut accounts = Vec::new();
            let mut last = cursor;
            loop {
                let wanted = limit.saturating_sub(accounts.len());
                // One more tells whether there are more.
                let mut users = self.store.listed(prefix, last.as_ref(), wanted.saturating_add(1)).await?;
                let more = users.len() > wanted;
                users.truncate(wanted);
                last = users.last().cloned().or(last);
                let settled = stream::iter(users).map(|user| self.settled(user, locale)).buffered(AT_ONCE);
                let settled: Vec<Option<Stats>> = settled.try_collect().await?;
                // Who is listed and has no account was never opened.
                accounts.extend(settled.into_iter().flatten());
                if !more || accounts.len() >= limit {
                    return Ok(AccountPage { accounts, next_cursor: last.filter(|_| more) });
                }
            }
        })
        .await
    }

    /// The account of `user` as it is now, without opening it.
    async fn settled(&self, user: UserId, locale: Locale) -> Result<Option<Stats>, StoreError> {
        let Some(stored) = self.store.load(&user).await? else { return Ok(None) };
        let (Ok(Outcome { stats, .. }) | Err(Refused { stats, .. })) =
            self.touch(stored.account, &user, locale)?.result;
        Ok(Some(stats))
    }
}
