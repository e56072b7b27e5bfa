//! An answer is of one moment, whatever is spent and reset while it is put together, and costs the same however long the
//! history is.

use chrono_tz::Tz;
use jeton::{
    ledger::{Command, Timestamp, Transaction},
    locale::Locale,
    store::{StoreError, redis::RedisStore},
    usage::{self, Granularity, Range},
};
use serde_json::{Value, json};

use super::clocks::{bounds, told};
use crate::support::{
    proxy::{Fault, Proxy},
    redis::Redis,
    service::service_over,
    world::{DAY, START, World, credit, debit},
};

const HOUR: u64 = DAY / 24;

/// Whole hours in Paris, or days there, of the two days in which everything happens.
fn asked(granularity: Granularity) -> (Range, Vec<u64>) {
    let (zone, from, to) = (Tz::Europe__Paris, START - DAY, START + 2 * DAY);
    let at = |millis| Timestamp::from_millis(millis);
    (Range { granularity, zone, from: at(from), to: at(to) }, bounds(granularity, zone, from, to))
}

/// What happens meanwhile: what is asked, and how long after the start.
type Meanwhile = &'static [(u64, fn() -> Command)];

const SPENT: fn() -> Command = || debit("ARTICLE", 7);
const MEANWHILE: [(Meanwhile, bool); 4] = [
    // An hour is over; a day is over; another history begins, and has closed hours of its own. Whether it was a reset.
    (&[(2 * HOUR, SPENT)], false),
    (&[(DAY + HOUR, SPENT), (DAY + 3 * HOUR, SPENT)], false),
    (&[(2 * HOUR, || Command::Reset)], true),
    (&[(HOUR, || Command::Reset), (HOUR, SPENT), (2 * HOUR, SPENT), (DAY, SPENT)], true),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_of_one_moment() {
    let redis = Redis::start();
    let store = redis.store();
    let proxy = Proxy::start(redis.port()).await;
    let asking = RedisStore::new(&proxy.url(), "jeton").unwrap();
    // The account, what is closed, and the account again.
    for paused_at in 0..3 {
        for (number, (meanwhile, resets)) in MEANWHILE.iter().enumerate() {
            for granularity in [Granularity::Hour, Granularity::Day] {
                let case = format!("{paused_at} {number} {granularity:?}");
                let mut world = World::new(store.as_ref(), &case.replace(' ', "-"));
                for (after, cost) in [(0, 1), (HOUR / 2, 2), (HOUR, 4)] {
                    world.apply(&[debit("ARTICLE", cost)], START + after).await;
                }
                let (range, bounds) = asked(granularity);
                let of = |history: &[Transaction]| told(history, &bounds);
                let before = of(&world.entries);
                let user = world.user.clone();
                proxy.fail("HMGET", &vec![Fault::Paused; paused_at + 1]);
                let mut answer = Box::pin(usage::spent(&asking, &user, &range, |_| Timestamp::EPOCH));
                for step in 0..=paused_at {
                    tokio::select! {
                        () = proxy.paused() => {}
                        answer = &mut answer => panic!("{case}: {answer:?} before step {step}"),
                    }
                    if step == paused_at {
                        for (after, command) in *meanwhile {
                            world.apply(&[command()], START + after).await;
                        }
                    }
                    proxy.go_on();
                }
                let answer: Value = json!(answer.await.unwrap().unwrap());
                let is_of_then = paused_at > 0 && !resets;
                assert_eq!(answer, if is_of_then { before } else { of(&world.entries) }, "{case}");
                proxy.assert_used_up(&case);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_reset_again_and_again_gets_no_mixture() {
    let redis = Redis::start();
    let store = redis.store();
    let proxy = Proxy::start(redis.port()).await;
    let asking = RedisStore::new(&proxy.url(), "jeton").unwrap();
    let mut world = World::new(store.as_ref(), "u");
    let (range, _) = asked(Granularity::Hour);
    world.apply(&[SPENT()], START).await;
    world.apply(&[SPENT()], START + HOUR).await;
    proxy.fail("HMGET", &[Fault::Paused; 11]);
    let user = world.user.clone();
    let mut answer = Box::pin(usage::spent(&asking, &user, &range, |_| Timestamp::EPOCH));
    for step in 0..11 {
        tokio::select! {
            () = proxy.paused() => {}
            answer = &mut answer => panic!("{answer:?} before step {step}"),
        }
        // Each time before what is closed is read.
        if step % 2 == 1 {
            world.apply(&[Command::Reset, SPENT()], START + step * HOUR).await;
            world.apply(&[SPENT()], START + (step + 1) * HOUR).await;
        }
        proxy.go_on();
    }
    let answer = answer.await;
    assert!(matches!(answer, Err(StoreError::Contended)), "{answer:?}");
    proxy.assert_used_up("resets");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_summed_up_as_fast_as_a_short_one() {
    let redis = Redis::start();
    let store = redis.store();
    let service = service_over(&redis.url());
    let traffic = || ["total_net_input_bytes", "total_net_output_bytes"].map(|name| redis.info("stats", name));
    let mut costs = Vec::new();
    for length in [100_u64, 100_000] {
        let mut world = World::new(store.as_ref(), &format!("u-{}", length / 1_000));
        for hour in 0..50 {
            let commands: Vec<Command> =
                (0..length / 50).map(|number| if number % 2 == 0 { debit("ARTICLE", 3) } else { credit(3) }).collect();
            world.apply(&commands, START + hour * HOUR).await;
        }
        let (user, at) = (world.user.clone(), |millis| Timestamp::from_millis(millis));
        let of = |granularity, zone| Range { granularity, zone, from: at(START - DAY), to: at(START + 50 * DAY) };
        let asked = [
            of(Granularity::Hour, Tz::UTC),
            of(Granularity::Day, Tz::Asia__Kathmandu),
            of(Granularity::Month, Tz::America__New_York),
        ];
        // What fell due since is billed before.
        service.get_user_stats(&user, Locale::French).await.unwrap();
        let (before, bytes_before) = (redis.command_counts(), traffic());
        for range in asked.iter().cycle().take(15) {
            let told = service.get_usage(&user, range, Locale::French).await.unwrap().unwrap();
            let spent: u64 = told.iter().map(|bucket| bucket.spent.tokens).sum();
            assert_eq!(spent, 3 * length.div_ceil(2), "{length}");
        }
        let bytes = traffic();
        costs.push((redis.commands_since(&before), [bytes[0] - bytes_before[0], bytes[1] - bytes_before[1]]));
    }
    let (short, long) = (&costs[0], &costs[1]);
    // Two looks at the account, one at what is closed, and another look at the account.
    assert_eq!(long.0, [("hmget".to_owned(), 15 * 4)].into(), "nothing else");
    assert_eq!(long.0, short.0, "the same commands");
    for (long, short) in long.1.iter().zip(short.1) {
        assert!(*long < short + short / 10, "{long} bytes, and {short} of a short history");
    }
}
