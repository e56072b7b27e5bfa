use std::{sync::Arc, time::Duration};

use jeton::{
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    store::{
        Answer, Commit, Committed, EntryRange, History, RecordName, Revision, Store, Stored,
        embedded::EmbeddedStore,
        follow::{Follow, FollowLimit, Followed, Watch},
    },
};

/// The embedded store with a fault.
pub(crate) struct Faulty {
    pub(crate) store: EmbeddedStore,
    pub(crate) fault: Fault,
    /// Each commit that never ends holds one.
    pub(crate) commits: Arc<()>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// No input is known that makes a function panic: this stands in for one.
    Panics,
    /// Somebody is always faster.
    AlwaysConflicts,
    /// A load takes a second, and a commit for ever.
    NeverCommits,
}

impl Faulty {
    fn store(&self) -> &EmbeddedStore {
        assert!(self.fault != Fault::Panics, "a secret of the inside");
        &self.store
    }
}

impl Store for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        let store = self.store();
        Box::pin(async move {
            if self.fault == Fault::NeverCommits {
                tokio::time::sleep(Duration::from_secs(1)).await;
                return Ok(None);
            }
            store.load(user).await
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        let store = self.store();
        Box::pin(async move {
            if self.fault == Fault::NeverCommits {
                let _under_way = Arc::clone(&self.commits);
                std::future::pending::<()>().await;
            }
            Ok(Committed::Conflict(store.load(&commit.user).await?))
        })
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        self.store().written_by(user, history, id)
    }

    fn record<'a>(&'a self, user: &'a UserId, name: &'a RecordName) -> Answer<'a, Option<String>> {
        self.store().record(user, name)
    }

    fn usage<'a>(&'a self, user: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>> {
        self.store().usage(user, fields)
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        self.store().entries(user, range)
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        self.store().due(until, limit)
    }

    fn listed<'a>(&'a self, prefix: &'a str, after: Option<&'a UserId>, limit: usize) -> Answer<'a, Vec<UserId>> {
        self.store().listed(prefix, after, limit)
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        self.store().note_due(user, at)
    }

    fn ping(&self) -> Answer<'_, ()> {
        self.store().ping()
    }
}

impl Follow for Faulty {
    fn follow<'a>(
        &'a self,
        user: &'a UserId,
        from: Option<TransactionId>,
        limit: FollowLimit,
    ) -> Answer<'a, Option<Followed>> {
        self.store().follow(user, from, limit)
    }

    fn watch(&self, user: &UserId) -> Watch {
        self.store().watch(user)
    }
}
