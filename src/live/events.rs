//! What is sent: Server-Sent Events (HTML Living Standard §9.2). JSON has no line breaks, so each event's data is one line.

use bytes::Bytes;

use crate::ledger::{Stats, Transaction, TransactionId};

/// How long a browser waits before it connects again, in the words of the stream (contract §6).
pub(super) const RETRY: Bytes = Bytes::from_static(b"retry: 1000\n\n");

/// A comment: it keeps the line open.
pub(super) const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// Some events, one behind the other.
#[derive(Default)]
pub(super) struct Events(String);

impl Events {
    /// Entries of the history, oldest first. By the id of one the browser says later how far it was told.
    pub(super) fn transactions(&mut self, transactions: &[Transaction]) {
        for transaction in transactions {
            self.event("transaction", Some(transaction.id), &json(transaction));
        }
    }

    /// The account as it is with `newest` as the last entry. Its id is that of the entry: so one who has seen no entry yet
    /// misses none either.
    pub(super) fn stats(&mut self, newest: TransactionId, stats: &str) {
        self.event("stats", Some(newest), stats);
    }

    /// What was told before may not go on from here: the history is to be read anew.
    pub(super) fn resync(&mut self) {
        self.event("resync", None, "{}");
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0.into()
    }

    fn event(&mut self, name: &str, id: Option<TransactionId>, data: &str) {
        if let Some(id) = id {
            self.0.extend(["id: ", &id.to_string(), "\n"]);
        }
        self.0.extend(["event: ", name, "\ndata: ", data, "\n\n"]);
    }
}

/// The stats object as it is sent.
pub(super) fn stats_json(stats: &Stats) -> String {
    json(stats)
}

fn json(value: &impl serde::Serialize) -> String {
    // Every field has a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}
