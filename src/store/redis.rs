//! The store in Redis, one server or a cluster: data as JSON, under the [keys](super::keys), over one connection to
//! each server that is opened at the first need and shared by all requests of the process.

mod call;
mod cluster;
mod commit;
mod connection;
mod due;
mod endpoints;
mod failure;
mod follow;
mod handshake;
mod inspect;
mod legacy;
mod line;
mod nodes;
mod scan;
mod slots;
mod subscription;
mod users;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::redis::{Cmd, FromRedisValue, Value, cmd};
use futures_util::future::{join, try_join_all};
use tokio::time::timeout;

use self::{call::Call, line::Line, subscription::Subscription};
pub use self::{
    endpoints::InvalidRedisUrl,
    legacy::{LegacyPage, LegacySource},
};
use super::{
    Answer, Commit, Committed, EntryRange, History, Order, RecordName, Revision, Store, StoreError, Stored, keys::Keys,
    pause_before,
};
use crate::{
    authorities::Authorities,
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    log, system,
    unreadable::Unreadable,
};

/// A read is tried again for this long; each try has the connection's own time limits.
const READ_RETRIES: Duration = Duration::from_millis(2_500);

/// How long the note of an opening is tried once more.
const NOTE_AGAIN: Duration = Duration::from_millis(500);

/// How many fields of the usage are asked for at once, at most.
const FIELDS_AT_ONCE: usize = 1_000;

/// How a Redis is used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many replicas of its server must have a commit before it is done: then the one that takes over when the
    /// server is lost has it, if it is among them. With 0 it is done as soon as the server has it.
    pub replicas: u8,
    /// Who alone may vouch for a `rediss://` Redis. With none, the public authorities do.
    pub authorities: Option<Authorities>,
}

/// Accounts and histories in Redis.
#[derive(Debug)]
pub struct RedisStore {
    line: Arc<Line>,
    /// Where commits go. If they wait for replicas it is a line of its own, as nothing passes what waits.
    commits: Arc<Line>,
    /// How many replicas must have a commit before it is done.
    replicas: u8,
    keys: Keys,
    subscription: Subscription,
    /// That changes cannot be told was told to the operator.
    told_unpublished: AtomicBool,
}

impl RedisStore {
    /// A store at `url` (`redis://` or `rediss://`; several, separated by commas: nodes of a Redis Cluster) whose keys
    /// begin with `prefix`. Nothing is sent yet.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`] when `url` is not the URL of a Redis.
    pub fn new(url: &str, prefix: &str) -> Result<Self, InvalidRedisUrl> {
        Self::with(url, prefix, &Options::default())
    }

    /// The same with `options`.
    ///
    /// # Errors
    /// [`InvalidRedisUrl`], also when `options` has authorities and `url` is not encrypted.
    pub fn with(url: &str, prefix: &str, options: &Options) -> Result<Self, InvalidRedisUrl> {
        let &Options { replicas, ref authorities } = options;
        let line = || Line::new(url, authorities.as_ref()).map(Arc::new);
        let reads = line()?;
        let commits = if replicas == 0 { Arc::clone(&reads) } else { line()? };
        let keys = Keys::new(prefix);
        let subscription = Subscription::new(&reads, &keys);
        Ok(Self { line: reads, commits, replicas, keys, subscription, told_unpublished: AtomicBool::new(false) })
    }

    /// The keys of the module before in the same Redis, over the same line.
    #[must_use]
    pub fn legacy(&self) -> LegacySource {
        LegacySource::over(&self.line)
    }

    /// Sends a command about `key` that changes nothing, again if the line breaks.
    async fn read<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, StoreError> {
        self.parse(patiently(|| self.line.send(key, Call::of(command))).await?)
    }

