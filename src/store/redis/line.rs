use std::{fmt, sync::Arc};

use redis::{FromRedisValue, Value, from_redis_value};

use super::{
    call::Call,
    cluster::Cluster,
    connection::Connection,
    endpoints::{InvalidRedisUrl, endpoints},
};
use crate::{authorities::Authorities, store::StoreError};

/// The way to the data: one Redis, or the nodes of a cluster.
#[derive(Debug)]
pub(super) enum Line {
    Single(Arc<Connection>),
    Cluster(Arc<Cluster>),
}

impl Line {
    /// The way to what `urls` names, for which `authorities` vouch. Nothing is sent yet.
    pub(super) fn new(urls: &str, authorities: Option<&Authorities>) -> Result<Self, InvalidRedisUrl> {
        let (first, others) = endpoints(urls, authorities)?;
        Ok(if others.is_empty() {
            Self::Single(Arc::new(Connection::new(first)))
        } else {
            Self::Cluster(Arc::new(Cluster::new(first, others)))
        })
    }

    /// Begins to open the connection, or, in a cluster, one to a node that says who has which slot.
    pub(super) fn prepare(&self) {
        match self {
            Self::Single(connection) => connection.prepare(),
            Self::Cluster(cluster) => cluster.prepare(),
        }
    }

    /// Makes a call about the keys that share the slot of `key`, and waits for the answer. It is carried out once at
    /// most.
    pub(super) async fn send(&self, key: &str, call: Call<'_>) -> Result<Value, StoreError> {
        match self {
            Self::Single(connection) => connection.send(call).await,
            // Boxed, so that those who have one server do not carry it.
            Self::Cluster(cluster) => Box::pin(cluster.send(key, call)).await,
        }
    }

    /// The server that has the slot of `key`.
    pub(super) async fn node_of(&self, key: &str) -> Result<Arc<Connection>, StoreError> {
        match self {
            Self::Single(connection) => Ok(Arc::clone(connection)),
            Self::Cluster(cluster) => cluster.node_of_key(key).await,
        }
    }

    /// Asks anew who has which slot. It holds up no call.
    pub(super) async fn ask_for_nodes_again(&self) {
        match self {
            Self::Single(_) => {}
            Self::Cluster(cluster) => cluster.read_map_again().await,
        }
    }

    /// Whether it leads to the nodes of a cluster.
    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The command by which a change is told. In a cluster only the nodes that have the account need to hear of it.
    pub(super) const fn publish(&self) -> &'static str {
        match self {
            Self::Single(_) => "PUBLISH",
            Self::Cluster(_) => "SPUBLISH",
        }
    }

    /// Makes the next call open another connection. In a cluster that is not needed: who has lost its place says so.
    pub(super) fn renew(&self) {
        match self {
            Self::Single(connection) => connection.renew(),
            Self::Cluster(_) => {}
        }
    }

    /// Those that between them have all the data: what is about all users is asked from each of them.
    pub(super) async fn primaries(&self) -> Result<Vec<Arc<Connection>>, StoreError> {
        match self {
            Self::Single(connection) => Ok(vec![Arc::clone(connection)]),
            Self::Cluster(cluster) => cluster.primaries().await,
        }
    }

    /// The [primaries](Self::primaries) as they are now, and a text that is another once they have changed, or what each
    /// of them has.
    pub(super) async fn survey(&self) -> Result<(Vec<Arc<Connection>>, String), StoreError> {
        match self {
            Self::Single(connection) => Ok((vec![Arc::clone(connection)], String::new())),
            Self::Cluster(cluster) => cluster.survey().await,
        }
    }

    /// Makes a call to one of the [primaries](Self::primaries), whatever it is about.
    pub(super) async fn send_to(&self, primary: &Connection, call: Call<'_>) -> Result<Value, StoreError> {
        match self {
            Self::Single(_) => primary.send(call).await,
            Self::Cluster(cluster) => cluster.send_to(primary, call).await,
        }
    }

    /// What an answer says.
    pub(super) fn parse<T: FromRedisValue>(&self, value: Value) -> Result<T, StoreError> {
        // The client's own words are left out: they quote the answer.
        from_redis_value(value).map_err(|_| StoreError::Damaged(format!("{self} gave an answer of another form")))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(connection) => connection.fmt(f),
            Self::Cluster(cluster) => cluster.fmt(f),
        }
    }
}
