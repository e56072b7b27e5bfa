//! What must be answered to a request, read off docs/reference.md, without a store.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use hyper::Method;
use jeton::{committer::Surroundings, http::Resource, system::System};
use serde_json::{Map, Value, value::RawValue};

use crate::request::Sent;

/// The secrets of the app that has keys, and what each may do: a scope's place in their order, or the cron.
pub const KEYS: [(&str, Holder); 5] = [
    ("read-S3CR3T", Holder::Service(0)),
    ("spend-S3CR3T", Holder::Service(1)),
    ("credit-S3CR3T", Holder::Service(2)),
    ("admin-S3CR3T", Holder::Service(3)),
    ("cron-S3CR3T", Holder::Cron),
];

const AMOUNT_MAX: u64 = 9_007_199_254_740_991;
const BODY_MAX: usize = 64 * 1024;
/// The last millisecond of the year 9999.
const MILLIS_MAX: i64 = 253_402_300_799_999;

/// Who holds a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A service: how many scopes come before its own, from `read` with 0 to `admin` with 3.
    Service(u8),
    /// The platform's cron, which may start the billing and nothing else.
    Cron,
}

/// What the answer may be.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    /// That of OPTIONS.
    Options,
    /// A refusal with this code.
    Refused(&'static str),
    /// `invalid_field`, naming one of these.
    InvalidField(BTreeSet<String>),
    /// The request is right: it is for the store to say.
    Right,
}

/// What an app answers to `sent`: one that asks for keys, or one that is open. `media` says whether the body's media type
/// was taken, where the reference leaves that to RFC 9110: ask [`media_type`].
pub fn expected(sent: &Sent, keyed: bool, media: bool) -> Expected {
    if sent.method == Method::OPTIONS {
        return Expected::Options;
    }
    let methods: &[Method] = match sent.resource {
        Resource::Generations | Resource::Refunds | Resource::Tokens | Resource::Reset | Resource::Sessions => {
            &[Method::POST]
        }
        Resource::Reservations => &[Method::GET, Method::HEAD, Method::POST, Method::PATCH],
        Resource::Accounts => &[Method::GET, Method::HEAD, Method::PATCH],
        Resource::Billing
        | Resource::Events
        | Resource::Health
        | Resource::Stats
        | Resource::Transactions
        | Resource::Usage => &[Method::GET, Method::HEAD],
    };
    let changes = changes(&sent.method);
    if !methods.contains(&sent.method) {
        return Expected::Refused("method_not_allowed");
    }
    // Nobody here can sign one that is good.
    if has_user_token_in_address(sent) {
        return Expected::Refused("unauthenticated");
    }
    if keyed && let Some(refused) = access(sent) {
        return Expected::Refused(refused);
    }
    let mut bad = if changes {
        if sent.body_received().len() > BODY_MAX {
            return Expected::Refused("body_too_large");
        }
        if !media {
            return Expected::Refused("unsupported_media_type");
        }
        let Ok(Members(members)) = serde_json::from_slice(sent.body_received()) else {
            return Expected::Refused("invalid_json");
        };
        let mut bad = bad_members(sent, &members, keyed);
        let keys = sent.values("idempotency-key");
        let visible = |key: &[u8]| (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
        if keys.len() > 1 || !keys.iter().all(|key| visible(key.as_bytes())) {
            bad.insert("Idempotency-Key".to_owned());
        }
        bad
    } else {
        bad_parameters(sent, keyed)
    };
    let clocks = sent.values("jeton-clock");
    if !clocks.is_empty() && (keyed || clock(sent).is_none()) {
        bad.insert("Jeton-Clock".to_owned());
    }
    if bad.is_empty() { Expected::Right } else { Expected::InvalidField(bad) }
}

fn has_user_token_in_address(sent: &Sent) -> bool {
    let query = sent.target.query().unwrap_or_default();
    sent.resource == Resource::Events
        && form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "access_token")
}

/// Where `sent` moves a test clock, in milliseconds, if it is right.
pub fn clock(sent: &Sent) -> Option<i64> {
    let [value] = sent.values("jeton-clock")[..] else { return None };
    value.to_str().ok().and_then(instant).filter(|millis| *millis <= MILLIS_MAX)
}

