//! A client: it makes calls, one after the other, tries again with and without a key, and remembers what it saw.

use std::{sync::Arc, time::Duration};

use jeton::ledger::{CapChange, GrantKind, Priority, Source, Timestamp, UserId};
use tokio::time::{sleep, sleep_until, timeout};

use crate::{
    asked::{Asked, Change, ask},
    chance::Chance,
    told::{Seen, Told},
    world::{AHEAD_MS_MAX, BEFORE_BILLING_MS, Instance, World},
};

/// The first one is the busy one.
pub(crate) const USERS: [&str; 2] = ["hot", "calm"];
/// How long a client waits for an answer: longer than Jeton lets it wait.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often a client tries a call, at most.
const ATTEMPTS_MAX: u64 = 4;
const DAYS_MS: u64 = 24 * 60 * 60 * 1_000;

/// A client.
pub(crate) struct Client {
    name: String,
    number: u64,
    world: Arc<World>,
    chance: Chance,
    calls: u64,
    /// When the billing of the season falls due, in milliseconds.
    billing: u64,
    /// Whom it asks next.
    instance: Arc<Instance>,
}

impl Client {
    pub(crate) fn new(number: u64, world: &Arc<World>, mut chance: Chance) -> Self {
        let (name, instance) = (format!("client {number}"), world.any_instance(&mut chance));
        Self { name, number, world: Arc::clone(world), chance, calls: 0, billing: 0, instance }
    }

    /// Its life: some calls in each season. Gives what it saw.
    pub(crate) async fn live(mut self, seasons: Vec<u64>) -> Vec<Seen> {
        let mut seen = Vec::new();
        for season in seasons {
            sleep_until(self.world.moment(season)).await;
            self.billing = season + BEFORE_BILLING_MS;
            for _ in 0..2 + self.chance.below(7) {
                let longest = if self.chance.below(3) == 0 { 3_000 } else { 20 };
                sleep(Duration::from_millis(self.chance.below(longest))).await;
                self.call(&mut seen).await;
            }
        }
        seen
    }

    async fn call(&mut self, seen: &mut Vec<Seen>) {
        self.calls += 1;
        let user = UserId::new(USERS[usize::from(self.chance.below(5) == 0)]).unwrap();
        self.instance = self.world.any_instance(&mut self.chance);
        let asked = self.anything(&user);
        if self.chance.below(3) == 0 {
            self.wait_for_an_instant(&user).await;
        }
        let tag = format!("{}-{}", self.number, self.calls);
        if !asked.only_looks() && self.chance.below(2) == 0 {
            seen.push(self.keyed(user, tag, asked).await);
            return;
        }
        // Without a key whoever tries again asks for another change.
        for attempt in 1..=ATTEMPTS_MAX {
            let tag = format!("{tag}-{attempt}");
            let began = self.now();
            let told = self.attempt(&user, &asked, &tag, false).await;
            let known = told != Told::Nothing;
            let (user, asked, ended) = (user.clone(), asked.clone(), self.now());
            seen.push(Seen { user, tag, asked, keyed: false, began, ended, told });
            if known || self.chance.below(2) == 0 {
                return;
            }
        }
    }

    /// With a key a client tries until it knows, and now and then once more.
    async fn keyed(&mut self, user: UserId, tag: String, asked: Asked) -> Seen {
        let began = self.now();
        let mut told = Told::Nothing;
        for _ in 0..ATTEMPTS_MAX {
            told = told.and(self.attempt(&user, &asked, &tag, true).await);
            if told != Told::Nothing && self.chance.below(3) > 0 {
                break;
            }
        }
        Seen { user, tag, asked, keyed: true, began, ended: self.now(), told }
    }

    /// One try, and what it was told.
    async fn attempt(&mut self, user: &UserId, asked: &Asked, tag: &str, keyed: bool) -> Told {
        let further = self.world.any_instance(&mut self.chance);
        let instance = std::mem::replace(&mut self.instance, further);
        let key = if keyed { ", with its key" } else { "" };
        self.say(|| format!("asks {} for {asked:?} of {user}, as {tag}{key}", instance.name));
        let answer = timeout(PATIENCE, ask(&instance.service, self.world.sold, user, asked, tag, keyed)).await;
        self.say(|| match &answer {
            Ok(Ok(answer)) => format!("is told of {tag}: {answer}"),
            Ok(Err(error)) => format!("is told of {tag}: {error}"),
            Err(_) => format!("gives up waiting for {tag}"),
        });
        let told = match &answer {
            Ok(Ok(answer)) => Told::read(answer),
            Ok(Err(error)) => Told::failed(Some(error)),
            Err(_) => Told::failed(None),
        };
        self.world.known(user).hear(asked, &told);
        told
    }

