//! What the committer costs Redis, by Redis's own counters: how many loads and commits come of which requests.
//!
//! A load is one `hmget`. A commit is one `evalsha`, in which the script's own calls are counted too. What each operation costs
//! alone is in `costs/redis.toml`.

use std::collections::BTreeMap;

use futures_util::{StreamExt, future::join_all, poll, stream};
use jeton::{
    committer::{Reply, Surroundings},
    history::Selection,
    ledger::{Command, GrantKind, Priority, Refusal, Source, UserId},
    locale::Locale,
    stats_service::{StatsService, TokenCredit},
    store::{Store, redis::RedisStore},
    system::System,
};
use rustix::process::Signal;

use crate::support::{
    past::service_at,
    redis::Redis,
    service::{article, caller, granted, refused, rendered, tokens},
    world::{DAY, World, debit, entries},
};

/// A Redis that knows the script, and services over it, each as in a process of its own. Their clock stands still, so that no
/// hour is over in the middle of a test.
struct Processes<const N: usize> {
    redis: Redis,
    services: [StatsService; N],
    user: UserId,
}

impl<const N: usize> Processes<N> {
    async fn start() -> Self {
        let redis = Redis::start();
        let now = System.now().to_string();
        let services = [(); N].map(|()| service_at(redis.store(), &now));
        for (number, service) in services.iter().enumerate() {
            let warm = UserId::new(&format!("warm-{number}")).unwrap();
            granted(service.record_generation(&warm, article(1), caller(None)).await);
        }
        Self { redis, services, user: UserId::new("u").unwrap() }
    }

    /// A debit that must be granted: the balance after it.
    async fn debit(&self, service: usize, cost: u64) -> i64 {
        let reply = self.services[service].record_generation(&self.user, article(cost), caller(None)).await;
        granted(reply).stats.token_balance
    }

    /// What `work` gives, and the commands that Redis carried out for it.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, BTreeMap<String, u64>) {
        let before = self.redis.command_counts();
        let result = work.await;
        (result, self.redis.commands_since(&before))
    }

    /// The balance, if the history adds up to it, and the number of entries.
    async fn balance_and_entries(&self) -> (i64, usize) {
        let store = RedisStore::new(&self.redis.url(), "jeton").unwrap();
        let stats = self.services[0].get_user_stats(&self.user, Locale::French).await.unwrap();
        let entries = entries(&store, &self.user).await;
        assert_eq!(entries.last().map(|entry| entry.entry.balance), Some(stats.token_balance));
        (stats.token_balance, entries.len())
    }
}

/// Commands and how often each was called.
fn calls(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test]
async fn a_debit_on_a_known_account_is_one_commit() {
    let processes = Processes::<1>::start().await;
    processes.debit(0, 3).await;
    let known = calls(&[("evalsha", 1), ("hget", 1), ("hset", 1), ("publish", 1), ("xadd", 1)]);
    for balance in [4_994, 4_991] {
        let counted = processes.counted(processes.debit(0, 3)).await;
        assert_eq!(counted, (balance, known.clone()));
    }
    // Also where five grants pay it.
    let service = &processes.services[0];
    for priority in 0..4 {
        let expires_at = service.now().later_by(DAY);
        let grant = GrantKind { source: Source::Promotion, priority: Priority::new(priority), expires_at };
        granted(service.add_tokens(&processes.user, TokenCredit { grant, ..tokens(1) }, caller(None)).await);
    }
    let (paid, cost) = processes.counted(service.record_generation(&processes.user, article(5), caller(None))).await;
    assert_eq!(granted(paid).transaction.unwrap().entry.grants.len(), 5);
    assert_eq!(cost, known);
}

#[tokio::test]
async fn a_conflict_costs_one_more_commit_and_no_load() {
    let processes = Processes::<2>::start().await;
    processes.debit(0, 3).await;
    processes.debit(1, 3).await;
    let (balance, cost) = processes.counted(processes.debit(0, 3)).await;
    assert_eq!(balance, 4_991);
    assert_eq!(cost, calls(&[("evalsha", 2), ("hget", 3), ("hset", 1), ("publish", 1), ("xadd", 1)]));
    assert_eq!(processes.balance_and_entries().await, (4_991, 4));
}

