//! The façade: what a caller can do with accounts, named as in the module that Jeton replaces.

mod accounts;
mod following;
mod reservations;

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::time::Instant;

pub use self::{accounts::AccountPage, following::Moment, reservations::TokenReservation};
use crate::{
    committer::{Committer, Idempotency, Reply, Request, Surroundings},
    history::{self, Page, Selection},
    ledger::{
        Account, Amount, Command, ContentType, Decided, Effective, GrantKind, Outcome, PlanChange, Refused, Stats,
        Terms, Timestamp, TransactionId, UserId, decide,
    },
    locale::Locale,
    log,
    plans::Catalogue,
    stage::Stage,
    store::{EntryRange, LegacySource, Order, Store, StoreError, Stored, deadline, in_time},
    usage::{self, Bucket, InvalidRange, Range},
};

/// All that can be done with accounts. One for each process.
pub struct StatsService {
    store: Arc<dyn Store>,
    catalogue: &'static Catalogue,
    stage: Stage,
    surroundings: Arc<dyn Surroundings>,
    committer: Committer,
}

/// Who asks for a change: their language, and how the request is made idempotent, if it is.
#[derive(Clone, Default)]
pub struct Caller {
    /// The language of what is written.
    pub locale: Locale,
    /// Their name for the request.
    pub idempotency: Option<Idempotency>,
}

/// What was generated.
#[derive(Clone, Debug)]
pub struct Generation {
    /// What; one that the catalogue has.
    pub content_type: ContentType,
    /// What it costs, instead of the catalogue's cost.
    pub token_cost: Option<Amount>,
    /// What the entry says, instead of the catalogue's label.
    pub description: Option<String>,
    /// The caller's own data.
    pub metadata: Option<Map<String, Value>>,
}

/// Tokens to add.
#[derive(Clone, Debug)]
pub struct TokenCredit {
    /// How many.
    pub amount: Amount,
    /// Where they come from, when they are spent, and until when.
    pub grant: GrantKind,
    /// What the entry says, instead of the catalogue's label.
    pub description: Option<String>,
    /// The caller's own data.
    pub metadata: Option<Map<String, Value>>,
}

/// The beginning of a selection of a history that is to be read to its end.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its first page.
    pub first: Page,
    /// The newest entry of the whole history, which is the last that counts; none where there is no history.
    pub newest: Option<TransactionId>,
    /// How many histories had been archived: while this stays the same, further pages come from the same history.
    pub archived: u32,
}

