//! The platform freezes an instance that has nothing to do, and thaws it for the next request, or never. What it knew of
//! the world may be over by then: above all its line to Redis.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all, stream};
use jeton::store::ANSWER_WITHIN;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    client::{Answer, Client, sum},
    redis::Redis,
    server::{Deployment, Instance},
    wire::{Fault, Way, Wire},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// A function's process on a line of its own.
struct Frozen {
    function: &'static str,
    user: String,
    wire: Wire,
    instance: Instance,
    client: Client,
}

impl Frozen {
    async fn start(redis: &Redis, function: &'static str, user: String) -> Self {
        let wire = Wire::start(redis.port()).await;
        let instance = Instance::start(function, &[("REDIS_URL", &wire.url()), DEVELOPMENT]);
        let client = instance.client();
        Self { function, user, wire, instance, client }
    }

    /// A call of the function.
    async fn call(&self, key: Option<&str>) -> Answer {
        let Self { function, user, client, .. } = self;
        match (*function, key) {
            ("stats" | "transactions", _) => client.get(&format!("{function}?userId={user}")).await,
            ("accounts" | "health", _) => client.get(function).await,
            ("tokens", _) => client.post(function, json!({"userId": user, "amount": 1})).await,
            (_, Some(key)) => client.post_once(function, key, json!({"userId": user})).await,
            (_, None) => client.post(function, json!({"userId": user})).await,
        }
    }
}

/// What became of the line meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It leads nowhere, and nobody was told.
    Dead,
    /// Redis closed it.
    Closed,
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_minute_on_ice_the_first_request_succeeds() {
    let redis = Redis::start();
    let mut frozen = Vec::new();
    for line in [Line::Dead, Line::Closed] {
        for function in ["accounts", "stats", "transactions", "health", "generations", "tokens", "reset"] {
            let process = Frozen::start(&redis, function, format!("{function}-{line:?}")).await;
            process.call(None).await.ok();
            frozen.push((line, process));
        }
    }
    for (line, process) in &frozen {
        process.instance.process.signal(Signal::STOP);
        if *line == Line::Dead {
            process.wire.swallow_open_lines().await;
        }
    }
    redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    let thawed = frozen.iter().map(|(line, process)| async move {
        process.instance.process.signal(Signal::CONT);
        let answer = process.call(None).await;
        assert_eq!(answer.status, 200, "{line:?}, {}: {answer:?}", process.function);
    });
    // Not all at once: each has a processor to itself while it finds its way back.
    stream::iter(thawed).buffer_unordered(4).collect::<Vec<()>>().await;

    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    let client = deployment.client();
    for (_, Frozen { function, user, .. }) in &frozen {
        let balance = match *function {
            "generations" => 5_000 - 2 * 3,
            "tokens" => 5_000 + 2,
            _ => 5_000,
        };
        assert_eq!(client.stats(user).await["tokenBalance"], balance, "{user}");
    }
}

/// Where a commit was when its process was frozen.
#[derive(Clone, Copy, Debug)]
enum Commit {
    /// Done; the answer comes in during the frost.
    Answered,
    /// Done; the answer gets lost.
    Unanswered,
    /// Sent in part; it is done during the frost, and the answer gets lost.
    Late,
    /// Sent in part; the rest gets lost.
    Lost,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_under_way_on_ice_is_made_once() {
    let redis = Redis::start();
    let deployment = Deployment::start(&redis, &[DEVELOPMENT]);
    // Longer than Redis may take to answer, and longer than a caller waits.
    let frosts = [Duration::from_secs(2), Duration::from_secs(6)];
    let commits = [Commit::Answered, Commit::Unanswered, Commit::Late, Commit::Lost];
    let mut cases = Vec::new();
    for frost in frosts {
        for commit in commits {
            for key in [None, Some("key")] {
                cases.push(freeze_in_the_middle(&redis, &deployment, commit, frost, key));
            }
        }
    }
    let served = join_all(cases).await;
    // The short frosts come first. An answer that is late on a busy machine must not be the usual one.
    let short = &served[..served.len() / 2];
    let count = short.iter().filter(|served| **served).count();
    assert!(2 * count >= short.len(), "only {count} of {} were served", short.len());
}

/// Whether the debit that was under way was answered as done.
async fn freeze_in_the_middle(
    redis: &Redis,
    deployment: &Deployment,
    commit: Commit,
    frost: Duration,
    key: Option<&str>,
) -> bool {
    let user = format!("{commit:?}-{}-{}", frost.as_secs(), key.is_some());
    let process = Frozen::start(redis, "generations", user.clone()).await;
    process.call(None).await.ok();
    let (way, bytes, fault) = match commit {
        Commit::Answered => (Way::Answer, 0, Fault::Delay(usize::MAX)),
        Commit::Unanswered => (Way::Answer, 0, Fault::Stall),
        Commit::Late => (Way::Request, 100, Fault::Delay(usize::MAX)),
        Commit::Lost => (Way::Request, 100, Fault::Stall),
    };
    process.wire.fail_after(way, bytes, fault);
    let freezing = async {
        process.wire.failed().await;
        process.instance.process.signal(Signal::STOP);
        process.wire.deliver().await;
        tokio::time::sleep(frost).await;
        process.instance.process.signal(Signal::CONT);
    };
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(process.call(key), freezing);
    // Where the machine is busy, too much of the caller's time may be over after a short frost, too.
    let has_time = frost < ANSWER_WITHIN && begun.elapsed() + Duration::from_millis(500) < ANSWER_WITHIN;

    let history = deployment.client().history(&user).await;
    let debits = history.iter().filter(|entry| entry["type"] == "DEBIT").count();
    let served = answer.status == 200;
    if has_time || served {
        assert_eq!((&answer.ok()["stats"]["tokenBalance"], debits), (&json!(4_994), 2), "{user}");
    } else {
        answer.assert_store_unavailable();
        assert!((1..=2).contains(&debits), "{user}: {history:?}");
    }
    // The next one finds all in order; under the key it is the same one.
    let again = process.call(key).await.ok();
    let debits = if key.is_some() { 2 } else { debits + 1 };
    assert_eq!(again["stats"]["tokenBalance"], json!(5_000 - 3 * debits), "{user}");
    let history = deployment.client().history(&user).await;
    assert_eq!((history.len(), sum(&history)), (1 + debits, 5_000 - 3 * debits as i128), "{user}");
    served
}
