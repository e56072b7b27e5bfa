//! Exactly once, whichever byte of a commit's exchange with Redis is the last that comes through: the line is cut there,
//! falls silent there, or hands the rest on when the retry is under way.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use futures_util::{StreamExt, future::join_all, stream};
use jeton::{
    committer::Reply,
    ledger::{Account, TransactionType, UserId},
    stats_service::StatsService,
    store::{
        Store, StoreError,
        keys::{Keys, SHARED_KEYS},
    },
};
use serde_json::{Value, json};

use crate::support::{
    client::Client,
    process::{PATIENCE, raise_file_limit},
    redis::Redis,
    server::Instance,
    service::{article, available, caller, rendered, service_over},
    wire::{Fault, Way, Wire},
    world::entries,
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

const SCRIPT: &str = include_str!("../src/store/commit.lua");

/// How many lines are silent at once. Each takes four file descriptors.
const SILENT_AT_ONCE: usize = 500;
/// How many file descriptors that takes, with those of the tests beside it.
const FILES_AT_ONCE: u64 = 2_400;

/// Before which piece of the retry something late comes: what opens the line, the load, the look at the history, the
/// commit. The last of these moments is when the caller has the answer.
const MOMENTS: usize = 5;

/// What a caller does, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// The first touch: the note for the sweep and the commit go out in one flight.
    Opening,
    Debit,
    KeyedDebit,
    Reset,
}

impl Change {
    const ALL: [Self; 4] = [Self::Opening, Self::Debit, Self::KeyedDebit, Self::Reset];

    /// The history before it, debits negative.
    fn before(self) -> &'static [i64] {
        match self {
            Self::Opening => &[],
            Self::Debit | Self::KeyedDebit => &[5_000, -3],
            Self::Reset => &[5_000],
        }
    }

    /// The history after it.
    fn after(self) -> &'static [i64] {
        match self {
            Self::Opening => &[5_000, -3],
            Self::Debit | Self::KeyedDebit => &[5_000, -3, -3],
            Self::Reset => &[5_000],
        }
    }

    fn key(self) -> Option<&'static str> {
        (self == Self::KeyedDebit).then_some("key")
    }

    /// The function that makes it.
    fn function(self) -> &'static str {
        if self == Self::Reset { "reset" } else { "generations" }
    }
}

/// What a caller is told.
enum Told {
    /// The body of a success, and whether it was given before.
    Done { body: String, replayed: bool },
    /// A 503.
    Unavailable,
}

/// A process of Jeton and its own line to Redis.
struct Process {
    wire: Wire,
    door: Door,
}

enum Door {
    /// A function's process.
    Function { client: Client, _instance: Box<Instance> },
    /// The service in this process.
    Here(StatsService),
}

impl Process {
    async fn of_function(redis: &Redis, function: &'static str) -> Self {
        let wire = Wire::start(redis.port()).await;
        let instance = Instance::start(function, &[("REDIS_URL", &wire.url()), DEVELOPMENT]);
        let client = instance.client();
        Self { wire, door: Door::Function { client, _instance: Box::new(instance) } }
    }

    async fn here(redis: &Redis) -> Self {
        let wire = Wire::start(redis.port()).await;
        let door = Door::Here(service_over(&wire.url()));
        Self { wire, door }
    }