    fn parse<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        self.line.parse(value)
    }

    /// What `rev` and `doc` hold of the account of `user`.
    async fn read_account(&self, user: &UserId) -> Result<(Option<String>, Option<String>), StoreError> {
        let key = self.keys.account(user);
        let mut command = cmd("HMGET");
        command.arg(&key).arg("rev").arg("doc");
        self.read(&key, &command).await
    }

    /// The account that `rev` and `doc` hold.
    fn stored(user: &UserId, found: (Option<String>, Option<String>)) -> Result<Option<Stored>, StoreError> {
        match found {
            (None, None) => Ok(None),
            (Some(revision), Some(document)) => Stored::read(user, revision, &document).map(Some),
            (_, _) => Err(StoreError::Damaged(format!("the account of user {user} lacks its rev or its doc"))),
        }
    }

    /// A change could not be told: that is not the change's fault, and the same with each of them.
    fn tell_unpublished(&self, error: &str) {
        if !self.told_unpublished.swap(true, Ordering::Relaxed) {
            log::warning(&format!(
                "{} refuses to tell of changes, so that open streams hear of them late: the user of REDIS_URL needs the \
                 command {} on the channels of Jeton's keys ({error})",
                self.line,
                self.line.publish(),
            ));
        }
    }

    /// Commits a change that moved the next billing time to `at`, and notes that.
    async fn commit_and_note(&self, commit: &Commit, at: Timestamp) -> Result<Committed, StoreError> {
        let user = &commit.user;
        if commit.expected.is_some() {
            // A later date is noted only once it is true. Until then the old one makes the sweep look once more.
            let committed = self.committed(commit, self.evaluate_commit(commit).await?).await?;
            if committed == Committed::Done
                && let Err(error) = self.write_note(user, at).await
            {
                log::warning(&format!("the billing sweep will look at user {user} once more: {error}"));
            }
            return Ok(committed);
        }
        // An opening is noted with the commit, in the same flight: a note without an account is harmless, an account
        // without a note would be missed by the sweep.
        let (noted, reply) = join(self.write_note(user, at), self.evaluate_commit(commit)).await;
        let committed = self.committed(commit, reply?).await;
        // The line may have broken before the note, and the commit have gone over the next one.
        let written = matches!(committed, Ok(Committed::Done) | Err(StoreError::Unconfirmed(_)));
        if noted.is_err()
            && written
            && let Err(error) = self.write_note_in_time(user, at).await
        {
            log::warning(&format!("user {user} is missing from the billing sweep or the list: {error}"));
        }
        committed
    }

    /// Writes the note of when `user` is billed next, and beside it lists the user.
    async fn write_note(&self, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
        let (noted, listed) = join(self.write_due(user, at), self.write_name(user)).await;
        noted.and(listed)
    }

    async fn write_due(&self, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
        let key = self.keys.due_of(user);
        let command = cmd("ZADD").arg(&key).arg(at.as_millis()).arg(user.as_str()).to_owned();
        self.line.send(&key, Call::of(&command)).await.map(|_| ())
    }

    async fn write_name(&self, user: &UserId) -> Result<(), StoreError> {
        let key = self.keys.users_of(user);
        let command = cmd("ZADD").arg(&key).arg(0).arg(user.as_str()).to_owned();
        self.line.send(&key, Call::of(&command)).await.map(|_| ())
    }

    /// [`Self::write_note`] for a caller who has waited already.
    async fn write_note_in_time(&self, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
        timeout(NOTE_AGAIN, self.write_note(user, at)).await.unwrap_or_else(|_| Err(StoreError::late(true)))
    }
}

