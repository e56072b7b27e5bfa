use std::sync::atomic::Ordering;

use tokio::time::sleep;

use super::{Checker, Difference, Finding, Verification, usage::Fields};
use crate::{
    ledger::{Account, Timestamp, UserId},
    store::{
        History, StoreError, Stored,
        inspect::{Pages, StoredEntry},
        pause_before,
    },
    system,
};

/// After so many archives in a row that are missing no more are looked for: their number itself may be damaged.
const MISSING_IN_A_ROW_MAX: u32 = 100;
/// How often the end of a history is looked at until the account stands still meanwhile.
pub(super) const STILL_ATTEMPTS: u32 = 8;
/// How many archives beyond the last one are looked for at once.
const SURPLUS_PAGE: u32 = 16;
/// An account that is younger than this may still be waiting for its note, in milliseconds.
const NOTED_WITHIN: u64 = 60_000;
/// How often a note is looked for that is still to come.
const NOTE_ATTEMPTS: u32 = 6;

/// What the store answered: damage is not a failure here, but a difference.
pub(super) fn readable<T>(answer: Result<T, StoreError>) -> Result<Result<T, String>, StoreError> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(StoreError::Damaged(cause)) => Ok(Err(cause)),
        Err(error) => Err(error),
    }
}

/// One account under check.
pub(super) struct Check<'a> {
    pub(super) run: &'a Verification,
    pub(super) user: &'a UserId,
}

/// Compares the account of `user` with all that belongs to it. False if there is neither account nor history.
pub(super) async fn check(run: &Verification, user: &UserId) -> Result<bool, StoreError> {
    Check { run, user }.all().await
}

/// Tells that `user` has a history and no account.
pub(super) async fn tell_lost(run: &Verification, user: &UserId) -> Result<(), StoreError> {
    Check { run, user }.lost().await
}

