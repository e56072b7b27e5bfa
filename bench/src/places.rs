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

/// What `bench/run` installs.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// The peers, with their packages.
pub(crate) fn peers_installed() -> PathBuf {
    tools().join("peers")
}

/// What was measured.
pub(crate) fn results() -> PathBuf {
    root().join("target/bench")
}

/// What is said of the project.
pub(crate) fn docs() -> PathBuf {
    root().join("docs")
}
