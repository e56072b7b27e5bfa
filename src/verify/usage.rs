//! What is counted of usage against the history, and counted anew.

use super::{
    Checker, Difference, Finding,
    account::{Check, STILL_ATTEMPTS, readable},
};
use crate::{
    ledger::{ClosedUsage, Entry, Usage, UsageField},
    store::{Commit, Committed, History, Revision, StoreError, Stored, inspect::Pages},
    system::{random, short_name},
};

/// What was found of the hours and days that are over. It does not grow with their number.
#[derive(Default)]
pub(super) struct Fields {
    /// How many of them are there.
    present: u64,
    /// How many of them are missing or wrong.
    wrong: u64,
    /// The first of those: its name, what is there, and what should be.
    first: Option<(UsageField, String, String)>,
}

impl Fields {
    /// Looks at what should be there.
    pub(super) async fn compare(&mut self, check: &Check<'_>, closed: Vec<ClosedUsage>) -> Result<(), StoreError> {
        if closed.is_empty() {
            return Ok(());
        }
        let expected = written(closed.iter().map(ClosedUsage::written).collect::<Result<Vec<_>, _>>())?;
        let names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
        // What cannot be read at all is as good as missing.
        let found = readable(check.run.store.usage(check.user, &names).await)?.unwrap_or_default();
        for (index, (closed, (_, expected))) in closed.iter().zip(expected).enumerate() {
            let stored = found.get(index).cloned().flatten();
            self.present = self.present.saturating_add(stored.is_some().into());
            if stored.as_ref() == Some(&expected) {
                continue;
            }
            self.wrong = self.wrong.saturating_add(1);
            if self.first.is_none() {
                let stored = match stored.map(|text| ClosedUsage::read(closed.field(), &text).map(|_| text)) {
                    None => "missing".to_owned(),
                    Some(Ok(text)) => text,
                    Some(Err(damage)) => format!("damaged ({damage})"),
                };
                self.first = Some((closed.field(), stored, expected));
            }
        }
        Ok(())
    }
}

/// None in practice: every counter has a JSON form.
fn written<T>(json: Result<T, serde_json::Error>) -> Result<T, StoreError> {
    json.map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Counters as they stand in an account.
fn told(usage: &Usage) -> Result<String, StoreError> {
    if usage.is_empty() { Ok("nothing".to_owned()) } else { written(serde_json::to_string(usage)) }
}

impl Check<'_> {
    /// Tells what is wrong with what is counted of usage, and counts it anew if that was asked for. What follows from another
    /// difference is not told.
    pub(super) async fn usage(&self, stored: &Stored, checker: &Checker<'_>, fields: Fields) -> Result<(), StoreError> {
        let Some(counted) = checker.usage() else { return Ok(()) };
        let store = &self.run.store;
        let mut differences = Vec::new();
        if let Some((field, stored, history)) = fields.first {
            let more = fields.wrong.saturating_sub(1);
            differences.push(Difference::ClosedUsage { field, stored, history, more });
        }
        let account = stored.account.usage();
        if account != counted {
            differences.push(Difference::CountedUsage { account: told(account)?, history: told(counted)? });
        }
        let size = readable(store.usage_size(self.user).await)?;
        let Ok(Some(now)) = readable(store.load(self.user).await)? else { return Ok(()) };
        if now.account.archives() != stored.account.archives() {
            // Another history has begun, with other counters.
            return Ok(());
        }
        match size {
            // While an hour is open nothing is closed.
            Ok(size) if now.account.usage().hour() == account.hour() && size > fields.present => {
                differences.push(Difference::SurplusUsage(size.saturating_sub(fields.present)));
            }
            Ok(_) => {}
            Err(cause) => differences.push(Difference::Unreadable(cause)),
        }
        let repaired = self.run.repair && !differences.is_empty() && self.count_usage_anew().await?;
        for difference in differences {
            self.run.tell(Finding { user: self.user.clone(), history: None, entry: None, difference, repaired }).await;
        }
        Ok(())
    }

    /// Writes what the history has spent: whether it could, as the account may change all the time.
    async fn count_usage_anew(&self) -> Result<bool, StoreError> {
        let store = &self.run.store;
        let mut walk: Option<Walk> = None;
        for _ in 0..STILL_ATTEMPTS {
            let Ok(Some(stored)) = readable(store.load(self.user).await)? else { return Ok(false) };
            let archives = stored.account.archives();
            // What came since is added, unless another history has begun.
            let so_far = walk.take().filter(|walk| walk.archives == archives);
            let Some(counted) = so_far.unwrap_or_else(|| Walk::of(archives)).on(self, &stored).await? else {
                return Ok(false);
            };
            if store.write_usage(self.user, &stored.revision, &counted.fields).await?
                && self.write_counters(&stored, &counted.usage).await?
            {
                return Ok(true);
            }
            walk = Some(counted);
        }
        Ok(false)
    }

    /// Gives the account these counters, if it still is what it was: whether it has them.
    async fn write_counters(&self, stored: &Stored, usage: &Usage) -> Result<bool, StoreError> {
        let Stored { revision, account } = stored;
        if account.usage() == usage {
            return Ok(true);
        }
        let commit = Commit {
            user: self.user.clone(),
            expected: Some(revision.clone()),
            revision: Revision::new(short_name(random())),
            document: written(account.clone().with_usage(usage.clone()).to_document())?,
            entries: Vec::new(),
            archive: None,
            records: Vec::new(),
            usage: Vec::new(),
            due: None,
            now: self.run.began,
        };
        Ok(self.run.store.commit(&commit).await? == Committed::Done)
    }
}

/// How far a history has been counted. Its fields are as many as the hours and days in which something was spent.
struct Walk {
    /// Of which history, by the number of archives before it.
    archives: u32,
    last: Option<String>,
    usage: Usage,
    fields: Vec<(String, String)>,
}

impl Walk {
    fn of(archives: u32) -> Self {
        Self { archives, last: None, usage: Usage::default(), fields: Vec::new() }
    }

    /// Goes on to the last entry of `stored`. `None` if an entry cannot be read.
    async fn on(mut self, check: &Check<'_>, stored: &Stored) -> Result<Option<Self>, StoreError> {
        let mut pages = Pages::after_id(self.last.clone());
        while let Some(count) = pages.next_count() {
            let page = check.run.store.stored_entries(check.user, History::Current, pages.after(), count).await;
            let Ok(page) = readable(page)? else { return Ok(None) };
            for entry in &page {
                let (Some(id), Ok(read)) = (entry.transaction_id(), serde_json::from_slice::<Entry>(&entry.document))
                else {
                    return Ok(None);
                };
                if id > stored.account.last_entry() {
                    return Ok(Some(self));
                }
                for closed in self.usage.count(id, &read).into_iter().flatten() {
                    self.fields.push(written(closed.written())?);
                }
                self.last = Some(entry.id.clone());
            }
            pages.turn(&page);
        }
        Ok(Some(self))
    }
}
