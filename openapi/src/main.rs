//! `cargo run --package openapi` writes what is published for programs, from the types and the catalogue:
//! `public/openapi.json`, the description of Jeton's calls, and `public/prices.json`, what language models cost.

use std::{error::Error, fs, path::Path};

use jeton::{http::openapi, plans::Catalogue};

fn main() -> Result<(), Box<dyn Error>> {
    let public = Path::new(env!("CARGO_MANIFEST_DIR")).join("../public");
    fs::write(public.join("openapi.json"), openapi::document()?)?;
    fs::write(public.join("prices.json"), Catalogue::built_in()?.models().document()?)?;
    Ok(())
}
