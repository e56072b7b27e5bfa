//! Pages of a history: forwards or backwards, filtered, without gap or repetition while entries arrive.
//!
//! The cursor is the id of the last entry that was looked at, so a page continues exactly there, whatever was added
//! since.

use crate::{
    ledger::{ContentType, Timestamp, Transaction, TransactionId, TransactionType, UserId},
    store::{EntryRange, Order, Store, StoreError},
};

/// How many entries are read from the store at once when only some of them are wanted.
const FILTERED_CHUNK: usize = 500;

/// How many entries a page looks at, at most: it may then hold fewer than were asked for, and still have a next one.
const LOOKED_AT_MAX: usize = 5_000;

/// Which entries are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only credits, or only debits.
    pub kind: Option<TransactionType>,
    /// Only this content type.
    pub content_type: Option<ContentType>,
    /// Only from this instant on.
    pub from: Option<Timestamp>,
    /// Only before this instant.
    pub to: Option<Timestamp>,
    /// Which end comes first.
    pub order: Order,
}

/// Some entries, and where to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order that was asked for.
    pub transactions: Vec<Transaction>,
    /// The cursor of the next page; `None` when there is nothing more.
    pub next_cursor: Option<TransactionId>,
}

impl Selection {
    fn wants(&self, transaction: &Transaction) -> bool {
        let entry = &transaction.entry;
        self.kind.is_none_or(|kind| entry.kind == kind)
            && self.content_type.as_ref().is_none_or(|wanted| entry.content_type.as_ref() == Some(wanted))
    }

    /// The entries beyond `cursor` within the selection's times.
    fn range(&self, cursor: Option<TransactionId>, count: usize) -> EntryRange {
        let earliest = self.from.filter(|from| *from > Timestamp::EPOCH);
        // The last id before `from`, whatever its number.
        let after = earliest.map(|from| TransactionId::new(from.earlier_by(1), u32::MAX));
        let before = self.to.map(|to| TransactionId::new(to, 0));
        match self.order {
            Order::Ascending => EntryRange { after: after.max(cursor), before, order: self.order, count },
            Order::Descending => {
                let before = [before, cursor].into_iter().flatten().min();
                EntryRange { after, before, order: self.order, count }
            }
        }
    }
}

/// At most `limit` entries of `selection` beyond `cursor`.
///
/// # Errors
/// [`StoreError`].
pub async fn page(
    store: &dyn Store,
    user: &UserId,
    selection: &Selection,
    cursor: Option<TransactionId>,
    limit: usize,
) -> Result<Page, StoreError> {
    let filtered = selection.kind.is_some() || selection.content_type.is_some();
    // One more than is wanted tells whether there is a next page.
    let chunk = if filtered { FILTERED_CHUNK } else { limit.saturating_add(1) };
    let mut transactions = Vec::new();
    let mut position = cursor;
    let mut looked_at = 0_usize;
    loop {
        let range = selection.range(position, chunk);
        if matches!((range.after, range.before), (Some(after), Some(before)) if after >= before) {
            return Ok(Page { transactions, next_cursor: None });
        }
        let found = store.entries(user, range).await?;
        let last_chunk = found.len() < chunk;
        for transaction in found {
            let wanted = selection.wants(&transaction);
            if wanted && transactions.len() == limit {
                return Ok(Page { transactions, next_cursor: position });
            }
            position = Some(transaction.id);
            if wanted {
                transactions.push(transaction);
            }
            looked_at = looked_at.saturating_add(1);
        }
        if last_chunk {
            return Ok(Page { transactions, next_cursor: None });
        }
        if looked_at >= LOOKED_AT_MAX {
            return Ok(Page { transactions, next_cursor: position });
        }
    }
}
