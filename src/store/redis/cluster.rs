use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::select_ok;
use redis::{ConnectionInfo, RedisError, Value, cmd};
use tokio::{
    sync::OnceCell,
    time::{sleep, timeout},
};

use super::{
    call::Call,
    connection::Connection,
    failure,
    nodes::Nodes,
    slots::{Address, SlotMap, Told, slot_of},
};
use crate::store::StoreError;

/// How long it may take to learn which node has which slot.
const MAP_TIMEOUT: Duration = Duration::from_millis(1_500);
/// After how long without an answer the next node is asked too.
const NEXT_NODE_AFTER: Duration = Duration::from_millis(100);
/// How many nodes are asked at most.
const NODES_ASKED_MAX: usize = 12;
/// How many nodes a call is sent to, one after the other, as each says that the next one has the slot.
const HOPS_MAX: u32 = 5;

/// One reading of the map, and its result: all who need the map wait for the same one.
type Reading = Arc<OnceCell<Result<SlotMap, StoreError>>>;

/// A Redis Cluster: each call goes to the node that has its slot.
///
/// A call is sent on only when a node said that it did nothing, and who would. What breaks after it was sent is for the
/// caller to look up: here nothing is ever sent twice that may have been carried out.
pub(super) struct Cluster {
    nodes: Nodes,
    reading: Mutex<Reading>,
}

/// Where a call goes.
struct Target {
    node: Arc<Connection>,
    /// Whether the node is only just getting the slot, and must be told that we know.
    asking: bool,
}

impl Cluster {
    /// The cluster that these nodes belong to. Nothing is sent yet.
    pub(super) fn new(first: ConnectionInfo, others: Vec<ConnectionInfo>) -> Self {
        Self { nodes: Nodes::new(first, others), reading: Mutex::default() }
    }

    /// Begins to read the map, unless that was done.
    pub(super) fn prepare(self: &Arc<Self>) {
        let reading = self.current();
        if !reading.initialized() {
            let cluster = Arc::clone(self);
            tokio::spawn(async move {
                // Who needs it and finds that it failed tries again, and tells why.
                let _ = cluster.map(&reading).await;
            });
        }
    }

    /// Makes a call to the node that has the slot of `key`.
    pub(super) async fn send(&self, key: &str, call: Call<'_>) -> Result<Value, StoreError> {
        let slot = slot_of(key);
        let mut next = None;
        for _ in 0..HOPS_MAX {
            let reading = self.current();
            let Target { node, asking } = match next.take() {
                Some(target) => target,
                None => Target { node: self.node_of(&reading, slot).await?, asking: false },
            };
            let answer = node.exchange(call, asking).await.inspect_err(|error| self.forget_after(error, &reading))?;
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if failure::tells_of_a_change(&error) {
                self.forget(&reading);
            }
            match self.redirection(&error, &node) {
                Some(target) => next = Some(target),
                // It does not say, as one that does not know the names of the others: the map is read anew.
                None if error.redirect_node().is_some() => {}
                None => return Err(failure::of_command(node.address(), &error)),
            }
        }
        Err(StoreError::Unavailable { cause: format!("{self} does not agree on who has slot {slot}"), sent: false })
    }

    /// The nodes that have slots, each once. An error when there is a slot that no node has.
    pub(super) async fn primaries(&self) -> Result<Vec<Arc<Connection>>, StoreError> {
        let reading = self.current();
        self.nodes_in(self.map(&reading).await?, &reading)
    }

    /// The nodes that have slots, as they are now, and a text that differs when a slot has moved since, or a node has
    /// taken over.
    pub(super) async fn survey(&self) -> Result<(Vec<Arc<Connection>>, String), StoreError> {
        self.forget(&self.current());
        // Both from one reading: what another call learns in between must not mix them.
        let reading = self.current();
        let map = self.map(&reading).await?;
        Ok((self.nodes_in(map, &reading)?, map.fingerprint()))
    }

    /// Makes a call to one of the primaries.
    pub(super) async fn send_to(&self, primary: &Connection, call: Call<'_>) -> Result<Value, StoreError> {
        let reading = self.current();
        primary.send(call).await.inspect_err(|error| self.forget_after(error, &reading))
    }

    /// The node that has the slot of `key`.
    pub(super) async fn node_of_key(&self, key: &str) -> Result<Arc<Connection>, StoreError> {
        self.node_of(&self.current(), slot_of(key)).await
    }

