//! `cargo run --package openapi` writes `public/openapi.json`, the description of Jeton's calls, from their types.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public/openapi.json");
    Ok(fs::write(file, jeton::http::openapi::document()?)?)
}
