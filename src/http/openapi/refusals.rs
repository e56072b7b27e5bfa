//! The refusals of contract §3, as they are written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    examples::Examples,
    headers,
    schemas::{Schemas, reference},
};
use crate::{
    http::{
        messages,
        problem::{Problem, Reason},
    },
    ledger::{CapPeriod, ReservationStatus, Stats},
    locale::Locale,
};

/// One refusal of each code, in the order in which they apply.
pub(super) struct Refusals(Vec<Problem>);

impl Refusals {
    pub(super) fn new(examples: &Examples) -> Self {
        let (cap, limit, resets_at) = (CapPeriod::Daily, 500, examples.resets_at);
        Self(vec![
            Problem::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" },
            Problem::Unauthenticated,
            Problem::Forbidden { required_scope: "spend" },
            Problem::BodyTooLarge,
            Problem::UnsupportedMediaType,
            Problem::InvalidJson(Reason::NotJson),
            Problem::invalid_field("userId", Reason::Required),
            Problem::IdempotencyKeyReused,
            Problem::ReservationNotFound,
            Problem::TransactionNotFound,
            Problem::ReservationClosed(ReservationStatus::Captured),
            Problem::ReservationClosed(ReservationStatus::Released),
            Problem::ReservationClosed(ReservationStatus::Expired),
            Problem::AlreadyRefunded,
            Problem::NotRefundable,
            Problem::from(examples.insufficient.clone()),
            Problem::SpendingCapReached { cap, limit, resets_at },
            Problem::BalanceLimitExceeded,
            Problem::TooManyReservations,
            Problem::StoreUnavailable,
            Problem::StoreContended,
            Problem::Internal,
        ])
    }

    /// Puts them all among the schemas, and together as `Problem`, which their `code` tells apart.
    pub(super) fn describe(&self, schemas: &mut Schemas) {
        let mut references = Vec::new();
        let mut mapping = Map::new();
        for problem in &self.0 {
            let schema = described(problem, schemas);
            let reference = schemas.add(&name(problem), schema);
            mapping.extend(reference.get("$ref").map(|place| (problem.code().to_owned(), place.clone())));
            references.push(reference);
        }
        schemas.add(
            "Problem",
            json!({
                "description": "A refusal (RFC 9457, contract §3): one of these, told apart by its `code`. It changes nothing.",
                "oneOf": references,
                "discriminator": { "propertyName": "code", "mapping": mapping },
            }),
        );
    }

    /// The responses of a call that may be refused with these codes, by their status; each is put into `shared` under its
    /// name.
    pub(super) fn responses(&self, codes: &[&str], shared: &mut Map<String, Value>) -> Map<String, Value> {
        let mut by_status = BTreeMap::<u16, Vec<&Problem>>::new();
        for problem in self.0.iter().filter(|problem| codes.contains(&problem.code())) {
            by_status.entry(problem.status().as_u16()).or_default().push(problem);
        }
        let described = by_status.into_iter().map(|(status, problems)| {
            let names: Vec<String> = problems.iter().map(|problem| capitals(problem.code())).collect();
            let name = names.join("Or");
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            shared.entry(name).or_insert_with(|| response(&problems));
            (status.to_string(), reference)
        });
        described.collect()
    }
}

/// `insufficient_tokens` → `InsufficientTokensProblem`.
fn name(problem: &Problem) -> String {
    format!("{}Problem", capitals(problem.code()))
}

fn capitals(code: &str) -> String {
    let words = code.split('_').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or_default();
        format!("{}{rest}", first.to_uppercase())
    });
    words.collect()
}

fn described(problem: &Problem, schemas: &mut Schemas) -> Value {
    let code = problem.code();
    let mut members = Map::new();
    let text = |description: &str| json!({ "type": "string", "description": description });
    members.insert("type".to_owned(), json!({ "type": "string", "const": format!("urn:jeton:problem:{code}") }));
    members.insert("title".to_owned(), json!({ "type": "string", "const": messages::title(problem) }));
    members.insert("status".to_owned(), json!({ "type": "integer", "const": problem.status().as_u16() }));
    members.insert("detail".to_owned(), text("What is wrong, in English."));
    members.insert(
        "code".to_owned(),
        json!({ "type": "string", "const": code, "description": "For programs; it never changes." }),
    );
    members.insert("success".to_owned(), json!({ "type": "boolean", "const": false }));
    members.insert("message".to_owned(), text("For people, in their language."));
    members.insert("requestId".to_owned(), text("The log line of the request has the same."));
    if let Value::Object(more) = more(problem, schemas) {
        members.extend(more);
    }
    let required: Vec<String> = members.keys().cloned().collect();
    let example: Value = serde_json::from_str(&problem.body(REQUEST_ID, Locale::English)).unwrap_or_default();
    json!({
        "description": about(problem),
        "type": "object",
        "properties": members,
        "required": required,
        "examples": [example],
    })
}

/// The `requestId` of the examples.
const REQUEST_ID: &str = "JgMKheYMtoj3";

