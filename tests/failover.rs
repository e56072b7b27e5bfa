//! A replica behind `REDIS_URL`, and one that takes over while callers debit.

use std::time::Instant;

use serde_json::json;

use crate::support::{
    client::{Answer, Client},
    load::Load,
    process::PATIENCE,
    proxy::Proxy,
    redis::Redis,
    server::{Deployment, Instance},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// A Redis, and a replica that follows it. A replica keeps a file, in these folders.
struct Pair {
    old: Redis,
    new: Redis,
    _folders: [tempfile::TempDir; 2],
}

impl Pair {
    async fn start() -> Self {
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let start = |folder: &tempfile::TempDir| {
            let folder = folder.path().to_str().unwrap();
            // By default a primary waits 5 s for more replicas before it serves the first.
            Redis::start_with(&["--dir", folder, "--repl-diskless-sync-delay", "0"])
        };
        let [old, new] = folders.each_ref().map(start);
        new.command::<()>(&["REPLICAOF", "127.0.0.1", &old.port().to_string()]);
        let pair = Self { old, new, _folders: folders };
        pair.catch_up().await;
        pair
    }

    /// Waits until the replica has all that the other one has acknowledged by now.
    async fn catch_up(&self) {
        let begun = Instant::now();
        let mut connection = self.old.connect();
        redis::cmd("SET").arg("mark").arg("set").exec(&mut connection).unwrap();
        while redis::cmd("WAIT").arg(1).arg(100).query::<u64>(&mut connection).unwrap() == 0 {
            assert!(begun.elapsed() < PATIENCE, "the new one does not follow");
            tokio::task::yield_now().await;
        }
    }

    /// Has the replica take over, and everybody who connects to `proxy` find it there.
    fn fail_over(&mut self, proxy: &Proxy, how: FailOver) {
        if how == FailOver::Killed {
            self.old.stop();
        }
        self.new.command::<()>(&["REPLICAOF", "NO", "ONE"]);
        if how == FailOver::Demoted {
            self.old.command::<()>(&["REPLICAOF", "127.0.0.1", &self.new.port().to_string()]);
        }
        proxy.lead_to(self.new.port());
    }
}

/// What becomes of the old primary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FailOver {
    /// It is gone.
    Killed,
    /// It lives on as a replica: its lines stay open, and it answers, but takes no writes.
    Demoted,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_answers_reads_and_refuses_each_change_in_one_clear_line() {
    let pair = Pair::start().await;
    let primary = Deployment::start(&pair.old, &[DEVELOPMENT]);
    primary.client().post("generations", json!({"userId": "u"})).await.ok();
    pair.catch_up().await;

    let replica = Deployment::start(&pair.new, &[DEVELOPMENT]);
    let client = replica.client();
    let refuses = |function: &str, answer: &Answer| {
        answer.assert_store_unavailable();
        let line = replica.instance(function).line_of(answer);
        let message = line["message"].as_str().unwrap();
        assert!(message.contains("is a replica") && message.contains("REDIS_URL must name the primary"), "{line}");
    };
    let changes = [
        ("generations", json!({"userId": "u"})),
        ("generations", json!({"userId": "new"})),
        ("tokens", json!({"userId": "u", "amount": 5})),
        ("reset", json!({"userId": "u"})),
    ];
    for (function, body) in changes {
        refuses(function, &client.post(function, body.clone()).await);
        refuses(function, &client.post_once(function, "key", body).await);
    }
    // A read that would open an account is a change.
    refuses("stats", &client.get("stats?userId=new").await);

    assert_eq!(client.stats("u").await["tokenBalance"], 4997);
    assert_eq!(client.history("u").await, primary.client().history("u").await);
    assert_eq!(client.get("health").await.status, 200);
    assert_eq!(pair.old.command::<u64>(&["EXISTS", "jeton:{new}:account"]), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_redis_that_takes_over_is_found_without_a_restart() {
    let mut pair = Pair::start().await;
    let proxy = Proxy::start(pair.old.port()).await;
    let instance = Instance::start("generations", &[("REDIS_URL", &proxy.url()), DEVELOPMENT]);
    let client = Client::new([("generations", instance.base())].into());
    client.post("generations", json!({"userId": "u"})).await.ok();
    pair.catch_up().await;
    pair.fail_over(&proxy, FailOver::Demoted);

    let answer = client.post("generations", json!({"userId": "u"})).await;
    assert_eq!(answer.ok()["stats"]["tokenBalance"], 4994);
    assert_eq!(pair.new.command::<u64>(&["XLEN", "jeton:{u}:history"]), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fail_over_under_load_loses_at_most_what_was_not_replicated_and_doubles_nothing() {
    for how in [FailOver::Killed, FailOver::Demoted] {
        let mut pair = Pair::start().await;
        let proxy = Proxy::start(pair.old.port()).await;
        let load = Load::start(&proxy.url()).await;
        load.acknowledges(300).await;
        load.next_phase();
        pair.catch_up().await;
        // These may get lost: Redis acknowledges before it has replicated.
        load.acknowledges(50).await;
        pair.fail_over(&proxy, how);
        load.next_phase();
        load.acknowledges(300).await;

        let ledger = load.stop().await;
        let (before, after) = (0, 2);
        ledger.assert_kept_where(&pair.new.url(), |debit| debit.ended == before || debit.begun == after).await;
    }
}
