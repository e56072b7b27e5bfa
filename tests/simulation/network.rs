//! A store in memory behind a bad line: what is asked may come late, twice as late, or never, and so may the answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jeton::{
    ledger::{Account, Entry, Timestamp, Transaction, TransactionId, UserId},
    store::{
        Answer, Commit, Committed, EntryRange, History, IdempotencyKey, OnceRecord, Order, Revision, Store, StoreError,
        Stored,
    },
};
use tokio::time::{Instant, sleep};

use super::chance::Chance;

/// The store itself: it does what `commit.lua` does, one commit at a time.
pub(super) struct Server {
    began: Instant,
    users: Mutex<BTreeMap<UserId, Kept>>,
}

/// What is kept of one user.
#[derive(Clone, Default)]
pub(super) struct Kept {
    pub(super) account: Option<(Revision, String)>,
    /// All entries ever written, in their order: the one at index n made version n + 1.
    pub(super) written: Vec<Written>,
    once: BTreeMap<String, OnceRecord>,
    due: Option<Timestamp>,
}

/// An entry, the history it is in, who wrote it, and when.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) transaction: Transaction,
    pub(super) history: u32,
    mark: Revision,
    pub(super) at: Duration,
}

impl Kept {
    pub(super) fn account(&self, user: &UserId) -> Option<Stored> {
        let (revision, document) = self.account.clone()?;
        Some(Stored { revision, account: Account::from_document(&document, user).unwrap() })
    }

    pub(super) fn archives(&self, user: &UserId) -> u32 {
        self.account(user).map_or(0, |stored| stored.account.archives())
    }

    fn commit(&mut self, commit: &Commit, at: Duration) -> Committed {
        let records: Vec<_> = commit.once.iter().map(|(key, _)| self.once.get(key.as_str()).cloned()).collect();
        if records.iter().any(Option::is_some) {
            return Committed::Replays(records);
        }
        if self.account.as_ref().map(|(revision, _)| revision) != commit.expected.as_ref() {
            return Committed::Conflict(self.account(&commit.user));
        }
        let before = self.archives(&commit.user);
        for (index, (id, entry)) in commit.entries.iter().enumerate() {
            let put_away = commit.archive.is_some_and(|archive| index >= archive.after);
            let entry: Entry = serde_json::from_str(entry).unwrap();
            let transaction = Transaction { id: *id, entry };
            let history = before + u32::from(put_away);
            self.written.push(Written { transaction, history, mark: commit.revision.clone(), at });
        }
        self.account = Some((commit.revision.clone(), commit.document.clone()));
        for (key, record) in &commit.once {
            self.once.insert(key.as_str().to_owned(), record.clone());
        }
        self.due = commit.due.or(self.due);
        Committed::Done
    }
}

impl Server {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), users: Mutex::default() })
    }

    /// How long the run has lasted.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn kept(&self, user: &UserId) -> Kept {
        self.users.lock().unwrap().get(user).cloned().unwrap_or_default()
    }

    fn commit(&self, commit: &Commit) -> Committed {
        let at = self.elapsed();
        self.users.lock().unwrap().entry(commit.user.clone()).or_default().commit(commit, at)
    }
}

/// How bad a line is: chances in a thousand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) lost_request: u64,
    pub(super) lost_answer: u64,
    pub(super) late: u64,
    pub(super) refused: u64,
}

/// One instance's line to the server.
pub(super) struct Line {
    server: Arc<Server>,
    chance: Mutex<Chance>,
    weather: Weather,
    dead: AtomicBool,
}

/// What becomes of one exchange.
enum Fate {
    Fine,
    LostRequest,
    LostAnswer,
    Late(Duration),
    Refused,
}

impl Line {
    pub(super) fn new(server: &Arc<Server>, chance: Chance, weather: Weather) -> Arc<Self> {
        let dead = AtomicBool::new(false);
        Arc::new(Self { server: Arc::clone(server), chance: Mutex::new(chance), weather, dead })
    }

