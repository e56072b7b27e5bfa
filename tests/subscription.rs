//! How a process hears from Redis of changes: over one connection, whoever is watched, and again after whatever happened
//! to it.

mod cluster;
mod refused;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::FutureExt;
use jeton::{
    ledger::{Command, UserId},
    store::{
        follow::{Follow, Watch},
        redis::{Options, RedisStore},
    },
};
use rustix::process::Signal;
use tokio::{
    runtime::Runtime,
    task::{JoinHandle, yield_now},
    time::timeout,
};

use crate::support::{
    again::unstalled,
    process::{PATIENCE, Process, wait_until},
    redis::Redis,
    tls::Ca,
    vercel::{apart, root},
    world::{START, World, debit},
};

/// A line to Redis whose answers are not taken for longer is given up, and opened anew.
const PROMPT: Duration = Duration::from_millis(1_400);

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn store_in(redis: &Redis) -> RedisStore {
    RedisStore::new(&redis.url(), "jeton").unwrap()
}

async fn assert_woken(watch: &Watch, case: &str) {
    assert!(timeout(PATIENCE, watch.changed()).await.is_ok(), "{case}: nobody was woken");
}

fn is_asleep(watch: &Watch) -> bool {
    watch.changed().now_or_never().is_none()
}

/// Waits until who watches is woken and changes are told at once. It may be woken before, by what was under way.
async fn assert_becomes_prompt(watch: &Watch, case: &str) {
    assert_woken(watch, case).await;
    while !watch.is_prompt() {
        assert_woken(watch, case).await;
    }
}

/// Watches `u`, and waits until changes are told at once.
async fn watch_u(store: &RedisStore) -> Watch {
    let watch = store.watch(&user("u"));
    assert_becomes_prompt(&watch, "the subscription").await;
    watch
}

/// How many connections are subscribed to something.
fn subscribers(redis: &Redis) -> usize {
    redis.command::<String>(&["CLIENT", "LIST", "TYPE", "pubsub"]).lines().count()
}

fn channels(redis: &Redis) -> usize {
    redis.command::<Vec<String>>(&["PUBSUB", "CHANNELS", "*"]).len()
}

