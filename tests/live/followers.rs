//! Several who follow, side by side.

use std::sync::Arc;

use futures_util::future::{Either, select};
use tokio::{pin, sync::watch, task::JoinSet, time::timeout};

use super::follower::{Follower, Seen};
use crate::support::{client::Client, process::PATIENCE};

/// Those who follow.
pub(super) struct Followers {
    /// Where the history is.
    client: Client,
    tasks: JoinSet<()>,
    pub(super) seen: Vec<(String, Arc<Seen>)>,
    received: watch::Sender<u64>,
}

impl Followers {
    /// Nobody yet.
    pub(super) fn new(client: &Client) -> Self {
        let (tasks, received) = (JoinSet::new(), watch::Sender::new(0));
        Self { client: client.clone(), tasks, seen: Vec::new(), received }
    }

    /// One more follows `user`, by the events at `port`. Gives what it sees.
    pub(super) fn add(&mut self, user: &str, port: u16) -> Arc<Seen> {
        let seen = Arc::<Seen>::default();
        self.seen.push((user.to_owned(), Arc::clone(&seen)));
        let follower = Follower {
            user: user.to_owned(),
            events: format!("http://127.0.0.1:{port}/api/events?userId={user}"),
            client: self.client.clone(),
            seen: Arc::clone(&seen),
            received: self.received.clone(),
        };
        self.tasks.spawn(follower.run());
        seen
    }

    /// What those see who follow `user`.
    pub(super) fn of(&self, user: &str) -> Vec<Arc<Seen>> {
        let of_user = self.seen.iter().filter(|(of, _)| of == user);
        of_user.map(|(_, seen)| Arc::clone(seen)).collect()
    }

    /// Waits for something, unless a follower fails meanwhile.
    pub(super) async fn unless_one_fails<T>(&mut self, what: &str, waited: impl Future<Output = T>) -> T {
        let waited = timeout(PATIENCE * 2, waited);
        pin!(waited);
        let failed = self.tasks.join_next();
        pin!(failed);
        match select(waited, failed).await {
            Either::Left((came, _)) => came.unwrap_or_else(|_| panic!("it did not come about that {what}")),
            Either::Right((failed, _)) => panic!("a follower failed: {failed:?}"),
        }
    }

    /// Waits until somebody is told something.
    pub(super) async fn are_told(&mut self) {
        let mut received = self.received.subscribe();
        let told = async move { received.changed().await.unwrap() };
        self.unless_one_fails("somebody is told something", told).await;
    }

    /// Waits until these show what the server has of `user`, entry for entry. Gives how many entries there are.
    pub(super) async fn show_all(&mut self, user: &str, seen: &[Arc<Seen>]) -> usize {
        let (client, mut history, mut stats) = (self.client.clone(), Vec::new(), serde_json::Value::Null);
        let are_same = timeout(PATIENCE, async {
            // What was left to time changes the stats for a while yet.
            while history.is_empty() || !seen.iter().all(|seen| seen.shown.lock().unwrap().is(&history, &stats)) {
                (history, stats) = (client.history(user).await, client.stats(user).await);
                history.reverse();
            }
        });
        if self.unless_one_fails("all is shown", are_same).await.is_err() {
            for seen in seen {
                assert_eq!(seen.shown.lock().unwrap().all(), (history.clone(), stats.clone()), "{user}");
            }
        }
        history.len()
    }
}
