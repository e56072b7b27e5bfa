//! The store in Redis: data as JSON, under the [keys](super::keys), over one connection that is opened at the first
//! need and shared by all requests of the process.

mod connection;
mod failure;
mod inspect;

use std::{
    fmt,
    time::{Duration, Instant},
};

use ::redis::{Cmd, FromRedisValue, Script, Value, cmd};
use futures_util::future::{join, try_join_all};
use once_cell::sync::Lazy;

use self::connection::Connection;
pub use self::failure::InvalidRedisUrl;
use super::{
    Answer, Archive, Commit, Committed, EntryRange, History, ONCE_LIFETIME, OnceRecord, Order, Revision, Store,
    StoreError, Stored,
    keys::{DUE_KEYS, Keys},
    pause_before,
};
use crate::{
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    log, system,
    unreadable::Unreadable,
};

/// A read is tried again for this long; each try has the connection's own time limits.
const READ_RETRIES: Duration = Duration::from_millis(2_500);

const COMMIT_SCRIPT: &str = include_str!("commit.lua");

static COMMIT: Lazy<Script> = Lazy::new(|| Script::new(COMMIT_SCRIPT));

/// Accounts and histories in Redis.
#[derive(Debug)]
pub struct RedisStore {
    connection: Connection,
    keys: Keys,
}

impl RedisStore {
    /// A store at `url` (`redis://` or `rediss://`) whose keys begin with `prefix`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] when `url` is not the URL of a Redis.
    pub fn new(url: &str, prefix: &str) -> Result<Self, InvalidRedisUrl> {
        Ok(Self { connection: Connection::new(url)?, keys: Keys::new(prefix) })
    }

    /// Sends a command that changes nothing, again if the line breaks.
    async fn read<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let begun = Instant::now();
        let mut attempt = 0_u32;
        loop {
            let failed = match self.connection.send(command).await {
                Ok(value) => return self.parse(value),
                // What is of another type under one of our keys was not written by Jeton.
                Err(StoreError::Refused(cause)) if cause.contains("WRONGTYPE") => {
                    return Err(StoreError::Damaged(cause));
                }
                Err(error) => error,
            };
            attempt = attempt.saturating_add(1);
            let pause = pause_before(attempt, system::random());
            if !matches!(failed, StoreError::Unavailable { .. }) || begun.elapsed().saturating_add(pause) > READ_RETRIES
            {
                return Err(failed);
            }
            tokio::time::sleep(pause).await;
        }
    }

    fn parse<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        // The client's own words are left out: they quote the answer.
        ::redis::from_redis_value(value)
            .map_err(|_| StoreError::Damaged(format!("{} gave an answer of another form", self.connection)))
    }

    async fn evaluate(&self, commit: &Commit) -> Result<Value, StoreError> {
        self.connection.send_script(&self.commit_call(commit)?, COMMIT_SCRIPT).await
    }

    fn commit_call(&self, commit: &Commit) -> Result<Cmd, StoreError> {
        let Commit { user, expected, revision, document, entries, archive, once, due: _, now: _ } = commit;
        let archive_key = archive.map_or(0, |Archive { number, .. }| number);
        let mut call = cmd("EVALSHA");
        call.arg(COMMIT.get_hash())
            .arg(3_usize.saturating_add(once.len()))
            .arg(self.keys.account(user))
            .arg(self.keys.history(user, History::Current))
            .arg(self.keys.history(user, History::Archived(archive_key)));
        for (key, _) in once {
            call.arg(self.keys.once(user, key));
        }
        call.arg(expected.as_ref().map_or("", Revision::as_str))
            .arg(revision.as_str())
            .arg(document)
            .arg(archive.map_or_else(String::new, |Archive { after, .. }| after.to_string()))
            .arg(u64::try_from(ONCE_LIFETIME.as_millis()).unwrap_or(u64::MAX))
            .arg(entries.len());
        for (id, entry) in entries {
            call.arg(id.to_string()).arg(entry);
        }
        for (_, record) in once {
            let record = serde_json::to_string(record).map_err(|error| StoreError::Damaged(error.to_string()))?;
            call.arg(record);
        }
        Ok(call)
    }

    fn committed(&self, user: &UserId, reply: Value) -> Result<Committed, StoreError> {
        let words: Vec<String> = self.parse(reply)?;
        let mut words = words.into_iter();
        match (words.next().as_deref(), words.next(), words.next()) {
            (Some("done"), None, None) => Ok(Committed::Done),
            (Some("conflict"), None, None) => Ok(Committed::Conflict(None)),
            (Some("conflict"), Some(revision), Some(document)) => {
                Ok(Committed::Conflict(Some(Stored::read(user, revision, &document)?)))
            }
            (Some("replay"), first, second) => {
                let records = first.into_iter().chain(second).chain(words);
                let records = records.map(|record| once_record(user, &record)).collect::<Result<Vec<_>, _>>()?;
                if records.iter().all(Option::is_none) {
                    return Err(StoreError::Damaged(format!("an idempotency record of user {user} is empty")));
                }
                Ok(Committed::Replays(records))
            }
            (Some("orphan"), None, None) => Err(StoreError::Damaged(format!(
                "user {user} has a history or an archive in Redis that belongs to no account: keys were deleted or \
                 evicted (set maxmemory-policy to noeviction); nothing was changed"
            ))),
            _ => Err(StoreError::Damaged("commit.lua gave an answer that it cannot give".to_owned())),
        }
    }

    async fn write_due(&self, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
        let command = cmd("ZADD").arg(self.keys.due_of(user)).arg(at.as_millis()).arg(user.as_str()).to_owned();
        self.connection.send(&command).await.map(|_| ())
    }
}