    /// Makes `change`, without its key if `key` is none.
    async fn make(&self, change: Change, user: &UserId, key: Option<&str>) -> Told {
        match &self.door {
            Door::Function { client, .. } => {
                let mut body = json!({"userId": user});
                if change != Change::Reset {
                    body["tokenCost"] = json!(3);
                }
                let answer = match key {
                    Some(key) => client.post_once(change.function(), key, body).await,
                    None => client.post(change.function(), body).await,
                };
                if answer.status == 503 {
                    assert_eq!(
                        (answer.code().as_str(), answer.header("retry-after")),
                        ("store_unavailable", Some("1"))
                    );
                    return Told::Unavailable;
                }
                assert_eq!(answer.status, 200, "{answer:?}");
                Told::Done { replayed: answer.header("idempotent-replayed").is_some(), body: answer.body }
            }
            Door::Here(service) => {
                let reply = match change {
                    Change::Reset => service.reset_stats(user, caller(key)).await,
                    Change::Opening | Change::Debit | Change::KeyedDebit => {
                        service.record_generation(user, article(3), caller(key)).await
                    }
                };
                match reply {
                    Ok(Reply::Decided { decision, .. }) => Told::Done { body: rendered(&decision).1, replayed: false },
                    Ok(Reply::Replayed(record)) => Told::Done { body: record.body, replayed: true },
                    Err(StoreError::Unavailable { .. }) => Told::Unavailable,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// The same over a line that is whole. It is asked again where the store was unavailable, as it is for a process that
    /// was not let run for long.
    async fn make_at_last(&self, change: Change, user: &UserId, key: &str) -> Told {
        let begun = Instant::now();
        loop {
            let told = self.make(change, user, Some(key)).await;
            if matches!(told, Told::Done { .. }) || begun.elapsed() >= PATIENCE {
                return told;
            }
        }
    }

    /// Brings `user` to where `change` begins. An opening has nothing before it.
    async fn prepare(&self, change: Change, user: &UserId) {
        if change != Change::Opening {
            let told = self.make_at_last(change, user, "prepare").await;
            assert!(matches!(told, Told::Done { .. }), "{change:?}: the line is whole");
        }
    }
}

/// The amounts of the history, debits negative, when they add up to what each entry says and to the account; and how
/// many histories were archived. Read from Redis, past the broken line.
async fn kept(store: &dyn Store, user: &UserId, case: &str) -> (Vec<i64>, u32) {
    // A commit whose caller was told that the store is unavailable may still come, also between two looks.
    let (history, account) = loop {
        let before = available(async || store.load(user).await).await;
        let history = entries(store, user).await;
        if available(async || store.load(user).await).await == before {
            break (history, before.map(|stored| stored.account));
        }
    };
    let mut balance = 0;
    let mut amounts = Vec::new();
    for entry in history.into_iter().map(|transaction| transaction.entry) {
        let amount = i64::try_from(entry.amount.get()).unwrap();
        let amount = if entry.kind == TransactionType::Credit { amount } else { -amount };
        balance += amount;
        assert_eq!(entry.balance, balance, "{case}");
        amounts.push(amount);
    }
    assert_eq!(account.as_ref().map_or(0, Account::balance), balance, "{case}");
    (amounts, account.map_or(0, |account| account.archives()))
}

/// Whoever has an account is noted for the billing sweep, and listed.
fn assert_all_noted(redis: &Redis) {
    let accounts: Vec<String> = redis.command(&["KEYS", "jeton:{*}:account"]);
    for shared in [Keys::due, Keys::users] {
        let noted: HashSet<String> = (0..SHARED_KEYS)
            .flat_map(|key| redis.command::<Vec<String>>(&["ZRANGE", &shared(&Keys::new("jeton"), key), "0", "-1"]))
            .collect();
        let missing: Vec<&String> = accounts.iter().filter(|key| !noted.contains(&key[7..key.len() - 9])).collect();
        assert!(missing.is_empty(), "{missing:?} of {}", accounts.len());
    }
}

/// Where and how the line breaks.
#[derive(Clone, Copy, Debug)]
struct Break {
    change: Change,
    way: Way,
    byte: usize,
    fault: Fault,
}

/// How many cases there were, and in how many of them the caller was told that the store is unavailable.
#[derive(Default)]
struct Tally {
    cases: AtomicUsize,
    unavailable: AtomicUsize,
}

impl Tally {
    /// There were so many cases or more, and most callers did not have to ask again themselves, also on a busy machine.
    fn assert_mostly_answered(self, cases_min: usize) {
        let (cases, unavailable) = (self.cases.into_inner(), self.unavailable.into_inner());
        assert!(cases >= cases_min && unavailable <= cases / 4, "{unavailable} of {cases}");
    }

    /// Breaks the line of `process`, and checks what is told and what is kept.
    async fn judge(&self, process: &Process, store: &dyn Store, at: Break) {
        let Break { change, way, byte, fault } = at;
        self.cases.fetch_add(1, Ordering::SeqCst);
        let (case, user) = (format!("{at:?}"), somebody_new());
        process.prepare(change, &user).await;

        process.wire.fail_after(way, byte, fault);
        let first = process.make(change, &user, change.key()).await;
        // Whoever was not let run for long may give up before so many bytes.
        process.wire.assert_failed_unless(matches!(first, Told::Unavailable), &case);
        process.wire.deliver().await;

        let (amounts, archives) = kept(store, &user, &case).await;
        let done = amounts == change.after() && (change != Change::Reset || archives == 1);
        let undone = amounts == change.before() && archives == 0;
        match &first {
            Told::Done { body, replayed: false } => {
                assert!(done, "{case}: {amounts:?}");
                let told: Value = serde_json::from_str(body).unwrap();
                let stats = told.get("stats").unwrap_or(&told);
                assert_eq!(stats["tokenBalance"].as_i64(), Some(amounts.iter().sum()), "{case}");
            }
            Told::Done { replayed: true, .. } => panic!("{case}: this was the first time"),
            Told::Unavailable => {
                self.unavailable.fetch_add(1, Ordering::SeqCst);
                assert!(done || undone, "{case}: {amounts:?}");
            }
        }
        if let Some(key) = change.key() {
            let again = [(); 2].map(|()| process.make_at_last(change, &user, key));
            let [second, third] = join_all(again).await.try_into().ok().unwrap();
            let bodies = [first, second, third].map(|told| match told {
                Told::Done { body, .. } => Some(body),
                Told::Unavailable => None,
            });
            assert!(bodies[1].is_some() && bodies[1] == bodies[2], "{case}: {bodies:?}");
            assert!(bodies[0].is_none() || bodies[0] == bodies[1], "{case}: {bodies:?}");
            assert_eq!(kept(store, &user, &case).await.0, change.after(), "{case}");
        }
    }
}

/// Another user each time. All have names of the same length, so that all exchanges have too.
fn somebody_new() -> UserId {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    UserId::new(&format!("u{:06}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
}

/// How many bytes `change` sends and receives through `process` when nothing breaks.
async fn lengths(process: &Process, change: Change) -> [usize; 2] {
    let user = somebody_new();
    process.prepare(change, &user).await;
    let before = process.wire.passed();
    assert!(matches!(process.make(change, &user, change.key()).await, Told::Done { .. }));
    let after = process.wire.passed();
    [after[0] - before[0], after[1] - before[1]]
}

/// All places where an exchange of these lengths can break: before each byte, and after the last one.
fn places(lengths: [usize; 2]) -> impl Iterator<Item = (Way, usize)> {
    let of = |way, length| (0..=length).map(move |byte| (way, byte));
    of(Way::Request, lengths[0]).chain(of(Way::Answer, lengths[1]))
}

/// Breaks the exchange of `change`, whose lengths `breaks` is told, in four processes of its function.
async fn break_functions(
    redis: &Redis,
    change: Change,
    breaks: impl FnOnce([usize; 2]) -> Vec<(Way, usize, Fault)>,
    tally: &Tally,
) {
    let processes = join_all((0..4).map(|_| Process::of_function(redis, change.function()))).await;
    for process in &processes {
        // The first exchange also opens the line.
        lengths(process, change).await;
    }
    let breaks: Mutex<VecDeque<_>> = Mutex::new(breaks(lengths(&processes[0], change).await).into());
    let store = redis.store();
    let work = async |process: &Process| {
        loop {
            let Some((way, byte, fault)) = breaks.lock().unwrap().pop_front() else { return };
            tally.judge(process, store.as_ref(), Break { change, way, byte, fault }).await;
        }
    };
    join_all(processes.iter().map(work)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_line_is_cut_at_any_byte_makes_each_change_once() {
    let (redis, tally) = (Redis::start(), Tally::default());
    let cuts = |lengths| places(lengths).map(|(way, byte)| (way, byte, Fault::Cut)).collect();
    join_all(Change::ALL.map(|change| break_functions(&redis, change, cuts, &tally))).await;
    tally.assert_mostly_answered(3_000);
    assert_all_noted(&redis);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_whose_line_falls_silent_or_delivers_late_makes_each_change_once() {
    let (redis, tally) = (Redis::start(), Tally::default());
    let breaks = |[request, _]: [usize; 2]| {
        let places = [(Way::Request, 0), (Way::Request, request / 2), (Way::Request, request - 1), (Way::Answer, 0)];
        places.into_iter().flat_map(|(way, byte)| [(way, byte, Fault::Stall), (way, byte, Fault::Delay(1))]).collect()
    };
    join_all(Change::ALL.map(|change| break_functions(&redis, change, breaks, &tally))).await;
    tally.assert_mostly_answered(32);
    assert_all_noted(&redis);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_falls_silent_or_delivers_late_at_any_byte_makes_each_change_once() {
    raise_file_limit(FILES_AT_ONCE);
    let (redis, tally) = (Redis::start(), Tally::default());
    redis.command::<String>(&["SCRIPT", "LOAD", SCRIPT]);
    let mut cases = Vec::new();
    for change in Change::ALL {
        for (way, byte) in places(lengths(&Process::here(&redis).await, change).await) {
            let late = Fault::Delay(byte % MOMENTS);
            cases.extend([Fault::Stall, late].map(|fault| Break { change, way, byte, fault }));
        }
    }
    let store = redis.store();
    // A process of its own for each: its first exchange of all is that of an opening.
    let judge = async |at| tally.judge(&Process::here(&redis).await, store.as_ref(), at).await;
    stream::iter(cases).map(judge).buffer_unordered(SILENT_AT_ONCE).collect::<()>().await;
    tally.assert_mostly_answered(7_000);
    assert_all_noted(&redis);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_exchange_that_is_cut_at_any_byte_opens_once_on_a_redis_without_the_script() {
    let change = Change::Opening;
    let tally = Tally::default();
    let redis = Redis::start();
    let [unknown, answers] = lengths(&Process::here(&redis).await, change).await;
    let [known, _] = lengths(&Process::here(&redis).await, change).await;
    // What is asked in vain is as long as what is asked of a Redis that knows the script. Then comes the script, of
    // whose text every sixteenth byte will do.
    let text = known + 50..known + SCRIPT.len();
    let places =
        places([unknown, answers]).filter(|(way, byte)| *way == Way::Answer || !text.contains(byte) || byte % 16 == 0);
    let breaks: Mutex<VecDeque<_>> = Mutex::new(places.collect());
    let work = async |_| {
        let redis = Redis::start();
        let store = redis.store();
        loop {
            let Some((way, byte)) = breaks.lock().unwrap().pop_front() else { break };
            redis.command::<()>(&["SCRIPT", "FLUSH"]);
            let at = Break { change, way, byte, fault: Fault::Cut };
            tally.judge(&Process::here(&redis).await, store.as_ref(), at).await;
        }
        assert_all_noted(&redis);
    };
    join_all((0..8).map(work)).await;
    tally.assert_mostly_answered(1_500);
}
