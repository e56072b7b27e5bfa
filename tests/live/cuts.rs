//! What is cut, and how.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use tempfile::TempDir;

use super::{chance::Chance, line::Line, writers::until_decided};
use crate::support::{
    client::Client,
    redis::Redis,
    server::{Instance, Settings},
};

/// How much of a stream comes at most until it is cut: a change or two.
const BYTES_MAX: u64 = 2_000;

/// A cut, or a reset, which is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The connection of some client, somewhere in what it is being told.
    Client,
    /// The function, at once. Another is started.
    FunctionKilled,
    /// The function by SIGTERM, when another has been started.
    FunctionEnded,
    /// All connections to Redis.
    LineCut,
    /// All connections to Redis, and the first new one.
    LineRefused,
    /// Nothing comes through to Redis until something waits for it.
    LineHeld,
    /// All connections to Redis lead nowhere, and nobody is told.
    LineSwallowed,
    /// Redis, at once. It is started again.
    RedisKilled,
    /// Somebody begins anew.
    Reset,
}

/// How many of each: a thousand cuts.
pub(super) const STEPS: [(Step, usize); 9] = [
    (Step::Client, 800),
    (Step::FunctionKilled, 60),
    (Step::FunctionEnded, 40),
    (Step::LineCut, 40),
    (Step::LineRefused, 16),
    (Step::LineHeld, 10),
    (Step::LineSwallowed, 4),
    (Step::RedisKilled, 30),
    (Step::Reset, 12),
];

/// All steps, in some order.
pub(super) fn in_some_order(chance: &mut Chance) -> Vec<Step> {
    let mut steps: Vec<Step> = STEPS.iter().flat_map(|(step, times)| vec![*step; *times]).collect();
    chance.shuffle(&mut steps);
    steps
}

/// What can be cut.
pub(super) struct Stage {
    pub(super) redis: Redis,
    /// Where Redis has what it has answered.
    pub(super) _folder: TempDir,
    /// From the functions to Redis.
    pub(super) to_redis: Line,
    /// The function that is listened to.
    pub(super) function: Instance,
    /// From each client to it.
    pub(super) to_function: Vec<Line>,
    /// Calls the function that resets.
    pub(super) client: Client,
    pub(super) users: Vec<String>,
    pub(super) resets: usize,
}

impl Stage {
    /// A function over this line to Redis.
    pub(super) fn function(name: &'static str, to_redis: &Line) -> Instance {
        let url = format!("redis://127.0.0.1:{}", to_redis.port());
        let settings: Settings<'_> =
            &[("REDIS_URL", &url), ("VERCEL_ENV", "development"), ("JETON_EVENTS_SECONDS", "5")];
        Instance::start(name, settings)
    }

    /// Makes one step.
    pub(super) async fn make(&mut self, step: Step, chance: &mut Chance) {
        match step {
            Step::Client => {
                let line = &self.to_function[chance.place(self.to_function.len())];
                line.cut_after(chance.below(BYTES_MAX) as usize).await;
            }
            Step::FunctionKilled => {
                self.function.process.kill();
                self.start_function();
            }
            Step::FunctionEnded => {
                let mut before = self.start_function();
                before.process.signal(Signal::TERM);
                assert!(before.process.wait(), "{:?}", before.process.lines());
            }
            Step::LineCut => self.to_redis.cut(),
            Step::LineRefused => self.to_redis.refuse().await,
            Step::LineHeld => self.to_redis.hold().await,
            Step::LineSwallowed => self.to_redis.swallow(),
            Step::RedisKilled => {
                self.redis.stop();
                self.redis.repair_log();
                self.redis.start_again();
            }
            Step::Reset => {
                self.resets += 1;
                let user = &self.users[chance.place(self.users.len())];
                let (key, body) = (format!("reset-{}", self.resets), json!({"userId": user}));
                let answer = until_decided(&self.client, Method::POST, "reset", &key, &body).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        }
    }

    /// Starts another function. Who comes from now on is led to it. Gives the one before.
    fn start_function(&mut self) -> Instance {
        let before = std::mem::replace(&mut self.function, Self::function("events", &self.to_redis));
        for line in &self.to_function {
            line.lead_to(self.function.port());
        }
        before
    }
}