impl fmt::Display for RedisStore {
    /// Where it is, without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

/// Asks again, as long as no answer comes and there is time.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(ask: impl Fn() -> F) -> Result<T, StoreError> {
    let begun = Instant::now();
    let mut attempt = 0_u32;
    loop {
        let failed = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        attempt = attempt.saturating_add(1);
        let pause = pause_before(attempt, system::random());
        if !matches!(failed, StoreError::Unavailable { .. }) || begun.elapsed().saturating_add(pause) > READ_RETRIES {
            return Err(failed);
        }
        tokio::time::sleep(pause).await;
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn prepare(&self) {
        self.line.prepare();
        if self.replicas > 0 {
            self.commits.prepare();
        }
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        Box::pin(async move { Self::stored(user, self.read_account(user).await?) })
    }

    fn reload<'a>(&'a self, user: &'a UserId, known: Stored) -> Answer<'a, Option<Stored>> {
        Box::pin(async move {
            match self.read_account(user).await? {
                (Some(revision), Some(_)) if revision == known.revision.as_str() => Ok(Some(known)),
                found => Self::stored(user, found),
            }
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        match commit.due {
            Some(at) => Box::pin(self.commit_and_note(commit, at)),
            // Apart, as nearly all are of this kind, and carry a future of its size alone.
            None => Box::pin(async move { self.committed(commit, self.evaluate_commit(commit).await?).await }),
        }
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        Box::pin(async move {
            let key = self.keys.history(user, history);
            if self.replicas > 0 {
                return Ok(self.confirmed(user, &key, Some(id)).await?.map(Revision::new));
            }
            let id = id.to_string();
            let command = cmd("XRANGE").arg(&key).arg(&id).arg(&id).to_owned();
            let found: Vec<(String, Vec<(String, String)>)> = self.read(&key, &command).await?;
            let mark = found.into_iter().flat_map(|(_, fields)| fields).find(|(name, _)| name == "c");
            Ok(mark.map(|(_, revision)| Revision::new(revision)))
        })
    }

    fn record<'a>(&'a self, user: &'a UserId, name: &'a RecordName) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let key = self.keys.record(user, name);
            if self.replicas > 0 {
                return self.confirmed(user, &key, None).await;
            }
            self.read(&key, &cmd("GET").arg(&key).to_owned()).await
        })
    }

    fn usage<'a>(&'a self, user: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>> {
        Box::pin(async move {
            let key = self.keys.usage(user);
            let found = try_join_all(fields.chunks(FIELDS_AT_ONCE).map(|fields| {
                let command = cmd("HMGET").arg(&key).arg(fields).to_owned();
                let key = &key;
                async move { self.read::<Vec<Option<String>>>(key, &command).await }
            }));
            Ok(found.await?.concat())
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
            let key = self.keys.history(user, History::Current);
            let command = cmd(verb).arg(&key).arg(first).arg(last).arg("COUNT").arg(range.count).to_owned();
            let found: Vec<(String, Vec<(String, String)>)> = self.read(&key, &command).await?;
            found.into_iter().map(|(id, fields)| transaction(user, &id, fields)).collect()
        })
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        Box::pin(self.noted_until(until, limit))
    }

    fn listed<'a>(&'a self, prefix: &'a str, after: Option<&'a UserId>, limit: usize) -> Answer<'a, Vec<UserId>> {
        Box::pin(async move {
            let mut users = Vec::new();
            let mut after = after.map(|user| user.as_str().as_bytes().to_vec());
            // Whatever else stands in the list is passed over.
            while users.len() < limit {
                let names = self.names(prefix.as_bytes(), after.as_deref(), limit).await?;
                users.extend(names.iter().filter_map(|name| UserId::new(str::from_utf8(name).ok()?)));
                if names.len() < limit {
                    break;
                }
                after = names.into_iter().next_back();
            }
            users.truncate(limit);
            Ok(users)
        })
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        Box::pin(patiently(move || self.write_note(user, at)))
    }

    fn ping(&self) -> Answer<'_, ()> {
        // Every server, as each of them has some of the users.
        let ask_all = async || {
            let (primaries, ping) = (self.line.primaries().await?, cmd("PING"));
            try_join_all(primaries.iter().map(|primary| self.line.send_to(primary, Call::of(&ping)))).await
        };
        Box::pin(async move { patiently(ask_all).await.map(|_| ()) })
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
