//! A Redis and a replica that follows it, and can take over.

use super::{process::wait_until, redis::Redis};

/// A primary and its replica. A replica keeps a file, in these folders.
pub(crate) struct Pair {
    pub(crate) primary: Redis,
    pub(crate) replica: Redis,
    pub(crate) _folders: [tempfile::TempDir; 2],
}

/// What becomes of a primary that loses its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailOver {
    /// It is gone.
    Killed,
    /// It lives on as a replica: its lines stay open, and it answers, but takes no writes.
    Demoted,
}

impl Pair {
    pub(crate) fn start() -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [primary, replica] = folders.each_ref().map(|folder| {
            let folder = folder.path().to_str().unwrap();
            // By default a primary waits 5 s for more replicas before it serves the first.
            Redis::start_with(&["--dir", folder, "--repl-diskless-sync-delay", "0"])
        });
        let pair = Self { primary, replica, _folders: folders };
        pair.follow();
        pair
    }

    /// Makes the replica one, and waits until it has everything.
    pub(crate) fn follow(&self) {
        self.replica.command::<()>(&["REPLICAOF", "127.0.0.1", &self.primary.port().to_string()]);
        self.catch_up();
    }

    /// Waits until the replica has all that the primary has acknowledged by now.
    pub(crate) fn catch_up(&self) {
        let mut connection = self.primary.connect();
        redis::cmd("SET").arg("mark").arg("set").exec(&mut connection).unwrap();
        wait_until("the replica has caught up", || {
            redis::cmd("WAIT").arg(1).arg(100).query::<u64>(&mut connection).unwrap() > 0
        });
    }

    /// The replica takes the place of the primary.
    pub(crate) fn fail_over(&mut self, how: FailOver) {
        if how == FailOver::Killed {
            self.primary.stop();
        }
        self.replica.command::<()>(&["REPLICAOF", "NO", "ONE"]);
        if how == FailOver::Demoted {
            self.primary.command::<()>(&["REPLICAOF", "127.0.0.1", &self.replica.port().to_string()]);
        }
        std::mem::swap(&mut self.primary, &mut self.replica);
    }

    /// How many entries the history of `u` has in the primary.
    pub(crate) fn entries(&self) -> u64 {
        self.primary.command(&["XLEN", "jeton:{u}:history"])
    }
}
