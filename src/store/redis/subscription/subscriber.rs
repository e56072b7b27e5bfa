use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{ErrorKind, PushInfo, PushKind, RedisError, ServerErrorKind, Value, aio::MultiplexedConnection, cmd};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{MissedTickBehavior, interval},
};

use super::{
    super::{connection::Connection, failure},
    outage::Loss,
};
use crate::{
    ledger::UserId,
    store::{StoreError, keys::Keys, watch::Watched},
};

/// How often a connection is asked whether it is still one. Until it is known not to be, nobody looks more often.
const PING_EVERY: Duration = Duration::from_secs(2);
/// How many orders are followed at once, at most.
const ORDERS_AT_ONCE: usize = 1_000;

/// A user, and whether the user is to be subscribed.
pub(super) type Order = (UserId, bool);

/// How a subscriber ended.
pub(super) struct End {
    pub(super) loss: Loss,
    /// Whether all orders had been followed before.
    pub(super) was_well: bool,
}

/// One connection to one server, over which those are subscribed whom the orders name.
pub(super) struct Subscriber {
    node: Arc<Connection>,
    verbs: Verbs,
    keys: Keys,
    watched: Arc<Watched>,
    orders: UnboundedReceiver<Order>,
    subscribed: HashSet<UserId>,
    /// How many channels are being left.
    leaving: Arc<AtomicUsize>,
    is_well: bool,
}

