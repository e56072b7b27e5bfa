//! Entries whose tokens come and go at a wrong time, and what is told of each.

use serde_json::json;

use super::cases::{Case, told};
use crate::support::world::START;

/// Each of them, and what comes near it.
pub(super) fn all() -> Vec<Case> {
    // What follows when the first article is not counted as one.
    let not_spent = |line: &str| {
        let used = "tokensUsed is 10, and the debits of the history add up to 7";
        told(&[line, used, "generations of ARTICLE is 2, and the history has 1"])
    };
    let no_one = "history, entry @11: an expiration that is not of one grant of the source";
    vec![
        (
            "a debit in the millisecond of the expiry",
            |it| it.entry(1, |entry| entry["grants"][0]["id"] = json!(format!("initial:e{}", START + 11))),
            told(&[&format!("history, entry @11: takes from the grant initial:e{}, which had expired", START + 11)]),
        ),
        (
            "a debit a millisecond before the expiry",
            |it| it.entry(1, |entry| entry["grants"][0]["id"] = json!(format!("initial:e{}", START + 12))),
            told(&[&format!("history, entry @11: takes 3 from the grant initial:e{}, which had 0", START + 12)]),
        ),
        (
            "a credit in the millisecond of its expiry",
            |it| it.entry(2, |entry| entry["expiresAt"] = json!("2026-06-02T00:00:00.012Z")),
            told(&["history, entry @12: credits what expired at 2026-06-02T00:00:00.012Z"]),
        ),
        (
            "a credit a millisecond before its expiry",
            |it| it.entry(2, |entry| entry["expiresAt"] = json!("2026-06-02T00:00:00.013Z")),
            told(&["the balance is right, but its grants are not those that the history leaves"]),
        ),
        (
            "a debit that was spent and expired",
            |it| it.entry(3, |entry| entry["source"] = json!("initial")),
            told(&["history, entry @13: a DEBIT with both a contentType and a source"]),
        ),
        (
            "an expiration of what stays",
            |it| it.expiration("initial", &[("initial", 3)]),
            not_spent("history, entry @11: lets the grant initial expire, whose time was not over"),
        ),
        (
            "an expiration too early",
            |it| it.expiration("initial", &[(&format!("initial:e{}", START + 12), 3)]),
            not_spent(&format!(
                "history, entry @11: lets the grant initial:e{} expire, whose time was not over",
                START + 12
            )),
        ),
        (
            "an expiration in time of what was not there",
            |it| it.expiration("initial", &[(&format!("initial:e{}", START + 11), 3)]),
            not_spent(&format!("history, entry @11: takes 3 from the grant initial:e{}, which had 0", START + 11)),
        ),
        (
            "an expiration at a billing of what was not there",
            |it| it.expiration("monthly", &[("monthly", 3)]),
            not_spent("history, entry @11: takes 3 from the grant monthly, which had 0"),
        ),
        (
            "an expiration of another source",
            |it| it.expiration("promotion", &[("initial", 3)]),
            not_spent(&format!("{no_one} promotion")),
        ),
        (
            "an expiration of two grants",
            |it| it.expiration("initial", &[("initial", 2), ("initial", 1)]),
            not_spent(&format!("{no_one} initial")),
        ),
        ("an expiration of no grant", |it| it.expiration("initial", &[]), not_spent(&format!("{no_one} initial"))),
    ]
}
