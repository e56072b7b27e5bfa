//! Captures and refunds that are not what they say, and what is told of each.

use jeton::ledger::{Command, ContentType, ReservationAction, ReservationId};
use serde_json::{Value, json};

use super::cases::{Case, told};
use crate::support::{
    redis::Redis,
    world::{START, World, credit, debit},
};

/// The entries are at START and after it: the opening (5 000), an article @1 (4 997), its refund @2 (5 000), a credit @3
/// (5 010), two captures of one article @5 (5 006) and @6 (5 000), a capture of nothing in particular @8 (4 995). Of that 7
/// are set aside.
pub(super) async fn live(redis: &Redis, user: &str) {
    let store = redis.store();
    let mut world = World::new(store.as_ref(), user);
    for (command, millis) in [(Command::Touch, 0), (debit("ARTICLE", 3), 1)] {
        world.apply(&[command], START + millis).await;
    }
    let paid = world.entries[1].clone();
    let refund = Command::Refund { id: paid.id, found: Some(paid), archives: 0, refunded: false, description: None };
    let life = [
        (refund, 2),
        (credit(10), 3),
        (reserve("a", 10, Some("ARTICLE")), 4),
        (capture("a", Some(4), false), 5),
        (capture("a", None, true), 6),
        (reserve("b", 5, None), 7),
        (capture("b", None, true), 8),
        (reserve("c", 7, None), 9),
    ];
    for (command, millis) in life {
        world.apply(&[command], START + millis).await;
    }
    assert_eq!((world.entries.len(), world.stored.unwrap().account.reserved()), (7, 7));
}

fn reserve(name: &str, amount: u64, content_type: Option<&str>) -> Command {
    let (id, amount) = (ReservationId::named(name).unwrap(), jeton::ledger::Amount::new(amount).unwrap());
    let content_type = content_type.map(ContentType::new);
    Command::Reserve { id, amount, content_type, lasts_ms: 1_000, metadata: None }
}

fn capture(name: &str, amount: Option<u64>, is_final: bool) -> Command {
    let amount = amount.and_then(jeton::ledger::Amount::new);
    let action = ReservationAction::Capture { amount, is_final };
    Command::Reservation { id: ReservationId::named(name).unwrap(), action, closed: None }
}

fn other_grants() -> Vec<String> {
    told(&["the balance is right, but its grants are not those that the history leaves"])
}

/// Damaged captures.
pub(super) fn captures() -> Vec<Case> {
    vec![
        (
            "a capture with too few grants",
            |it| it.entry(4, |entry| entry["grants"][0]["amount"] = json!(3)),
            other_grants(),
        ),
        ("a capture without grants", |it| it.entry(6, |entry| entry["grants"] = json!([])), other_grants()),
        (
            "a capture with too many grants",
            |it| it.entry(4, |entry| entry["grants"][0]["amount"] = json!(5)),
            told(&["history, entry @5: debits 4, and its grants add up to 5"]),
        ),
        (
            "a capture from a grant that was not there",
            |it| it.entry(4, |entry| entry["grants"][0]["id"] = json!("promotion")),
            told(&["history, entry @5: takes 4 from the grant promotion, which had 0"]),
        ),
        (
            "a capture without its reservation",
            |it| it.entry(6, |entry| entry["reservationId"] = Value::Null),
            told(&["history, entry @8: a DEBIT without a contentType"]),
        ),
        (
            "a part that counts as a generation",
            |it| it.entry(5, |entry| entry["part"] = Value::Null),
            told(&["generations of ARTICLE is 2, and the history has 3"]),
        ),
        (
            "a generation that counts as a part",
            |it| it.entry(4, |entry| entry["part"] = json!(2)),
            told(&["generations of ARTICLE is 2, and the history has 1"]),
        ),
        ("the name of no reservation", |it| it.entry(4, |entry| entry["reservationId"] = json!("a")), vec![]),
    ]
}

/// Damaged refunds.
pub(super) fn refunds() -> Vec<Case> {
    let no_debit = || told(&["history, entry @2: a refund that names no debit before it"]);
    vec![
        (
            "a refund to too few grants",
            |it| it.entry(2, |entry| entry["grants"][0]["amount"] = json!(2)),
            told(&["history, entry @2: gives back 3, and its grants add up to 2"]),
        ),
        (
            "a refund to too many grants",
            |it| it.entry(2, |entry| entry["grants"][0]["amount"] = json!(4)),
            told(&["history, entry @2: gives back 3, and its grants add up to 4"]),
        ),
        (
            "a refund to no grant",
            |it| it.entry(2, |entry| entry["grants"] = json!([])),
            told(&["history, entry @2: gives back 3, and its grants add up to 0"]),
        ),
        (
            "a refund to another grant",
            |it| it.entry(2, |entry| entry["grants"][0]["id"] = json!("promotion")),
            other_grants(),
        ),
        (
            "a refund of a wrong sum",
            |it| it.entry(2, |entry| entry["amount"] = json!(4)),
            told(&[
                "history, entry @2: the balance after it is 5000, and 5001 follows from the entry before",
                "history, entry @2: gives back 4, and its grants add up to 3",
                "the balance is 4995, and the history adds up to 4996",
            ]),
        ),
        ("a refund of nothing", |it| it.entry(2, |entry| entry["refundOf"] = Value::Null), no_debit()),
        (
            "a refund of itself",
            |it| it.entry(2, |entry| entry["refundOf"] = json!(format!("{}-0", START + 2))),
            no_debit(),
        ),
        (
            "a refund of what comes later",
            |it| it.entry(2, |entry| entry["refundOf"] = json!(format!("{}-0", START + 5))),
            no_debit(),
        ),
    ]
}

/// Damaged accounts.
pub(super) fn accounts() -> Vec<Case> {
    vec![
        ("reservations lost", |it| it.document(|doc| doc["reservations"] = json!([])), vec![]),
        (
            "what is set aside lost",
            |it| {
                it.document(|doc| {
                    doc["reservations"] = json!([]);
                    doc["grants"][0]["held"] = json!(0);
                });
            },
            told(&["the balance is 4988, and the history adds up to 4995"]),
        ),
        (
            "a debt that nobody made",
            |it| it.document(|doc| doc["overdrawn"] = json!(5)),
            told(&["the balance is 4990, and the history adds up to 4995"]),
        ),
        (
            "a debt, and as much more",
            |it| {
                it.document(|doc| {
                    doc["overdrawn"] = json!(5);
                    doc["grants"].as_array_mut().unwrap().push(json!({"source": "promotion", "remaining": 5}));
                });
            },
            other_grants(),
        ),
    ]
}