    /// The instance dies: whatever it waits for, it waits for ever.
    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    fn fate(&self) -> (Fate, Duration, Duration) {
        let mut chance = self.chance.lock().unwrap();
        let Weather { lost_request, lost_answer, late, refused } = self.weather;
        let fate = match chance.below(1_000) {
            n if n < lost_request => Fate::LostRequest,
            n if n < lost_request + lost_answer => Fate::LostAnswer,
            n if n < lost_request + lost_answer + late => Fate::Late(Duration::from_millis(chance.below(5_000))),
            n if n < lost_request + lost_answer + late + refused => Fate::Refused,
            _ => Fate::Fine,
        };
        // Mostly quick; now and then slow enough for everything else to happen in between.
        let mut delay = || {
            let most = if chance.below(10) == 0 { 1_400 } else { 8 };
            Duration::from_millis(chance.below(most))
        };
        (fate, delay(), delay())
    }

    async fn alive(&self) {
        if self.dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    /// One exchange: `ask` is done by the server when the request arrives.
    async fn exchange<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.alive().await;
        let (fate, there, back) = self.fate();
        let lost = |sent| StoreError::Unavailable { cause: "the line broke".to_owned(), sent };
        let answer = match fate {
            Fate::Refused => Err(lost(false)),
            Fate::LostRequest => {
                sleep(there).await;
                Err(lost(true))
            }
            Fate::Late(by) => {
                let server = Arc::clone(&self.server);
                tokio::spawn(async move {
                    sleep(there + by).await;
                    ask(&server);
                });
                sleep(back).await;
                Err(lost(true))
            }
            Fate::Fine | Fate::LostAnswer => {
                sleep(there).await;
                let answer = ask(&self.server);
                sleep(back).await;
                if matches!(fate, Fate::Fine) { Ok(answer) } else { Err(lost(true)) }
            }
        };
        self.alive().await;
        answer
    }
}

impl Store for Line {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        let user = user.clone();
        Box::pin(self.exchange(move |server| server.kept(&user).account(&user)))
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        let commit = commit.clone();
        Box::pin(self.exchange(move |server| server.commit(&commit)))
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        let user = user.clone();
        Box::pin(self.exchange(move |server| {
            let kept = server.kept(&user);
            let number = match history {
                History::Current => kept.archives(&user),
                History::Archived(number) => number,
            };
            let found = kept.written.iter().find(|entry| entry.history == number && entry.transaction.id == id);
            found.map(|entry| entry.mark.clone())
        }))
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        let user = user.clone();
        Box::pin(self.exchange(move |server| {
            let kept = server.kept(&user);
            let current = kept.archives(&user);
            let within = |id: TransactionId| {
                range.after.is_none_or(|after| id > after) && range.before.is_none_or(|before| id < before)
            };
            let entries = kept.written.iter().filter(|entry| entry.history == current);
            let mut found: Vec<_> = entries.map(|entry| entry.transaction.clone()).collect();
            found.retain(|transaction| within(transaction.id));
            if range.order == Order::Descending {
                found.reverse();
            }
            found.truncate(range.count);
            found
        }))
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        Box::pin(self.exchange(move |server| {
            let users = server.users.lock().unwrap();
            let mut due: Vec<_> = users.iter().filter_map(|(user, kept)| Some((kept.due?, user.clone()))).collect();
            due.retain(|(at, _)| *at <= until);
            due.sort_unstable();
            due.truncate(limit);
            due.into_iter().map(|(_, user)| user).collect()
        }))
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        let user = user.clone();
        Box::pin(self.exchange(move |server| {
            server.users.lock().unwrap().entry(user).or_default().due = Some(at);
        }))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.exchange(|_| ()))
    }
}

/// The key of this name.
pub(super) fn key(name: &str) -> IdempotencyKey {
    IdempotencyKey::new(name).unwrap()
}
