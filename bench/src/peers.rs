//! What people use instead, on Node: `bench/peers/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    function::SECRET,
    places::{peers_installed, peers_source},
    process::Server,
};

/// Starts a peer over the Redis at `url`: its file and its arguments.
pub(crate) fn start(arguments: &[&str], url: &str) -> Result<Server, String> {
    let folder = install()?;
    Server::start(|port| {
        let mut command = Command::new("node");
        command.current_dir(folder).args(arguments).env("NODE_ENV", "production");
        command.env("PORT", port.to_string()).env("REDIS_URL", url).env("API_KEY", SECRET);
        command
    })
}

/// Puts them where their packages are: Node looks for packages beside a file.
fn install() -> Result<PathBuf, String> {
    let folder = peers_installed();
    if !folder.join("node_modules").exists() {
        return Err("what the peers need is not installed: run `bench/run install` first".to_owned());
    }
    copy(&peers_source(), &folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
