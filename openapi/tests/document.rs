//! The document that is checked in is the one that the types make.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails, and says where")]

use std::{fs, path::Path};

#[test]
fn the_document_says_what_the_types_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/openapi.json");
    let document = jeton::http::openapi::document().unwrap();
    assert!(
        fs::read_to_string(file).unwrap() == document,
        "public/openapi.json is not what the types say: renew it with `cargo run --package openapi`"
    );
}