#[tokio::test]
async fn a_guess_is_never_an_answer() {
    let load = calls(&[("hmget", 1)]);
    let processes = Processes::<2>::start().await;
    let [first, second] = &processes.services;
    let (user, big) = (&processes.user, || article(6_000));
    processes.debit(0, 1_000).await;

    // Refused by the guess and by the truth, which is told.
    processes.debit(1, 500).await;
    let (reply, cost) = processes.counted(first.record_generation(user, big(), caller(None))).await;
    let refusal = refused(reply);
    assert!(matches!(refusal.refusal, Refusal::InsufficientTokens { available: 3_500, .. }), "{refusal:?}");
    assert_eq!((refusal.stats.token_balance, cost), (3_500, load.clone()));

    // Refused by the guess, and granted.
    granted(second.add_tokens(user, tokens(3_000), caller(None)).await);
    let (reply, cost) = processes.counted(first.record_generation(user, big(), caller(None))).await;
    assert_eq!(granted(reply).stats.token_balance, 500);
    assert_eq!((cost["hmget"], cost["evalsha"]), (1, 1));

    // Granted by the guess, and refused: the commit itself tells the truth.
    processes.debit(1, 499).await;
    let (reply, cost) = processes.counted(first.record_generation(user, article(2), caller(None))).await;
    assert_eq!(refused(reply).stats.token_balance, 1);
    assert_eq!(cost, calls(&[("evalsha", 1), ("hget", 2)]));

    // A read loads, each time.
    let (stats, cost) = processes.counted(first.get_user_stats(user, Locale::French)).await;
    assert_eq!((stats.unwrap().token_balance, cost), (1, load));
    assert_eq!(processes.balance_and_entries().await, (1, 6));
}

#[tokio::test]
async fn concurrent_commands_share_commits() {
    let processes = Processes::<1>::start().await;
    let service = &processes.services[0];
    let crowd = || join_all((0..64).map(|_| service.record_generation(&processes.user, article(3), caller(None))));

    // The first touches of a new user open one account.
    for (number, after) in [(1, 5_000 - 64 * 3), (2, 5_000 - 2 * 64 * 3)] {
        let (replies, cost) = processes.counted(crowd()).await;
        let mut balances: Vec<i64> = replies.into_iter().map(|reply| granted(reply).stats.token_balance).collect();
        balances.sort_unstable();
        assert_eq!(balances, (0..64).map(|debits| after + 3 * debits).collect::<Vec<_>>(), "each its own answer");
        assert!(cost["evalsha"] <= 8, "{cost:?}");
        assert_eq!(processes.balance_and_entries().await, (after, 1 + 64 * number));
    }

    // Of more debits than the balance covers exactly those are refused that it does not cover.
    let spending = || service.record_generation(&processes.user, article(100), caller(None));
    let (replies, cost) = processes.counted(join_all((0..64).map(|_| spending()))).await;
    let granted = replies.into_iter().filter(|reply| matches!(reply, Ok(Reply::Decided { decision: Ok(_), .. })));
    assert_eq!(granted.count(), 46);
    assert!(cost["evalsha"] <= 8, "{cost:?}");
    assert_eq!(processes.balance_and_entries().await, (16, 1 + 2 * 64 + 46));
}

#[tokio::test]
async fn a_key_used_twice_at_once_has_one_effect() {
    let processes = Processes::<1>::start().await;
    let service = &processes.services[0];
    for (cost, replayed) in [(3, 200), (1_000_000, 402)] {
        let key = format!("key-{cost}");
        let ask = || service.record_generation(&processes.user, article(cost), caller(Some(&key)));
        let (first, second) = tokio::join!(ask(), ask());
        let Ok(Reply::Decided { decision, .. }) = first else { panic!("{first:?}") };
        let Ok(Reply::Replayed(record)) = second else { panic!("{second:?}") };
        assert_eq!(record.status, replayed);
        assert_eq!((record.status, record.body), rendered(&decision));
        assert_eq!(processes.balance_and_entries().await, (4_997, 2));
    }
}