/// The commands by which changes are heard of.
struct Verbs {
    subscribe: (&'static str, PushKind),
    unsubscribe: (&'static str, PushKind),
}

impl Verbs {
    const PLAIN: Self =
        Self { subscribe: ("SUBSCRIBE", PushKind::Subscribe), unsubscribe: ("UNSUBSCRIBE", PushKind::Unsubscribe) };
    /// In a cluster, where only the nodes hear of a change that have the account.
    const SHARDED: Self =
        Self { subscribe: ("SSUBSCRIBE", PushKind::SSubscribe), unsubscribe: ("SUNSUBSCRIBE", PushKind::SUnsubscribe) };
}

impl Subscriber {
    /// One at `node`. Nothing is sent yet.
    pub(super) fn new(
        node: Arc<Connection>,
        is_sharded: bool,
        keys: Keys,
        watched: Arc<Watched>,
        orders: UnboundedReceiver<Order>,
    ) -> Self {
        let verbs = if is_sharded { Verbs::SHARDED } else { Verbs::PLAIN };
        let (subscribed, leaving) = (HashSet::new(), Arc::default());
        Self { node, verbs, keys, watched, orders, subscribed, leaving, is_well: false }
    }

    /// Follows the orders until the connection is lost.
    pub(super) async fn run(mut self) -> End {
        let (told, mut losses) = unbounded_channel();
        let loss = self.listen(told, &mut losses).await;
        // What is told unasked can be taken for an answer. It says better what happened.
        let loss = losses.try_recv().unwrap_or(loss);
        End { loss, was_well: self.is_well }
    }

    async fn listen(&mut self, told: UnboundedSender<Loss>, losses: &mut UnboundedReceiver<Loss>) -> Loss {
        let mut connection = match self.node.listen(self.ear(told)).await {
            Ok(connection) => connection,
            Err(error) => return Loss::Failed(error),
        };
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let mut orders = Vec::new();
        loop {
            let done = tokio::select! {
                biased;
                Some(loss) = losses.recv() => return loss,
                1.. = self.orders.recv_many(&mut orders, ORDERS_AT_ONCE) => {
                    // The last that was said of a user counts.
                    let orders = orders.drain(..).collect();
                    self.follow(&mut connection, orders).await
                }
                _ = ping.tick() => self.ping(&mut connection).await,
            };
            if let Err(loss) = done {
                return loss;
            }
            self.is_well |= self.orders.is_empty();
        }
    }

    /// What Redis tells unasked: that somebody's account has changed, or that this connection is of no more use.
    fn ear(&self, told: UnboundedSender<Loss>) -> impl Fn(PushInfo) -> Result<(), ()> + Send + Sync + use<> {
        let (keys, watched, leaving) = (self.keys.clone(), Arc::clone(&self.watched), Arc::clone(&self.leaving));
        let node = Arc::clone(&self.node);
        move |PushInfo { kind, data }| {
            let loss = if matches!(kind, PushKind::Message | PushKind::SMessage) {
                if let Some(user) = channel(&data).and_then(|channel| keys.changed(channel)) {
                    watched.wake(&user);
                }
                return Ok(());
            } else if kind == PushKind::Disconnection {
                let cause = format!("lost the connection to {node} over which changes are told");
                Loss::Failed(StoreError::Unavailable { cause, sent: false })
            } else if matches!(kind, PushKind::Unsubscribe | PushKind::SUnsubscribe) && !one_less(&leaving) {
                // Nobody asked for it: the slot has another node.
                Loss::Moved
            } else {
                return Ok(());
            };
            told.send(loss).map_err(|_| ())
        }
    }

    async fn follow(
        &mut self,
        connection: &mut MultiplexedConnection,
        orders: HashMap<UserId, bool>,
    ) -> Result<(), Loss> {
        let (wanted, unwanted): (Vec<Order>, Vec<Order>) = orders.into_iter().partition(|(_, is_wanted)| *is_wanted);
        let (mut joining, mut leaving) = (Vec::new(), Vec::new());
        for (user, _) in wanted {
            if self.subscribed.contains(&user) {
                self.watched.set_prompt(&user, true);
            } else {
                joining.push(user);
            }
        }
        leaving.extend(unwanted.into_iter().map(|(user, _)| user).filter(|user| self.subscribed.remove(user)));
        self.subscribe(connection, joining).await?;
        self.unsubscribe(connection, &leaving).await
    }

    async fn subscribe(&mut self, connection: &mut MultiplexedConnection, users: Vec<UserId>) -> Result<(), Loss> {
        let mut answers = self.fly(connection, self.verbs.subscribe.0, &users).await?;
        if self.verbs.subscribe.1 == PushKind::SSubscribe && answers.first().is_some_and(is_unknown) {
            // Then the node tells of changes as a single server does.
            self.verbs = Verbs::PLAIN;
            answers = self.fly(connection, self.verbs.subscribe.0, &users).await?;
        }
        self.check(&self.verbs.subscribe.1, &users, answers)?;
        if self.verbs.subscribe.1 == PushKind::SSubscribe
            && let Some(user) = users.first()
        {
            self.check_is_primary(connection, user).await?;
        }
        for user in users {
            self.watched.set_prompt(&user, true);
            self.subscribed.insert(user);
        }
        Ok(())
    }

    /// A replica, to which a map may lead that is out of date, confirms a subscription too. It passes on what it hears of
    /// its primary, and says nothing when it no longer hears of it. A read is taken by the primary alone, which also says
    /// when it loses the slot.
    async fn check_is_primary(&self, connection: &mut MultiplexedConnection, user: &UserId) -> Result<(), Loss> {
        // As an account is loaded: so it takes no further right.
        let read = cmd("HMGET").arg(self.keys.account(user)).arg("rev").to_owned();
        match connection.send_packed_command(&read).await.and_then(Value::extract_error) {
            Err(error) if failure::tells_of_a_change(&error) => Err(self.loss(&error)),
            // Whatever else it says of the account, it has the slot.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    async fn unsubscribe(&self, connection: &mut MultiplexedConnection, users: &[UserId]) -> Result<(), Loss> {
        self.leaving.fetch_add(users.len(), Ordering::Relaxed);
        let answers = self.fly(connection, self.verbs.unsubscribe.0, users).await?;
        self.check(&self.verbs.unsubscribe.1, users, answers)
    }

    /// Sends a command for each channel, all in one flight: in a cluster channels of different slots cannot be named
    /// together.
    async fn fly(
        &self,
        connection: &mut MultiplexedConnection,
        verb: &str,
        users: &[UserId],
    ) -> Result<Vec<Value>, Loss> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut flight = redis::pipe();
        for user in users {
            flight.cmd(verb).arg(self.keys.changes(user));
        }
        connection.send_packed_commands(&flight, 0, users.len()).await.map_err(|error| self.loss(&error))
    }

    /// Every answer must be the confirmation that belongs to the user.
    fn check(&self, kind: &PushKind, users: &[UserId], answers: Vec<Value>) -> Result<(), Loss> {
        if answers.len() != users.len() {
            return Err(self.confused());
        }
        for (user, answer) in users.iter().zip(answers) {
            let answer = answer.extract_error().map_err(|error| self.loss(&error))?;
            let is_confirmed = |data: &[Value]| channel(data) == Some(self.keys.changes(user).as_str());
            if !matches!(answer, Value::Push { kind: told, data } if told == *kind && is_confirmed(&data)) {
                return Err(self.confused());
            }
        }
        Ok(())
    }

    async fn ping(&self, connection: &mut MultiplexedConnection) -> Result<(), Loss> {
        let answer = connection.send_packed_command(&cmd("PING")).await.and_then(Value::extract_error);
        let is_pong = |answer: &Value| matches!(answer, Value::SimpleString(pong) if pong == "PONG");
        if is_pong(&answer.map_err(|error| self.loss(&error))?) { Ok(()) } else { Err(self.confused()) }
    }

    fn loss(&self, error: &RedisError) -> Loss {
        if error.kind() == ErrorKind::Server(ServerErrorKind::Moved) && self.verbs.subscribe.1 == PushKind::SSubscribe {
            return Loss::Moved;
        }
        if error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm) {
            let (subscribe, unsubscribe) = (self.verbs.subscribe.0, self.verbs.unsubscribe.0);
            return Loss::Failed(StoreError::Refused(format!(
                "{} refuses to tell of changes: the user of REDIS_URL needs the commands {subscribe}, {unsubscribe} and \
                 PING, and the channels of Jeton's keys ({error})",
                self.node
            )));
        }
        Loss::Failed(failure::of_command(self.node.address(), error))
    }

    /// The answers are those to something else.
    fn confused(&self) -> Loss {
        let cause = format!("{} gave an answer of another form", self.node);
        Loss::Failed(StoreError::Unavailable { cause, sent: false })
    }
}

/// Whether there was one.
fn one_less(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1)).is_ok()
}

/// The channel that a push is about.
fn channel(data: &[Value]) -> Option<&str> {
    match data.first() {
        Some(Value::BulkString(channel)) => str::from_utf8(channel).ok(),
        _ => None,
    }
}

/// Whether the server does not know the command.
fn is_unknown(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.details().is_some_and(|told| told.contains("unknown command")))
}
