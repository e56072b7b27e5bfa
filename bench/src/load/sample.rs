use serde::{Deserialize, Serialize};

use super::{
    accounts,
    contender::{Contender, Running},
    workload::Workload,
    wrk::{Load, Told},
};
use crate::redis::{Counters, Redis};

/// How much load there is.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) users: usize,
    pub(crate) connections: usize,
    pub(crate) warm_up_seconds: u64,
    pub(crate) seconds: u64,
}

/// What was measured once. Where it says nothing else, for each request.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// The processor time of what was measured.
    pub(crate) processor_us: f64,
    /// How many commands Redis was sent.
    pub(crate) redis_calls: f64,
    /// The time that Redis says these commands took.
    pub(crate) redis_us: f64,
    /// The processor time of all of Redis.
    pub(crate) redis_processor_us: f64,
    /// Bytes to Redis, and from there.
    pub(crate) bytes_sent: f64,
    pub(crate) bytes_received: f64,
    /// How many debits were answered with a success in all, the warm-up among them, and how many of those the accounts
    /// know nothing of.
    pub(crate) debits: f64,
    pub(crate) debits_lost: f64,
}

impl Sample {
    /// Measures one contender at one workload, with a Redis and processes that are new.
    pub(crate) fn take(contender: Contender, workload: Workload, measure: Measure) -> Result<Self, String> {
        let redis = Redis::start()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let running = contender.start(workload, folder.path(), &redis)?;
        let users = workload.users(measure.users);
        if contender.keeps_accounts() {
            accounts::open(&running, workload, users)?;
        }
        let Measure { connections, seconds, warm_up_seconds, .. } = measure;
        let warm_up =
            Load { workload, port: running.door(), users, connections, seconds: warm_up_seconds, run: "warm-up" };
        let warmed = warm_up.run()?;
        let load = Load { seconds, run: "run", ..warm_up };
        let (before, processor_before) = (redis.counters()?, running.processor_seconds()?);
        let told = load.run()?;
        if told.answered < 1.0 {
            return Err(format!("nothing was answered within {seconds} s"));
        }
        let (after, processor) = (redis.counters()?, running.processor_seconds()? - processor_before);
        let mut sample = Self::of(&told, processor, &after, &before, contender.commands());
        if contender.keeps_accounts() {
            sample.debits = load.debits(&warmed) + load.debits(&told);
            sample.debits_lost = lost(contender, &running, users, sample.debits)?;
        }
        Ok(sample)
    }

    fn of(told: &Told, processor_seconds: f64, after: &Counters, before: &Counters, commands: &[&str]) -> Self {
        let answered = told.answered;
        let (calls, redis_us) = after.since(before, commands);
        Self {
            requests_per_second: answered / told.seconds,
            p50_us: told.p50_us,
            p99_us: told.p99_us,
            processor_us: processor_seconds * 1e6 / answered,
            redis_calls: calls / answered,
            redis_us: redis_us / answered,
            redis_processor_us: (after.processor_us - before.processor_us) / answered,
            bytes_sent: (after.received - before.received) / answered,
            bytes_received: (after.sent - before.sent) / answered,
            debits: 0.0,
            debits_lost: 0.0,
        }
    }
}

/// How many of so many debits the accounts know nothing of. Whoever promises that there are none is held to it.
fn lost(contender: Contender, running: &Running, users: usize, debits: f64) -> Result<f64, String> {
    let lost = (debits - accounts::used(running, users)?).max(0.0);
    if contender.is_exact() && lost > 0.0 {
        return Err(format!("{lost} of {debits} debits are lost"));
    }
    Ok(lost)
}
