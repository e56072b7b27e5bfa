//! Whatever is spent, and whatever is asked for: each bucket is what the history in it sums to.

use std::{collections::HashSet, sync::Arc};

use chrono_tz::Tz;
use jeton::{
    ledger::{
        Amount, Command, ContentType, GrantKind, Priority, ReservationAction, ReservationId, Source, Timestamp,
        Transaction,
    },
    store::{Store, embedded::EmbeddedStore},
    usage::{self, Granularity, Range},
};
use proptest::{collection::vec, prelude::*};
use serde_json::json;
use tokio::runtime::Runtime;

use super::clocks::{bounds, is_spending, millis, told};
use crate::support::{
    redis::Redis,
    world::{DAY, World, credit, debit},
};

const HOUR: u64 = 3_600_000;
/// Their clocks differ from UTC by whole hours, halves and quarters, and are changed at all times of the day.
const ZONES: [&str; 12] = [
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
    "Africa/Cairo",
    "America/Havana",
    "Etc/GMT+12",
];

/// What is done, and how long after what was done before.
#[derive(Clone, Debug)]
pub(super) struct Step {
    after: u64,
    done: Done,
}

#[derive(Clone, Debug)]
enum Done {
    Asked(Command),
    /// Promotional tokens, which expire after so many days.
    Expiring(u64, u64),
    /// What is set aside is captured in two parts, so long apart.
    Captured {
        content_type: Option<ContentType>,
        parts: [u64; 2],
        apart: u64,
    },
    /// The last debit that was not given back yet is.
    Refunded,
}

/// What is asked for: the granularity, which zone, how far the end lies from the last step, in 256ths of the life, and how
/// long it is, in 256ths of what can be asked for.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) granularity: Granularity,
    pub(super) zone: &'static str,
    end: u64,
    length: u64,
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let after = prop_oneof![
        2 => 0..1_000_u64,
        3 => 0..HOUR,
        3 => 0..DAY,
        2 => 0..40 * DAY,
        // On a quarter of an hour.
        2 => (0..400_u64).prop_map(|quarters| quarters * 900_000),
    ];
    let generation = |(sold, cost): (bool, u64)| debit(if sold { "ARTICLE" } else { "PRODUCT_DESCRIPTION" }, cost);
    let captured = |(named, parts, apart): (bool, [u64; 2], u64)| Done::Captured {
        content_type: named.then(|| ContentType::new("ARTICLE")),
        parts,
        apart,
    };
    let done = prop_oneof![
        8 => (any::<bool>(), 1..50_u64).prop_map(generation).prop_map(Done::Asked),
        1 => (1..500_u64, 1..20_u64).prop_map(|(amount, days)| Done::Expiring(amount, days)),
        1 => (1..500_u64).prop_map(credit).prop_map(Done::Asked),
        3 => (any::<bool>(), [1..50_u64, 1..50_u64], 0..DAY).prop_map(captured),
        2 => Just(Done::Refunded),
        1 => Just(Done::Asked(Command::Reset)),
    ];
    vec((after, done).prop_map(|(after, done)| Step { after, done }), 1..40)
}

pub(super) fn questions() -> impl Strategy<Value = Vec<Question>> {
    let granularity = prop_oneof![Just(Granularity::Hour), Just(Granularity::Day), Just(Granularity::Month)];
    let question = (granularity, proptest::sample::select(&ZONES[..]), 0..300_u64, 1..256_u64);
    let question = question.prop_map(|(granularity, zone, end, length)| Question { granularity, zone, end, length });
    vec(question, 1..12)
}

impl Question {
    /// From when until when, in milliseconds, of a life that began and ended then.
    pub(super) fn range(&self, began: u64, ended: u64) -> (u64, u64) {
        let most = match self.granularity {
            Granularity::Hour => 61 * DAY,
            Granularity::Day => 399 * DAY,
            Granularity::Month => 3_600 * DAY,
        };
        let to = began + (ended - began + DAY) * self.end / 256 + 1;
        (to - most * self.length / 256, to)
    }
}

