//! Replicas of Redis: what a change that waits for them promises, and what one that does not wait cannot.

use std::time::Instant;

use jeton::{
    locale::Locale,
    store::{
        Committed, History, Store, StoreError,
        redis::{Options, RedisStore},
    },
};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    again::{in_time, says_late, served, undisturbed},
    client::{Answer, Client},
    pair::{FailOver, Pair},
    process::{PATIENCE, free_port, wait_until},
    proxy::{Fault, Proxy},
    redis::Redis,
    server::{Deployment, Instance, Local},
    service::service_over,
    world::{START, World, debit, once},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
const WAITING: (&str, &str) = ("JETON_WAIT_REPLICAS", "1");

/// A debit of `u` under `key`, as soon as the replica has it: where the machine is busy it may be late, and a 503 is right.
async fn debit_once(client: &Client, key: &str) -> Answer {
    served(|| client.post_once("generations", key, json!({"userId": "u"}))).await
}

/// A debit of `u` under `key` is answered with a 503, in time, and the log says that a replica is missing.
async fn assert_unconfirmed(instance: &Instance, client: &Client, key: &str) {
    let says = "only 0 of the 1 replicas that JETON_WAIT_REPLICAS asks for have it in time";
    undisturbed(key, 3, async || {
        let begun = Instant::now();
        let answer = client.post_once("generations", key, json!({"userId": "u"})).await;
        let answer = in_time(begun, answer)?;
        assert_eq!((answer.status, answer.code().as_str()), (503, "store_unavailable"), "{answer:?}");
        let line = instance.line_of(&answer);
        let message = line["message"].as_str().unwrap();
        // Redis itself may have been late to say so.
        let is_told = message.contains(says);
        assert!(is_told || says_late(&line) || message.contains("lost the connection"), "{line}");
        is_told.then_some(())
    })
    .await;
}

