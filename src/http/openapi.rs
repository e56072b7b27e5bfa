//! The OpenAPI 3.1 document: what can be called, with what, and what is answered.
//!
//! Answers are described by the types that are written ([`schemas`]), refusals by the refusals themselves ([`refusals`]),
//! bodies of requests by types of their own beside the limits of what reads them ([`requests`]); examples are what the
//! ledger says ([`examples`]). One list has the calls ([`calls`]). The package `openapi/` writes it to
//! `public/openapi.json`; no function has any of this in it.

mod calls;
mod examples;
mod headers;
mod operation;
mod parameters;
mod refusals;
mod requests;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::{examples::Examples, refusals::Refusals, schemas::Schemas};

/// The document, as text with the members of each object in the order of their names: the same each time.
///
/// # Errors
/// What of the catalogue cannot be read, or does not bear the examples.
pub fn document() -> Result<String, Box<dyn std::error::Error>> {
    let mut schemas = Schemas::new();
    let examples = Examples::new()?;
    let refusals = Refusals::new(&examples);
    let mut responses = Map::new();
    let mut paths = BTreeMap::<String, Map<String, Value>>::new();
    for operation in calls::all(&mut schemas, &examples)? {
        let path = operation.path.clone();
        let (method, described) = operation.described(&refusals, &mut responses);
        paths.entry(path).or_default().insert(method.to_owned(), described);
    }
    refusals.describe(&mut schemas);
    schemas.add("TimeZone", parameters::time_zones());
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Jeton",
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": DESCRIPTION,
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/", "description": "The deployment, or the local server, that serves this document." }],
        "tags": calls::TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": {
            "schemas": schemas.components(),
            "parameters": parameters::components(),
            "headers": headers::components(),
            "responses": responses,
            "securitySchemes": security_schemes(),
        },
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

const DESCRIPTION: &str = "\
A token ledger for AI products. Each user has a balance of tokens; each generation debits it, each month tops it up, and every \
movement stays in a history that adds up: always `tokenBalance + tokensReserved = Σ CREDIT − Σ DEBIT`.

- **Bodies** are JSON objects in UTF-8 of at most 64 KiB, with `Content-Type: application/json`. A field that is unknown, or that \
stands there twice, is refused; `null` is not the same as a field left out. Numbers are written in plain digits.
- **Queries**: a parameter that is unknown, or given twice, is refused. A `+` means a space there: write `%2B` for the `+` of a user id.
- **Times** are RFC 3339, in answers in UTC with milliseconds.
- **Methods**: `HEAD` is taken wherever `GET` is, does the same, and answers without the body. `OPTIONS` answers 204 with `Allow`, \
without a key. Every other method gets 405.
- **Refusals** are problem documents (RFC 9457), change nothing, and are told apart by their `code`. Only the first that applies is \
given. A request whose answer was lost, or was a 503, can be sent again under the same `Idempotency-Key`.
- **The first touch** of a user opens the account, also when it is a read.
- **In development** (the local server, `vercel dev`) without `JETON_API_KEYS` every call is allowed, and a call without `userId` means \
the test user.";

/// Who may call (contract §5). Those of one scheme and header are told apart by what they carry.
fn security_schemes() -> Value {
    json!({
        "serviceKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "The secret of a service, from `JETON_API_KEYS`. What a call needs is the scope in its `security`; each of `read`, \
                            `spend`, `credit`, `admin` includes those before it. A page must not carry one.",
        },
        "userToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "A user token: of `POST /api/sessions` (HS256), or of an identity provider (RS256, ES256, EdDSA). It reads its own \
                            `sub` alone, and `userId` may be left out.",
        },
        "userTokenInQuery": {
            "type": "apiKey",
            "in": "query",
            "name": "access_token",
            "description": "The same in the address (RFC 6750 §2.3), as `EventSource` cannot send headers. Not beside a header.",
        },
        "cronSecret": {
            "type": "http",
            "scheme": "bearer",
            "description": "`CRON_SECRET`, which the platform sends with its crons. It opens billing and nothing else.",
        },
    })
}