/// Whether a request with this method changes something.
fn changes(method: &Method) -> bool {
    [Method::POST, Method::PATCH].contains(method)
}

/// Whether the tokens that `sent` would add have expired at `now`, in milliseconds, if it is right.
pub fn has_expired(sent: &Sent, now: i64) -> bool {
    let body: Value = serde_json::from_slice(sent.body_received()).unwrap_or_default();
    let expires_at = body["expiresAt"].as_str().and_then(instant);
    expires_at.is_some_and(|millis| millis <= now)
}

/// Whether the range of usage that `sent` asks for, if it is right, is none or too long; `None` near the limit, which the
/// calendar of the zone sets, and near the present.
pub fn has_no_buckets(sent: &Sent) -> Option<bool> {
    const DAY: i64 = 86_400_000;
    let query = sent.target.query().unwrap_or_default();
    let field = |wanted: &str| form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
    let at = |name: &str| Some(instant(&field(name)?.1)?.clamp(0, MILLIS_MAX));
    let days = match field("granularity").as_ref().map(|(_, granularity)| &**granularity) {
        Some("hour") => 62,
        Some("month") => 3_652,
        _ => 400,
    };
    let (from, to) = (at("from"), at("to"));
    let Some(from) = from else { return Some(to == Some(0)) };
    let length = to.unwrap_or_else(|| System.now().to_utc().timestamp_millis()) - from;
    if to.is_none() && length.abs() < DAY {
        return None;
    }
    let (sure, never) = (length > 0 && length < (days - 2) * DAY, length <= 0 || length > (days + 2) * DAY);
    (sure || never).then_some(never)
}

fn instant(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

/// Whether the media type is JSON, where that is plain to see.
pub fn media_type(sent: &Sent) -> Option<bool> {
    let types = sent.values("content-type");
    let text = types.first().map(|value| value.as_bytes().to_ascii_lowercase()).unwrap_or_default();
    if !text.starts_with(b"application/json") || !sent.values("content-encoding").is_empty() {
        return Some(false);
    }
    (text == b"application/json").then_some(true)
}

fn access(sent: &Sent) -> Option<&'static str> {
    let required = match sent.resource {
        Resource::Health => return None,
        Resource::Billing => Holder::Cron,
        Resource::Events | Resource::Stats | Resource::Transactions | Resource::Usage => Holder::Service(0),
        Resource::Reservations => Holder::Service(u8::from(changes(&sent.method))),
        Resource::Generations | Resource::Sessions => Holder::Service(1),
        Resource::Refunds | Resource::Tokens => Holder::Service(2),
        Resource::Accounts | Resource::Reset => Holder::Service(3),
    };
    let values = sent.values("authorization");
    let [value] = values[..] else { return Some("unauthenticated") };
    let text = value.to_str().unwrap_or_default();
    let (scheme, secret) = text.split_once(' ').unwrap_or_default();
    let known = KEYS.iter().find(|(key, _)| scheme.eq_ignore_ascii_case("bearer") && *key == secret.trim());
    match (known, required) {
        (None, _) => Some("unauthenticated"),
        (Some((_, Holder::Cron)), Holder::Cron) => None,
        (Some((_, Holder::Service(held))), Holder::Service(required)) if *held >= required => None,
        (Some(_), _) => Some("forbidden"),
    }
}

