//! The store of the local server: one file, no server to install, nothing lost when the process is killed.
//!
//! It is a [redb](https://docs.rs/redb) database. One thread writes; commits that wait for it together share one
//! transaction, which is on disk before any of them is answered.

mod follow;
mod inspect;
mod read;
mod tables;

use std::{
    fs, io,
    ops::Bound,
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use redb::{AccessGuard, Database, DatabaseError, ReadTransaction, ReadableDatabase, StorageError};
use tokio::{sync::oneshot, task};

use self::tables::{ACCOUNTS, DUE, ENTRIES, ONCE, USAGE, Writing, history_number, record_name};
use super::{
    Answer, Commit, Committed, EntryRange, History, RecordName, Revision, Store, StoreError, Stored, watch::Watched,
};
use crate::ledger::{Timestamp, Transaction, TransactionId, UserId};

/// The name of the file in the store's folder.
const FILE: &str = "jeton.redb";

/// How many commits share one transaction at most.
const COMMITS_TOGETHER_MAX: usize = 256;

/// Accounts and histories in a file.
#[derive(Debug)]
pub struct EmbeddedStore {
    database: Arc<Database>,
    writer: Writer,
    watched: Arc<Watched>,
}

/// The writing thread, and the way to it.
#[derive(Debug)]
struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    /// Waits until all that was sent is written, so that the file is free for others afterwards.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // Had it panicked, its callers know already.
            let _ = thread.join();
        }
    }
}

/// Why the file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("{0} is in use by another process: stop it, or choose another folder with --data")]
    InUse(PathBuf),
    /// The folder cannot be made.
    #[error("cannot create the folder {0}: {1}")]
    Folder(PathBuf, io::Error),
    /// The file is damaged or cannot be read.
    #[error("cannot open {0}: {1}")]
    Database(PathBuf, redb::Error),
}

/// A row that a range of a table gives.
type Found<'a, K, V> = Result<(AccessGuard<'a, K>, AccessGuard<'a, V>), StorageError>;

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Work for the writing thread.
enum Job {
    Commit(Box<Commit>, Reply<Committed>),
    NoteDue(UserId, Timestamp, Reply<()>),
    WriteUsage(UserId, Revision, Vec<(String, String)>, Reply<bool>),
}

/// A job that was done in a transaction that is not on disk yet.
#[expect(clippy::large_enum_variant, reason = "nearly everything that is done is a commit")]
enum Done {
    Commit(UserId, Result<Committed, StoreError>, Reply<Committed>),
    NoteDue(Result<(), StoreError>, Reply<()>),
    WriteUsage(Result<bool, StoreError>, Reply<bool>),
}

impl EmbeddedStore {
    /// Whether there is a store in `folder`.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Opens the store in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// [`OpenError`] when the folder or the file cannot be used.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(folder).map_err(|error| OpenError::Folder(folder.to_owned(), error))?;
        let path = folder.join(FILE);
        let database = Database::create(&path).map_err(|error| {
            if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
                OpenError::InUse(path.clone())
            } else {
                OpenError::Database(path.clone(), error.into())
            }
        })?;
        Writing::create_tables(&database).map_err(|error| OpenError::Database(path, error))?;
        let database = Arc::new(database);
        let (sender, jobs) = mpsc::channel();
        let watched = Arc::<Watched>::default();
        let (writing, waking) = (Arc::clone(&database), Arc::clone(&watched));
        let thread = thread::spawn(move || write_all(&writing, &waking, &jobs));
        Ok(Self { database, writer: Writer { jobs: Some(sender), thread: Some(thread) }, watched })
    }

    async fn write<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        // The thread lives as long as the sender, so both can only fail if it panicked.
        self.writer.jobs.as_ref().and_then(|jobs| jobs.send(job(reply)).ok()).ok_or_else(stopped)?;
        answer.await.map_err(|_| stopped())?
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let database = Arc::clone(&self.database);
        let reading = task::spawn_blocking(move || work(&database.begin_read().map_err(broken)?));
        reading.await.map_err(|_| stopped())?
    }
}

fn stopped() -> StoreError {
    StoreError::Refused("the embedded store has stopped".to_owned())
}

fn broken(error: impl Into<redb::Error>) -> StoreError {
    StoreError::Refused(format!("the embedded store cannot read or write its file: {}", error.into()))
}

/// The writing thread: takes what waits, does it in one transaction, and answers when that is on disk.
fn write_all(database: &Database, watched: &Watched, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let waiting = std::iter::once(first).chain(jobs.try_iter()).take(COMMITS_TOGETHER_MAX);
        let (done, written) = write_together(database, waiting);
        for job in done {
            match job {
                Done::Commit(user, result, reply) => {
                    let result = written.clone().and(result);
                    if matches!(result, Ok(Committed::Done)) {
                        watched.wake(&user);
                    }
                    drop(reply.send(result));
                }
                Done::NoteDue(result, reply) => drop(reply.send(written.clone().and(result))),
                Done::WriteUsage(result, reply) => drop(reply.send(written.clone().and(result))),
            }
        }
    }
}