#[tokio::test]
async fn resets_at_once_put_away_a_history_each() {
    let processes = Processes::<1>::start().await;
    let service = &processes.services[0];
    let archives = |user: &str| -> Vec<u64> {
        let archive = |number| processes.redis.command(&["XLEN", &format!("jeton:{{{user}}}:archive:{number}")]);
        (0..4).map(archive).collect()
    };
    processes.debit(0, 3).await;
    let reset = || service.reset_stats(&processes.user, caller(None));
    let (first, debited, second) = tokio::join!(reset(), processes.debit(0, 5), reset());
    assert_eq!(debited, 4_995);
    for reply in [first, second] {
        assert_eq!(granted(reply).stats.token_balance, 5_000);
    }
    assert_eq!(archives("u"), [2, 2, 0, 0]);
    assert_eq!(processes.balance_and_entries().await, (5_000, 1));

    // The first touch may be a reset, which opens; a second one puts away what the first one opened.
    let user = UserId::new("new").unwrap();
    let (first, second) =
        tokio::join!(service.reset_stats(&user, caller(None)), service.reset_stats(&user, caller(None)));
    for reply in [first, second] {
        assert_eq!(granted(reply).stats.token_balance, 5_000);
    }
    assert_eq!(archives("new"), [1, 0, 0, 0]);
    assert_eq!(processes.redis.command::<u64>(&["XLEN", "jeton:{new}:history"]), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cache_of_accounts_is_bounded() {
    const USERS: usize = 10_500;
    let processes = Processes::<1>::start().await;
    let service = &processes.services[0];
    let debit = |number: usize| async move {
        let user = UserId::new(&format!("user-{number}")).unwrap();
        granted(service.record_generation(&user, article(3), caller(None)).await).stats.token_balance
    };
    let touched = stream::iter(0..USERS).map(debit).buffer_unordered(128);
    let (balances, cost) = processes.counted(touched.collect::<Vec<i64>>()).await;
    assert_eq!(balances, vec![4_997; USERS]);
    assert_eq!((cost["hmget"], cost["evalsha"]), (USERS as u64, USERS as u64));

    for (number, loads) in [(0, 1), (USERS - 1, 0), (USERS - 9_000, 0), (0, 0)] {
        let (_, cost) = processes.counted(debit(number)).await;
        assert_eq!((cost.get("hmget").copied().unwrap_or(0), cost["evalsha"]), (loads, 1), "user {number}");
    }
}

#[tokio::test]
async fn a_long_history_costs_no_more_than_a_short_one() {
    let processes = Processes::<1>::start().await;
    let (service, user) = (&processes.services[0], &processes.user);
    let store = RedisStore::new(&processes.redis.url(), "jeton").unwrap();
    let all = Selection::default();
    let traffic =
        || ["total_net_input_bytes", "total_net_output_bytes"].map(|name| processes.redis.info("stats", name));

    // What debits take comes back to the same grant, so that the account stays as it was.
    let TokenCredit { amount, .. } = tokens(3);
    let back = || Command::Credit { amount, grant: Source::Initial.into(), description: None, metadata: None };

    let mut costs = Vec::new();
    for length in [100, 100_000] {
        let mut world = World::new(&store, user.as_str());
        world.stored = store.load(user).await.unwrap();
        let mut entries: usize = processes.redis.command(&["XLEN", "jeton:{u}:history"]);
        while entries < length {
            let count = (length - entries).min(1_000);
            let commands: Vec<Command> =
                (0..count).map(|index| if index % 2 == 0 { back() } else { debit("ARTICLE", 3) }).collect();
            world.apply(&commands, service.now().as_millis()).await;
            entries = processes.redis.command(&["XLEN", "jeton:{u}:history"]);
        }
        processes.debit(0, 3).await;

        let bytes_before = traffic();
        let ((), commands) = processes
            .counted(async {
                for _ in 0..20 {
                    processes.debit(0, 3).await;
                    let page = service.get_transaction_history(user, &all, None, 50, Locale::French);
                    let page = page.await.unwrap();
                    assert_eq!((page.transactions.len(), page.next_cursor.is_some()), (50, true));
                }
            })
            .await;
        let bytes = traffic();
        costs.push((commands, [bytes[0] - bytes_before[0], bytes[1] - bytes_before[1]]));
    }
    let (short, long) = (&costs[0], &costs[1]);
    assert_eq!(long.0, short.0, "the same commands");
    assert_eq!(
        long.0,
        calls(&[
            ("evalsha", 20),
            ("hget", 20),
            ("hmget", 20),
            ("hset", 20),
            ("publish", 20),
            ("xadd", 20),
            ("xrevrange", 20)
        ])
    );
    for (long, short) in long.1.iter().zip(short.1) {
        assert!(long.abs_diff(short) * 100 <= short * 3, "{long} bytes instead of {short}");
    }
}

#[tokio::test]
async fn who_has_gone_away_is_left_out_of_the_next_commit() {
    let processes = Processes::<1>::start().await;
    let service = &processes.services[0];
    processes.debit(0, 1).await;
    let before = processes.redis.command_counts();
    // The first debit leads a group that Redis does not answer; those after it wait for the next one.
    processes.redis.process().signal(Signal::STOP);
    let mut first = Box::pin(service.record_generation(&processes.user, article(10), caller(None)));
    for _ in 0..100 {
        // Whoever leads lets others in first: it must have its turns, too.
        assert!(poll!(&mut first).is_pending());
        tokio::task::yield_now().await;
    }
    let mut gone = Box::pin(service.record_generation(&processes.user, article(100), caller(None)));
    let mut patient = Box::pin(service.record_generation(&processes.user, article(1_000), caller(None)));
    assert!(poll!(&mut gone).is_pending() && poll!(&mut patient).is_pending());
    drop(gone);
    processes.redis.process().signal(Signal::CONT);
    assert_eq!(granted(first.await).stats.token_balance, 4_989);
    assert_eq!(granted(patient.await).stats.token_balance, 3_989);
    let commits = processes.redis.commands_since(&before)["evalsha"];
    assert!(commits >= 2, "the first one was not in a group of its own");
    assert_eq!(processes.balance_and_entries().await, (3_989, 4));
}
