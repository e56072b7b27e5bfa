//! A client: it makes calls, one after the other, tries again under the same key, and remembers what it saw.

use std::{sync::Arc, time::Duration};

use jeton::{
    committer::{Decision, Idempotency, Reply},
    ledger::{Amount, ContentType, Source, Stats, Transaction, UserId},
    locale::Locale,
    stats_service::{Caller, Generation, TokenCredit},
    store::StoreError,
};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use super::{Instance, chance::Chance, network::Server, network::key};

/// The first one is the busy one.
pub(super) const USERS: [&str; 2] = ["hot", "calm"];
const CALLS: u64 = 8;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Asked {
    Read,
    Debit(u64),
    Credit(u64),
    Reset,
}

/// One call as its client saw it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) user: UserId,
    /// Unique to the call; its entry's metadata carries it.
    pub(super) tag: String,
    pub(super) asked: Asked,
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) told: Told,
}

/// What it was told in the end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// It was done, or read: the caller's entry, version and balance after it.
    Done { entry: Option<String>, version: u64, balance: u64 },
    /// There were too few tokens: at this version, with this balance.
    TooFew { version: u64, available: u64 },
    /// Nothing that says whether it was done.
    Nothing,
    /// Two answers under one key that differ.
    Different(String, String),
}

/// The life of a client.
pub(super) async fn live(
    number: u64,
    instances: Arc<Vec<Instance>>,
    server: Arc<Server>,
    mut chance: Chance,
) -> Vec<Seen> {
    let mut seen = Vec::new();
    for call in 0..CALLS {
        let longest = if chance.below(4) == 0 { 2_000 } else { 20 };
        sleep(Duration::from_millis(chance.below(longest))).await;
        let user = USERS[usize::from(chance.below(5) == 0)];
        let asked = match chance.below(20) {
            0..=5 => Asked::Read,
            // Often more than there is: refusals must be true as well.
            6..=13 => Asked::Debit(1 + chance.below(3_000)),
            14..=18 => Asked::Credit(1 + chance.below(2_000)),
            _ => Asked::Reset,
        };
        let tag = format!("{number}-{call}");
        let keyed = chance.below(2) == 0 && asked != Asked::Read;
        let user = UserId::new(user).unwrap();
        let began = server.elapsed();
        let mut told: Option<String> = None;
        let mut different = None;
        // With a key a client tries until it knows, and now and then once more.
        for _ in 0..if keyed { 4 } else { 1 } {
            let instance = &instances[chance.below(instances.len() as u64) as usize];
            let answer = timeout(Duration::from_secs(6), ask(instance, &user, asked, &tag, keyed)).await;
            if let Ok(Ok(answer)) = answer {
                match &told {
                    Some(first) if *first != answer => different = Some((first.clone(), answer.clone())),
                    _ => {}
                }
                told.get_or_insert(answer);
                if chance.below(3) > 0 {
                    break;
                }
            }
        }
        let told = match (different, told) {
            (Some((first, second)), _) => Told::Different(first, second),
            (None, Some(answer)) => read(&answer),
            (None, None) => Told::Nothing,
        };
        seen.push(Seen { user, tag, asked, began, ended: server.elapsed(), told });
    }
    seen
}

async fn ask(instance: &Instance, user: &UserId, asked: Asked, tag: &str, keyed: bool) -> Result<String, StoreError> {
    let service = &instance.service;
    let metadata: Option<Map<String, Value>> = Some([("tag".to_owned(), json!(tag))].into_iter().collect());
    let idempotency = keyed.then(|| Idempotency {
        key: key(tag),
        fingerprint: tag.to_owned(),
        render: Arc::new(|decision: &Decision| (200, written(decision))),
    });
    let caller = Caller { locale: Locale::French, idempotency };
    let reply = match asked {
        Asked::Read => {
            let stats = service.get_user_stats(user, Locale::French).await?;
            return Ok(done(None, &stats));
        }
        Asked::Debit(cost) => {
            let content_type = ContentType::new("ARTICLE");
            let generation = Generation { content_type, token_cost: Amount::new(cost), description: None, metadata };
            service.record_generation(user, generation, caller).await?
        }
        Asked::Credit(amount) => {
            let amount = Amount::new(amount).unwrap();
            let credit = TokenCredit { amount, source: Source::Purchase, description: None, metadata };
            service.add_tokens(user, credit, caller).await?
        }
        Asked::Reset => service.reset_stats(user, caller).await?,
    };
    Ok(match reply {
        Reply::Decided { decision, .. } => written(&decision),
        Reply::Replayed(record) => record.body,
    })
}

fn written(decision: &Decision) -> String {
    match decision {
        Ok(outcome) => done(outcome.transaction.as_ref(), &outcome.stats),
        Err(refused) => json!({"version": refused.stats.version, "available": refused.stats.token_balance}).to_string(),
    }
}

fn done(transaction: Option<&Transaction>, stats: &Stats) -> String {
    let entry = transaction.map(|transaction| transaction.id.to_string());
    json!({"entry": entry, "version": stats.version, "balance": stats.token_balance}).to_string()
}

fn read(answer: &str) -> Told {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let version = answer["version"].as_u64().unwrap();
    match answer["available"].as_u64() {
        Some(available) => Told::TooFew { version, available },
        None => Told::Done {
            entry: answer["entry"].as_str().map(str::to_owned),
            version,
            balance: answer["balance"].as_u64().unwrap(),
        },
    }
}
