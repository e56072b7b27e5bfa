use std::{fmt, sync::Arc};

use futures_util::{
    FutureExt,
    future::{join, try_join_all},
};
use redis::{FromRedisValue, cmd};

use super::{InvalidRedisUrl, call::Call, line::Line, patiently, scan::scan};
use crate::{
    authorities::Authorities,
    ledger::{LegacyHistory, LegacyRecords, UserId},
    store::{
        StoreError,
        inspect::UserCursor,
        keys::{LEGACY_KEYS, LegacyKey, legacy_history, legacy_stats},
    },
};

/// The keys of the module that Jeton replaces: read, and never changed.
#[derive(Clone, Debug)]
pub struct LegacySource {
    line: Arc<Line>,
}

/// A part of a walk through its users.
#[derive(Clone, Debug, Default)]
pub struct LegacyPage {
    /// The users who were met, by whatever ids they have: those with stats, and those with a history alone.
    pub ids: Vec<String>,
    /// Where it goes on; `None` at its end.
    pub next: Option<UserCursor>,
}

impl LegacySource {
    /// The keys in the Redis at `url`, or in the cluster of several. `authorities` vouch for it if it is encrypted. Nothing is
    /// sent yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] when `url` is not the URL of a Redis.
    pub fn new(url: &str, authorities: Option<&Authorities>) -> Result<Self, InvalidRedisUrl> {
        // Whoever vouches for the Redis of the accounts is not asked about one without TLS.
        let authorities = authorities.filter(|_| url.starts_with("rediss://"));
        Ok(Self { line: Arc::new(Line::new(url, authorities)?) })
    }

    /// The keys where `line` leads.
    pub(super) fn over(line: &Arc<Line>) -> Self {
        Self { line: Arc::clone(line) }
    }

    /// What is kept of `user`; `None` when it is nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(&self, user: &UserId) -> Result<Option<LegacyRecords>, StoreError> {
        let (stats, history) = join(self.stats(user.as_str()), self.history(user)).await;
        let (stats, history) = (stats?, history?);
        Ok((stats.is_some() || history != LegacyHistory::Missing).then_some(LegacyRecords { stats, history }))
    }

    /// The stats object of the user of this id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stats(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = legacy_stats(id);
        self.read("GET", &key, &[]).await.map_err(|error| of_another_type(error, &key, "a text"))
    }

    async fn history(&self, user: &UserId) -> Result<LegacyHistory, StoreError> {
        let key = legacy_history(user.as_str());
        match self.read::<Option<Vec<u8>>>("GET", &key, &[]).await {
            Ok(text) => Ok(text.map_or(LegacyHistory::Missing, LegacyHistory::Array)),
            // It is there, and no text.
            Err(StoreError::Damaged(_)) => {
                let list = self.read("LRANGE", &key, &["0", "-1"]).await;
                list.map(LegacyHistory::List).map_err(|error| of_another_type(error, &key, "a text or a list"))
            }
            Err(error) => Err(error),
        }
    }

    async fn read<T: FromRedisValue>(&self, verb: &str, key: &str, more: &[&str]) -> Result<T, StoreError> {
        let command = cmd(verb).arg(key).arg(more).to_owned();
        self.line.parse(patiently(|| self.line.send(key, Call::of(&command))).await?)
    }

    /// Some users, about `limit`, from `cursor` on. A walk that follows the cursors to their end meets everybody who was
    /// there when it began, some of them perhaps twice; where that cannot be said, it fails.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn users(&self, cursor: Option<UserCursor>, limit: usize) -> Result<LegacyPage, StoreError> {
        let (next, keys) = scan(&self.line, LEGACY_KEYS, cursor, limit).await?;
        let keys = keys.iter().filter_map(|key| LegacyKey::of(&String::from_utf8_lossy(key)));
        let met = keys.map(|key| match key {
            LegacyKey::Stats(id) => async { Ok(Some(id)) }.left_future(),
            // Whoever has stats is met by them.
            LegacyKey::History(id) => async {
                let stats = legacy_stats(&id);
                let there: bool = self.read("EXISTS", &stats, &[]).await?;
                Ok::<_, StoreError>((!there).then_some(id))
            }
            .right_future(),
        });
        Ok(LegacyPage { ids: try_join_all(met).await?.into_iter().flatten().collect(), next })
    }
}

/// What an error means that says that a key has another type.
fn of_another_type(error: StoreError, key: &str, wanted: &str) -> StoreError {
    if let StoreError::Damaged(_) = error { StoreError::Damaged(format!("{key} is not {wanted}")) } else { error }
}

impl fmt::Display for LegacySource {
    /// Where they are, without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}
