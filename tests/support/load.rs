//! Callers who debit without a pause, and the ledger of what they were told, to be held against the history afterwards.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use super::{
    client::{Client, sum},
    process::PATIENCE,
    server::{Deployment, Instance, Settings},
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");
const CALLERS: usize = 16;
const USERS: usize = 6;

/// Callers under way, spread over two processes of a function.
pub(crate) struct Load {
    told: Arc<Told>,
    callers: Vec<JoinHandle<Vec<Debit>>>,
    instances: [Instance; 2],
}

/// What the callers and the test tell each other.
#[derive(Default)]
struct Told {
    acknowledged: watch::Sender<u64>,
    unavailable: watch::Sender<u64>,
    phase: AtomicUsize,
    over: AtomicBool,
}

/// A debit of one token that a caller asked for.
pub(crate) struct Debit {
    tag: String,
    user: String,
    keyed: bool,
    /// The phase in which it was first asked for.
    pub(crate) begun: usize,
    /// The phase in which the caller stopped asking.
    pub(crate) ended: usize,
    /// The body of the success, if the caller was told of one.
    acknowledged: Option<String>,
}

/// All debits of a load.
pub(crate) struct Ledger(Vec<Debit>);

impl Load {
    /// Starts the callers, whose processes find Redis at `url`. Each of their [`users`] has a million tokens.
    pub(crate) async fn start(url: &str) -> Self {
        Self::start_with(url, &[]).await
    }

    /// The same, with these settings too.
    pub(crate) async fn start_with(url: &str, settings: Settings<'_>) -> Self {
        let settings = [&[("REDIS_URL", url), DEVELOPMENT], settings].concat();
        let tokens = Instance::start("tokens", &settings);
        let client = tokens.client();
        for user in users() {
            client.post("tokens", json!({"userId": user, "amount": 1_000_000})).await.ok();
        }
        let instances = [(); 2].map(|()| Instance::start("generations", &settings));
        let told = Arc::new(Told::default());
        let callers = (0..CALLERS)
            .map(|caller| {
                let client = instances[caller % 2].client();
                tokio::spawn(spend(caller, client, Arc::clone(&told)))
            })
            .collect();
        Self { told, callers, instances }
    }

    /// Waits until `count` more debits were acknowledged.
    pub(crate) async fn acknowledges(&self, count: u64) {
        wait_for_more(&self.told.acknowledged, count).await;
    }

    /// Waits until `count` more callers were told that the store is unavailable.
    pub(crate) async fn is_refused(&self, count: u64) {
        wait_for_more(&self.told.unavailable, count).await;
    }

    /// How often a caller was told so until now.
    pub(crate) fn refusals(&self) -> u64 {
        *self.told.unavailable.borrow()
    }

    /// Begins the next phase (1, 2, …).
    pub(crate) fn next_phase(&self) {
        self.told.phase.fetch_add(1, Ordering::SeqCst);
    }

    /// The functions' processes.
    pub(crate) fn instances(&self) -> &[Instance; 2] {
        &self.instances
    }

    /// Lets the callers finish.
    pub(crate) async fn stop(self) -> Ledger {
        self.told.over.store(true, Ordering::SeqCst);
        Ledger(join_all(self.callers).await.into_iter().flat_map(Result::unwrap).collect())
    }
}

impl Ledger {
    /// What was acknowledged is in the Redis at `url`, once; what was not is there once at most; the balances add up; and
    /// who asks again under a key is told the same, byte for byte.
    pub(crate) async fn assert_kept(&self, url: &str) {
        self.assert_kept_where(url, |_| true).await;
    }

    /// The same, but of the acknowledged debits only those that `sure` names must be there.
    pub(crate) async fn assert_kept_where(&self, url: &str, sure: impl Fn(&Debit) -> bool) {
        let deployment = Deployment::over(url, &[DEVELOPMENT]);
        let client = deployment.client();
        let mut written = written(&client).await;
        let mut told: Vec<(&Debit, &String)> = Vec::new();
        for debit in &self.0 {
            let times = written.remove(&debit.tag).unwrap_or(0);
            let expected = if debit.acknowledged.is_some() && sure(debit) { 1..=1 } else { 0..=1 };
            assert!(expected.contains(&times), "{}: {:?}, written {times} times", debit.tag, debit.acknowledged);
            let there = times == 1 && debit.keyed;
            told.extend(debit.acknowledged.as_ref().filter(|_| there).map(|body| (debit, body)));
        }
        assert!(written.is_empty(), "nobody asked for {written:?}");

        assert!(!told.is_empty());
        let ask_again = async |(debit, body): (&Debit, &String)| {
            let again = client.post_once("generations", &debit.tag, debit.body()).await;
            assert_eq!((again.status, &again.body), (200, body), "{}", debit.tag);
            assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", debit.tag);
        };
        stream::iter(told).for_each_concurrent(CALLERS, ask_again).await;
    }
}

