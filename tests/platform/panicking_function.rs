//! The function `stats` over a store that panics: a process of its own, served as all functions are.
#![allow(clippy::unwrap_used, dead_code, reason = "it stands in for a bug, and has but one of the faults")]

#[path = "../broken_store/faulty.rs"]
mod faulty;

use std::{path::Path, sync::Arc};

use jeton::{
    config::Config,
    http::{App, Function, serve_app},
    store::embedded::EmbeddedStore,
};
use once_cell::sync::Lazy;

use self::faulty::{Fault, Faulty};

static APP: Lazy<App> = Lazy::new(|| {
    let folder = Path::new(".");
    let store = Faulty { store: EmbeddedStore::open(folder).unwrap(), fault: Fault::Panics, commits: Arc::default() };
    App::new(Config::read([].into(), folder, true), Ok(Arc::new(store)))
});

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve_app(Function::Stats, &APP).await
}