impl StatsService {
    /// The service over `store`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        catalogue: &'static Catalogue,
        stage: Stage,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        Self::after(None, store, catalogue, stage, surroundings)
    }

    /// The service over `store`, which takes over at the first touch what `legacy` has of a user.
    #[must_use]
    pub fn after(
        legacy: Option<LegacySource>,
        store: Arc<dyn Store>,
        catalogue: &'static Catalogue,
        stage: Stage,
        surroundings: Arc<dyn Surroundings>,
    ) -> Self {
        let committer = Committer::new(Arc::clone(&store), catalogue, stage, Arc::clone(&surroundings), legacy);
        Self { store, catalogue, stage, surroundings, committer }
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        self.store.as_ref()
    }

    /// Answers when the store does.
    ///
    /// # Errors
    /// [`StoreError`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        in_time(self.store.ping()).await
    }

    /// The instant, by this service's clock.
    #[must_use]
    pub fn now(&self) -> crate::ledger::Timestamp {
        self.surroundings.now()
    }

    /// The account of `user` as it is now. Opens it at the first touch and bills what fell due.
    ///
    /// # Errors
    /// [`StoreError`] when the store does not answer; never a default.
    pub async fn get_user_stats(&self, user: &UserId, locale: Locale) -> Result<Stats, StoreError> {
        // What is left of the caller's time when the account is read is what the change has.
        let deadline = deadline();
        in_time(async {
            if let Some(Stored { account, .. }) = self.committer.load(user).await?
                && let Some(stats) = self.stats_if_settled(&account, user, locale)?
            {
                return Ok(stats);
            }
            self.settle(user, locale, deadline).await
        })
        .await
    }

    /// Whether `user` has an account, as the store says now. What comes next about that user need not read it again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_account(&self, user: &UserId) -> Result<bool, StoreError> {
        Ok(in_time(self.committer.load(user)).await?.is_some())
    }

    /// The stats of a stored account, unless something is due, which is to be committed first.
    fn stats_if_settled(&self, account: &Account, user: &UserId, locale: Locale) -> Result<Option<Stats>, StoreError> {
        let settled = self.touch(account.clone(), user, locale)?;
        Ok(settled.result.ok().filter(|_| settled.account == *account).map(|outcome| outcome.stats))
    }

    /// Commits what is due, with the opening if there is no account.
    async fn settle(&self, user: &UserId, locale: Locale, deadline: Instant) -> Result<Stats, StoreError> {
        let request = Request { command: Command::Touch, locale, idempotency: None };
        match self.commit(user, request, deadline).await? {
            Reply::Decided { decision: Ok(Outcome { stats, .. }) | Err(Refused { stats, .. }), .. } => Ok(stats),
            Reply::Replayed(_) => Err(StoreError::Damaged("a read has no idempotency key".to_owned())),
        }
    }

    fn touch(&self, account: Account, user: &UserId, locale: Locale) -> Result<Decided, StoreError> {
        let terms = Terms { catalogue: self.catalogue, now: self.surroundings.now(), locale, stage: self.stage };
        decide(Some(account), user, &Command::Touch, terms)
            .map_err(|missing| StoreError::Damaged(format!("the account of user {user}: {missing}")))
    }

    /// Debits what a generation costs.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn record_generation(
        &self,
        user: &UserId,
        generation: Generation,
        caller: Caller,
    ) -> Result<Reply, StoreError> {
        let Generation { content_type, token_cost, description, metadata } = generation;
        self.execute(user, Command::Debit { content_type, cost: token_cost, description, metadata }, caller).await
    }

    /// Credits tokens.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn add_tokens(&self, user: &UserId, credit: TokenCredit, caller: Caller) -> Result<Reply, StoreError> {
        let TokenCredit { amount, grant, description, metadata } = credit;
        self.execute(user, Command::Credit { amount, grant, description, metadata }, caller).await
    }

    /// Gives a debit back, to the grants that paid it.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn refund(
        &self,
        user: &UserId,
        debit: TransactionId,
        description: Option<String>,
        caller: Caller,
    ) -> Result<Reply, StoreError> {
        let deadline = deadline();
        let look = in_time(async {
            // In this order: should a reset put the history away in between, the ledger sees it.
            let archives = self.archived_histories(user).await?;
            let found = self.store.entries(user, EntryRange::only(debit)).await?;
            Ok((archives, found.into_iter().find(|found| found.id == debit)))
        });
        let (archives, found) = look.await?;
        let command = Command::Refund { id: debit, found, archives, refunded: false, description };
        let Caller { locale, idempotency } = caller;
        self.commit(user, Request { command, locale, idempotency }, deadline).await
    }

    /// Changes the plan and the caps of `user`. The plan must be in the catalogue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn change_plan(
        &self,
        user: &UserId,
        change: PlanChange,
        effective: Effective,
        caller: Caller,
    ) -> Result<Reply, StoreError> {
        self.execute(user, Command::Change { change, effective }, caller).await
    }

    /// Moves the test clock of `user` forward to `at`. Only in development.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn set_clock(&self, user: &UserId, at: Timestamp, locale: Locale) -> Result<Reply, StoreError> {
        self.execute(user, Command::SetClock(at), Caller { locale, idempotency: None }).await
    }

    /// Goes back to the opening state; the history is archived.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn reset_stats(&self, user: &UserId, caller: Caller) -> Result<Reply, StoreError> {
        self.execute(user, Command::Reset, caller).await
    }

    /// A page of the history: at most `limit` entries of `selection` that lie beyond `cursor`. What fell due is billed
    /// first, so that the history adds up to the balance.
    ///
    /// # Errors
    /// [`StoreError`]; never an empty history instead.
    pub async fn get_transaction_history(
        &self,
        user: &UserId,
        selection: &Selection,
        cursor: Option<TransactionId>,
        limit: usize,
        locale: Locale,
    ) -> Result<Page, StoreError> {
        in_time(async {
            self.get_user_stats(user, locale).await?;
            self.next_page(user, selection, cursor, limit).await
        })
        .await
    }

    /// The beginning of all of `selection` beyond `cursor`. What fell due is billed first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn begin_transaction_history(
        &self,
        user: &UserId,
        selection: &Selection,
        cursor: Option<TransactionId>,
        limit: usize,
        locale: Locale,
    ) -> Result<Beginning, StoreError> {
        let last_first = Selection { order: Order::Descending, ..Selection::default() };
        in_time(async {
            // Before anything else, as a commit that this brings about has as much time as the caller, and no more.
            self.get_user_stats(user, locale).await?;
            let archived = self.archived_histories(user).await?;
            let first = self.next_page(user, selection, cursor, limit).await?;
            let newest = self.next_page(user, &last_first, None, 1).await?;
            Ok(Beginning { first, newest: newest.transactions.first().map(|transaction| transaction.id), archived })
        })
        .await
    }

    /// A further page of a history that [`Self::get_transaction_history`] began.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_page(
        &self,
        user: &UserId,
        selection: &Selection,
        cursor: Option<TransactionId>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        in_time(history::page(self.store.as_ref(), user, selection, cursor, limit)).await
    }

    /// How many histories of `user` were archived: while this stays the same, pages come from one history.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn archived_histories(&self, user: &UserId) -> Result<u32, StoreError> {
        let stored = in_time(self.store.load(user)).await?;
        Ok(stored.map_or(0, |stored| stored.account.archives()))
    }

    /// What was spent in each bucket of `range`, or why it is none: that is known once the account is, which may have a time
    /// of its own.
    ///
    /// # Errors
    /// [`StoreError`]; never nothing instead.
    pub async fn get_usage(
        &self,
        user: &UserId,
        range: &Range,
        locale: Locale,
    ) -> Result<Result<Vec<Bucket>, InvalidRange>, StoreError> {
        in_time(async {
            self.get_user_stats(user, locale).await?;
            let time = |account: &Account| account.time(self.now(), self.stage);
            usage::spent(self.store.as_ref(), user, range, time).await
        })
        .await
    }

    /// Bills what fell due.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn bill(&self, user: &UserId, locale: Locale) -> Result<Reply, StoreError> {
        self.execute(user, Command::Touch, Caller { locale, idempotency: None }).await
    }

    /// Remembers the answer to a caller who changes nothing under the caller's key. Bills what fell due, as all do.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remember(&self, user: &UserId, caller: Caller) -> Result<Reply, StoreError> {
        self.execute(user, Command::Touch, caller).await
    }

    async fn execute(&self, user: &UserId, command: Command, caller: Caller) -> Result<Reply, StoreError> {
        let Caller { locale, idempotency } = caller;
        self.commit(user, Request { command, locale, idempotency }, deadline()).await
    }

    async fn commit(&self, user: &UserId, request: Request, deadline: Instant) -> Result<Reply, StoreError> {
        let reply = self.committer.execute(user, request, deadline).await?;
        if let Reply::Decided { taken_over: Some(report), .. } = &reply {
            for note in report.notes() {
                log::warning(&format!("user {user} was taken over from the module before: {note}"));
            }
        }
        Ok(reply)
    }
}