impl Debit {
    fn body(&self) -> Value {
        json!({"userId": self.user, "tokenCost": 1, "metadata": {"tag": self.tag}})
    }
}

/// Whose tokens the callers spend.
pub(crate) fn users() -> [String; USERS] {
    std::array::from_fn(|number| format!("u{number}"))
}

async fn wait_for_more(total: &watch::Sender<u64>, count: u64) {
    let enough = *total.borrow() + count;
    let mut changes = total.subscribe();
    let waited = timeout(PATIENCE, changes.wait_for(|total| *total >= enough)).await;
    waited.expect("the load goes on").unwrap();
}

/// Debits one token again and again, every other time under a key. With a key a caller asks until the answer is sure.
async fn spend(caller: usize, client: Client, told: Arc<Told>) -> Vec<Debit> {
    let mut debits = Vec::new();
    let users = users();
    while !told.over.load(Ordering::SeqCst) {
        let number = debits.len();
        let (tag, user) = (format!("{caller}-{number}"), users[number % USERS].clone());
        let begun = told.phase.load(Ordering::SeqCst);
        // In turns for each user.
        let keyed = (number / USERS) % 2 == 1;
        let mut debit = Debit { tag, user, keyed, begun, ended: begun, acknowledged: None };
        loop {
            let answer = if debit.keyed {
                client.post_once("generations", &debit.tag, debit.body()).await
            } else {
                client.post("generations", debit.body()).await
            };
            debit.ended = told.phase.load(Ordering::SeqCst);
            if answer.status == 200 {
                told.acknowledged.send_modify(|count| *count += 1);
                debit.acknowledged = Some(answer.body);
                break;
            }
            answer.assert_store_unavailable();
            told.unavailable.send_modify(|count| *count += 1);
            if !debit.keyed || told.over.load(Ordering::SeqCst) {
                break;
            }
        }
        debits.push(debit);
    }
    debits
}

/// How often each tag is in the histories, which add up.
async fn written(client: &Client) -> HashMap<String, u64> {
    let mut written: HashMap<String, u64> = HashMap::new();
    for user in users() {
        let history = client.history(&user).await;
        assert_eq!(i128::from(client.stats(&user).await["tokenBalance"].as_u64().unwrap()), sum(&history), "{user}");
        assert_running_balances(&history);
        for tag in history.iter().filter_map(|entry| entry["metadata"]["tag"].as_str()) {
            *written.entry(tag.to_owned()).or_default() += 1;
        }
    }
    written
}

/// Each entry's balance is the one before it, plus or minus its amount. `history` is newest first.
pub(crate) fn assert_running_balances(history: &[Value]) {
    let mut balance = 0_i128;
    for entry in history.iter().rev() {
        balance += sum(std::slice::from_ref(entry));
        assert_eq!(entry["balance"].as_u64().map(i128::from), Some(balance), "{entry}");
    }
}

/// How many calls are under way at once.
const CALLS_AT_ONCE: usize = 32;

/// Calls without a pause, of a test's own kind.
pub(crate) struct Calls {
    enough: Arc<AtomicBool>,
    calls: JoinHandle<usize>,
}

impl Calls {
    /// Begins with call 0, and goes on until it is stopped.
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(call: impl Fn(u64) -> F + Send + 'static) -> Self {
        let enough = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&enough);
        let numbers = stream::iter(0_u64..).take_while(move |_| std::future::ready(!told.load(Ordering::Relaxed)));
        Self { enough, calls: tokio::spawn(numbers.map(call).buffer_unordered(CALLS_AT_ONCE).count()) }
    }

    /// Waits for those under way: how many there were.
    pub(crate) async fn stop(self) -> usize {
        self.enough.store(true, Ordering::Relaxed);
        self.calls.await.unwrap()
    }
}