fn write_together(database: &Database, jobs: impl Iterator<Item = Job>) -> (Vec<Done>, Result<(), StoreError>) {
    let transaction = match database.begin_write() {
        Ok(transaction) => transaction,
        Err(error) => {
            let failed = broken(error);
            let refuse = |job| match job {
                Job::Commit(commit, reply) => Done::Commit(commit.user, Err(failed.clone()), reply),
                Job::NoteDue(_, _, reply) => Done::NoteDue(Err(failed.clone()), reply),
                Job::WriteUsage(_, _, _, reply) => Done::WriteUsage(Err(failed.clone()), reply),
            };
            return (jobs.map(refuse).collect(), Ok(()));
        }
    };
    let mut done = Vec::new();
    let worked = Writing::open(&transaction).map(|mut tables| {
        done.extend(jobs.map(|job| match job {
            Job::Commit(commit, reply) => {
                let result = tables.commit(&commit);
                Done::Commit(commit.user, result, reply)
            }
            Job::NoteDue(user, at, reply) => Done::NoteDue(tables.note_due(&user, at).map_err(broken), reply),
            Job::WriteUsage(user, expected, fields, reply) => {
                Done::WriteUsage(tables.write_usage(&user, &expected, &fields).map_err(broken), reply)
            }
        }));
    });
    // A job that failed midway must not leave its half: then nothing of this round is kept.
    let failed = done.iter().find_map(|job| match job {
        Done::Commit(_, Err(error @ StoreError::Refused(_)), _)
        | Done::NoteDue(Err(error), _)
        | Done::WriteUsage(Err(error), _) => Some(error.clone()),
        Done::Commit(..) | Done::NoteDue(..) | Done::WriteUsage(..) => None,
    });
    let written = match (worked, failed) {
        (Ok(()), None) => transaction.commit().map_err(broken),
        (Ok(()), Some(error)) => transaction.abort().map_err(broken).and(Err(error)),
        (Err(error), _) => Err(broken(error)),
    };
    (done, written)
}

impl Store for EmbeddedStore {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| read::account(reading, &user)))
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        Box::pin(self.write(|reply| Job::Commit(Box::new(commit.clone()), reply)))
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| {
            let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
            let number = history_number(&accounts, &user, history)?;
            let entries = reading.open_table(ENTRIES).map_err(broken)?;
            let key = (user.as_str(), number, id.timestamp().as_millis(), id.sequence());
            let found = entries.get(key).map_err(broken)?;
            Ok(found.map(|entry| Revision::new(entry.value().0.to_owned())))
        }))
    }

    fn record<'a>(&'a self, user: &'a UserId, name: &'a RecordName) -> Answer<'a, Option<String>> {
        let (user, name) = (user.clone(), record_name(name));
        Box::pin(self.read(move |reading| {
            let records = reading.open_table(ONCE).map_err(broken)?;
            let found = records.get((user.as_str(), name.as_str())).map_err(broken)?;
            Ok(found.map(|found| found.value().1.to_owned()))
        }))
    }

    fn usage<'a>(&'a self, user: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>> {
        let (user, fields) = (user.clone(), fields.to_vec());
        Box::pin(self.read(move |reading| {
            let usage = reading.open_table(USAGE).map_err(broken)?;
            let text = |field: &String| {
                let found = usage.get((user.as_str(), field.as_str())).map_err(broken)?;
                Ok(found.map(|found| found.value().to_owned()))
            };
            fields.iter().map(text).collect()
        }))
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        let user = user.clone();
        Box::pin(self.read(move |reading| read::entries(reading, &user, range)))
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        Box::pin(self.read(move |reading| {
            let due = reading.open_table(DUE).map_err(broken)?;
            let last = until.as_millis().saturating_add(1);
            let found = due.range(..(last, "")).map_err(broken)?.take(limit);
            let user = |item: Found<'_, (u64, &'static str), ()>| {
                let (key, _) = item.map_err(broken)?;
                Ok(UserId::new(key.value().1))
            };
            found.map(user).filter_map(Result::transpose).collect()
        }))
    }

    fn listed<'a>(&'a self, prefix: &'a str, after: Option<&'a UserId>, limit: usize) -> Answer<'a, Vec<UserId>> {
        let (prefix, after) = (prefix.to_owned(), after.cloned());
        Box::pin(self.read(move |reading| {
            let first = match &after {
                Some(after) if after.as_str() >= prefix.as_str() => Bound::Excluded(after.as_str()),
                Some(_) | None => Bound::Included(prefix.as_str()),
            };
            // Who has an account is in the list: there is no other.
            let accounts = reading.open_table(ACCOUNTS).map_err(broken)?;
            let mut users = Vec::new();
            for found in accounts.range::<&str>((first, Bound::Unbounded)).map_err(broken)? {
                let (name, _) = found.map_err(broken)?;
                if users.len() == limit || !name.value().starts_with(&prefix) {
                    break;
                }
                users.extend(UserId::new(name.value()));
            }
            Ok(users)
        }))
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        let user = user.clone();
        Box::pin(self.write(move |reply| Job::NoteDue(user, at, reply)))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.read(|_| Ok(())))
    }
}
