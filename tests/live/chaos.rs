//! A thousand cuts under load, in an order that a seed decides: of clients' connections, of the function, of the line to
//! Redis, of Redis itself. Whoever follows has what the server has, at every stats event and at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use futures_util::future::join_all;
use jeton::system;
use serde_json::json;

use super::{
    chance::Chance,
    cuts::{self, STEPS, Stage, Step},
    follower::Counts,
    followers::Followers,
    line::Line,
    writers::Writer,
};
use crate::support::{client::Client, redis::Redis};

const USERS: usize = 4;
/// For each user.
const FOLLOWERS: usize = 2;
/// For each user.
const WRITERS: usize = 2;
/// How many of the last steps are printed when something fails.
const STEPS_PRINTED: usize = 20;

/// Prints what a failure needs to be understood.
struct Story {
    seed: u64,
    begun: Instant,
    steps: Vec<String>,
}

impl Story {
    fn add(&mut self, step: Step) {
        self.steps.push(format!("{} at {:.1?}: {step:?}", self.steps.len(), self.begun.elapsed()));
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if thread::panicking() {
            let last = self.steps.len().saturating_sub(STEPS_PRINTED);
            eprintln!("the seed was {}; the last steps: {:#?}", self.seed, &self.steps[last..]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "the seed is a setting of the test, not of Jeton")]
async fn a_thousand_cuts_under_load_and_everybody_shows_what_the_server_has() {
    let seed = std::env::var("JETON_LIVE_SEED").map_or(system::random() as u64, |seed| seed.parse().unwrap());
    let mut chance = Chance::new(seed);
    let mut story = Story { seed, begun: Instant::now(), steps: Vec::new() };

    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let redis = Redis::start_with(&["--dir", directory, "--appendonly", "yes", "--appendfsync", "always"]);
    let to_redis = Line::to(redis.port()).await;
    let others = ["generations", "reservations", "reset", "stats", "tokens", "transactions"]
        .map(|name| (name, Stage::function(name, &to_redis)));
    let client = Client::new(others.iter().map(|(name, instance)| (*name, instance.base())).collect());
    let users: Vec<String> = (0..USERS).map(|number| format!("u{number}")).collect();
    for user in &users {
        client.post("tokens", json!({"userId": user, "amount": 1_000_000})).await.ok();
    }

    let over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..USERS * WRITERS)
        .map(|number| {
            let (name, user) = (format!("writer-{number}"), users[number % USERS].clone());
            let writer =
                Writer { name, user, client: client.clone(), chance: chance.fork(), over: Arc::clone(&over), calls: 0 };
            tokio::spawn(writer.run())
        })
        .collect();

    let function = Stage::function("events", &to_redis);
    let mut to_function = Vec::new();
    for _ in 0..USERS * FOLLOWERS {
        to_function.push(Line::to(function.port()).await);
    }
    let mut followers = Followers::new(&client);
    for (number, line) in to_function.iter().enumerate() {
        followers.add(&users[number % USERS], line.port());
    }
    let mut stage = Stage { redis, _folder: folder, to_redis, function, to_function, client, users, resets: 0 };

    for step in cuts::in_some_order(&mut chance) {
        followers.are_told().await;
        story.add(step);
        followers.unless_one_fails("the step is made", stage.make(step, &mut chance)).await;
    }
    let cutting = story.begun.elapsed();
    over.store(true, Ordering::SeqCst);
    let calls: u64 = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    let mut entries = Vec::new();
    for user in &stage.users {
        let all = followers.of(user);
        entries.push(followers.show_all(user, &all).await);
    }
    report(&followers, seed, &format!("{cutting:.0?}, {calls} calls, {entries:?} entries at the end"));
}

fn report(followers: &Followers, seed: u64, run: &str) {
    let mut all = Counts::default();
    let (mut resets, mut missed_too_much) = (0, 0);
    for (_, seen) in &followers.seen {
        let counts = seen.counts.lock().unwrap().clone();
        assert!(counts.events > 0 && counts.broken > 0, "{counts:?}");
        all.add(&counts);
        let shown = seen.shown.lock().unwrap();
        resets += shown.resets;
        missed_too_much += shown.missed_too_much;
    }
    println!(
        "seed {seed}, {run}: {STEPS:?}; {all:?}; began anew {resets} times after a reset and {missed_too_much} times after \
              more than 1 000 entries"
    );
}
