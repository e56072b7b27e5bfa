//! The project under the platform's own command line: `vercel dev`, as a developer runs it, and what `vercel build` makes.

mod build;
mod dev;
mod events;
mod failures;
mod processes;
mod settings;

use std::fs;

use serde_json::Value;

use crate::support::{client::Answer, vercel::root};

/// The security headers, which `vercel.json` sets.
const HEADERS: [(&str, &str); 5] = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
];

/// `vercel.json`.
fn vercel_json() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("vercel.json")).unwrap()).unwrap()
}

fn assert_headers(answer: &Answer) {
    for (name, value) in HEADERS {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
}