impl fmt::Display for RedisStore {
    /// Where it is, without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connection.fmt(f)
    }
}

fn once_record(user: &UserId, record: &str) -> Result<Option<OnceRecord>, StoreError> {
    if record.is_empty() {
        return Ok(None);
    }
    OnceRecord::read(user, record).map(Some)
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        Box::pin(async move {
            let command = cmd("HMGET").arg(self.keys.account(user)).arg("rev").arg("doc").to_owned();
            match self.read(&command).await? {
                (None, None) => Ok(None),
                (Some(revision), Some(document)) => {
                    let (revision, document): (String, String) = (revision, document);
                    Stored::read(user, revision, &document).map(Some)
                }
                (_, _) => Err(StoreError::Damaged(format!("the account of user {user} lacks its rev or its doc"))),
            }
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        Box::pin(async move {
            let user = &commit.user;
            match commit.due {
                // An opening is noted with the commit, in the same flight: a note without an account is harmless, an
                // account without a note would be missed by the sweep.
                Some(at) if commit.expected.is_none() => {
                    let (noted, reply) = join(self.write_due(user, at), self.evaluate(commit)).await;
                    // The line may have broken before the note, and the commit have gone over the next one.
                    let noted = if noted.is_err() { self.write_due(user, at).await } else { noted };
                    let committed = self.committed(user, reply?)?;
                    if let Err(error) = noted {
                        log::warning(&format!("user {user} is missing from the billing sweep: {error}"));
                    }
                    Ok(committed)
                }
                // A later date is noted only once it is true. Until then the old one makes the sweep look once more.
                due => {
                    let committed = self.committed(user, self.evaluate(commit).await?)?;
                    if let (Committed::Done, Some(at)) = (&committed, due)
                        && let Err(error) = self.write_due(user, at).await
                    {
                        log::warning(&format!("the billing sweep will look at user {user} once more: {error}"));
                    }
                    Ok(committed)
                }
            }
        })
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        Box::pin(async move {
            let id = id.to_string();
            let command = cmd("XRANGE").arg(self.keys.history(user, history)).arg(&id).arg(&id).to_owned();
            let found: Vec<(String, Vec<(String, String)>)> = self.read(&command).await?;
            let mark = found.into_iter().flat_map(|(_, fields)| fields).find(|(name, _)| name == "c");
            Ok(mark.map(|(_, revision)| Revision::new(revision)))
        })
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        Box::pin(async move {
            // Nothing lies before the first id there is. Redis takes such a bound for an error.
            if range.before == Some(TransactionId::ZERO) {
                return Ok(Vec::new());
            }
            let after = range.after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
            let before = range.before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
            let (verb, first, last) = match range.order {
                Order::Ascending => ("XRANGE", after, before),
                Order::Descending => ("XREVRANGE", before, after),
            };
            let history = self.keys.history(user, History::Current);
            let command = cmd(verb).arg(history).arg(first).arg(last).arg("COUNT").arg(range.count).to_owned();
            let found: Vec<(String, Vec<(String, String)>)> = self.read(&command).await?;
            found.into_iter().map(|(id, fields)| transaction(user, &id, fields)).collect()
        })
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        Box::pin(async move {
            let of_key = |number| async move {
                let command = cmd("ZRANGEBYSCORE")
                    .arg(self.keys.due(number))
                    .arg("-inf")
                    .arg(until.as_millis())
                    .arg("WITHSCORES")
                    .arg("LIMIT")
                    .arg(0)
                    .arg(limit)
                    .to_owned();
                self.read::<Vec<(String, f64)>>(&command).await
            };
            let found = try_join_all((0..DUE_KEYS).map(of_key)).await?;
            // A note is a hint: one that is no time of ours is looked at like the others, and then corrected.
            let mut due: Vec<(f64, UserId)> = found
                .into_iter()
                .flatten()
                .filter_map(|(user, at)| UserId::new(&user).map(|user| (at, user)))
                .collect();
            due.sort_unstable_by(|(earlier, user), (later, other)| {
                earlier.total_cmp(later).then_with(|| user.cmp(other))
            });
            due.truncate(limit);
            Ok(due.into_iter().map(|(_, user)| user).collect())
        })
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        Box::pin(self.write_due(user, at))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(async move { self.read::<String>(&cmd("PING")).await.map(|_| ()) })
    }
}

fn transaction(user: &UserId, id: &str, fields: Vec<(String, String)>) -> Result<Transaction, StoreError> {
    let entry = fields.into_iter().find(|(name, _)| name == "tx").map(|(_, entry)| entry).unwrap_or_default();
    let damaged =
        |cause: String| StoreError::Damaged(format!("entry {id} in the history of user {user} is damaged: {cause}"));
    Ok(Transaction {
        id: id.parse().map_err(|error: crate::ledger::InvalidTransactionId| damaged(error.to_string()))?,
        entry: serde_json::from_str(&entry).map_err(|error| damaged(Unreadable::from(error).to_string()))?,
    })
}
