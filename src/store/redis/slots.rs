//! Which node of a cluster has which slot.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use crc::{CRC_16_XMODEM, Crc};
use redis::{FromRedisValue, RedisResult, Value, from_redis_value};

use super::connection::Connection;

/// The greatest slot.
const LAST_SLOT: u16 = 16_383;

const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key: that of the text in its first braces, if there is one.
pub(super) fn slot_of(key: &str) -> u16 {
    let braced = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
    CRC.checksum(braced.filter(|tag| !tag.is_empty()).unwrap_or(key).as_bytes()) & LAST_SLOT
}

/// Where a node is: host and port.
pub(super) type Address = (String, u16);

/// What a node tells of some slots: the first, the last, and where those that have them are, if it knows.
#[derive(Debug)]
pub(super) struct Told {
    first: u16,
    last: u16,
    primary: Option<Address>,
    replicas: Vec<Address>,
}

impl Told {
    /// Reads the answer to `CLUSTER SLOTS` of the node at `host`.
    pub(super) fn read(answer: Value, host: &str) -> RedisResult<Vec<Self>> {
        let ranges: Vec<Vec<Value>> = from_redis_value(answer)?;
        let read = |range: Vec<Value>| {
            let mut parts = range.into_iter();
            let mut bound = || u16::from_redis_value(parts.next().unwrap_or(Value::Nil));
            let (first, last) = (bound()?, bound()?);
            let mut nodes = parts.map(|node| address(node, host));
            let primary = nodes.next().transpose()?.flatten();
            let replicas = nodes.filter_map(Result::transpose).collect::<Result<_, _>>()?;
            Ok(Self { first, last, primary, replicas })
        };
        ranges.into_iter().map(read).collect()
    }

    /// All nodes in it.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Address> {
        self.primary.iter().chain(&self.replicas)
    }
}

/// The address of a node in the answer of the one at `host`. Without a host it is at the same; of `?` nobody knows.
fn address(node: Value, host: &str) -> RedisResult<Option<Address>> {
    let mut parts = from_redis_value::<Vec<Value>>(node)?.into_iter();
    let own: Option<String> = from_redis_value(parts.next().unwrap_or(Value::Nil))?;
    let port = from_redis_value(parts.next().unwrap_or(Value::Nil))?;
    Ok(match own.as_deref() {
        Some("?") => None,
        None | Some("") => Some((host.to_owned(), port)),
        Some(own) => Some((own.to_owned(), port)),
    })
}

/// The nodes by slot.
#[derive(Debug)]
pub(super) struct SlotMap {
    /// In the order of the slots.
    ranges: Vec<Range>,
}

#[derive(Debug)]
struct Range {
    first: u16,
    last: u16,
    primary: Arc<Connection>,
}

impl SlotMap {
    /// The map of what was told, with `connection` for each address.
    pub(super) fn new(told: &[Told], connection: impl Fn(&Address) -> Arc<Connection>) -> Self {
        let range = |told: &Told| {
            Some(Range { first: told.first, last: told.last, primary: connection(told.primary.as_ref()?) })
        };
        let mut ranges: Vec<Range> = told.iter().filter_map(range).collect();
        ranges.sort_unstable_by_key(|range| range.first);
        Self { ranges }
    }

    /// The node that has `slot`.
    pub(super) fn node(&self, slot: u16) -> Option<&Arc<Connection>> {
        let after = self.ranges.partition_point(|range| range.first <= slot);
        let range = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= range.last).then_some(&range.primary)
    }

    /// Each node once.
    pub(super) fn nodes(&self) -> Vec<Arc<Connection>> {
        let mut nodes: Vec<Arc<Connection>> = Vec::new();
        for Range { primary, .. } in &self.ranges {
            if !nodes.iter().any(|node| Arc::ptr_eq(node, primary)) {
                nodes.push(Arc::clone(primary));
            }
        }
        nodes
    }

    /// A text that is the same as long as each slot has the same node.
    pub(super) fn fingerprint(&self) -> String {
        let mut hasher = DefaultHasher::new();
        for Range { first, last, primary } in &self.ranges {
            (first, last, primary.address()).hash(&mut hasher);
        }
        hasher.finish().to_string()
    }

    /// The first slot that no node has.
    pub(super) fn first_without_node(&self) -> Option<u16> {
        (0..=LAST_SLOT).find(|slot| self.node(*slot).is_none())
    }
}
