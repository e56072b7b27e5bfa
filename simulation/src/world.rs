//! A run: instances, clients and time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use jeton::{
    committer::Surroundings,
    ledger::{Timestamp, UserId},
    locale::Locale,
    stage::Stage,
    stats_service::StatsService,
    sweep,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};

use crate::{
    chance::Chance,
    client::{self, Client},
    known::Known,
    network::{Line, Weather},
    server::Server,
    sold::{self, Sold},
    told::Seen,
    trace::{Start, Trace},
};

/// How far a clock is ahead of the true time at most, in milliseconds. None is behind: what counts is how far apart
/// two are.
pub(crate) const AHEAD_MS_MAX: u64 = 3_000;
/// How long before a billing each season begins, in milliseconds.
pub(crate) const BEFORE_BILLING_MS: u64 = 3_000;
/// Within which time of a season sweeps come, in milliseconds.
const SWEEPS_MS: u64 = 9_000;
/// How long what is still under way at the end may take to arrive.
const SETTLING: Duration = Duration::from_secs(30);

/// How often the end is asked for at most.
const SETTLING_ATTEMPTS: u32 = 20;

/// What all in a run share.
pub(crate) struct World {
    pub(crate) server: Arc<Server>,
    pub(crate) sold: &'static Sold,
    pub(crate) start: Start,
    pub(crate) trace: Trace,
    weather: Weather,
    chance: Mutex<Chance>,
    instances: Mutex<Vec<Arc<Instance>>>,
    known: HashMap<UserId, Mutex<Known>>,
}

/// One process of Jeton.
pub(crate) struct Instance {
    pub(crate) service: StatsService,
    pub(crate) name: String,
    line: Arc<Line>,
    machine: Arc<Machine>,
}

/// An instance's clock, which is not quite right, and its dice.
struct Machine {
    start: Start,
    state: Mutex<(u64, Chance)>,
}

impl Instance {
    /// What its clock says, in milliseconds since 1970.
    pub(crate) fn clock(&self) -> u64 {
        let Machine { start, state } = &*self.machine;
        start.now_ms() + state.lock().unwrap().0
    }
}

impl Surroundings for Machine {
    fn now(&self) -> Timestamp {
        let mut state = self.state.lock().unwrap();
        let (ahead_ms, chance) = &mut *state;
        // Now and then somebody sets the clock, forwards or backwards.
        if chance.below(100) == 0 {
            *ahead_ms = chance.below(AHEAD_MS_MAX);
        }
        Timestamp::from_millis(self.start.now_ms() + *ahead_ms).unwrap()
    }

    fn random(&self) -> u128 {
        let chance = &mut self.state.lock().unwrap().1;
        (u128::from(chance.next()) << 64) | u128::from(chance.next())
    }
}

impl World {
    /// The run of `seed`: the world in the end, what its clients saw, and until when it is settled.
    pub(crate) async fn live(seed: u64, trace: &Trace) -> (Arc<Self>, Vec<Seen>, u64) {
        let mut chance = Chance::new(seed);
        let sold = sold::catalogue(chance.below(4));
        let seasons = seasons(sold, &mut chance);
        let start = Start { began: Instant::now(), millis: seasons[0] };
        let weather = Weather::any(&mut chance);
        let world = Arc::new(Self {
            server: Server::new(start),
            sold,
            start,
            trace: trace.clone(),
            weather,
            chance: Mutex::new(chance.fork()),
            instances: Mutex::default(),
            known: client::USERS.map(|user| (UserId::new(user).unwrap(), Mutex::default())).into(),
        });
        for _ in 0..=chance.below(4) {
            world.start_instance();
        }
        world.say("seed", || format!("{seed}: {} seasons, {weather:?}", seasons.len()));

        let mut living = JoinSet::new();
        for number in 0..2 + chance.below(6) {
            let client = Client::new(number, &world, chance.fork());
            living.spawn(client.live(seasons.clone()));
        }
        for season in &seasons {
            for _ in 0..chance.below(4) {
                let mut at = season + chance.below(SWEEPS_MS);
                // Some come twice at once.
                for _ in 0..=chance.below(2) {
                    living.spawn(sweep(Arc::clone(&world), at));
                    at += chance.below(2) * 5;
                }
            }
        }
        let observed = living.join_all().await.into_iter().flatten().collect();
        let settled = world.settle().await;
        (world, observed, settled)
    }