/// A process that watches these users in the Redis at `url`: its lines for the operator can be read.
fn watching(url: &str, users: &[&str]) -> Process {
    let functions = Path::new(env!("CARGO_BIN_EXE_stats")).parent().unwrap();
    let profile = functions.file_name().unwrap().to_str().unwrap();
    let mut cargo = apart("cargo", root());
    cargo.args(["build", "--quiet", "--locked", "--example", "watching"]);
    cargo.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    let built = cargo.arg("--target-dir").arg(functions.parent().unwrap()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let process = Process::start(std::process::Command::new(functions.join("examples/watching")).arg(url).args(users));
    process.wait_for_line(|line| line == "watching");
    process
}

/// The warnings about subscriptions.
fn warnings(process: &Process) -> Vec<String> {
    let is_one = |line: &String| line.contains("\"warn\"") && line.contains("open streams");
    process.lines().into_iter().filter(is_one).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_who_are_watched_share_a_connection_that_is_there_as_long_as_they_are() {
    let redis = Redis::start();
    let store = store_in(&redis);
    let mut world = World::new(&store, "user-7");
    world.apply(&[Command::Touch], START).await;
    let openings = || redis.command_counts().get("hello").copied().unwrap_or(0);
    assert_eq!(openings(), 0, "nobody is watched, and nothing opened");

    let ids: Vec<String> = (0..1_000).map(|number| format!("user-{number}")).collect();
    for round in 0..3 {
        let watch_and_leave = async || {
            let before = openings();
            let mut watches: Vec<Watch> = ids.iter().map(|id| store.watch(&user(id))).collect();
            for watch in &watches {
                assert_becomes_prompt(watch, "subscribed").await;
            }
            let all = (subscribers(&redis), channels(&redis));
            world.apply(&[debit("ARTICLE", 1)], START + 1).await;
            assert_becomes_prompt(&watches[7], "a commit").await;
            let others_are_asleep = watches.iter().all(is_asleep);

            watches.truncate(10);
            wait_until("those who are watched no longer are unsubscribed", || channels(&redis) == 10);
            let ten = subscribers(&redis);
            world.apply(&[debit("ARTICLE", 1)], START + 2).await;
            assert_becomes_prompt(&watches[7], "a commit after others have left").await;
            watches.clear();
            wait_until("the connection is closed with the last watch", || subscribers(&redis) == 0);
            (all, others_are_asleep, ten, openings() - before)
        };
        let seen = unstalled(PROMPT, watch_and_leave).await;
        assert_eq!(seen, ((1, 1_000), true, 1, 1), "round {round}: one subscriber, one woken, one opening");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_as_the_last_one_leaves_is_told_of_changes() {
    let redis = Redis::start();
    let store = store_in(&redis);
    let mut world = World::new(&store, "u");
    for millis in 0..300 {
        let watch = watch_u(&store).await;
        if millis % 2 == 0 {
            world.apply(&[debit("ARTICLE", 1)], START + millis).await;
            assert_becomes_prompt(&watch, "a commit").await;
        }
    }
    wait_until("the connection is closed", || subscribers(&redis) == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_and_goes_while_lines_are_cut_is_subscribed_exactly_as_long_as_watched() {
    let redis = Redis::start();
    let (store, other) = (Arc::new(store_in(&redis)), store_in(&redis));
    let (cut, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let come_and_go = |task: u64| {
        let (store, cut) = (Arc::clone(&store), Arc::clone(&cut));
        tokio::spawn(async move {
            let mut watches = Vec::new();
            for step in 0_u64.. {
                if step >= 400 && cut.load(Ordering::SeqCst) > 0 {
                    break;
                }
                assert!(begun.elapsed() < PATIENCE, "no line was cut");
                // Some are watched by several tasks.
                let id = format!("user-{}", (task * 7 + step * step) % 40);
                watches.push((store.watch(&user(&id)), format!("jeton:{{{id}}}:changes")));
                if step % 3 == 0 {
                    watches.drain(..watches.len() / 2);
                }
                if step % 20 == 0 {
                    let newest = &watches.last().unwrap().0;
                    let told = async {
                        while !newest.is_prompt() {
                            yield_now().await;
                        }
                    };
                    assert!(timeout(PATIENCE, told).await.is_ok(), "the newest is not told");
                }
                yield_now().await;
            }
            watches.truncate(8);
            watches
        })
    };
    let tasks: Vec<_> = (0..4).map(come_and_go).collect();
    while !tasks.iter().all(JoinHandle::is_finished) {
        cut.fetch_add(redis.command(&["CLIENT", "KILL", "TYPE", "pubsub"]), Ordering::SeqCst);
        yield_now().await;
    }
    let mut watches = Vec::new();
    for task in tasks {
        watches.extend(task.await.unwrap());
    }
    let wanted: BTreeSet<String> = watches.iter().map(|(_, channel)| channel.clone()).collect();
    wait_until("those are subscribed who are watched, and no others", || {
        redis.command::<BTreeSet<String>>(&["PUBSUB", "CHANNELS"]) == wanted
    });
    wait_until("all are told", || watches.iter().all(|(watch, _)| watch.is_prompt()));
    drop(watches);
    wait_until("the connection is closed", || subscribers(&redis) == 0);
    // And it goes on as ever.
    let watch = watch_u(&store).await;
    World::new(&other, "u").apply(&[Command::Touch], START).await;
    assert_becomes_prompt(&watch, "a commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_is_opened_anew_and_everybody_woken() {
    let redis = Redis::start();
    let (store, other) = (store_in(&redis), store_in(&redis));
    let mut world = World::new(&other, "u");
    let watches = [watch_u(&store).await, store.watch(&user("v"))];
    assert_becomes_prompt(&watches[1], "v").await;
    for millis in 0..20 {
        let cut = async || {
            redis.command::<u64>(&["CLIENT", "KILL", "TYPE", "pubsub"]);
            for watch in &watches {
                assert_becomes_prompt(watch, "opened anew").await;
            }
            world.apply(&[debit("ARTICLE", 1)], START + millis).await;
            assert_becomes_prompt(&watches[0], "a commit").await;
            (is_asleep(&watches[1]), subscribers(&redis), channels(&redis))
        };
        assert_eq!(unstalled(PROMPT, cut).await, (true, 1, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_for_a_while_tells_again_when_it_is_back_and_one_line_tells_of_it() {
    let mut redis = Redis::start();
    let store = store_in(&redis);
    let process = watching(&redis.url(), &["u"]);
    let watch = watch_u(&store).await;
    process.wait_for_line(|line| line.starts_with("u woken"));
    // The first opening may have taken more than one attempt.
    let before = warnings(&process).len();
    for round in 1..=2 {
        let woken = |line: &str| line.starts_with("u woken");
        wait_until("the process is told", || process.lines().iter().filter(|line| woken(line)).count() >= round);
        redis.stop();
        assert_woken(&watch, "to look by oneself").await;
        assert!(!watch.is_prompt() && is_asleep(&watch));
        // The warning comes with the loss; what follows are the same outage.
        wait_until("the operator is told", || warnings(&process).len() == before + round);
        redis.start_again();
        assert_becomes_prompt(&watch, "back").await;
        World::new(&store, "u").apply(&[Command::Touch], START).await;
        assert_becomes_prompt(&watch, "a commit").await;
    }
    let told = warnings(&process).split_off(before);
    assert_eq!(told.len(), 2, "{told:#?}");
    let address = format!("Redis at 127.0.0.1:{}", redis.port());
    assert!(told.iter().all(|line| line.contains(&address) && line.contains("lost the connection")), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_has_fallen_silent_is_noticed() {
    let redis = Redis::start();
    let store = store_in(&redis);
    let watch = watch_u(&store).await;
    // The line stays open, and nothing comes over it any more.
    redis.process().signal(Signal::STOP);
    assert_woken(&watch, "to look by oneself").await;
    assert!(!watch.is_prompt());
    redis.process().signal(Signal::CONT);
    assert_becomes_prompt(&watch, "awake").await;
    World::new(&store, "u").apply(&[Command::Touch], START).await;
    assert_becomes_prompt(&watch, "a commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_over_tls_to_a_user_with_a_password_and_no_more_rights_than_it_takes() {
    let ca = Ca::new("ours");
    let commands =
        "+evalsha +eval +hmget +hget +hset +exists +get +set +xadd +zadd +publish +subscribe +unsubscribe +ping";
    let rights: Vec<&str> = commands.split(' ').collect();
    let own = ["--user", "jeton", "on", ">hunter2", "~jeton:*", "resetchannels", "&jeton:*", "-@all"];
    let redis = Redis::start_tls(&ca, &ca.issue(), &[&own[..], &rights].concat());
    let url = format!("rediss://jeton:hunter2@localhost:{}", redis.port());
    let options = Options { replicas: 0, authorities: Some(ca.authorities()) };
    let store = RedisStore::with(&url, "jeton", &options).unwrap();
    let mut world = World::new(&store, "u");
    let watch_and_leave = async || {
        let watch = watch_u(&store).await;
        world.apply(&[debit("ARTICLE", 1)], START).await;
        assert_becomes_prompt(&watch, "a commit").await;
        let listening = subscribers(&redis);
        drop(watch);
        wait_until("the connection is closed", || subscribers(&redis) == 0);
        listening
    };
    assert_eq!(unstalled(PROMPT, watch_and_leave).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_gone_keeps_no_connection_and_says_so() {
    let redis = Redis::start();
    let store = store_in(&redis);
    let watch = watch_u(&store).await;
    drop(store);
    wait_until("the connection is closed", || subscribers(&redis) == 0);
    wait_until("who still watches knows", || !watch.is_prompt());
}

#[test]
fn a_watch_outlives_the_runtime_that_it_began_on() {
    let redis = Redis::start();
    let store = Arc::new(store_in(&redis));
    // Where there is no runtime, nobody can listen yet.
    let before = store.watch(&user("before"));
    let [first, second] = [(); 2].map(|()| Runtime::new().unwrap());
    let watch = first.block_on(async { watch_u(&store).await });
    wait_until("all are told", || before.is_prompt() && watch.is_prompt());
    drop(first);
    assert!(!before.is_prompt() && !watch.is_prompt());
    wait_until("the connection is closed", || subscribers(&redis) == 0);
    // With the next who is watched, all are told again.
    second.block_on(async {
        let next = store.watch(&user("next"));
        assert_becomes_prompt(&next, "next").await;
        wait_until("all are told again", || before.is_prompt() && watch.is_prompt());
    });
}
