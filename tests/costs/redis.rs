//! What Redis has to do for an operation, by its own counters: which commands it is asked for and which a script carries out
//! in it, how often its answer is waited for, and how many bytes come and go. Through the calls, with two local servers over one
//! Redis.
//!
//! What it was when it was last looked at stands in `redis.toml`. Commands and trips must be exactly those; bytes differ by
//! the length of a number here and there. Where something differs, the new table is printed; and by
//! `cargo test --locked -- costs::redis --nocapture` at any time.

use std::{collections::BTreeMap, fmt};

use futures_util::future::join_all;
use jeton::{committer::Surroundings, ledger::UserId, system::System};
use redis::{Connection, cmd};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{
    client::Client,
    past::service_at,
    redis::Redis,
    server::Local,
    service::{article, caller, granted},
};

const EXPECTED: &str = include_str!("redis.toml");
const COMMIT_SCRIPT: &str = include_str!("../../src/store/commit.lua");
/// An hour, in milliseconds.
const HOUR: u64 = 60 * 60 * 1_000;

type Commands = BTreeMap<String, u64>;

/// How many bytes more or less an operation may take: these, and so many of each hundred. Counts and balances have a digit
/// more or less, by the time of the day too.
const BYTES_APART: (u64, u64) = (16, 2);
/// How often everything is done: commands that are sent off together go as one unless the line happens to be quicker.
const ROUNDS: usize = 3;

/// What an operation costs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    /// The commands that came.
    asked: Commands,
    /// The commands of the script that one of them ran.
    script: Commands,
    /// How often Redis found something on the line.
    trips: u64,
    /// Bytes that came.
    received: u64,
    /// Bytes that went.
    sent: u64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = |commands: &Commands| {
            let commands: Vec<String> = commands.iter().map(|(name, count)| format!("{name} = {count}")).collect();
            if commands.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", commands.join(", ")) }
        };
        let Self { asked, script, trips, received, sent } = self;
        writeln!(f, "asked = {}\nscript = {}", table(asked), table(script))?;
        writeln!(f, "trips = {trips}\nreceived = {received}\nsent = {sent}")
    }
}

impl Cost {
    /// Whether this is what was expected.
    fn is(&self, expected: &Self) -> bool {
        let near = |bytes: u64, expected: u64| {
            let (some, percent) = BYTES_APART;
            bytes.abs_diff(expected) <= some + expected * percent / 100
        };
        self.asked == expected.asked
            && self.script == expected.script
            && self.trips == expected.trips
            && near(self.received, expected.received)
            && near(self.sent, expected.sent)
    }
}

/// Whether a command is one of the script's. What else Redis is asked for here has other names.
fn is_of_the_script(command: &str) -> bool {
    command == "publish" || COMMIT_SCRIPT.contains(&format!("call('{}'", command.to_uppercase()))
}

/// A look at Redis's counters, on a line of its own.
struct Meter(Connection);

struct Counters {
    commands: Commands,
    received: u64,
    sent: u64,
    reads: u64,
    /// How long the answer to this look was on the wire: it went after the counters were read.
    answer: u64,
}

impl Meter {
    fn look(&mut self) -> Counters {
        let info: String = cmd("INFO").arg("all").query(&mut self.0).unwrap();
        let figures: BTreeMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
        let calls = |(name, figures): (&&str, &&str)| {
            let name = name.strip_prefix("cmdstat_")?;
            let calls = figures.split(',').find_map(|figure| figure.strip_prefix("calls="))?;
            Some((name.to_owned(), calls.parse().unwrap()))
        };
        Counters {
            commands: figures.iter().filter_map(calls).collect(),
            received: figures["total_net_input_bytes"].parse().unwrap(),
            sent: figures["total_net_output_bytes"].parse().unwrap(),
            reads: figures["total_reads_processed"].parse().unwrap(),
            answer: format!("${}\r\n{info}\r\n", info.len()).len() as u64,
        }
    }

    /// What `operation` costs.
    async fn cost(&mut self, operation: impl Future<Output = ()>) -> Cost {
        let before = self.look();
        operation.await;
        let after = self.look();
        let (mut asked, mut script) = (Commands::new(), Commands::new());
        for (name, count) in after.commands {
            let count = count - before.commands.get(&name).copied().unwrap_or(0);
            if count > 0 && name != "info" {
                let place = if is_of_the_script(&name) { &mut script } else { &mut asked };
                place.insert(name, count);
            }
        }
        let own = cmd("INFO").arg("all").get_packed_command().len() as u64;
        Cost {
            asked,
            script,
            // One was this look.
            trips: after.reads - before.reads - 1,
            received: after.received - before.received - own,
            sent: after.sent - before.sent - before.answer,
        }
    }
}

/// Two processes over one Redis, which know the script and have their lines open, and what was measured.
struct Measured {
    redis: Redis,
    first: Client,
    second: Client,
    meter: Meter,
    costs: BTreeMap<&'static str, Cost>,
    _processes: [Local; 2],
}

impl Measured {
    async fn start() -> Self {
        let redis = Redis::start();
        let url = redis.url();
        let folder = tempfile::tempdir().unwrap();
        let processes = [(); 2].map(|()| Local::start(folder.path(), &[], &[("REDIS_URL", &url)]));
        let [first, second] = processes.each_ref().map(Local::client);
        for (client, user) in [(&first, "warm-1"), (&second, "warm-2")] {
            debit(client, user).await;
        }
        let meter = Meter(redis.connect());
        Self { redis, first, second, meter, costs: BTreeMap::new(), _processes: processes }
    }

