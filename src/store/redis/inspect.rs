use std::ops::Range;

use futures_util::future::try_join_all;
use redis::cmd;

use super::{RedisStore, patiently, scan::scan};
use crate::{
    ledger::{Timestamp, UserId},
    store::{
        Answer, History, Revision, StoreError,
        inspect::{Inspect, StoredEntry, UserCursor, UserPage},
        keys::{Owned, SHARED_KEYS},
    },
};

/// The names and values of a stream's entry, which may be any bytes.
type Fields = Vec<(Vec<u8>, Vec<u8>)>;

impl Inspect for RedisStore {
    fn users(&self, cursor: Option<UserCursor>, limit: usize) -> Answer<'_, UserPage> {
        Box::pin(async move {
            let pattern = self.keys.accounts_and_histories();
            let (next, keys) = scan(&self.line, &pattern, cursor, limit).await?;
            let owned = keys.iter().filter_map(|key| self.keys.owner(str::from_utf8(key).ok()?));
            // Each account has one key. Where it is missing its histories speak for the user, the first that is there.
            let met = owned.map(|owned| async {
                let (user, history) = match owned {
                    Owned::Account(user) => return Ok(Some(user)),
                    Owned::History(user, history) => (user, history),
                };
                let account = self.keys.account(&user);
                let mut command = cmd("EXISTS").arg(&account).to_owned();
                if let History::Archived(number) = history {
                    command.arg(self.keys.history(&user, History::Current));
                    if let Some(before) = number.checked_sub(1) {
                        command.arg(self.keys.history(&user, History::Archived(before)));
                    }
                }
                Ok::<_, StoreError>((self.read::<u8>(&account, &command).await? == 0).then_some(user))
            });
            let users = try_join_all(met).await?.into_iter().flatten().collect();
            Ok(UserPage { users, next })
        })
    }

    fn stored_entries<'a>(
        &'a self,
        user: &'a UserId,
        history: History,
        after: Option<&'a str>,
        count: usize,
    ) -> Answer<'a, Vec<StoredEntry>> {
        Box::pin(async move {
            let first = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
            let history = self.keys.history(user, history);
            let command = cmd("XRANGE").arg(&history).arg(first).arg("+").arg("COUNT").arg(count).to_owned();
            let found: Vec<(String, Fields)> = self.read(&history, &command).await?;
            let stored = found.into_iter().map(|(id, fields)| {
                let document = fields.into_iter().find(|(name, _)| name == b"tx").map(|(_, document)| document);
                StoredEntry { id, document: document.unwrap_or_default() }
            });
            Ok(stored.collect())
        })
    }

    fn archives<'a>(&'a self, user: &'a UserId, numbers: Range<u32>) -> Answer<'a, Vec<u32>> {
        Box::pin(async move {
            // Mostly there is none: one question for all.
            let keys: Vec<String> =
                numbers.clone().map(|number| self.keys.history(user, History::Archived(number))).collect();
            let Some(first) = keys.first() else { return Ok(Vec::new()) };
            if self.read::<u64>(first, &cmd("EXISTS").arg(&keys).to_owned()).await? == 0 {
                return Ok(Vec::new());
            }
            let archived = numbers.map(|number| async move {
                let archive = self.keys.history(user, History::Archived(number));
                let command = cmd("EXISTS").arg(&archive).to_owned();
                Ok::<_, StoreError>(self.read::<bool>(&archive, &command).await?.then_some(number))
            });
            Ok(try_join_all(archived).await?.into_iter().flatten().collect())
        })
    }

    fn usage_size<'a>(&'a self, user: &'a UserId) -> Answer<'a, u64> {
        Box::pin(async move {
            let usage = self.keys.usage(user);
            self.read(&usage, &cmd("HLEN").arg(&usage).to_owned()).await
        })
    }

    fn write_usage<'a>(
        &'a self,
        user: &'a UserId,
        expected: &'a Revision,
        fields: &'a [(String, String)],
    ) -> Answer<'a, bool> {
        Box::pin(self.replace_usage(user, expected, fields))
    }

    fn noted<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Timestamp>> {
        Box::pin(async move {
            let due = self.keys.due_of(user);
            let command = cmd("ZSCORE").arg(&due).arg(user.as_str()).to_owned();
            let Some(noted) = self.read::<Option<String>>(&due, &command).await? else { return Ok(None) };
            let at = noted.parse().ok().and_then(Timestamp::from_millis);
            at.map(Some).ok_or_else(|| StoreError::Damaged(format!("the noted billing time {noted} is not an instant")))
        })
    }

    fn notes(&self) -> Answer<'_, u64> {
        Box::pin(async move {
            let count = |number| async move {
                let due = self.keys.due(number);
                self.read::<u64>(&due, &cmd("ZCARD").arg(&due).to_owned()).await
            };
            let counts = try_join_all((0..SHARED_KEYS).map(count)).await?;
            Ok(counts.into_iter().fold(0, u64::saturating_add))
        })
    }
    fn is_listed<'a>(&'a self, user: &'a UserId) -> Answer<'a, bool> {
        Box::pin(async move {
            let users = self.keys.users_of(user);
            let command = cmd("ZSCORE").arg(&users).arg(user.as_str()).to_owned();
            Ok(self.read::<Option<String>>(&users, &command).await?.is_some())
        })
    }

    fn list<'a>(&'a self, user: &'a UserId) -> Answer<'a, ()> {
        Box::pin(patiently(|| self.write_name(user)))
    }
}
