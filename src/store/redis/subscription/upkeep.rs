use std::{
    collections::{HashMap, HashSet},
    future::pending,
    sync::Arc,
};

use tokio::{
    sync::mpsc::{UnboundedSender, unbounded_channel},
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    super::{connection::Connection, line::Line},
    outage::{Loss, Outage},
    subscriber::{End, Order, Subscriber},
};
use crate::{
    ledger::UserId,
    store::{StoreError, keys::Keys, watch::Tending},
};

/// Where the outage is of a cluster that does not say who has whom.
const EVERYWHERE: &str = "";

/// Keeps what is subscribed equal to what is watched.
pub(super) struct Upkeep {
    tending: Tending,
    line: Arc<Line>,
    keys: Keys,
    /// By address.
    subscribers: HashMap<String, Hired>,
    tasks: JoinSet<End>,
    /// The address of the subscriber of each user.
    placed: HashMap<UserId, String>,
    /// Those who have none.
    unplaced: HashSet<UserId>,
    /// Whether they may belong elsewhere by now.
    may_have_moved: bool,
    /// By address.
    outages: HashMap<String, Outage>,
}

/// A subscriber at work.
struct Hired {
    orders: UnboundedSender<Order>,
    task: AbortHandle,
    users: usize,
}

impl Upkeep {
    pub(super) fn new(tending: Tending, line: &Arc<Line>, keys: &Keys) -> Self {
        Self {
            tending,
            line: Arc::clone(line),
            keys: keys.clone(),
            subscribers: HashMap::new(),
            tasks: JoinSet::new(),
            placed: HashMap::new(),
            unplaced: HashSet::new(),
            may_have_moved: false,
            outages: HashMap::new(),
        }
    }

    /// Goes on until nobody is watched. Then, or if it is dropped before, all connections are closed.
    pub(super) async fn run(mut self) {
        let mut next_attempt = None;
        while !self.tending.is_over() {
            tokio::select! {
                () = self.tending.changed() => self.take_news(),
                Some(ended) = self.tasks.join_next_with_id() => self.replace(ended),
                () = reached(next_attempt) => {}
            }
            next_attempt = self.place_all().await;
        }
    }

    fn take_news(&mut self) {
        for (user, is_watched) in self.tending.news() {
            match self.placed.get(&user).cloned() {
                None if is_watched => {
                    self.unplaced.insert(user);
                }
                None => {
                    self.unplaced.remove(&user);
                }
                Some(address) => self.instruct(&address, user, is_watched),
            }
        }
    }

    /// Tells the subscriber of `user` whether the user is watched, again or no longer.
    fn instruct(&mut self, address: &str, user: UserId, is_watched: bool) {
        let Some(subscriber) = self.subscribers.get_mut(address) else { return };
        if !is_watched {
            self.placed.remove(&user);
            subscriber.users = subscriber.users.saturating_sub(1);
        }
        if subscriber.users == 0 {
            subscriber.task.abort();
            self.subscribers.remove(address);
        } else {
            // If it has just ended, its users are placed anew.
            let _ = subscriber.orders.send((user, is_watched));
        }
    }

    /// A subscriber has ended: its users need another.
    fn replace(&mut self, ended: Result<(Id, End), JoinError>) {
        let (id, End { loss, was_well }) = ended.unwrap_or_else(|error| {
            let cause = "a subscription broke off".to_owned();
            let loss = Loss::Failed(StoreError::Unavailable { cause, sent: false });
            (error.id(), End { loss, was_well: false })
        });
        // One that was sent away is not known any more.
        let found = self.subscribers.iter().find(|(_, subscriber)| subscriber.task.id() == id);
        let Some(address) = found.map(|(address, _)| address.clone()) else { return };
        self.subscribers.remove(&address);
        for (user, _) in self.placed.extract_if(|_, at| *at == address) {
            self.tending.watched().set_prompt(&user, false);
            self.unplaced.insert(user);
        }
        self.may_have_moved |= loss.may_move_users();
        self.lost(&address, &loss, was_well);
    }

    /// Places all whom it can. Gives when there is more to do.
    async fn place_all(&mut self) -> Option<Instant> {
        if std::mem::take(&mut self.may_have_moved) {
            self.line.ask_for_nodes_again().await;
        }
        let mut next_attempt: Option<Instant> = None;
        for user in std::mem::take(&mut self.unplaced) {
            if let Err(until) = self.place(&user).await {
                self.unplaced.insert(user);
                next_attempt = Some(next_attempt.map_or(until, |earlier| earlier.min(until)));
            }
        }
        next_attempt
    }

    /// Gives the user to the subscriber at the server that has the user, or says until when there is none.
    async fn place(&mut self, user: &UserId) -> Result<(), Instant> {
        self.is_open(EVERYWHERE)?;
        let node = match self.line.node_of(&self.keys.changes(user)).await {
            Ok(node) => node,
            Err(error) => return Err(self.lost(EVERYWHERE, &Loss::Failed(error), false)),
        };
        self.outages.remove(EVERYWHERE);
        self.is_open(node.address())?;
        let subscriber = self.subscriber(&node);
        subscriber.users = subscriber.users.saturating_add(1);
        let _ = subscriber.orders.send((user.clone(), true));
        self.placed.insert(user.clone(), node.address().to_owned());
        Ok(())
    }

    fn subscriber(&mut self, node: &Arc<Connection>) -> &mut Hired {
        self.subscribers.entry(node.address().to_owned()).or_insert_with(|| {
            let (orders, to_follow) = unbounded_channel();
            let watched = Arc::clone(self.tending.watched());
            let subscriber =
                Subscriber::new(Arc::clone(node), self.line.is_cluster(), self.keys.clone(), watched, to_follow);
            Hired { orders, task: self.tasks.spawn(subscriber.run()), users: 0 }
        })
    }

    fn is_open(&self, address: &str) -> Result<(), Instant> {
        self.outages.get(address).and_then(Outage::until).map_or(Ok(()), Err)
    }

    fn lost(&mut self, address: &str, loss: &Loss, was_well: bool) -> Instant {
        self.outages.entry(address.to_owned()).or_insert_with(Outage::new).add(loss, was_well)
    }
}

/// Waits until then, or for ever.
async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}
