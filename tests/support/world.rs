//! A user's account as the ledger decides it, for tests that speak to a store themselves. It knows what the store must
//! hold.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use jeton::{
    ledger::{Account, Amount, Command, ContentType, Source, Terms, Timestamp, Transaction, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    store::{
        Archive, Commit, Committed, EntryRange, IdempotencyKey, OnceRecord, Order, RecordName, Revision, Store,
        StoreError, Stored,
    },
};

use super::{process::PATIENCE, service::available};

/// 2 June 2026, 00:00 UTC, in milliseconds: the first billing is three days later.
pub(crate) const START: u64 = 1_780_358_400_000;
/// One day, in milliseconds.
pub(crate) const DAY: u64 = 24 * 60 * 60 * 1_000;

/// One user in a store.
pub(crate) struct World<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) user: UserId,
    /// The account.
    pub(crate) stored: Option<Stored>,
    /// The current history, oldest first.
    pub(crate) entries: Vec<Transaction>,
    /// The archived ones.
    pub(crate) archives: Vec<Vec<Transaction>>,
}

/// A commit and what it makes of the account and the history.
pub(crate) struct Draft {
    pub(crate) commit: Commit,
    after: Account,
    entries: Vec<Transaction>,
}

impl<'a> World<'a> {
    /// A user whom the store does not know.
    pub(crate) fn new(store: &'a dyn Store, user: &str) -> Self {
        let user = UserId::new(user).unwrap();
        Self { store, user, stored: None, entries: Vec::new(), archives: Vec::new() }
    }

    /// What `commands` make of the account at `millis`.
    pub(crate) fn draft(&self, commands: &[Command], millis: u64) -> Draft {
        let now = Timestamp::from_millis(millis).unwrap();
        let catalogue = Catalogue::built_in().unwrap();
        let terms = Terms { catalogue, now, locale: Locale::French, stage: Stage::Development };
        let mut account = self.stored.as_ref().map(|stored| stored.account.clone());
        let (mut entries, mut archive, mut usage) = (Vec::new(), None, Vec::new());
        for command in commands {
            let number = account.as_ref().map_or(0, Account::archives);
            let decided = decide(account, &self.user, command, terms).unwrap();
            if let Some(after) = decided.archive_after {
                archive = Some(Archive { after: entries.len() + after, number });
                usage.clear();
            }
            usage.extend(decided.usage);
            entries.extend(decided.entries);
            account = Some(decided.account);
        }
        let after = account.unwrap();
        let zone = catalogue.plan(after.plan()).unwrap().time_zone();
        let commit = Commit {
            user: self.user.clone(),
            expected: self.stored.as_ref().map(|stored| stored.revision.clone()),
            revision: revision(),
            document: after.to_document().unwrap(),
            entries: entries.iter().map(|entry| (entry.id, serde_json::to_string(&entry.entry).unwrap())).collect(),
            archive,
            records: Vec::new(),
            usage: usage.iter().map(|closed| closed.written().unwrap()).collect(),
            due: self.stored.is_none().then(|| after.billing().next(zone)),
            now,
        };
        Draft { commit, after, entries }
    }

    /// Commits a draft, which nothing must hinder.
    pub(crate) async fn write(&mut self, draft: Draft) {
        let Draft { commit, after, mut entries } = draft;
        self.commit(&commit).await;
        if let Some(Archive { after, number }) = commit.archive {
            assert_eq!(number as usize, self.archives.len());
            let later = entries.split_off(after);
            self.entries.append(&mut entries);
            self.archives.push(std::mem::replace(&mut self.entries, later));
        } else {
            self.entries.append(&mut entries);
        }
        self.stored = Some(Stored { revision: commit.revision, account: after });
    }

    /// Has a commit done. The store tries once; to a process that was not let run for long, a Redis that answers at once
    /// is away, and may have done what it did not hear of.
    async fn commit(&self, commit: &Commit) {
        let (name, begun) = (self.store.name(), Instant::now());
        let mut committed = self.store.commit(commit).await;
        let mut lost = false;
        while matches!(committed, Err(StoreError::Unavailable { .. })) && begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(5)).await;
            committed = self.store.commit(commit).await;
            lost = true;
        }
        let committed = committed.unwrap();
        let now = if lost { self.store.load(&self.user).await.unwrap() } else { None };
        let was_done = now.is_some_and(|now| now.revision == commit.revision);
        assert!(committed == Committed::Done || was_done, "{name}: {committed:?}");
    }

    /// Commits `commands` together at `millis`.
    pub(crate) async fn apply(&mut self, commands: &[Command], millis: u64) {
        self.write(self.draft(commands, millis)).await;
    }

    /// The store holds exactly what it should.
    pub(crate) async fn assert_kept(&self, case: &str) {
        let name = self.store.name();
        assert_eq!(self.store.load(&self.user).await.unwrap(), self.stored, "{name}: {case}");
        assert_eq!(entries(self.store, &self.user).await, self.entries, "{name}: {case}");
    }

    /// What the store has under `keys`. Asked with a commit that expects a revision that never was.
    pub(crate) async fn remembered(&self, keys: &[&str], millis: u64) -> Result<Vec<Option<String>>, StoreError> {
        let mut commit = self.draft(&[Command::Touch], millis).commit;
        commit.expected = Some(revision());
        commit.records = keys.iter().map(|key| once(key, "nobody's")).collect();
        Ok(match self.store.commit(&commit).await? {
            Committed::Done => panic!("a commit on a revision that never was is done"),
            Committed::Conflict(_) => vec![None; keys.len()],
            Committed::Taken(texts) => texts,
        })
    }
}

/// The current history of `user`, oldest first.
pub(crate) async fn entries(store: &dyn Store, user: &UserId) -> Vec<Transaction> {
    let range = EntryRange { after: None, before: None, order: Order::Ascending, count: 1_000_000 };
    available(async || store.entries(user, range).await).await
}

/// A revision like no other.
pub(crate) fn revision() -> Revision {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Revision::new(format!("revision-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// The name of the answer to the request of this key.
pub(crate) fn answer(key: &str) -> RecordName {
    RecordName::Answer(IdempotencyKey::new(key).unwrap())
}

/// The same, and the answer `body`.
pub(crate) fn once(key: &str, body: &str) -> (RecordName, Option<String>) {
    let record = OnceRecord { commit: revision(), fingerprint: "f".repeat(64), status: 200, body: body.to_owned() };
    (answer(key), Some(serde_json::to_string(&record).unwrap()))
}

/// A debit of `cost` for a generation.
pub(crate) fn debit(content_type: &str, cost: u64) -> Command {
    let content_type = ContentType::new(content_type);
    Command::Debit { content_type, cost: Amount::new(cost), description: None, metadata: None }
}

/// A credit of bought tokens.
pub(crate) fn credit(amount: u64) -> Command {
    let amount = Amount::new(amount).unwrap();
    Command::Credit { amount, grant: Source::Purchase.into(), description: None, metadata: None }
}
