//! A client: it makes calls, one after the other, tries again with and without a key, and remembers what it saw.

use std::{sync::Arc, time::Duration};

use jeton::{
    committer::{Decision, Idempotency, Reply},
    history::Selection,
    ledger::{
        Amount, ContentType, GrantKind, Priority, Refusal, Refused, Source, Stats, Timestamp, Transaction, UserId,
    },
    locale::Locale,
    stats_service::{Caller, Generation, StatsService, TokenCredit},
    store::{IdempotencyKey, StoreError},
};
use serde_json::{Map, Value, json};
use tokio::time::{sleep, sleep_until, timeout};

use crate::{
    chance::Chance,
    world::{BEFORE_BILLING_MS, World},
};

/// The first one is the busy one.
pub(crate) const USERS: [&str; 2] = ["hot", "calm"];
/// How many entries a page has.
pub(crate) const PAGE: usize = 4;
/// How long a client waits for an answer: longer than Jeton lets it wait.
const PATIENCE: Duration = Duration::from_secs(6);
/// How often a client tries a call, at most.
const ATTEMPTS_MAX: u64 = 4;

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Asked {
    Read,
    Page,
    Debit(u64),
    Credit(u64, GrantKind),
    Reset,
}

/// One call as its client saw it. Under a key it is one call however often it is tried; without, each try is its own.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) user: UserId,
    /// Unique to the call; its entry's metadata carries it.
    pub(crate) tag: String,
    pub(crate) asked: Asked,
    /// The true times, in milliseconds.
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) told: Told,
}

/// What it was told in the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// It was done, or read: the caller's entry, version and balance after it.
    Done { entry: Option<String>, version: u64, balance: u64 },
    /// There were too few tokens: at this version, with this balance.
    TooFew { version: u64, available: u64 },
    /// The tokens to add had expired: by this version, with this balance.
    TooLate { version: u64, available: u64 },
    /// The newest entries' ids, newest first.
    Page(Vec<String>),
    /// Nothing that says whether it was done.
    Nothing,
    /// Something that no bad line explains.
    Failed(String),
    /// Two answers under one key that differ.
    Different(String, String),
}

/// Why a call has no answer: an error, or that none came in time.
struct Unanswered(Option<StoreError>);

impl From<Unanswered> for Told {
    fn from(Unanswered(error): Unanswered) -> Self {
        match error {
            None | Some(StoreError::Unavailable { .. } | StoreError::Contended) => Self::Nothing,
            Some(error) => Self::Failed(error.to_string()),
        }
    }
}

/// A client.
pub(crate) struct Client {
    name: String,
    number: u64,
    world: Arc<World>,
    chance: Chance,
    calls: u64,
}

impl Client {
    pub(crate) fn new(number: u64, world: &Arc<World>, chance: Chance) -> Self {
        Self { name: format!("client {number}"), number, world: Arc::clone(world), chance, calls: 0 }
    }

    /// Its life: some calls in each season. Gives what it saw.
    pub(crate) async fn live(mut self, seasons: Vec<u64>) -> Vec<Seen> {
        let mut seen = Vec::new();
        for season in seasons {
            sleep_until(self.world.moment(season)).await;
            for _ in 0..2 + self.chance.below(6) {
                let longest = if self.chance.below(3) == 0 { 3_000 } else { 20 };
                sleep(Duration::from_millis(self.chance.below(longest))).await;
                self.call(&mut seen, season + BEFORE_BILLING_MS).await;
            }
        }
        seen
    }

    /// `billing` is the one of the season.
    async fn call(&mut self, seen: &mut Vec<Seen>, billing: u64) {
        self.calls += 1;
        let user = UserId::new(USERS[usize::from(self.chance.below(5) == 0)]).unwrap();
        let asked = match self.chance.below(20) {
            0..=3 => Asked::Read,
            4..=5 => Asked::Page,
            // Often more than there is: refusals must be true as well.
            6..=13 => Asked::Debit(1 + self.chance.below(3_000)),
            14..=18 => Asked::Credit(1 + self.chance.below(2_000), self.any_grant(billing)),
            _ => Asked::Reset,
        };
        let tag = format!("{}-{}", self.number, self.calls);
        let reads = matches!(asked, Asked::Read | Asked::Page);
        if !reads && self.chance.below(2) == 0 {
            seen.push(self.keyed(user, tag, asked).await);
            return;
        }
        // Without a key whoever tries again asks for another change.
        for attempt in 1..=ATTEMPTS_MAX {
            let tag = format!("{tag}-{attempt}");
            let began = self.now();
            let told = self.attempt(&user, asked, &tag, false).await.unwrap_or_else(Told::from);
            let known = told != Told::Nothing;
            seen.push(Seen { user: user.clone(), tag, asked, began, ended: self.now(), told });
            if known || self.chance.below(2) == 0 {
                return;
            }
        }
    }

