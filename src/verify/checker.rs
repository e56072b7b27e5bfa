use super::{Difference, Finding};
use crate::{
    ledger::{
        Account, ClosedUsage, Entry, GrantKind, Misspent, Paid, Recount, Source, TransactionId, TransactionType, Usage,
    },
    plans::{Catalogue, NotInCatalogue},
    store::{History, inspect::StoredEntry},
    unreadable::Unreadable,
};

/// Compares an account with its histories, which are shown to it entry by entry: the archives in their order, then the
/// current one, each from [`Checker::begin`] to [`Checker::end`]. Pure, and of constant size.
#[derive(Debug)]
pub struct Checker<'a> {
    account: &'a Account,
    /// Whether an opening writes an entry: a catalogue may open accounts with nothing.
    opens_with_entry: bool,
    /// How many entries of each history may lie in the past, as those of the demo history do.
    in_the_past: u64,
    histories: Histories,
    current: Progress,
    /// The hours and days of the current history that are over, as they were shown.
    closed: Vec<ClosedUsage>,
    findings: Vec<Finding>,
}

/// What is known of all histories.
#[derive(Debug)]
struct Histories {
    entries: u64,
    greatest: TransactionId,
    /// Whether all of them were there and could be read.
    complete: bool,
}

/// What is known of the history that is being shown.
#[derive(Debug)]
struct Progress {
    history: History,
    entries: u64,
    /// The greatest id of the histories before.
    before: TransactionId,
    last: Option<TransactionId>,
    /// The balance after the last entry, by its own word; `None` if it could not be read.
    balance: Option<i64>,
    recount: Recount,
    usage: Usage,
    /// Whether it is the module's before, which had rules of its own.
    taken_over: bool,
    /// Whether every entry could be read.
    readable: bool,
    /// Whether every entry was in order.
    sound: bool,
}

impl Progress {
    fn of(account: &Account, history: History, before: TransactionId) -> Self {
        let (recount, usage) = (Recount::of(account), Usage::default());
        let is_first = match history {
            History::Current => account.archives() == 0,
            History::Archived(number) => number == 0,
        };
        let taken_over = is_first && account.imported().is_some();
        let (last, balance, readable, sound) = (None, Some(0), true, true);
        Self { history, entries: 0, before, last, balance, recount, usage, taken_over, readable, sound }
    }
}

impl<'a> Checker<'a> {
    /// A checker that has been shown nothing yet.
    ///
    /// # Errors
    /// [`NotInCatalogue`]: none for a parsed catalogue.
    pub fn new(account: &'a Account, catalogue: &Catalogue) -> Result<Self, NotInCatalogue> {
        let (_, plan) = catalogue.default_plan()?;
        let demo = catalogue.demo_of(account.user_id()).map_or(0, <[_]>::len);
        Ok(Self {
            account,
            opens_with_entry: plan.opening_balance() > 0,
            in_the_past: u64::try_from(demo).unwrap_or(u64::MAX),
            histories: Histories { entries: 0, greatest: TransactionId::ZERO, complete: true },
            current: Progress::of(account, History::Current, TransactionId::ZERO),
            closed: Vec::new(),
            findings: Vec::new(),
        })
    }