impl Check<'_> {
    async fn all(&self) -> Result<bool, StoreError> {
        let stored = match readable(self.run.store.load(self.user).await)? {
            Ok(Some(stored)) => stored,
            Ok(None) => return self.nobody().await,
            Err(cause) => {
                self.run.seen.accounts.fetch_add(1, Ordering::Relaxed);
                self.differs(Difference::Unreadable(cause)).await;
                self.count_note().await?;
                return Ok(true);
            }
        };
        self.run.seen.accounts.fetch_add(1, Ordering::Relaxed);
        let catalogue = self.run.catalogue;
        let missing = |missing: crate::plans::NotInCatalogue| StoreError::Misconfigured(missing.to_string());
        let mut checker = Checker::new(&stored.account, catalogue).map_err(missing)?;
        self.archives(&mut checker, stored.account.archives()).await?;
        if let Some(fields) = self.current(&mut checker, &stored).await? {
            checker.finish();
            self.tell(&mut checker).await;
            self.usage(&stored, &checker, fields).await?;
            self.end(&stored).await?;
            self.due(&stored.account).await?;
            self.listed(&stored.account).await?;
        }
        Ok(true)
    }

    /// There is no account: then there should be no history either.
    async fn nobody(&self) -> Result<bool, StoreError> {
        let store = &self.run.store;
        let entries = readable(store.stored_entries(self.user, History::Current, None, 1).await)?;
        // One that cannot be read is there too.
        let history = entries.map_or(true, |entries| !entries.is_empty());
        let archive = !store.archives(self.user, 0..SURPLUS_PAGE).await?.is_empty();
        // Between the two looks the account may have been opened: then it is whole, as new ones are.
        if !matches!(readable(store.load(self.user).await)?, Ok(None)) {
            return Ok(true);
        }
        if history || archive {
            self.lost().await?;
        }
        Ok(history || archive)
    }

    async fn lost(&self) -> Result<(), StoreError> {
        self.differs(Difference::NoAccount).await;
        self.count_note().await
    }

    async fn archives(&self, checker: &mut Checker<'_>, count: u32) -> Result<(), StoreError> {
        let mut missing = 0_u32;
        for number in 0..count {
            let before = checker.entries();
            checker.begin(History::Archived(number));
            self.history(checker, History::Archived(number)).await?;
            missing = if checker.entries() == before { missing.saturating_add(1) } else { 0 };
            if missing > MISSING_IN_A_ROW_MAX {
                checker.give_up(MISSING_IN_A_ROW_MAX);
                self.tell(checker).await;
                break;
            }
            checker.end();
            self.tell(checker).await;
        }
        Ok(())
    }

    /// Shows the checker a history that nobody changes any more.
    async fn history(&self, checker: &mut Checker<'_>, history: History) -> Result<(), StoreError> {
        let mut pages = Pages::default();
        while let Some(count) = pages.next_count() {
            match readable(self.run.store.stored_entries(self.user, history, pages.after(), count).await)? {
                Ok(page) => {
                    self.show(checker, page.iter());
                    pages.turn(&page);
                }
                Err(cause) => {
                    checker.unreadable(cause);
                    break;
                }
            }
            self.tell(checker).await;
        }
        Ok(())
    }

    /// Shows the checker the history that grows, up to the last entry of `stored`: what comes later belongs to a later
    /// account. A reset may put the history away at any moment; a page counts only if it was still the current one
    /// afterwards, and is read from the archive otherwise. Gives what was found of its usage; `None` if the account is gone.
    async fn current(&self, checker: &mut Checker<'_>, stored: &Stored) -> Result<Option<Fields>, StoreError> {
        let (store, last) = (&self.run.store, stored.account.last_entry());
        let mut history = History::Current;
        let mut pages = Pages::default();
        let mut fields = Fields::default();
        checker.begin(History::Current);
        while let Some(count) = pages.next_count() {
            let page = readable(store.stored_entries(self.user, history, pages.after(), count).await)?;
            if history == History::Current {
                let now = match readable(store.load(self.user).await)? {
                    Ok(Some(now)) => now,
                    Ok(None) => return self.nobody().await.map(|_| None),
                    Err(cause) => {
                        self.differs(Difference::Unreadable(cause)).await;
                        return Ok(None);
                    }
                };
                if now.account.archives() != stored.account.archives() {
                    history = History::Archived(stored.account.archives());
                    continue;
                }
            }
            match page {
                Ok(page) => {
                    let later = |entry: &&StoredEntry| entry.transaction_id().is_some_and(|id| id > last);
                    self.show(checker, page.iter().take_while(|entry| !later(entry)));
                    fields.compare(self, checker.take_closed()).await?;
                    pages.turn(&page);
                    if page.last().is_some_and(|entry| later(&entry)) {
                        break;
                    }
                }
                Err(cause) => {
                    checker.unreadable(cause);
                    break;
                }
            }
            self.tell(checker).await;
        }
        checker.end();
        self.tell(checker).await;
        Ok(Some(fields))
    }

    /// Nothing comes after the last entry of an account, and no archive after its last one. As both grow with the
    /// account, only what is there while it stands still is too much; one that never does is left to the next run.
    async fn end(&self, stored: &Stored) -> Result<(), StoreError> {
        let store = &self.run.store;
        let mut before = stored.clone();
        for _ in 0..STILL_ATTEMPTS {
            let (last, archives) = (before.account.last_entry(), before.account.archives());
            let later = store.stored_entries(self.user, History::Current, Some(&last.to_string()), 1).await;
            // What cannot be read has been told.
            let later = readable(later)?.unwrap_or_default().into_iter().next();
            let surplus = store.archives(self.user, archives..archives.saturating_add(SURPLUS_PAGE)).await?;
            if later.is_none() && surplus.is_empty() {
                return Ok(());
            }
            let Ok(Some(after)) = readable(store.load(self.user).await)? else { return Ok(()) };
            if after.revision == before.revision {
                if let Some(entry) = later {
                    let (history, difference) = (Some(History::Current), Difference::AfterTheLast(last));
                    self.found(history, Some(entry.id), difference).await;
                }
                for number in surplus {
                    self.found(Some(History::Archived(number)), None, Difference::Surplus(archives)).await;
                }
                return Ok(());
            }
            before = after;
        }
        Ok(())
    }

    /// A billing time must be noted, and not be later than the billing. One that is too early does no harm.
    async fn due(&self, account: &Account) -> Result<(), StoreError> {
        let store = &self.run.store;
        let Ok(plan) = self.run.catalogue.plan(account.plan()) else {
            self.differs(Difference::UnknownPlan(account.plan().to_owned())).await;
            return self.count_note().await;
        };
        let mut due = account.billing().next(plan.time_zone());
        for attempt in 1..=NOTE_ATTEMPTS {
            let noted = readable(store.noted(self.user).await)?;
            if matches!(noted, Ok(Some(noted)) if noted <= due) {
                self.run.seen.noted.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            // A billing moves the account first and then the note: the account must be the later look.
            let Ok(Some(now)) = readable(store.load(self.user).await)? else { return Ok(()) };
            let now = now.account.billing().next(plan.time_zone());
            let moved = std::mem::replace(&mut due, now) != now;
            if attempt < NOTE_ATTEMPTS && (moved || self.is_young(account)) {
                sleep(pause_before(attempt, system::random())).await;
                continue;
            }
            return self.note(noted, due).await;
        }
        Ok(())
    }

    /// Whoever has an account must be in the list of users.
    async fn listed(&self, account: &Account) -> Result<(), StoreError> {
        let store = &self.run.store;
        for attempt in 1..=NOTE_ATTEMPTS {
            let listed = readable(store.is_listed(self.user).await)?;
            if listed == Ok(true) {
                break;
            }
            if attempt < NOTE_ATTEMPTS && self.is_young(account) {
                sleep(pause_before(attempt, system::random())).await;
                continue;
            }
            let difference = listed.map_or_else(Difference::Unreadable, |_| Difference::NotListed);
            let repaired = self.run.repair && difference == Difference::NotListed;
            if repaired {
                store.list(self.user).await?;
            }
            self.run.tell(Finding { user: self.user.clone(), history: None, entry: None, difference, repaired }).await;
            break;
        }
        Ok(())
    }

    /// Whether its opening may still be on its way to its note and to the list.
    fn is_young(&self, account: &Account) -> bool {
        account.opened_at() >= self.run.began.earlier_by(NOTED_WITHIN)
    }

    /// Counts the note of a user whose account cannot tell when it is due: it belongs to somebody.
    async fn count_note(&self) -> Result<(), StoreError> {
        let is_noted = !matches!(readable(self.run.store.noted(self.user).await)?, Ok(None));
        self.run.seen.noted.fetch_add(u64::from(is_noted), Ordering::Relaxed);
        Ok(())
    }

    /// Tells of a note that is not as it should be, and puts it right if that was asked for.
    async fn note(&self, noted: Result<Option<Timestamp>, String>, due: Timestamp) -> Result<(), StoreError> {
        let is_noted = self.run.repair || !matches!(noted, Ok(None));
        self.run.seen.noted.fetch_add(u64::from(is_noted), Ordering::Relaxed);
        let difference = match noted {
            Ok(Some(noted)) => Difference::DueLate { noted, due },
            Ok(None) => Difference::DueMissing(due),
            Err(cause) => Difference::Unreadable(cause),
        };
        if self.run.repair {
            self.run.store.note_due(self.user, due).await?;
        }
        let repaired = self.run.repair;
        self.run.tell(Finding { user: self.user.clone(), history: None, entry: None, difference, repaired }).await;
        Ok(())
    }

    fn show<'e>(&self, checker: &mut Checker<'_>, entries: impl Iterator<Item = &'e StoredEntry>) {
        let before = checker.entries();
        for entry in entries {
            checker.entry(entry);
        }
        self.run.seen.entries.fetch_add(checker.entries().saturating_sub(before), Ordering::Relaxed);
    }

    async fn tell(&self, checker: &mut Checker<'_>) {
        for finding in checker.take_findings() {
            self.run.tell(finding).await;
        }
    }

    async fn differs(&self, difference: Difference) {
        self.found(None, None, difference).await;
    }

    async fn found(&self, history: Option<History>, entry: Option<String>, difference: Difference) {
        let user = self.user.clone();
        self.run.tell(Finding { user, history, entry, difference, repaired: false }).await;
    }
}