    fn anything(&mut self, user: &UserId) -> Asked {
        let drawn = self.chance.below(48);
        let known = self.world.known(user).clone();
        let (id, amount) = known.any_reservation(&mut self.chance);
        match drawn {
            0..=3 => Asked::Read,
            4..=5 => Asked::Page,
            6..=7 => Asked::Look(id),
            // Often more than there is: refusals must be true as well.
            8..=14 => Asked::Debit(1 + self.chance.below(3_000)),
            15..=18 => Asked::Credit(1 + self.chance.below(2_000), self.any_grant(user)),
            19..=24 => Asked::Reserve {
                amount: 1 + self.chance.below(3_000),
                lasts: self.any_time(user),
                is_generation: self.chance.below(2) == 0,
            },
            25..=35 => {
                let amount = match self.chance.below(4) {
                    0 => None,
                    1 => Some(amount + 1 + self.chance.below(4_000)),
                    2 => Some(1 + self.chance.below(2_000)),
                    _ => Some(1 + amount / 2),
                };
                Asked::Capture { id, amount, is_final: self.chance.below(3) > 0 }
            }
            36..=37 => Asked::Release(id),
            38 => Asked::Extend { id, lasts: self.any_time(user) },
            39..=42 => Asked::Refund(known.any_entry(&mut self.chance)),
            43..=46 => Asked::Change { change: self.any_change(), now: self.chance.below(2) == 0 },
            _ => Asked::Reset,
        }
    }

    /// Tokens of some kind: most stay, some expire soon, and some around an instant at which something happens.
    fn any_grant(&mut self, user: &UserId) -> GrantKind {
        let expires_at = match self.chance.below(8) {
            0..=3 => None,
            4 => Some(self.now() + 1 + self.chance.below(100)),
            5..=6 => Some(self.now() + 1 + self.chance.below(6_000)),
            _ => Some(self.any_instant(user) - 1 + self.chance.below(3)),
        };
        let source = [Source::Purchase, Source::Promotion, Source::Adjustment][self.chance.below(3) as usize];
        let priority = [None, None, Some(5), Some(10)][self.chance.below(4) as usize];
        GrantKind {
            source,
            priority: priority.and_then(Priority::new),
            expires_at: expires_at.and_then(Timestamp::from_millis),
        }
    }

    /// How long a reservation lasts: mostly some seconds, now and then beyond the season, and often until an instant at
    /// which something else happens.
    fn any_time(&mut self, user: &UserId) -> u64 {
        match self.chance.below(8) {
            0..=1 => 1 + self.chance.below(100),
            2..=3 => 1 + self.chance.below(6_000),
            4 => 1 + self.chance.below(40 * DAYS_MS),
            _ => {
                let until = self.any_instant(user) - 1 + self.chance.below(3);
                until.saturating_sub(self.instance.clock()).max(1)
            }
        }
    }

    fn any_change(&mut self) -> Change {
        let plan = [None, Some(0), Some(1)][self.chance.below(3) as usize];
        let mut cap = |most| match self.chance.below(6) {
            0 => Some(CapChange::Lift),
            1 => Some(CapChange::Set(self.chance.below(most))),
            _ => None,
        };
        Change { plan, daily: cap(4_000), monthly: cap(8_000) }
    }

    /// When something falls due that is still to come, or the billing of the season.
    fn any_instant(&mut self, user: &UserId) -> u64 {
        let instants = self.world.known(user).instants_after(self.now());
        let drawn = self.chance.below(instants.len() as u64 + 1) as usize;
        instants.get(drawn).copied().unwrap_or(self.billing)
    }

    /// Waits until it is such an instant by the clock of whom it asks next, or a millisecond before it or after it.
    async fn wait_for_an_instant(&mut self, user: &UserId) {
        let at = self.any_instant(user) - 1 + self.chance.below(3);
        let waits = at.saturating_sub(self.instance.clock());
        if waits <= 2 * AHEAD_MS_MAX {
            sleep(Duration::from_millis(waits)).await;
        }
    }

    fn now(&self) -> u64 {
        self.world.start.now_ms()
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.world.say(&self.name, what);
    }
}