    /// What was found since this was asked last.
    pub fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }

    /// What the current history has spent in the hours and days that are over, since this was asked last.
    pub fn take_closed(&mut self) -> Vec<ClosedUsage> {
        std::mem::take(&mut self.closed)
    }

    /// What the current history has spent lately, if the history and what the account says of it are right so far: otherwise
    /// what is counted of its usage need not be.
    #[must_use]
    pub fn usage(&self) -> Option<&Usage> {
        let Progress { recount, usage, readable, sound, .. } = &self.current;
        let account = self.account;
        let mut generations = account.generations().iter();
        let counted = i128::from(account.tokens_used()) == recount.tokens_used()
            && generations.all(|(name, count)| i128::from(*count) == recount.generations(name));
        (*readable && *sound && counted).then_some(usage)
    }

    /// How many entries it was shown.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.histories.entries
    }

    /// The next history begins.
    pub fn begin(&mut self, history: History) {
        self.current = Progress::of(self.account, history, self.histories.greatest);
    }

    /// The history cannot be read further.
    pub fn unreadable(&mut self, cause: String) {
        self.histories.complete = false;
        self.current.readable = false;
        self.found(None, Difference::Unreadable(cause));
    }

    /// The history is missing, like so many before it, and those after it will not be shown.
    pub fn give_up(&mut self, missing: u32) {
        self.histories.complete = false;
        self.found(None, Difference::MissingInARow(missing));
    }

    /// The history's next entry.
    pub fn entry(&mut self, stored: &StoredEntry) {
        let first = self.current.entries == 0;
        self.current.entries = self.current.entries.saturating_add(1);
        self.histories.entries = self.histories.entries.saturating_add(1);
        match stored.transaction_id() {
            Some(id) => self.id(id, stored),
            None => self.wrong(stored, Difference::Unreadable("its id is not <milliseconds>-<n>".to_owned())),
        }
        match serde_json::from_slice::<Entry>(&stored.document) {
            Ok(entry) => {
                self.form(first, &entry, stored);
                if let Some(id) = stored.transaction_id() {
                    self.time(id, &entry, stored);
                    self.refund(id, &entry, stored);
                }
                self.balance(&entry, stored);
                let sound = self.current.sound;
                if let Some(id) = stored.transaction_id().filter(|_| self.current.history == History::Current) {
                    self.closed.extend(self.current.usage.count(id, &entry).into_iter().flatten());
                }
                match self.current.recount.add(&entry) {
                    Err(misspent) if sound || !matches!(misspent, Misspent::Uncovered { .. }) => {
                        self.wrong(stored, Difference::Misspent { amount: entry.amount, misspent });
                    }
                    // What a grant had is known only if everything before it is.
                    Ok(()) | Err(_) => {}
                }
            }
            Err(error) => {
                self.current.readable = false;
                self.current.balance = None;
                self.wrong(stored, Difference::Unreadable(Unreadable::from(error).to_string()));
            }
        }
    }

    /// Ids increase in a history and from history to history; only a demo history begins in the past.
    fn id(&mut self, id: TransactionId, stored: &StoredEntry) {
        // As ids increase within a history, its first one outside the past speaks for the others.
        let speaks = self.current.entries == self.in_the_past.saturating_add(1);
        let before = if speaks { self.current.last.max(Some(self.current.before)) } else { self.current.last };
        if let Some(before) = before
            && id <= before
        {
            self.wrong(stored, Difference::OutOfOrder(before));
        }
        self.current.last = Some(id);
        self.histories.greatest = self.histories.greatest.max(id);
    }

    fn form(&mut self, first: bool, entry: &Entry, stored: &StoredEntry) {
        let opens = entry.kind == TransactionType::Credit && entry.source == Some(Source::Initial);
        let is_legacy = self.current.taken_over && entry.names_legacy();
        if first && self.opens_with_entry && !opens && !self.current.taken_over {
            // What was there before is lost, so no balance follows.
            self.current.balance = None;
            self.wrong(stored, Difference::NotOpening(entry.kind));
        }
        if !first && opens && self.in_the_past == 0 && !is_legacy {
            self.wrong(stored, Difference::OpenedAgain);
        }
        match (entry.kind, entry.source, &entry.content_type) {
            (TransactionType::Credit, None, _) => self.wrong(stored, Difference::NoSource),
            (TransactionType::Debit, Some(_), Some(_)) => self.wrong(stored, Difference::SpentAndExpired),
            (TransactionType::Debit, None, None) if entry.reservation_id.is_none() && !is_legacy => {
                self.wrong(stored, Difference::NoContentType);
            }
            (TransactionType::Debit, _, Some(content_type))
                if self.current.history == History::Current
                    && !self.account.generations().contains_key(content_type) =>
            {
                self.wrong(stored, Difference::Uncounted(content_type.clone()));
            }
            (TransactionType::Credit | TransactionType::Debit, _, _) => {}
        }
    }

    /// What expires is there before, and gone after.
    fn time(&mut self, id: TransactionId, entry: &Entry, stored: &StoredEntry) {
        // An entry that has the instant of the one before it may be of a clock that was far behind: after a reset by such a
        // one, allowances come and go before that instant.
        let is_known = |grant: GrantKind| grant.source != Source::Monthly || id.sequence() == 0;
        let is_over =
            |grant: GrantKind| grant.expires_at.filter(|expires_at| *expires_at <= id.timestamp() && is_known(grant));
        let difference = match (entry.kind, entry.source) {
            (TransactionType::Credit, Some(source)) => {
                let Entry { priority, expires_at, .. } = *entry;
                is_over(GrantKind { source, priority, expires_at }).map(Difference::CreditedLate)
            }
            (TransactionType::Debit, Some(source)) if entry.is_expiration() => match entry.grants.as_slice() {
                [Paid { grant, .. }] if grant.source == source => {
                    let goes = source == Source::Monthly || is_over(*grant).is_some();
                    (!goes).then_some(Difference::ExpiredEarly(*grant))
                }
                _ => Some(Difference::ExpiredOfNoGrant(source)),
            },
            // What is set aside is there until its reservation ends.
            (TransactionType::Debit, _) if entry.reservation_id.is_some() => None,
            (TransactionType::Debit, _) => {
                let late = entry.grants.iter().find(|paid| is_over(paid.grant).is_some());
                late.map(|paid| Difference::SpentLate(paid.grant))
            }
            (TransactionType::Credit, None) => None,
        };
        if let Some(difference) = difference {
            self.wrong(stored, difference);
        }
    }

    /// A refund is of an entry before it. Which ones there were is not remembered.
    fn refund(&mut self, id: TransactionId, entry: &Entry, stored: &StoredEntry) {
        let is_refund = entry.kind == TransactionType::Credit && entry.source == Some(Source::Refund);
        if is_refund && entry.refund_of.is_none_or(|debit| debit >= id) {
            self.wrong(stored, Difference::RefundOfNothing);
        }
    }

    /// The balance after an entry follows from the one before it. If one of them is wrong, only that one is told: those
    /// after it are measured by it, or by the whole sum.
    fn balance(&mut self, entry: &Entry, stored: &StoredEntry) {
        if let Some(before) = self.current.balance {
            let amount = i64::try_from(entry.amount.get()).unwrap_or(i64::MAX);
            let moved = match entry.kind {
                TransactionType::Credit => amount,
                TransactionType::Debit => amount.saturating_neg(),
            };
            let follows = before.saturating_add(moved);
            let sum = self.current.recount.sum().saturating_add(moved.into());
            // A capture may go below zero, and so may what expires while something is owed.
            let may_go_below = entry.reservation_id.is_some() || entry.is_expiration();
            if moved < 0 && follows < 0 && !may_go_below {
                self.wrong(stored, Difference::Overdrawn { amount: entry.amount, balance: before });
            } else if entry.balance != follows && i128::from(entry.balance) != sum {
                self.wrong(stored, Difference::BalanceAfter { stated: entry.balance, follows });
            }
        }
        self.current.balance = Some(entry.balance);
    }

    /// The history is at its end.
    pub fn end(&mut self) {
        if self.current.entries == 0 && self.current.readable && self.opens_with_entry && !self.current.taken_over {
            self.histories.complete = false;
            self.current.readable = false;
            self.found(None, Difference::Missing);
        }
    }

    /// Everything was shown, the current history last: compares the account itself.
    pub fn finish(&mut self) {
        let account = self.account;
        if self.current.readable {
            self.figures();
        }
        if self.histories.complete {
            let Histories { entries, greatest, .. } = self.histories;
            if account.version() != entries {
                self.account_is_wrong(Difference::Version { account: account.version(), histories: entries });
            }
            if account.last_entry() != greatest {
                self.account_is_wrong(Difference::LastEntry { account: account.last_entry(), histories: greatest });
            }
        }
    }

    fn figures(&mut self) {
        let account = self.account;
        let recount = self.current.recount.clone();
        let balanced = i128::from(account.ledger_balance()) == recount.sum();
        if !balanced {
            self.account_is_wrong(Difference::Balance { account: account.ledger_balance(), history: recount.sum() });
        }
        // What a debit took, and from which grant, is known only if everything before it is.
        if balanced && self.current.sound && !recount.has_the_grants_of(account) {
            self.account_is_wrong(Difference::Grants);
        }
        if i128::from(account.tokens_used()) != recount.tokens_used() {
            let (account, history) = (account.tokens_used(), recount.tokens_used());
            self.account_is_wrong(Difference::TokensUsed { account, history });
        }
        for (content_type, count) in account.generations() {
            let history = recount.generations(content_type);
            if i128::from(*count) != history {
                let content_type = content_type.clone();
                self.account_is_wrong(Difference::Generations { content_type, account: *count, history });
            }
        }
        let billed = account.billing().periods_billed();
        if recount.monthly() > u64::from(billed) {
            self.account_is_wrong(Difference::Periods { billed, history: recount.monthly() });
        }
    }

    fn wrong(&mut self, stored: &StoredEntry, difference: Difference) {
        self.current.sound = false;
        self.found(Some(stored.id.clone()), difference);
    }

    fn found(&mut self, entry: Option<String>, difference: Difference) {
        let user = self.account.user_id().clone();
        let history = Some(self.current.history);
        self.findings.push(Finding { user, history, entry, difference, repaired: false });
    }

    fn account_is_wrong(&mut self, difference: Difference) {
        let user = self.account.user_id().clone();
        self.findings.push(Finding { user, history: None, entry: None, difference, repaired: false });
    }
}