/// When every life begins, in milliseconds.
fn start() -> u64 {
    millis("2026-01-15T00:00:00Z")
}

/// Lives a life in `store`.
pub(super) async fn live<'a>(store: &'a dyn Store, user: &str, steps: &[Step]) -> World<'a> {
    let amount = |tokens| Amount::new(tokens).unwrap();
    let mut world = World::new(store, user);
    let mut refunded = HashSet::new();
    let mut now = start();
    for (number, Step { after, done }) in steps.iter().enumerate() {
        now += after;
        match done {
            Done::Asked(command) => world.apply(std::slice::from_ref(command), now).await,
            Done::Expiring(tokens, days) => {
                let expires_at = Timestamp::from_millis(now + days * DAY);
                let grant = GrantKind { source: Source::Promotion, priority: Priority::new(0), expires_at };
                let command = Command::Credit { amount: amount(*tokens), grant, description: None, metadata: None };
                world.apply(&[command], now).await;
            }
            Done::Captured { content_type, parts, apart } => {
                let id = ReservationId::named(&number.to_string()).unwrap();
                let capture = |tokens, is_final| {
                    let action = ReservationAction::Capture { amount: Some(amount(tokens)), is_final };
                    Command::Reservation { id: id.clone(), action, closed: None }
                };
                let reserve = Command::Reserve {
                    id: id.clone(),
                    amount: amount(parts.iter().sum()),
                    content_type: content_type.clone(),
                    lasts_ms: DAY,
                    metadata: None,
                };
                world.apply(&[reserve, capture(parts[0], false)], now).await;
                now += apart;
                world.apply(&[capture(parts[1], true)], now).await;
            }
            Done::Refunded => {
                let is_open = |each: &&Transaction| is_spending(each) && !refunded.contains(&each.id);
                let Some(found) = world.entries.iter().rev().find(is_open).cloned() else {
                    world.apply(&[Command::Touch], now).await;
                    continue;
                };
                refunded.insert(found.id);
                let archives = world.archives.len() as u32;
                let (id, found) = (found.id, Some(found));
                let command = Command::Refund { id, found, archives, refunded: false, description: None };
                world.apply(&[command], now).await;
            }
        }
    }
    world
}

/// When a life began, and when it ended, in milliseconds.
pub(super) fn span(steps: &[Step]) -> (u64, u64) {
    let length = |step: &Step| match step.done {
        Done::Captured { apart, .. } => step.after + apart,
        Done::Asked(_) | Done::Expiring(..) | Done::Refunded => step.after,
    };
    (start(), start() + steps.iter().map(length).sum::<u64>())
}

async fn assert_answered(world: &World<'_>, steps: &[Step], question: &Question) {
    let (began, ended) = span(steps);
    let (from, to) = question.range(began, ended);
    let zone: Tz = question.zone.parse().unwrap();
    let at = |millis| Timestamp::from_millis(millis);
    let range = Range { granularity: question.granularity, zone, from: at(from), to: at(to) };
    let found = usage::spent(world.store, &world.user, &range, |_| Timestamp::EPOCH).await.unwrap().unwrap();
    let history: &[Transaction] = &world.entries;
    let expected = told(history, &bounds(question.granularity, zone, from, to));
    assert_eq!(json!(found), expected, "{}: {question:?}", world.store.name());
}

#[test]
fn each_bucket_is_what_the_history_in_it_sums_to() {
    let runtime = Runtime::new().unwrap();
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let embedded: Arc<dyn Store> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let stores = [redis.store(), embedded];
    let lives = std::cell::Cell::new(0);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(steps in steps(), questions in questions())| {
        lives.set(lives.get() + 1);
        for store in &stores {
            runtime.block_on(async {
                let world = live(store.as_ref(), &format!("user-{}", lives.get()), &steps).await;
                for question in &questions {
                    assert_answered(&world, &steps, question).await;
                }
            });
        }
    });
}