/// The names that a request can have.
fn names(sent: &Sent) -> &'static [&'static str] {
    match sent.resource {
        Resource::Accounts if sent.method == Method::PATCH => &["userId", "plan", "caps", "effective"],
        Resource::Accounts => &["limit", "cursor", "query"],
        Resource::Billing | Resource::Health => &[],
        Resource::Events => &["userId", "lastEventId"],
        Resource::Stats | Resource::Reset => &["userId"],
        Resource::Sessions => &["userId", "ttlSeconds"],
        Resource::Transactions => &["userId", "limit", "cursor", "type", "contentType", "from", "to", "order"],
        Resource::Usage => &["userId", "granularity", "from", "to", "timezone"],
        Resource::Reservations if sent.method == Method::POST => {
            &["userId", "amount", "contentType", "ttlSeconds", "metadata"]
        }
        Resource::Reservations if sent.method == Method::PATCH => {
            &["userId", "reservationId", "action", "amount", "final", "ttlSeconds"]
        }
        Resource::Reservations => &["userId", "reservationId"],
        Resource::Refunds => &["userId", "transactionId", "description"],
        Resource::Generations => &["userId", "contentType", "tokenCost", "description", "metadata"],
        Resource::Tokens => &["userId", "amount", "description", "source", "expiresAt", "priority", "metadata"],
    }
}

fn is_user_id(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "._:@|+~-".contains(letter))
}

fn is_reservation_id(text: &str) -> bool {
    let name = text.strip_prefix("res_").unwrap_or_default();
    (1..=64).contains(&name.len()) && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}

fn is_content_type(text: &str) -> bool {
    ["ARTICLE", "PRODUCT_DESCRIPTION"].contains(&text)
}

fn bad_parameters(sent: &Sent, keyed: bool) -> BTreeSet<String> {
    let query = sent.target.query().unwrap_or_default();
    let mut bad = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.starts_with("x-vercel-") || name.starts_with("_vercel") || name == "jeton-resource" {
            continue;
        }
        let right = match &*name {
            name if !names(sent).contains(&name) => false,
            "userId" => is_user_id(&value),
            "reservationId" => is_reservation_id(&value),
            "limit" => {
                let max = if sent.resource == Resource::Accounts { 200 } else { 1_000 };
                digits(&value).is_some_and(|limit| (1..=max).contains(&limit))
            }
            "cursor" if sent.resource == Resource::Accounts => is_user_id(&value),
            "cursor" => is_transaction_id(&value),
            "query" => value.is_empty() || is_user_id(&value),
            // One that is in no history begins anew.
            "lastEventId" => true,
            "type" => ["CREDIT", "DEBIT"].contains(&&*value),
            "contentType" => is_content_type(&value),
            "from" | "to" => chrono::DateTime::parse_from_rfc3339(&value).is_ok(),
            "order" => ["asc", "desc"].contains(&&*value),
            "granularity" => ["hour", "day", "month"].contains(&&*value),
            "timezone" => value.parse::<Tz>().is_ok(),
            _ => unreachable!("all names of queries are above"),
        };
        if !seen.insert(name.clone().into_owned()) || !right {
            bad.insert(name.into_owned());
        }
    }
    if keyed && names(sent).contains(&"userId") && !seen.contains("userId") {
        bad.insert("userId".to_owned());
    }
    if sent.resource == Resource::Reservations && !seen.contains("reservationId") {
        bad.insert("reservationId".to_owned());
    }
    bad
}

