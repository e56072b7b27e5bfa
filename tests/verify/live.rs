//! A system at work: accounts change while they are read, and nothing is told that is not so.

use std::process::Command;

use jeton::{
    committer::Surroundings,
    ledger::{Command as Change, Timestamp},
    system::System,
};
use serde_json::json;

use crate::support::{
    load::Calls,
    process::Process,
    proxy::{Fault, Proxy},
    redis::Redis,
    server::Deployment,
    verify::{assert_sound, verify_redis},
    world::{DAY, START, World},
};

/// How often the accounts are verified while they change.
const RUNS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_account_is_never_told_to_be_wrong() {
    let redis = Redis::start();
    // Production: a reset of the test user brings its demo history, whose ids lie in the past.
    let deployment = Deployment::start(&redis, &[("JETON_API_KEYS", "test:admin:secret")]);
    let client = deployment.client().with_key("secret");
    let calls = Calls::start(move |number| {
        let client = client.clone();
        async move {
            let user = ["hot", "test-user-id", "reset"][number as usize % 3];
            let answer = match number % 20 {
                0 => {
                    client.post("reset", json!({"userId": (["test-user-id", "reset"][number as usize / 20 % 2])})).await
                }
                1 => client.post("tokens", json!({"userId": user, "amount": 1_000})).await,
                2 => client.post("tokens", json!({"userId": format!("new-{number}"), "amount": 1})).await,
                _ => client.post("generations", json!({"userId": user, "tokenCost": number % 5 + 1})).await,
            };
            assert!([200, 402].contains(&answer.status), "{answer:?}");
        }
    });
    let mut entries = Vec::new();
    for _ in 0..RUNS {
        let verified = tokio::task::block_in_place(|| verify_redis(&redis, &[]));
        assert_eq!((verified.code, verified.figure("differences")), (0, 0), "{verified:#?}");
        entries.push(verified.figure("entries"));
    }
    let calls = calls.stop().await;
    assert!(entries.is_sorted() && entries[0] < entries[RUNS - 1], "nothing happened meanwhile: {entries:?}");
    let accounts: Vec<String> = redis.command(&["KEYS", "jeton:{*}:account"]);
    assert!(accounts.len() > 3, "{calls} calls opened {accounts:?}");
    assert_sound(&redis.url(), accounts.len() as u64);
}

/// `jeton verify` over `proxy`.
fn start(proxy: &Proxy) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
    Process::start(command.args(["verify", "--redis", &proxy.url()]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_billing_while_its_note_is_read_is_no_difference() {
    let redis = Redis::start();
    let store = redis.store();
    let mut world = World::new(store.as_ref(), "u");
    world.apply(&[Change::Touch], START).await;
    let proxy = Proxy::start(redis.port()).await;
    proxy.fail("ZSCORE", &[Fault::Paused]);
    let mut process = start(&proxy);
    proxy.paused().await;
    // The account has been read; it and its note move on before the note is.
    let mut billed = world.draft(&[Change::Touch], START + 4 * DAY);
    billed.commit.due = Timestamp::from_millis(START + 33 * DAY);
    world.write(billed).await;
    proxy.go_on();
    process.wait_for_line(|line| line.contains("accounts 1, entries 1, differences 0,"));
    assert!(process.wait());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_whose_note_is_on_its_way_is_no_difference() {
    let redis = Redis::start();
    let store = redis.store();
    let mut world = World::new(store.as_ref(), "u");
    let mut opening = world.draft(&[Change::Touch], System.now().as_millis());
    let due = opening.commit.due.take().unwrap();
    world.write(opening).await;
    let proxy = Proxy::start(redis.port()).await;
    // The account is read at the beginning, after its history, and again once its note was not there.
    proxy.fail("HMGET", &[Fault::Paused; 3]);
    let mut process = start(&proxy);
    for last in [false, false, true] {
        proxy.paused().await;
        if last {
            store.note_due(&world.user, due).await.unwrap();
        }
        proxy.go_on();
    }
    process.wait_for_line(|line| line.contains("accounts 1, entries 1, differences 0,"));
    assert!(process.wait());
    proxy.assert_used_up("the account was read three times");
}