fn response(problems: &[&Problem]) -> Value {
    let mut of_headers = Vec::new();
    // What a rule has decided is given again under the same key.
    let decided = |problem: &&Problem| {
        matches!(problem.status().as_u16(), 402 | 404 | 409) || matches!(problem, Problem::BalanceLimitExceeded)
    };
    if problems.iter().any(decided) {
        of_headers.push("Idempotent-Replayed");
    }
    if problems.iter().any(|problem| problem.retry_after().is_some()) {
        of_headers.push("Retry-After");
    }
    if problems.iter().any(|problem| matches!(problem, Problem::MethodNotAllowed { .. })) {
        of_headers.push("Allow");
    }
    if problems.contains(&&Problem::Unauthenticated) {
        of_headers.push("WWW-Authenticate");
    }
    let description: Vec<String> =
        problems.iter().map(|problem| format!("`{}`: {}", problem.code(), about(problem))).collect();
    let schema = match problems {
        [only] => reference(&name(only)),
        several => json!({ "oneOf": several.iter().map(|problem| reference(&name(problem))).collect::<Vec<_>>() }),
    };
    json!({
        "description": description.join("\n\n"),
        "headers": headers::references(&of_headers),
        "content": { "application/problem+json": { "schema": schema } },
    })
}

/// What a code adds to the members that all have.
fn more(problem: &Problem, schemas: &mut Schemas) -> Value {
    let tokens = json!({ "type": "integer", "minimum": 0, "format": "uint64" });
    match problem {
        Problem::Forbidden { .. } => json!({
            "requiredScope": {
                "description": "What the call needs.",
                "type": "string",
                "enum": ["read", "spend", "credit", "admin", "cron"],
            },
        }),
        Problem::BodyTooLarge => json!({ "limitBytes": { "description": "How large it may be.", "type": "integer" } }),
        Problem::InvalidJson(_) => {
            json!({ "reason": { "description": "What is wrong, in English.", "type": "string" } })
        }
        Problem::InvalidField { .. } => json!({
            "field": { "description": "Which field, parameter or header.", "type": "string" },
            "reason": { "description": "What is wrong with it, in English.", "type": "string" },
        }),
        Problem::InsufficientTokens { .. } => json!({
            "required": tokens,
            "available": tokens,
            "stats": schemas.answer::<Stats>(),
        }),
        Problem::SpendingCapReached { .. } => json!({
            "cap": schemas.answer::<CapPeriod>(),
            "limit": tokens,
            "resetsAt": reference("Timestamp"),
        }),
        Problem::MethodNotAllowed { .. }
        | Problem::Unauthenticated
        | Problem::UnsupportedMediaType
        | Problem::IdempotencyKeyReused
        | Problem::ReservationNotFound
        | Problem::TransactionNotFound
        | Problem::ReservationClosed(_)
        | Problem::AlreadyRefunded
        | Problem::NotRefundable
        | Problem::TooManyReservations
        | Problem::TooManyGrants
        | Problem::BalanceLimitExceeded
        | Problem::StoreUnavailable
        | Problem::StoreContended
        | Problem::Internal => json!({}),
    }
}

/// When it is the answer, and what to do.
fn about(problem: &Problem) -> &'static str {
    match problem {
        Problem::MethodNotAllowed { .. } => "The path does not take this method. `Allow` says which it takes.",
        Problem::Unauthenticated => "No credentials, or none that are known.",
        Problem::Forbidden { .. } => {
            "The credentials do not reach this far: another scope is needed, or the user token is another user's."
        }
        Problem::BodyTooLarge => "The body is larger than 64 KiB.",
        Problem::UnsupportedMediaType => "The body is not `application/json` in UTF-8, or it is encoded.",
        Problem::InvalidJson(_) => "The body is not a JSON object.",
        Problem::InvalidField { .. } => {
            "A field, a parameter or a header is unknown, repeated, missing, or not what it should be."
        }
        Problem::IdempotencyKeyReused => "The key was used for another request in the last 24 hours. Nothing was done.",
        Problem::ReservationNotFound => "There never was such a reservation, or it ended more than seven days ago.",
        Problem::TransactionNotFound => "The current history has no such entry. What a reset has put away stays spent.",
        Problem::ReservationClosed(ReservationStatus::Captured | ReservationStatus::Open) => {
            "The reservation has been captured already."
        }
        Problem::ReservationClosed(ReservationStatus::Released) => {
            "The reservation has been released, by its caller or by a reset."
        }
        Problem::ReservationClosed(ReservationStatus::Expired) => "The reservation's time was over.",
        Problem::AlreadyRefunded => "The debit has been given back already, under whatever key.",
        Problem::NotRefundable => "The entry is a credit or an expiration: nothing was spent.",
        Problem::InsufficientTokens { .. } => "The balance does not cover it. After a credit it may, under a new key.",
        Problem::SpendingCapReached { .. } => {
            "More would be spent than the user may on this day or in this month. After `resetsAt` it may be, under a new key."
        }
        Problem::TooManyGrants | Problem::BalanceLimitExceeded => {
            "The balance, or what was used, would go beyond 2^53 − 1; or a credit would make one grant more than 1 000."
        }
        Problem::TooManyReservations => "The user has 100 open reservations. Try again once one has ended.",
        Problem::StoreUnavailable => {
            "The store does not answer. A change may have been made whose answer was lost: with its `Idempotency-Key`, send it \
             again and see."
        }
        Problem::StoreContended => "Too many changes to this account at once. Try again.",
        Problem::Internal => "Something is wrong inside. The log says what, under `requestId`.",
    }
}