/// Whether `text` is `<milliseconds>-<n>`, as Jeton writes it.
pub fn is_transaction_id(text: &str) -> bool {
    let Some((millis, number)) = text.split_once('-') else { return false };
    let (Ok(millis), Ok(number)) = (millis.parse::<u64>(), number.parse::<u32>()) else { return false };
    i64::try_from(millis).is_ok_and(|millis| millis <= MILLIS_MAX) && format!("{millis}-{number}") == text
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn bad_members(sent: &Sent, members: &[(String, Box<RawValue>)], keyed: bool) -> BTreeSet<String> {
    let mut bad = BTreeSet::new();
    for (index, (name, raw)) in members.iter().enumerate() {
        let text = serde_json::from_str::<String>(raw.get()).ok();
        let is = |right: fn(&str) -> bool| text.as_deref().is_some_and(right);
        let right = match name.as_str() {
            name if !names(sent).contains(&name) => false,
            "userId" => is(is_user_id),
            "reservationId" => is(is_reservation_id),
            "plan" => is(|plan| plan == "standard"),
            "caps" => {
                bad.extend(bad_caps(raw.get()));
                true
            }
            "effective" => is(|effective| ["now", "nextPeriod"].contains(&effective)),
            "transactionId" => is(is_transaction_id),
            "action" => is(|action| ["capture", "release", "extend"].contains(&action)),
            "final" => ["true", "false"].contains(&raw.get()),
            "ttlSeconds" => digits(raw.get()).is_some_and(|seconds| (1..=86_400).contains(&seconds)),
            "contentType" => is(is_content_type),
            "source" => is(|source| ["purchase", "promotion", "adjustment"].contains(&source)),
            "amount" | "tokenCost" => {
                let amount = serde_json::from_str::<Value>(raw.get()).ok().and_then(|amount| amount.as_u64());
                amount.is_some_and(|amount| (1..=AMOUNT_MAX).contains(&amount))
            }
            "priority" => {
                let priority = serde_json::from_str::<Value>(raw.get()).ok().and_then(|priority| priority.as_u64());
                priority.is_some_and(|priority| priority <= 100)
            }
            "expiresAt" => text.as_deref().and_then(instant).is_some_and(|millis| millis <= MILLIS_MAX),
            "description" => is(|text| {
                let shown = |letter: char| "\n\r\t".contains(letter) || !letter.is_control();
                (1..=500).contains(&text.chars().count()) && text.chars().all(shown)
            }),
            "metadata" => serde_json::from_str::<Map<String, Value>>(raw.get()).is_ok_and(|metadata| {
                let metadata = Value::Object(metadata);
                metadata.to_string().len() <= 2_048 && levels(&metadata) <= 100
            }),
            _ => unreachable!("all names of bodies are above"),
        };
        if !right || members[..index].iter().any(|(earlier, _)| earlier == name) {
            bad.insert(name.clone());
        }
    }
    let missing = |name: &str| !members.iter().any(|(known, _)| known == name);
    if keyed && missing("userId") {
        bad.insert("userId".to_owned());
    }
    let needed: &[&str] = match sent.resource {
        Resource::Tokens => &["amount"],
        Resource::Reservations if sent.method == Method::POST => &["amount"],
        Resource::Reservations => &["reservationId", "action"],
        Resource::Refunds => &["transactionId"],
        Resource::Accounts if !changes_caps(members) => &["plan"],
        _ => &[],
    };
    bad.extend(needed.iter().filter(|name| missing(name)).map(|name| (*name).to_owned()));
    // What belongs to another action.
    let action = members.iter().find(|(name, _)| name == "action").map(|(_, raw)| raw.get());
    let owners = [("amount", "\"capture\""), ("final", "\"capture\""), ("ttlSeconds", "\"extend\"")];
    if sent.resource == Resource::Reservations && sent.method == Method::PATCH {
        let foreign = owners.iter().filter(|(name, owner)| !missing(name) && action != Some(*owner));
        bad.extend(foreign.map(|(name, _)| (*name).to_owned()));
    }
    bad
}

/// What is wrong within the caps of a change.
fn bad_caps(raw: &str) -> Vec<String> {
    let Ok(Members(caps)) = serde_json::from_str(raw) else { return vec!["caps".to_owned()] };
    let right = |(index, (name, raw)): &(usize, &(String, Box<RawValue>))| {
        let cap = raw.get() == "null" || digits(raw.get()).is_some_and(|tokens| tokens <= AMOUNT_MAX);
        let first = !caps[..*index].iter().any(|(earlier, _)| earlier == name);
        cap && first && ["daily", "monthly"].contains(&name.as_str())
    };
    let wrong = caps.iter().enumerate().filter(|member| !right(member));
    wrong.map(|(_, (name, _))| format!("caps.{name}")).collect()
}

/// Whether a change is one of caps.
fn changes_caps(members: &[(String, Box<RawValue>)]) -> bool {
    let caps = members.iter().find(|(name, _)| name == "caps");
    caps.is_some_and(|(_, raw)| serde_json::from_str(raw.get()).is_ok_and(|Members(caps)| !caps.is_empty()))
}

fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(levels).max().unwrap_or(0),
        _ => 0,
    }
}

/// The members of a JSON object as they stand there, also those that are repeated.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}
