//! What answers say beside their bodies.

use serde_json::{Map, Value, json};

/// A header: its name, in the document and in answers, and what it says.
const HEADERS: [(&str, &str, HeaderSchema); 10] = [
    (
        "X-Request-Id",
        "Names the request, in the log too: the platform's `x-vercel-id` if the request has one, else 12 characters.",
        HeaderSchema::Text { required: true },
    ),
    (
        "Content-Language",
        "The language that was spoken to the caller. An answer that is given again has none.",
        HeaderSchema::OneOf(&["fr", "en"]),
    ),
    ("Cache-Control", "`no-store`: balances are not for caches.", HeaderSchema::Text { required: true }),
    ("X-Content-Type-Options", "`nosniff`.", HeaderSchema::Always("nosniff")),
    (
        "Idempotent-Replayed",
        "That this is the answer of an earlier request under the same `Idempotency-Key`, byte for byte (contract §4).",
        HeaderSchema::OneOf(&["true"]),
    ),
    ("Retry-After", "When to come back, in seconds.", HeaderSchema::Seconds),
    ("Allow", "The methods that there are.", HeaderSchema::Text { required: true }),
    ("WWW-Authenticate", "How to authenticate (RFC 6750 §3).", HeaderSchema::Always("Bearer realm=\"jeton\"")),
    (
        "Content-Disposition",
        "With an export: `attachment`, and the name of a file.",
        HeaderSchema::OneOf(&[
            "attachment; filename=\"transactions.csv\"",
            "attachment; filename=\"transactions.ndjson\"",
        ]),
    ),
    (
        "X-Accel-Buffering",
        "`no`: nobody between the function and the browser keeps the stream back.",
        HeaderSchema::Always("no"),
    ),
];

/// What a header can say.
enum HeaderSchema {
    Text { required: bool },
    Always(&'static str),
    OneOf(&'static [&'static str]),
    Seconds,
}

impl HeaderSchema {
    fn described(&self) -> (bool, Value) {
        match self {
            Self::Text { required } => (*required, json!({ "type": "string", "minLength": 1 })),
            Self::Always(value) => (true, json!({ "type": "string", "const": value })),
            Self::OneOf(values) => (false, json!({ "type": "string", "enum": values })),
            Self::Seconds => (true, json!({ "type": "integer", "minimum": 1 })),
        }
    }
}

/// Those that every answer has.
pub(super) const ALWAYS: [&str; 4] = ["X-Request-Id", "Content-Language", "Cache-Control", "X-Content-Type-Options"];

/// All of them.
pub(super) fn components() -> Value {
    let described = HEADERS.iter().map(|(name, description, schema)| {
        let (required, schema) = schema.described();
        ((*name).to_owned(), json!({ "description": description, "required": required, "schema": schema }))
    });
    Value::Object(described.collect())
}

/// Those of these names, and those that every answer has.
pub(super) fn references(names: &[&str]) -> Value {
    let names = ALWAYS.iter().chain(names);
    let reference = |name: &&str| json!({ "$ref": format!("#/components/headers/{name}") });
    Value::Object(names.map(|name| ((*name).to_owned(), reference(name))).collect::<Map<_, _>>())
}
