//! `jeton verify` through its own door: what is sound is told as sound, what is not is named.

mod damage;
mod live;
mod size;
mod usage;

use std::{path::Path, sync::Arc, time::Instant};

use jeton::{
    ledger::{Amount, Command, GrantKind, Priority, Source, Timestamp, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{Store, embedded::EmbeddedStore},
    system::System,
};

use crate::support::{
    client::STALLED,
    past::{billing_days_ago, service_at},
    process::Process,
    proxy::{Fault, Proxy},
    redis::Redis,
    server::{Local, Settings},
    service::{article, caller, granted},
    verify::{AWAY, Verified, verify, verify_redis},
    world::{DAY, START, World, credit, debit},
};

/// Accounts of every kind. Gives how many they are, and how many entries they have.
async fn fill(store: Arc<dyn Store>) -> (u64, u64) {
    let mut counts = (0, 0);
    // A long history, one in an archive, and others beside it.
    let mut world = World::new(store.as_ref(), "long");
    for thousand in 0..3 {
        world.apply(&vec![debit("ARTICLE", 1); 1_000], START + thousand).await;
    }
    world.apply(&[Command::Reset, debit("PRODUCT_DESCRIPTION", 2)], START + DAY).await;
    world.apply(&[credit(9), Command::Reset], START + 4 * DAY).await;
    world.apply(&vec![credit(7); 1_500], START + 5 * DAY).await;
    counts.0 += 1;
    counts.1 += (world.archives.iter().map(Vec::len).sum::<usize>() + world.entries.len()) as u64;

    // Users whose names have what stands in keys, and one who has nothing left.
    for id in ["history", "u:once:k", "account", "archive:0", "a|b@c.d+e~f-g"] {
        let mut world = World::new(store.as_ref(), id);
        world.apply(&[debit("ARTICLE", 5_000)], START).await;
        counts = (counts.0 + 1, counts.1 + 2);
    }

    // Tokens that expired, all of them and in part, before a billing and with it.
    let mut world = World::new(store.as_ref(), "expiring");
    for (amount, expires_at) in [(70, START + 1_000), (50, START + 3 * DAY), (60, START + 3 * DAY)] {
        world.apply(&[promotion(amount, expires_at), debit("ARTICLE", 20)], START).await;
    }
    world.apply(&[Command::Touch], START + 40 * DAY).await;
    assert_eq!(world.entries.iter().filter(|each| each.entry.is_expiration()).count(), 2);
    counts = (counts.0 + 1, counts.1 + world.entries.len() as u64);

    // Two years of billing, in one go.
    let (then, billed) = billing_days_ago(24);
    service_at(Arc::clone(&store), &then).get_user_stats(&user("away"), Locale::French).await.unwrap();
    let service =
        StatsService::new(Arc::clone(&store), Catalogue::built_in().unwrap(), Stage::Production, Arc::new(System));
    granted(service.record_generation(&user("away"), article(1), caller(Some("key"))).await);
    counts = (counts.0 + 1, counts.1 + 2 + billed.len() as u64);

    // The demo account lies in the past, again after each reset.
    let demo = user("test-user-id");
    service.get_user_stats(&demo, Locale::French).await.unwrap();
    granted(service.record_generation(&demo, article(1), caller(None)).await);
    for _ in 0..2 {
        granted(service.reset_stats(&demo, caller(None)).await);
    }
    granted(service.record_generation(&demo, article(1), caller(None)).await);
    drop(service);
    // What committed for it holds the store a moment longer than its answers.
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
    let stored = store.load(&demo).await.unwrap().unwrap();
    (counts.0 + 1, counts.1 + stored.account.version())
}

/// Promotional tokens that are spent before all others.
fn promotion(amount: u64, expires_at: u64) -> Command {
    let grant = GrantKind {
        source: Source::Promotion,
        priority: Priority::new(0),
        expires_at: Timestamp::from_millis(expires_at),
    };
    Command::Credit { amount: Amount::new(amount).unwrap(), grant, description: None, metadata: None }
}

fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

fn assert_counted(verified: &Verified, (accounts, entries): (u64, u64)) {
    let figures = ["accounts", "entries", "differences", "repaired"].map(|name| verified.figure(name));
    assert_eq!((verified.code, figures), (0, [accounts, entries, 0, 0]), "{verified:#?}");
    assert_eq!(verified.lines.len(), 1, "{verified:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_every_kind_are_sound() {
    let redis = Redis::start();
    let counts = fill(redis.store()).await;
    // What others keep in the same Redis is not looked at.
    redis.command::<()>(&["SET", "jeton:{u}:once:a}:account", "mine"]);
    redis.command::<()>(&["SET", "jeton-preview:{u}:account", "another deployment's"]);
    redis.command::<()>(&["SET", "jeton:{no user}:account", "somebody else's"]);
    assert_counted(&verify_redis(&redis, &[]), counts);
    assert_counted(&verify_redis(&redis, &["--repair"]), counts);
    assert_eq!(verify_redis(&redis, &["--user", "away"]).figure("entries"), 26);

    let folder = tempfile::tempdir().unwrap();
    let counts = fill(Arc::new(EmbeddedStore::open(folder.path()).unwrap())).await;
    assert_counted(&verify(Path::new("/"), &["--data", folder.path().to_str().unwrap()], &[]), counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_finds_its_store_as_the_server_does() {
    let redis = Redis::start();
    World::new(redis.store().as_ref(), "u").apply(&[Command::Touch], START).await;
    let folder = tempfile::tempdir().unwrap();
    let url = redis.url();
    let local = Local::start(folder.path(), &[], &[]);
    local.client().stats("a").await;
    local.client().stats("b").await;

    let in_use = verify(folder.path(), &[], &[]);
    assert_eq!(in_use.code, 2, "{in_use:?}");
    assert!(in_use.errors.contains("is in use by another process"), "{in_use:?}");
    drop(local);
    // Arguments, settings, and how many accounts are there.
    let cases: [(&[&str], Settings<'_>, u64); 5] = [
        (&[], &[], 2),
        (&["--data", ".jeton"], &[("REDIS_URL", &url)], 2),
        (&["--redis", &url], &[], 1),
        (&[], &[("REDIS_URL", &url)], 1),
        (&[], &[("REDIS_URL", &url), ("JETON_PREFIX", "another")], 0),
    ];
    for (arguments, settings, accounts) in cases {
        let verified = verify(folder.path(), arguments, settings);
        assert_eq!((verified.code, verified.figure("accounts")), (0, accounts), "{arguments:?} {settings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_looking_is_said_in_one_line() {
    let mut redis = Redis::start();
    World::new(redis.store().as_ref(), "u").apply(&[Command::Touch], START).await;
    let url = redis.url();
    let locked = Redis::start_with(&["--requirepass", "another"]);
    let with_password = |url: String| url.replace("redis://", "redis://default:hunter2@");
    let wrong_password = with_password(locked.url());
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["--redis", &url, "--user", "nobody"], "there is no such user"),
        (&["--redis", &url, "--user", "no body"], "a user id is 1 to 128 of"),
        (&["--redis", "http://hunter2"], "REDIS_URL is not a URL that Jeton can use"),
        (&["--redis", &wrong_password], "refuses the user or the password of REDIS_URL"),
        (&[], "there is no data in .jeton"),
        (&["--data", "elsewhere"], "there is no data in elsewhere"),
    ];
    let assert_said = |arguments: &[&str], says: &str| {
        let verified = verify(folder.path(), arguments, &[]);
        assert_eq!((verified.code, verified.lines.as_slice()), (2, [].as_slice()), "{verified:?}");
        assert!(verified.errors.contains(says) && !verified.errors.contains("hunter2"), "{verified:?}");
    };
    for (arguments, says) in cases {
        assert_said(arguments, says);
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "looking for a store makes none");
    redis.stop();
    assert_said(&["--redis", &with_password(url.clone())], "cannot connect to Redis at 127.0.0.1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_is_no_difference_and_a_redis_that_hangs_ends_the_run() {
    let redis = Redis::start();
    World::new(redis.store().as_ref(), "u").apply(&[Command::Touch, Command::Reset], START).await;
    let proxy = Proxy::start(redis.port()).await;
    for command in ["SCAN", "HMGET", "XRANGE", "EXISTS", "ZSCORE", "ZCARD"] {
        let mut runs = 0;
        let verified = loop {
            proxy.fail(command, &[Fault::AnswerLost, Fault::RequestLost]);
            let begun = Instant::now();
            let url = proxy.url();
            let verified = tokio::task::block_in_place(|| verify(Path::new("/"), &["--redis", &url], &[]));
            runs += 1;
            // A run that was stalled has no time left for what it tries again.
            if verified.code != AWAY || begun.elapsed() < STALLED || runs == 3 {
                break verified;
            }
            proxy.forget_faults();
        };
        assert_counted(&verified, (1, 2));
        proxy.assert_used_up(command);
    }

    // A Redis that hangs: at the first try and at the second, which is the last.
    proxy.fail("XRANGE", &[Fault::Paused; 2]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jeton"));
    let mut process = Process::start(command.args(["verify", "--redis", &proxy.url()]));
    process.wait_for_line(|line| line.starts_with("accounts 1, entries 0, differences 0,"));
    let line = process.wait_for_line(|line| line.starts_with("jeton: "));
    assert!(line.contains("Redis at 127.0.0.1") && line.contains("(so far: accounts 1, entries 0,"), "{line}");
    assert!(!process.wait());
    assert!(!process.lines().iter().any(|line| line.starts_with("verified")), "{:?}", process.lines());
}