    /// What is still under way arrives; then time is settled once more, over a good line. Until when, in milliseconds.
    async fn settle(&self) -> u64 {
        sleep(SETTLING).await;
        let until = self.start.now_ms();
        let last = self.instance("the end", Weather::FAIR, AHEAD_MS_MAX);
        for user in client::USERS {
            let user = UserId::new(user).unwrap();
            // A line that loses nothing can still be too slow. Who is not settled in the end fails the check.
            for _ in 0..SETTLING_ATTEMPTS {
                if last.service.get_user_stats(&user, Locale::French).await.is_ok() {
                    break;
                }
            }
        }
        until
    }

    /// What clients know of a user.
    pub(crate) fn known(&self, user: &UserId) -> MutexGuard<'_, Known> {
        self.known[user].lock().unwrap()
    }

    /// One of the instances. One that has died has been replaced.
    pub(crate) fn any_instance(&self, chance: &mut Chance) -> Arc<Instance> {
        let mut instances = self.instances.lock().unwrap();
        let place = chance.below(instances.len() as u64) as usize;
        if instances[place].line.is_dead() {
            instances[place] = self.further_instance();
        }
        Arc::clone(&instances[place])
    }

    fn start_instance(&self) {
        let instance = self.further_instance();
        self.instances.lock().unwrap().push(instance);
    }

    fn further_instance(&self) -> Arc<Instance> {
        let number = self.server.next_instance();
        let ahead_ms = self.chance.lock().unwrap().below(AHEAD_MS_MAX);
        self.instance(&format!("instance {number}"), self.weather, ahead_ms)
    }

    fn instance(&self, name: &str, weather: Weather, ahead_ms: u64) -> Arc<Instance> {
        let mut chance = self.chance.lock().unwrap();
        let line = Line::new(&self.server, chance.fork(), weather, self.trace.clone(), name);
        let machine = Arc::new(Machine { start: self.start, state: Mutex::new((ahead_ms, chance.fork())) });
        let store: Arc<dyn jeton::store::Store> = Arc::clone(&line) as _;
        let (surroundings, stage) = (Arc::clone(&machine) as _, Stage::Development);
        let service = StatsService::new(store, &self.sold.catalogue, stage, surroundings);
        drop(chance);
        self.say(name, || format!("starts, its clock {ahead_ms} ms ahead"));
        Arc::new(Instance { service, name: name.to_owned(), line, machine })
    }

    /// The moment of the true time `millis`.
    pub(crate) fn moment(&self, millis: u64) -> Instant {
        self.start.began + Duration::from_millis(millis - self.start.millis)
    }

    pub(crate) fn say(&self, who: &str, what: impl FnOnce() -> String) {
        self.trace.say(self.start, who, what);
    }
}

/// When the seasons of a run begin, in milliseconds: each just before a billing, a month or more after the one before.
fn seasons(sold: &Sold, chance: &mut Chance) -> Vec<u64> {
    /// 1 June 2026.
    const BEGIN: u64 = 1_780_272_000_000;
    let mut billing = sold.first_cycle(BEGIN);
    for _ in 0..chance.below(24) {
        billing = billing.next();
    }
    let count = 1 + chance.below(3);
    let season = |_| {
        let begins = sold.due(0, billing) - BEFORE_BILLING_MS;
        for _ in 0..=chance.below(4) {
            billing = billing.next();
        }
        begins
    };
    (0..count).map(season).collect()
}

/// A sweep at this true time. One that fails, or whose instance dies, is one that did not come.
async fn sweep(world: Arc<World>, at: u64) -> Vec<Seen> {
    sleep_until(world.moment(at)).await;
    let instance = {
        let mut chance = world.chance.lock().unwrap().fork();
        world.any_instance(&mut chance)
    };
    world.say(&instance.name, || "sweeps".to_owned());
    let sweep = sweep::bill_due_users(&instance.service, Duration::from_secs(5), Locale::French);
    let swept = timeout(Duration::from_mins(1), sweep).await;
    world.say(&instance.name, || match swept {
        Ok(Ok(swept)) => format!("has swept: {:?}", swept.report),
        Ok(Err(error)) => format!("could not sweep: {error}"),
        Err(_) => "never ends its sweep".to_owned(),
    });
    Vec::new()
}
