//! A real Redis Cluster for a test: nodes on free ports of the loopback address.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use redis::FromRedisValue;

use super::{
    process::{free_port, wait_until, wait_until_or_tell},
    redis::Redis,
    tls::{Ca, Identity},
};

/// How many nodes have slots.
pub(crate) const PRIMARIES: usize = 3;

/// A cluster of three primaries, with or without a replica for each. It ends with its value.
pub(crate) struct Cluster {
    /// The primaries that it began with, then their replicas, in the same order.
    pub(crate) nodes: Vec<Redis>,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts one without replicas.
    pub(crate) fn start() -> Self {
        Self::start_with(0, &[])
    }

    /// Starts one with so many replicas for each primary, 0 or 1, and these options for each node.
    pub(crate) fn start_with(replicas: usize, options: &[&str]) -> Self {
        Self::start_nodes(replicas, |own| Redis::start_with(&[own, options].concat()))
    }

    /// Starts one whose nodes speak TLS alone, also to each other. All have this identity.
    pub(crate) fn start_tls(replicas: usize, ca: &Ca, identity: &Identity) -> Self {
        let options = ["--tls-cluster", "yes", "--tls-replication", "yes"];
        Self::start_nodes(replicas, |own| Redis::start_tls(ca, identity, &[own, &options].concat()))
    }

    fn start_nodes(replicas: usize, start: impl Fn(&[&str]) -> Redis) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = |number: usize| {
            // The nodes speak to each other over a port of their own.
            let (bus, file) = (free_port().to_string(), format!("{number}.conf"));
            let own = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-config-file", &file];
            let dump = format!("{number}.rdb");
            let all =
                ["--dir", folder.path().to_str().unwrap(), "--dbfilename", &dump, "--repl-diskless-sync-delay", "0"];
            // On a busy machine a replica may come late to taking over. By default it then no longer would.
            let late = ["--cluster-replica-validity-factor", "0"];
            start(&[&own[..], &all, &late].concat())
        };
        let nodes: Vec<Redis> = (0..PRIMARIES * (1 + replicas)).map(node).collect();
        let cluster = Self { nodes, _folder: folder };
        cluster.join();
        cluster
    }

    /// The cluster that tests share while they run: each takes keys of its own. It ends with the last of them.
    pub(crate) fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start_with(1, &[]));
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    fn join(&self) {
        let (primaries, replicas) = self.nodes.split_at(PRIMARIES);
        for (number, node) in primaries.iter().enumerate() {
            let first = 16_384 * number / PRIMARIES;
            let last = 16_384 * (number + 1) / PRIMARIES - 1;
            node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]);
        }
        for (number, node) in self.nodes.iter().enumerate() {
            // Each has its own from the beginning. Those that have the same choose others whenever they notice, and whose
            // is greater has the slots.
            node.command::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            for other in &self.nodes[..number] {
                let bus: Vec<String> = other.command(&["CONFIG", "GET", "cluster-port"]);
                node.command::<()>(&["CLUSTER", "MEET", "127.0.0.1", &other.port().to_string(), &bus[1]]);
            }
        }
        for (primary, replica) in primaries.iter().zip(replicas) {
            let primary = id(primary);
            self.wait_until("the replica knows its primary", || {
                replica.ask::<()>(&["CLUSTER", "REPLICATE", &primary]).is_ok()
            });
        }
        let known = format!("cluster_known_nodes:{}", self.nodes.len());
        for node in &self.nodes {
            self.wait_until("the node sees the whole cluster", || {
                let info: String = node.command(&["CLUSTER", "INFO"]);
                ["cluster_state:ok", "cluster_slots_ok:16384", &known].iter().all(|line| info.contains(line))
            });
        }
        for replica in replicas {
            self.wait_until("the replica follows", || {
                let info: String = replica.command(&["INFO", "replication"]);
                info.contains("role:slave") && info.contains("master_link_status:up")
            });
        }
    }

    /// Waits until something is so. If it does not come about, each node tells how it sees the cluster.
    pub(crate) fn wait_until(&self, what: &str, is_so: impl FnMut() -> bool) {
        wait_until_or_tell(what, is_so, || self.nodes.iter().map(view).collect());
    }

    /// The nodes as `REDIS_URL` lists them.
    pub(crate) fn url(&self) -> String {
        self.nodes.iter().map(Redis::url).collect::<Vec<_>>().join(",")
    }

    /// Sends one command to the node that takes it.
    pub(crate) fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        // The others say that they have not the slot, or are away.
        self.nodes.iter().find_map(|node| node.ask(words).ok()).unwrap_or_else(|| panic!("no node takes {words:?}"))
    }

    /// The node that has the keys of `user`, by its number.
    pub(crate) fn owner(&self, user: &str) -> usize {
        let has_slot = |node: &Redis| node.ask::<u64>(&["EXISTS", &format!("{{{user}}}")]).is_ok();
        self.nodes.iter().position(has_slot).expect("a node has the slot")
    }

    /// Waits until the node `replica` has all that the node `primary` has acknowledged by now.
    pub(crate) fn catch_up(&self, primary: usize, replica: usize) {
        let offset = |node: usize| self.nodes[node].info("replication", "master_repl_offset");
        let sent = offset(primary);
        self.wait_until("the replica has everything", || offset(replica) >= sent);
    }

    /// How often nodes answered with the error `name`.
    pub(crate) fn errors(&self, name: &str) -> u64 {
        let of_node = |node: &Redis| {
            let info: String = node.command(&["INFO", "errorstats"]);
            let line = info.lines().find_map(|line| line.strip_prefix(&format!("errorstat_{name}:count=")));
            line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
        };
        self.nodes.iter().map(of_node).sum()
    }
}

