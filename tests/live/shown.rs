//! What a browser shows of an account: the history and the last stats, rebuilt from what it was told. Whatever does not
//! add up fails.

use jeton::ledger::TransactionId;
use serde_json::Value;

use crate::support::{client::sum, events::Event};

/// How many missed entries are told at most (docs/reference.md).
const REPLAYED_MAX: usize = 1_000;

/// What is shown.
#[derive(Default)]
pub(super) struct Shown {
    /// Oldest first.
    history: Vec<(TransactionId, Value)>,
    stats: Value,
    /// The version of the stats, since the history was last read.
    version: u64,
    /// The newest entry that the stream has told of. After a `resync` none.
    told: Option<TransactionId>,
    /// How far the stream had told before the `resync` after which no stats have come yet.
    before_resync: Option<TransactionId>,
    /// How often the stream began anew, as too much was missed and as there was a reset.
    pub(super) missed_too_much: usize,
    pub(super) resets: usize,
}

/// The id of an entry.
pub(super) fn id_of(entry: &Value) -> TransactionId {
    entry["id"].as_str().unwrap().parse().unwrap()
}

/// Whether each entry's balance is the one before it, plus or minus its amount, from an opening on. Pages that a reset came
/// between do not.
fn adds_up(history: &[Value]) -> bool {
    let mut balance = 0;
    history.iter().all(|entry| {
        balance += sum(std::slice::from_ref(entry));
        balance == i128::from(entry["balance"].as_u64().unwrap())
    })
}

impl Shown {
    /// Shows this history, oldest first, in place of what was shown. False when it is made of two.
    pub(super) fn show(&mut self, history: Vec<Value>) -> bool {
        let is_whole = !history.is_empty() && adds_up(&history);
        if is_whole {
            self.history = history.into_iter().map(|entry| (id_of(&entry), entry)).collect();
        }
        is_whole
    }

    /// From the newest entry that is shown on the stream is to tell.
    pub(super) fn tell_from_here(&mut self) -> TransactionId {
        let newest = self.newest();
        self.told = Some(newest);
        newest
    }

    /// The entries, oldest first, and the stats.
    pub(super) fn is(&self, history: &[Value], stats: &Value) -> bool {
        let entries = self.history.iter().map(|(_, entry)| entry);
        self.stats == *stats && self.history.len() == history.len() && entries.eq(history)
    }

    /// What is shown, to be compared.
    pub(super) fn all(&self) -> (Vec<Value>, Value) {
        (self.history.iter().map(|(_, entry)| entry.clone()).collect(), self.stats.clone())
    }

    /// Takes an event. True when the history has to be read anew.
    pub(super) fn take(&mut self, event: &Event, last_id: TransactionId) -> bool {
        match event.name.as_str() {
            "transaction" => self.add(event),
            "stats" => self.add_up(event),
            "resync" => {
                assert_eq!((event.id.as_deref(), &event.data), (None, &serde_json::json!({})));
                (self.told, self.version, self.before_resync) = (None, 0, Some(last_id));
                return true;
            }
            other => panic!("{other} is no event"),
        }
        false
    }

    fn add(&mut self, event: &Event) {
        let id = id_of(&event.data);
        assert_eq!(event.id, Some(id.to_string()), "{event:?}");
        let told = self.told.expect("an entry is told after stats or an id");
        assert!(id > told, "doubled or out of order: {id} after {told}");
        self.told = Some(id);
        if id > self.newest() {
            let balance = self.history.last().map_or(0, |(_, entry)| entry["balance"].as_u64().unwrap());
            let balance = i128::from(balance) + sum(std::slice::from_ref(&event.data));
            assert_eq!(i128::from(event.data["balance"].as_u64().unwrap()), balance, "a gap before {id}: after {told}");
            self.history.push((id, event.data.clone()));
            return;
        }
        // The history was read after this was written.
        match self.place_of(id) {
            Some(place) => assert_eq!(self.history[place].1, event.data, "told otherwise than read"),
            None => assert!(self.is_of_the_past(id), "{id} is not in the history"),
        }
    }

    fn add_up(&mut self, event: &Event) {
        let id: TransactionId = event.id.as_ref().unwrap().parse().unwrap();
        assert!(
            self.told.is_none_or(|told| told == id),
            "stats of {id}, and the last that was told is {:?}",
            self.told
        );
        self.told = Some(id);
        self.account_for_resync(id);
        let Some(place) = self.place_of(id) else {
            assert!(self.is_of_the_past(id), "stats of {id}, which is not in the history");
            return;
        };
        // Each entry's balance is the sum of the history up to it, or it would not have been added.
        let amount = |name: &str| event.data[name].as_u64().unwrap();
        let balance = amount("tokenBalance") + amount("tokensReserved");
        assert_eq!(self.history[place].1["balance"], balance, "the history up to {id} does not add up to the stats");
        let version = amount("version");
        assert!(version >= self.version, "version {version} after {}", self.version);
        self.version = version;
        self.stats = event.data.clone();
    }

    /// Why the stream began anew: its place is in the history no more, or more than is told lies between it and `id`.
    fn account_for_resync(&mut self, id: TransactionId) {
        let Some(before) = self.before_resync.take() else { return };
        match (self.place_of(before), self.place_of(id)) {
            (Some(before), Some(now)) => {
                assert!(now - before > REPLAYED_MAX, "a resync, and only {} were missed", now - before);
                self.missed_too_much += 1;
            }
            _ => self.resets += 1,
        }
    }

    fn newest(&self) -> TransactionId {
        self.history.last().expect("a history has an opening").0
    }

    fn place_of(&self, id: TransactionId) -> Option<usize> {
        self.history.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    /// Whether this is of the history before the one that is shown: there was a reset, of which the stream will tell.
    fn is_of_the_past(&self, id: TransactionId) -> bool {
        self.history.first().is_some_and(|(opening, _)| id < *opening)
    }
}
