//! Whole runs of several instances in virtual time, all of it decided by a seed: exchanges that are slow, lost, or
//! carried out late, instances that die, clocks that differ, sweeps, resets, and clients that try again. After each run
//! every change that was acknowledged is in the history once, and every answer is one that a single, sequential Jeton
//! could have given.
//!
//! `JETON_SEED=n` repeats one run and prints what its clients saw; `JETON_SEEDS=n` makes so many.

mod chance;
mod check;
mod client;
mod network;

use std::{sync::Arc, time::Duration};

use jeton::{
    committer::Surroundings,
    ledger::{Timestamp, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    sweep,
};
use tokio::{task::JoinSet, time::sleep};

use self::{
    chance::Chance,
    client::{Seen, live},
    network::{Line, Server, Weather},
};

/// How many runs the tests make.
const RUNS: u64 = 2_000;
/// 2 June 2026, 23:59:57 UTC plus two days: three seconds before the first billing.
const START: u64 = 1_780_617_597_000;
const INSTANCES: u64 = 3;
const CLIENTS: u64 = 5;

/// One process of Jeton.
pub(crate) struct Instance {
    service: StatsService,
    line: Arc<Line>,
}

/// An instance's clock, which is not quite right, and its dice.
struct Machine {
    server: Arc<Server>,
    ahead_ms: u64,
    chance: std::sync::Mutex<Chance>,
}

impl Surroundings for Machine {
    fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.server.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(START + elapsed + self.ahead_ms).unwrap()
    }

    fn random(&self) -> u128 {
        let mut chance = self.chance.lock().unwrap();
        (u128::from(chance.next()) << 64) | u128::from(chance.next())
    }
}

fn instance(server: &Arc<Server>, chance: &mut Chance, weather: Weather, ahead_ms: u64) -> Instance {
    let line = Line::new(server, chance.fork(), weather);
    let chance = std::sync::Mutex::new(chance.fork());
    let machine = Machine { server: Arc::clone(server), ahead_ms, chance };
    let store: Arc<dyn jeton::store::Store> = Arc::clone(&line) as _;
    let service = StatsService::new(store, Catalogue::built_in().unwrap(), Stage::Development, Arc::new(machine));
    Instance { service, line }
}

/// One run: what the clients saw, and what the server has in the end.
async fn run(seed: u64) -> (Arc<Server>, Vec<Seen>) {
    let mut chance = Chance::new(seed);
    let server = Server::new();
    let weather = match chance.below(4) {
        0 => Weather { lost_request: 0, lost_answer: 0, late: 0, refused: 0 },
        1 => Weather { lost_request: 20, lost_answer: 20, late: 20, refused: 20 },
        2 => Weather { lost_request: 0, lost_answer: 150, late: 150, refused: 0 },
        _ => Weather { lost_request: 80, lost_answer: 80, late: 80, refused: 80 },
    };
    let instances: Arc<Vec<Instance>> = Arc::new(
        (0..INSTANCES)
            .map(|_| {
                let ahead_ms = chance.below(3_000);
                instance(&server, &mut chance, weather, ahead_ms)
            })
            .collect(),
    );

    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(live(number, Arc::clone(&instances), Arc::clone(&server), chance.fork()));
    }
    for _ in 0..chance.below(4) {
        let (instances, pause, which) = (Arc::clone(&instances), chance.below(9_000), chance.below(INSTANCES));
        clients.spawn(async move {
            sleep(Duration::from_millis(pause)).await;
            let service = &instances[which as usize].service;
            // A sweep that fails, or whose instance dies, is one that did not come.
            let sweep = sweep::bill_due_users(service, Duration::from_secs(5), Locale::French);
            let _ = tokio::time::timeout(Duration::from_mins(1), sweep).await;
            Vec::new()
        });
    }
    if chance.below(3) == 0 {
        let (instances, pause, which) = (Arc::clone(&instances), chance.below(9_000), chance.below(INSTANCES));
        clients.spawn(async move {
            sleep(Duration::from_millis(pause)).await;
            instances[which as usize].line.die();
            Vec::new()
        });
    }
    let answers = clients.join_all().await.into_iter().flatten().collect();

    // What is still under way arrives; then time is settled once more, over a good line.
    sleep(Duration::from_secs(30)).await;
    let fair = Weather { lost_request: 0, lost_answer: 0, late: 0, refused: 0 };
    let last = instance(&server, &mut chance, fair, 3_000);
    for user in client::USERS {
        last.service.get_user_stats(&UserId::new(user).unwrap(), Locale::French).await.unwrap();
    }
    (server, answers)
}

fn simulate(seed: u64) -> Result<Vec<Seen>, (Vec<Seen>, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let (server, answers) = runtime.block_on(run(seed));
    match check::all(&server, &answers) {
        Ok(()) => Ok(answers),
        Err(wrong) => Err((answers, wrong)),
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how many runs is a setting of the test, not of Jeton")]
fn every_run_is_one_that_a_sequential_ledger_could_have_given() {
    let setting = |name| std::env::var(name).ok().map(|value: String| value.parse::<u64>().unwrap());
    if let Some(seed) = setting("JETON_SEED") {
        let (answers, wrong) = match simulate(seed) {
            Ok(answers) => (answers, None),
            Err((answers, wrong)) => (answers, Some(wrong)),
        };
        for answer in &answers {
            println!("{answer:?}");
        }
        assert_eq!(wrong, None, "seed {seed}");
        return;
    }
    let runs = setting("JETON_SEEDS").unwrap_or(RUNS);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for seed in (thread..runs).step_by(threads as usize) {
                    if let Err((_, wrong)) = simulate(seed) {
                        panic!("{wrong}\nrepeat it with JETON_SEED={seed}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_seed_gives_the_same_run_each_time() {
    for seed in 0..20 {
        let shown = || format!("{:?}", simulate(seed).unwrap_or_else(|(_, wrong)| panic!("{wrong}")));
        assert_eq!(shown(), shown(), "seed {seed}");
    }
}
