//! Where things are in the project.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// The load tool's scripts.
pub(crate) fn load_scripts() -> PathBuf {
    root().join("bench/load")
}

/// The peers, as they are written.
pub(crate) fn peers_source() -> PathBuf {
    root().join("bench/peers")
}

/// The peers, with their packages.
pub(crate) fn peers_installed() -> PathBuf {
    root().join("target/tools/peers")
}

/// What was measured.
pub(crate) fn results() -> PathBuf {
    root().join("target/bench")
}
