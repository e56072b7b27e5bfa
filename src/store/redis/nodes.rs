use std::{
    collections::HashMap,
    fmt, iter,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use redis::{ConnectionAddr, ConnectionInfo};

use super::connection::Connection;
use crate::system;

/// The nodes of a cluster by host and port, each with its one connection.
pub(super) struct Nodes {
    /// The node that `REDIS_URL` lists first. Those that it does not list take user and password from it.
    first: ConnectionInfo,
    /// The others that it lists, with their own.
    others: Vec<ConnectionInfo>,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
}

impl Nodes {
    pub(super) fn new(first: ConnectionInfo, others: Vec<ConnectionInfo>) -> Self {
        Self { first, others, connections: Mutex::default() }
    }

    /// The node at `host`:`port`.
    pub(super) fn at(&self, host: &str, port: u16) -> Arc<Connection> {
        let address = format!("{host}:{port}");
        let listed = self.listed().find(|listed| listed.addr().to_string() == address);
        self.connection(listed.cloned().unwrap_or_else(|| {
            let host = host.to_owned();
            self.first.clone().set_addr(match self.first.addr().clone() {
                ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
                    ConnectionAddr::TcpTls { host, port, insecure, tls_params }
                }
                ConnectionAddr::Tcp(..) | ConnectionAddr::Unix(_) | _ => ConnectionAddr::Tcp(host, port),
            })
        }))
    }

    /// Those that may know how the cluster is now: the nodes that are known, then those that `REDIS_URL` lists. Each
    /// time in another order, so that one that is silent is not always the first.
    pub(super) fn to_ask(&self) -> Vec<Arc<Connection>> {
        let known = in_another_order(self.connections().values().cloned().collect());
        let listed = in_another_order(self.listed().collect());
        let mut nodes: Vec<Arc<Connection>> = Vec::new();
        for node in known.into_iter().chain(listed.into_iter().map(|listed| self.connection(listed.clone()))) {
            if !nodes.iter().any(|earlier| Arc::ptr_eq(earlier, &node)) {
                nodes.push(node);
            }
        }
        nodes
    }

    /// Forgets the nodes that are not among `nodes`. Their connections are closed when nobody uses them any more.
    pub(super) fn keep_only(&self, nodes: &[Arc<Connection>]) {
        self.connections().retain(|_, known| nodes.iter().any(|node| Arc::ptr_eq(node, known)));
    }

    fn listed(&self) -> impl Iterator<Item = &ConnectionInfo> {
        iter::once(&self.first).chain(&self.others)
    }

    fn connection(&self, endpoint: ConnectionInfo) -> Arc<Connection> {
        let mut connections = self.connections();
        let node = connections.entry(endpoint.addr().to_string());
        Arc::clone(node.or_insert_with(|| Arc::new(Connection::new(endpoint))))
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn in_another_order<T>(mut nodes: Vec<T>) -> Vec<T> {
    let random = usize::try_from(system::random() >> 96).unwrap_or(0);
    let first = random.checked_rem(nodes.len()).unwrap_or(0);
    nodes.rotate_left(first);
    nodes
}

impl fmt::Display for Nodes {
    /// Those that `REDIS_URL` lists, without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed: Vec<String> = self.listed().map(|listed| listed.addr().to_string()).collect();
        write!(f, "the Redis Cluster of {}", listed.join(", "))
    }
}
