//! The documents that are checked in are those that the types and the catalogue make.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected fails, and says where")]

use std::{fs, path::Path};

use jeton::{http::openapi, plans::Catalogue};

/// Whether `public/{name}` is this.
fn assert_published(name: &str, document: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public").join(name);
    assert!(
        fs::read_to_string(file).unwrap() == document,
        "public/{name} is not what it is made from: renew it with `cargo run --package openapi`"
    );
}

#[test]
fn the_document_says_what_the_types_say() {
    assert_published("openapi.json", &openapi::document().unwrap());
}

#[test]
fn the_published_prices_are_the_catalogues() {
    assert_published("prices.json", &Catalogue::built_in().unwrap().models().document().unwrap());
}