    /// Tokens of some kind: most stay, some expire soon, and some around the billing.
    fn any_grant(&mut self, billing: u64) -> GrantKind {
        let expires_at = match self.chance.below(8) {
            0..=3 => None,
            4 => Some(self.now() + 1 + self.chance.below(100)),
            5..=6 => Some(self.now() + 1 + self.chance.below(6_000)),
            _ => Some(billing - 1 + self.chance.below(3)),
        };
        let source = [Source::Purchase, Source::Promotion, Source::Adjustment][self.chance.below(3) as usize];
        let priority = [None, None, Some(5), Some(10)][self.chance.below(4) as usize];
        GrantKind {
            source,
            priority: priority.and_then(Priority::new),
            expires_at: expires_at.and_then(Timestamp::from_millis),
        }
    }

    /// With a key a client tries until it knows, and now and then once more.
    async fn keyed(&mut self, user: UserId, tag: String, asked: Asked) -> Seen {
        let began = self.now();
        let mut told = Told::Nothing;
        for _ in 0..ATTEMPTS_MAX {
            let again = self.attempt(&user, asked, &tag, true).await.unwrap_or_else(Told::from);
            told = match (told, again) {
                // That it is too late is not an answer to keep: a try that is still under way may have come in time.
                (Told::Nothing, Told::TooLate { .. }) | (Told::TooLate { .. }, Told::Nothing) => Told::Nothing,
                (Told::TooLate { .. }, again) => again,
                (Told::Nothing, only) | (only, Told::Nothing) => only,
                (first, again) if first == again => first,
                (first, again) => Told::Different(format!("{first:?}"), format!("{again:?}")),
            };
            if told != Told::Nothing && self.chance.below(3) > 0 {
                break;
            }
        }
        Seen { user, tag, asked, began, ended: self.now(), told }
    }

    /// One try: what the answer says, or why there is none.
    async fn attempt(&mut self, user: &UserId, asked: Asked, tag: &str, keyed: bool) -> Result<Told, Unanswered> {
        let instance = self.world.any_instance(&mut self.chance);
        let key = if keyed { ", with its key" } else { "" };
        self.say(|| format!("asks {} for {asked:?} of {user}, as {tag}{key}", instance.name));
        let answer = timeout(PATIENCE, ask(&instance.service, user, asked, tag, keyed)).await;
        self.say(|| match &answer {
            Ok(Ok(answer)) => format!("is told of {tag}: {answer}"),
            Ok(Err(error)) => format!("is told of {tag}: {error}"),
            Err(_) => format!("gives up waiting for {tag}"),
        });
        match answer {
            Ok(Ok(answer)) => Ok(read(&answer)),
            Ok(Err(error)) => Err(Unanswered(Some(error))),
            Err(_) => Err(Unanswered(None)),
        }
    }

    fn now(&self) -> u64 {
        self.world.start.now_ms()
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.world.say(&self.name, what);
    }
}

async fn ask(
    service: &StatsService,
    user: &UserId,
    asked: Asked,
    tag: &str,
    keyed: bool,
) -> Result<String, StoreError> {
    let metadata: Option<Map<String, Value>> = Some([("tag".to_owned(), json!(tag))].into_iter().collect());
    let idempotency = keyed.then(|| Idempotency {
        key: IdempotencyKey::new(tag).unwrap(),
        fingerprint: tag.to_owned(),
        render: Arc::new(|decision: &Decision| (200, written(decision))),
    });
    let caller = Caller { locale: Locale::French, idempotency };
    let reply = match asked {
        Asked::Read => {
            let stats = service.get_user_stats(user, Locale::French).await?;
            return Ok(done(None, &stats));
        }
        Asked::Page => {
            let selection = Selection::default();
            let page = service.get_transaction_history(user, &selection, None, PAGE, Locale::French).await?;
            let ids: Vec<String> = page.transactions.iter().map(|entry| entry.id.to_string()).collect();
            return Ok(json!({ "page": ids }).to_string());
        }
        Asked::Debit(cost) => {
            let content_type = ContentType::new("ARTICLE");
            let generation = Generation { content_type, token_cost: Amount::new(cost), description: None, metadata };
            service.record_generation(user, generation, caller).await?
        }
        Asked::Credit(amount, grant) => {
            let amount = Amount::new(amount).unwrap();
            let credit = TokenCredit { amount, grant, description: None, metadata };
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
        Err(Refused { refusal, stats }) => {
            let late = *refusal == Refusal::ExpiredAlready;
            json!({"version": stats.version, "available": stats.token_balance, "late": late}).to_string()
        }
    }
}

fn done(transaction: Option<&Transaction>, stats: &Stats) -> String {
    let entry = transaction.map(|transaction| transaction.id.to_string());
    json!({"entry": entry, "version": stats.version, "balance": stats.token_balance}).to_string()
}

fn read(answer: &str) -> Told {
    let answer: Value = serde_json::from_str(answer).unwrap();
    if let Some(page) = answer["page"].as_array() {
        return Told::Page(page.iter().map(|id| id.as_str().unwrap().to_owned()).collect());
    }
    let version = answer["version"].as_u64().unwrap();
    match answer["available"].as_u64() {
        Some(available) if answer["late"] == true => Told::TooLate { version, available },
        Some(available) => Told::TooFew { version, available },
        None => Told::Done {
            entry: answer["entry"].as_str().map(str::to_owned),
            version,
            balance: answer["balance"].as_u64().unwrap(),
        },
    }
}