/// A slot on its way from a node to another. Until it has arrived, what is asked about it depends on where its keys are.
pub(crate) struct Move<'a> {
    cluster: &'a Cluster,
    slot: String,
    from: &'a Redis,
    to: &'a Redis,
}

impl<'a> Move<'a> {
    /// Begins to move the slot of `user` to the next primary.
    pub(crate) fn begin(cluster: &'a Cluster, user: &str) -> Self {
        let slot: u16 = cluster.command(&["CLUSTER", "KEYSLOT", &format!("{{{user}}}")]);
        let owner = cluster.owner(user);
        let (from, to) = (&cluster.nodes[owner], &cluster.nodes[(owner + 1) % PRIMARIES]);
        let slot = slot.to_string();
        to.command::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        from.command::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
        Self { cluster, slot, from, to }
    }

    /// Moves one key.
    pub(crate) fn key(&self, key: &str) {
        self.from.command::<()>(&["MIGRATE", "127.0.0.1", &self.to.port().to_string(), key, "0", "5000"]);
    }

    /// Moves what is left, key by key, and tells everybody.
    pub(crate) fn finish(self) {
        loop {
            let keys: Vec<String> = self.from.command(&["CLUSTER", "GETKEYSINSLOT", &self.slot, "100"]);
            if keys.is_empty() {
                break;
            }
            for key in keys {
                self.key(&key);
            }
        }
        for node in [self.to, self.from].into_iter().chain(&self.cluster.nodes[..PRIMARIES]) {
            node.command::<()>(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &id(self.to)]);
        }
    }
}

/// A cluster of one node, which has all slots, and the folder that it needs.
pub(crate) fn lone_node() -> (Redis, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (directory, bus) = (folder.path().to_str().unwrap(), free_port().to_string());
    let node = Redis::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--dir", directory]);
    node.command::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until("the node has the slots", || node.command::<String>(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    (node, folder)
}

/// How a node sees its cluster, and who hears what from it.
fn view(node: &Redis) -> String {
    let ask = |words: &[&str]| node.ask(words).unwrap_or_else(|error| error.to_string());
    let channels = node.ask::<Vec<String>>(&["PUBSUB", "SHARDCHANNELS"]).unwrap_or_default();
    let [nodes, info, replication] =
        [ask(&["CLUSTER", "NODES"]), ask(&["CLUSTER", "INFO"]), ask(&["INFO", "replication"])];
    format!("\n\n== the node at port {}, which tells of {channels:?}\n{nodes}\n{info}\n{replication}", node.port())
}

/// The name of a node within its cluster.
pub(crate) fn id(node: &Redis) -> String {
    node.command(&["CLUSTER", "MYID"])
}