    /// Reads the map anew. Meanwhile, and if it cannot be read, calls go by the one that there is.
    pub(super) async fn read_map_again(&self) {
        if let Ok(map) = self.read_map().await {
            *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(OnceCell::new_with(Some(Ok(map))));
        }
    }

    fn nodes_in(&self, map: &SlotMap, reading: &Reading) -> Result<Vec<Arc<Connection>>, StoreError> {
        map.first_without_node().map_or_else(|| Ok(map.nodes()), |slot| Err(self.without_node(reading, slot)))
    }

    async fn node_of(&self, reading: &Reading, slot: u16) -> Result<Arc<Connection>, StoreError> {
        let node = self.map(reading).await?.node(slot).cloned();
        node.ok_or_else(|| self.without_node(reading, slot))
    }

    fn without_node(&self, reading: &Reading, slot: u16) -> StoreError {
        self.forget(reading);
        StoreError::Unavailable { cause: format!("in {self} no node has slot {slot}"), sent: false }
    }

    /// Where a call belongs, by what a node said that did nothing.
    fn redirection(&self, error: &RedisError, from: &Connection) -> Option<Target> {
        let (host, port) = error.redirect_node()?.0.rsplit_once(':').filter(|(host, _)| *host != "?")?;
        // A node that does not know its own host is where the one is that told of it.
        let host = if host.is_empty() { from.host() } else { host };
        Some(Target { node: self.nodes.at(host, port.parse().ok()?), asking: error.code() == Some("ASK") })
    }

    async fn map<'a>(&self, reading: &'a Reading) -> Result<&'a SlotMap, StoreError> {
        let read = reading.get_or_init(|| self.read_map()).await.as_ref();
        read.inspect_err(|_| self.forget(reading)).map_err(StoreError::clone)
    }

    /// Asks the nodes who has which slot, one after the other, and takes the first answer. One that is silent holds
    /// nobody up for long.
    async fn read_map(&self) -> Result<SlotMap, StoreError> {
        let nodes = self.nodes.to_ask().into_iter().take(NODES_ASKED_MAX);
        let asked = select_ok((0..).zip(nodes).map(|(number, node)| Box::pin(ask_for_slots(number, node))));
        let failed = match timeout(MAP_TIMEOUT, asked).await {
            Ok(Ok((told, _))) => return Ok(self.learn(&told)),
            Ok(Err(StoreError::Unavailable { cause, .. })) => cause,
            Ok(Err(error)) => return Err(error),
            Err(_) => "they did not answer in time".to_owned(),
        };
        Err(StoreError::Unavailable {
            cause: format!("no node of {self} says who has which slot: {failed}"),
            sent: false,
        })
    }

    fn learn(&self, told: &[Told]) -> SlotMap {
        let node = |(host, port): &Address| self.nodes.at(host, *port);
        // The replicas too: when their primary is gone, they know what became of it.
        let known: Vec<Arc<Connection>> = told.iter().flat_map(Told::nodes).map(node).collect();
        self.nodes.keep_only(&known);
        SlotMap::new(told, node)
    }

    fn current(&self) -> Reading {
        Arc::clone(&self.reading.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next call read the map anew, unless that was done already.
    fn forget(&self, old: &Reading) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&reading, old) {
            *reading = Reading::default();
        }
    }

    /// The same after a node that does not answer, or that is not let in with what it shows: it may have been replaced.
    fn forget_after(&self, error: &StoreError, old: &Reading) {
        if matches!(error, StoreError::Unavailable { .. } | StoreError::Misconfigured(_)) {
            self.forget(old);
        }
    }
}

/// Asks `node` who has which slot, when those before it have had their time.
async fn ask_for_slots(number: u32, node: Arc<Connection>) -> Result<Vec<Told>, StoreError> {
    if number > 0 {
        sleep(NEXT_NODE_AFTER.saturating_mul(number)).await;
    }
    let answer = node.send(Call::of(cmd("CLUSTER").arg("SLOTS"))).await?;
    Told::read(answer, node.host()).map_err(|_| StoreError::Damaged(format!("{node} gave an answer of another form")))
}

impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.fmt(f)
    }
}

impl fmt::Debug for Cluster {
    /// Without the nodes, which know the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").finish_non_exhaustive()
    }
}
