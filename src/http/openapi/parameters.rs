//! What requests say beside their bodies.

use chrono_tz::TZ_VARIANTS;
use serde_json::{Value, json};

use super::schemas::reference;
use crate::http::{accounts, transactions};

/// Those that more than one call takes, by their names in the document.
pub(super) fn components() -> Value {
    let user = "Whose. A caller with a user token may leave it out: it is the token's `sub` then.";
    let cursor = "The `nextCursor` of an earlier page. Keep the filters and the order the same.";
    let key = "Names the change, for 24 hours from its decision: the same key and the same request get the first answer again, byte for \
               byte (contract §4). Keys belong to the user whom the change is about.";
    let key_schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$" });
    let language = "Chooses between French and English (RFC 9110 §12.5.4), for `message` and for the descriptions that the request writes. \
                    Who asks for neither gets `JETON_LOCALE`, by default French.";
    let clock = "In development alone: moves the user's test clock forward to this instant first. It is refused in production, and where \
                 it would go back or more than ten years ahead.";
    json!({
        "UserIdOfReader": query("userId", user, &reference("UserId"), "alice"),
        "Cursor": query("cursor", cursor, &reference("TransactionId"), "1795461624119-0"),
        "IdempotencyKey": header("Idempotency-Key", key, &key_schema, "article-7f3a"),
        "AcceptLanguage": header("Accept-Language", language, &json!({ "type": "string" }), "en"),
        "JetonClock": header("Jeton-Clock", clock, &reference("Instant"), "2035-01-05T00:00:00Z"),
    })
}

/// A parameter of the query. It may be left out.
fn query(name: &str, description: &str, schema: &Value, example: impl Into<Value>) -> Value {
    let example: Value = example.into();
    json!({ "name": name, "in": "query", "description": description, "schema": schema, "example": example })
}

fn header(name: &str, description: &str, schema: &Value, example: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": schema, "example": example })
}

fn shared(name: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{name}") })
}

/// Those of every call: the language, and in development the clock.
pub(super) fn of_every_call() -> Vec<Value> {
    ["AcceptLanguage", "JetonClock"].map(shared).into()
}

/// Those of every change.
pub(super) fn of_a_change() -> Vec<Value> {
    vec![shared("IdempotencyKey")]
}

/// Whom a read is about, where a user token can say it.
pub(super) fn reader() -> Vec<Value> {
    vec![shared("UserIdOfReader")]
}

/// `GET /api/transactions`.
pub(super) fn of_transactions() -> Vec<Value> {
    let limit = "How many entries the page has at most. An export has all.";
    let of_type = "Only entries of this type.";
    let of_content = "Only entries of this content type.";
    let order = json!({ "type": "string", "enum": ["desc", "asc"], "default": "desc" });
    vec![
        shared("UserIdOfReader"),
        query("limit", limit, &count(transactions::LIMIT_DEFAULT, transactions::LIMIT_MAX), 20),
        shared("Cursor"),
        query("type", of_type, &json!({ "type": "string", "enum": ["CREDIT", "DEBIT"] }), "DEBIT"),
        query("contentType", of_content, &reference("ContentType"), "ARTICLE"),
        query("from", "Only entries from this instant on.", &reference("Instant"), "2026-11-01T00:00:00Z"),
        query("to", "Only entries before this instant.", &reference("Instant"), "2099-12-31T23:00:00Z"),
        query("order", "The newest entry first, or the oldest.", &order, "asc"),
    ]
}

/// `GET /api/usage`.
pub(super) fn of_usage() -> Vec<Value> {
    let granularity = json!({ "type": "string", "enum": ["hour", "day", "month"], "default": "day" });
    let mut zone = reference("TimeZone");
    if let Some(zone) = zone.as_object_mut() {
        zone.insert("default".to_owned(), "UTC".into());
    }
    let from = "Where the range begins: in the first bucket. Without it 24 hours, 30 days or 12 months before its end; at most 62 days (by \
                the hour), 400 days or 120 months before it.";
    let to = "Where the range ends: in the last bucket. Without it now.";
    vec![
        shared("UserIdOfReader"),
        query("granularity", "How long a bucket is, by the clocks of `timezone`.", &granularity, "month"),
        query("from", from, &reference("Instant"), "2026-11-01T00:00:00Z"),
        query("to", to, &reference("Instant"), "2026-11-30T00:00:00Z"),
        query("timezone", "By whose clocks.", &zone, "Europe/Paris"),
    ]
}

/// The time zones that there are.
pub(super) fn time_zones() -> Value {
    let names: Vec<&str> = TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    json!({ "description": "A name of the IANA database, as it is written there.", "type": "string", "enum": names })
}

/// `GET /api/events`.
pub(super) fn of_events() -> Vec<Value> {
    let last = "The id of the last event that was told: what was missed since comes first, up to 1 000 entries (contract §6). `0-0` asks for \
                all since the opening. One that is not in the user's history gets a `resync`.";
    let as_header = "The same, as a browser sends it when it comes back. It counts more than `lastEventId`.";
    let id = json!({ "type": "string" });
    vec![
        shared("UserIdOfReader"),
        query("lastEventId", last, &id, "0-0"),
        header("Last-Event-ID", as_header, &id, "0-0"),
    ]
}

/// `GET /api/reservations`.
pub(super) fn of_a_reservation() -> Vec<Value> {
    let user = query("userId", "Whose.", &reference("UserId"), "alice");
    let id = query("reservationId", "Which one.", &reference("ReservationId"), "res_7Hq0cXb2LmPa");
    [user, id].map(required).into()
}

/// `GET /api/accounts`.
pub(super) fn of_accounts() -> Vec<Value> {
    let limit = "How many accounts the page has at most.";
    let prefix = json!({ "type": "string", "maxLength": 128, "pattern": "^[A-Za-z0-9._:@|+~-]*$" });
    vec![
        query("limit", limit, &count(accounts::LIMIT_DEFAULT, accounts::LIMIT_MAX), 20),
        query("cursor", "The `nextCursor` of an earlier page.", &reference("UserId"), "alice"),
        query("query", "Only users whose id begins with it.", &prefix, "al"),
    ]
}

fn required(mut parameter: Value) -> Value {
    if let Some(parameter) = parameter.as_object_mut() {
        parameter.insert("required".to_owned(), true.into());
    }
    parameter
}

fn count(default: u64, most: u64) -> Value {
    json!({ "type": "integer", "minimum": 1, "maximum": most, "default": default })
}