    async fn measure(&mut self, name: &'static str, operation: impl Future<Output = ()>) {
        let cost = self.meter.cost(operation).await;
        assert!(self.costs.insert(name, cost).is_none(), "{name} twice");
    }
}

async fn debit(client: &Client, user: &str) -> Value {
    client.post("generations", json!({"userId": user})).await.ok()
}

async fn debit_once(client: &Client, user: &str) {
    client.post_once("generations", "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0", json!({"userId": user})).await.ok();
}

async fn reserve(client: &Client, user: &str) -> Value {
    client.post("reservations", json!({"userId": user, "amount": 3, "contentType": "ARTICLE"})).await.ok()
}

async fn close(client: &Client, user: &str, action: &str, reserved: &Value) {
    let id = &reserved["reservation"]["id"];
    client.patch("reservations", json!({"userId": user, "reservationId": id, "action": action})).await.ok();
}

/// Changes and reads of accounts that are known, unless their names say otherwise.
async fn spending(measured: &mut Measured) {
    let (first, second) = &(measured.first.clone(), measured.second.clone());
    let user = "user-1";
    let plain = async |client: &Client| drop(debit(client, user).await);
    measured.measure("debit-opening", plain(first)).await;
    measured.measure("debit", plain(first)).await;
    measured.measure("debit-unknown-account", plain(second)).await;
    measured.measure("debit-after-another-process", plain(first)).await;
    measured.measure("debit-with-key", debit_once(first, user)).await;
    measured.measure("debit-replayed", debit_once(first, user)).await;
    let refused = async {
        let answer = first.post("generations", json!({"userId": user, "tokenCost": 6_000})).await;
        assert_eq!(answer.code(), "insufficient_tokens");
    };
    measured.measure("debit-refused", refused).await;
    let credit = first.post("tokens", json!({"userId": user, "amount": 1_000}));
    measured.measure("credit", async { drop(credit.await.ok()) }).await;
    measured.measure("stats", async { drop(first.stats(user).await) }).await;
    let week = first.get("usage?userId=user-1&granularity=day&from=2026-06-01T00:00:00Z&to=2026-06-08T00:00:00Z");
    measured.measure("usage-of-a-week", async { drop(week.await.ok()) }).await;
    let debited = debit(first, user).await;
    let refund = first.post("refunds", json!({"userId": user, "transactionId": debited["transaction"]["id"]}));
    measured.measure("refund", async { drop(refund.await.ok()) }).await;
}

async fn reservations(measured: &mut Measured) {
    let first = &measured.first.clone();
    let user = "user-2";
    debit(first, user).await;
    let mut reserved = Value::Null;
    measured.measure("reserve", async { reserved = reserve(first, user).await }).await;
    measured.measure("capture", close(first, user, "capture", &reserved)).await;
    let reserved = reserve(first, user).await;
    measured.measure("release", close(first, user, "release", &reserved)).await;
}

async fn pages(measured: &mut Measured) {
    let first = &measured.first.clone();
    for _ in 0..60 {
        debit(first, "user-3").await;
    }
    let page = async {
        let page = first.get("transactions?userId=user-3&limit=50").await.ok();
        assert_eq!(page["transactions"].as_array().unwrap().len(), 50);
    };
    measured.measure("page-of-50", page).await;
}

/// In this process, where all of them ask before the first is sent off.
async fn at_once(measured: &mut Measured) {
    let service = service_at(measured.redis.store(), &System.now().to_string());
    let user = UserId::new("user-4").unwrap();
    granted(service.record_generation(&user, article(3), caller(None)).await);
    let debits = (0..64).map(|_| service.record_generation(&user, article(3), caller(None)));
    let all = async { join_all(debits).await.into_iter().for_each(|reply| drop(granted(reply))) };
    measured.measure("debits-64-at-once", all).await;
}

/// What each operation costs.
async fn costs() -> BTreeMap<&'static str, Cost> {
    let mut measured = Measured::start().await;
    spending(&mut measured).await;
    reservations(&mut measured).await;
    pages(&mut measured).await;
    at_once(&mut measured).await;
    measured.costs
}

/// The same, measured several times within one hour: what an hour that is over adds belongs to none of them.
async fn costs_of_all_rounds() -> BTreeMap<&'static str, Cost> {
    let hour = || System.now().as_millis() / HOUR;
    loop {
        let begun = hour();
        let mut costs = costs().await;
        for _ in 1..ROUNDS {
            for (name, again) in self::costs().await {
                let cost = costs.get_mut(name).unwrap();
                if again.trips < cost.trips {
                    *cost = again;
                }
            }
        }
        if hour() == begun {
            return costs;
        }
    }
}

#[tokio::test]
async fn operations_cost_redis_what_they_did() {
    let expected: BTreeMap<String, Cost> = toml::from_str(EXPECTED).unwrap();
    let costs = costs_of_all_rounds().await;
    let table = costs.iter().map(|(name, cost)| format!("[{name}]\n{cost}\n")).collect::<Vec<_>>().concat();
    println!("{table}");

    let mut wrong = Vec::new();
    for (name, cost) in &costs {
        match expected.get(*name) {
            Some(expected) if cost.is(expected) => {}
            Some(expected) => wrong.push(format!("{name} was\n{expected}and is\n{cost}")),
            None => wrong.push(format!("{name} is not in the table")),
        }
    }
    for gone in expected.keys().filter(|name| !costs.contains_key(name.as_str())) {
        wrong.push(format!("{gone} is in the table, and was not measured"));
    }
    assert!(wrong.is_empty(), "{}\n\ntests/costs/redis.toml, if that is as it should be:\n{table}", wrong.join("\n"));
}