/// What `ask` is answered, as soon as the replica has it: where the machine is busy it may be late.
async fn confirmed<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    let begun = Instant::now();
    loop {
        match ask().await {
            Err(StoreError::Unconfirmed(_)) if begun.elapsed() < PATIENCE => {}
            answer => return answer.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_replica_has_not_is_not_answered_as_done() {
    let pair = Pair::start();
    let deployment = Deployment::start(&pair.primary, &[DEVELOPMENT, WAITING]);
    let (client, instance) = (deployment.client(), deployment.instance("generations"));
    debit_once(&client, "first").await.ok();
    pair.replica.process().signal(Signal::STOP);

    // Three times the same: made, found under its key, found under its key.
    for attempt in 0..3 {
        assert_unconfirmed(instance, &client, "key").await;
        assert_eq!(pair.entries(), 3, "attempt {attempt}: the primary has it once");
    }
    // Also by a process that changed nothing itself, and so has nothing of its own to wait for.
    let url = pair.primary.url();
    let another = Instance::start("generations", &[("REDIS_URL", &url), DEVELOPMENT, WAITING]);
    assert_unconfirmed(&another, &another.client(), "key").await;
    assert_eq!(client.stats("u").await["tokenBalance"], 4994, "a read tells what the primary has");

    pair.replica.process().signal(Signal::CONT);
    let answer = debit_once(&client, "key").await;
    assert_eq!(answer.ok()["stats"]["tokenBalance"], 4994);
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    assert_eq!(debit_once(&client, "last").await.ok()["stats"]["tokenBalance"], 4991);
    assert_eq!(pair.replica.command::<u64>(&["XLEN", "jeton:{u}:history"]), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_that_is_found_is_confirmed_before_it_is_given() {
    let pair = Pair::start();
    let proxy = Proxy::start(pair.primary.port()).await;
    let instance = Instance::start("generations", &[("REDIS_URL", &proxy.url()), DEVELOPMENT, WAITING]);
    let client = instance.client();
    debit_once(&client, "first").await.ok();

    // The mark of the commit is found, and with it the answer.
    proxy.fail("EVALSHA", &[Fault::AnswerLost]);
    let answer = debit_once(&client, "found").await;
    assert_eq!((answer.ok()["stats"]["tokenBalance"].as_u64(), pair.entries()), (Some(4994), 3));
    assert_eq!(pair.replica.command::<u64>(&["XLEN", "jeton:{u}:history"]), 3);

    // It is found again, but nobody else has it. The debit between lets the process know the account as it is.
    debit_once(&client, "between").await.ok();
    pair.replica.process().signal(Signal::STOP);
    proxy.fail("EVALSHA", &[Fault::AnswerLost]);
    assert_unconfirmed(&instance, &client, "found-but-not-safe").await;
    proxy.assert_used_up("both answers were lost");
    assert_eq!(pair.entries(), 5);
    pair.replica.process().signal(Signal::CONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_do_not_change_anything_do_not_wait_for_a_replica() {
    let pair = Pair::start();
    let deployment = Deployment::start(&pair.primary, &[DEVELOPMENT, WAITING]);
    let client = deployment.client();
    debit_once(&client, "first").await.ok();
    pair.replica.process().signal(Signal::STOP);
    assert_eq!(client.stats("u").await["tokenBalance"], 4997);
    assert_eq!(client.history("u").await.len(), 2);
    assert_eq!(client.get("health").await.status, 200);
    assert_eq!(client.get("billing").await.ok()["due"], 0);

    // Nor do they wait for a change that waits. Here one process does both: the local server.
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &["--redis", &pair.primary.url()], &[WAITING]);
    let client = local.client();
    let came_first = async || {
        let debit = tokio::spawn({
            let client = client.clone();
            async move { client.post("generations", json!({"userId": "u"})).await }
        });
        let waits = || pair.primary.info("clients", "blocked_clients") > 0;
        wait_until("the debit waits", || waits() || debit.is_finished());
        client.stats("u").await;
        let came_first = waits();
        assert_eq!(debit.await.unwrap().status, 503);
        came_first
    };
    // Where the machine is busy, the second that a change waits may be over before the read is back.
    let mut attempts = 0;
    while !came_first().await {
        attempts += 1;
        assert!(attempts < 10, "the read always came after the change");
    }
    pair.replica.process().signal(Signal::CONT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_right_after_an_answer_costs_nothing_that_waited_for_the_replica() {
    let mut pair = Pair::start();
    let proxy = Proxy::start(pair.primary.port()).await;
    let instance = Instance::start("generations", &[("REDIS_URL", &proxy.url()), DEVELOPMENT, WAITING]);
    let client = instance.client();
    for round in 1..=6_u64 {
        debit_once(&client, &format!("key-{round}")).await.ok();
        pair.fail_over(FailOver::Killed);
        assert_eq!(pair.entries(), round + 1, "the opening, and every debit that was acknowledged");
        proxy.lead_to(pair.primary.port());
        pair.replica.start_again();
        pair.follow();
    }
    let answer = debit_once(&client, "key-6").await;
    assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    assert_eq!(answer.ok()["stats"]["tokenBalance"], 5000 - 6 * 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_waiting_a_failover_can_cost_an_acknowledged_debit() {
    // The limit of the default, as it is: the replica was cut off when the debit was made.
    for (settings, status, left) in [(&[DEVELOPMENT][..], 200, 2), (&[DEVELOPMENT, WAITING], 503, 2)] {
        let mut pair = Pair::start();
        let url = pair.primary.url();
        let instance = Instance::start("generations", &[&[("REDIS_URL", url.as_str())], settings].concat());
        let client = instance.client();
        debit_once(&client, "first").await.ok();
        wait_until("the replica has the first debit", || {
            pair.replica.command::<u64>(&["XLEN", "jeton:{u}:history"]) == 2
        });
        pair.replica.process().signal(Signal::STOP);
        pair.primary.command::<u64>(&["CLIENT", "KILL", "TYPE", "replica"]);

        let answer = client.post("generations", json!({"userId": "u"})).await;
        assert_eq!((answer.status, pair.entries()), (status, 3), "{answer:?}");
        pair.primary.stop();
        pair.replica.process().signal(Signal::CONT);
        pair.fail_over(FailOver::Killed);
        assert_eq!(pair.entries(), left, "the second debit is gone, acknowledged or not");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_is_looked_up_where_commits_are_made() {
    let mut pair = Pair::start();
    let proxy = Proxy::start(pair.primary.port()).await;
    let store = RedisStore::with(&proxy.url(), "jeton", &Options { replicas: 1, authorities: None }).unwrap();
    let mut world = World::new(&store, "u");
    service_over(&pair.primary.url()).get_user_stats(&world.user, Locale::French).await.unwrap();
    pair.catch_up();
    // The reads' connection stays with the old primary, which lives on and is cut off.
    world.stored = store.load(&world.user).await.unwrap();
    pair.fail_over(FailOver::Demoted);
    pair.replica.command::<()>(&["REPLICAOF", "127.0.0.1", &free_port().to_string()]);
    let folder = tempfile::tempdir().unwrap();
    let further = Redis::start_with(&["--dir", folder.path().to_str().unwrap()]);
    let pair = Pair { replica: further, ..pair };
    pair.follow();
    proxy.lead_to(pair.primary.port());

    let mut draft = world.draft(&[debit("ARTICLE", 3)], START);
    draft.commit.records = vec![once("key", "answer")];
    let (name, text) = draft.commit.records[0].clone();
    let (id, mark) = (draft.commit.entries[0].0, draft.commit.revision.clone());
    match store.commit(&draft.commit).await {
        // It is made, and its replica late, as it may be where the machine is busy.
        Err(StoreError::Unconfirmed(_)) => {}
        committed => assert_eq!(committed.unwrap(), Committed::Done),
    }
    assert_eq!(confirmed(async || store.written_by(&world.user, History::Current, id).await).await, Some(mark));
    assert_eq!(confirmed(async || store.record(&world.user, &name).await).await, text);
}
