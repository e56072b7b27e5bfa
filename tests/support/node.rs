//! What of the tests runs on Node, as ./test installs it.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::vercel::root;

/// Where programs are looked for: first where ./test puts a Node if the machine's is too old.
#[expect(clippy::disallowed_methods, reason = "it is no setting of ours")]
pub(crate) fn path() -> OsString {
    let node = root().join("target/tools/node/node_modules/.bin");
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([node].into_iter().chain(env::split_paths(&path))).unwrap()
}

/// Where ./test installs what `tests/{name}` has locked.
pub(crate) fn tool(name: &str) -> PathBuf {
    let tool = root().join("target/tools").join(name);
    let locked = fs::read(root().join("tests").join(name).join("package-lock.json")).unwrap();
    let installed = fs::read(tool.join("installed.json")).is_ok_and(|installed| installed == locked);
    assert!(installed, "{} is not as tests/{name} has it locked: run ./test, which installs it", tool.display());
    tool
}

/// Node, which is to run in this folder.
pub(crate) fn command(folder: &Path) -> Command {
    let mut node = Command::new("node");
    node.current_dir(folder).env("PATH", path());
    node
}

/// The folder of a package of ours, in which ./test has installed what it has locked.
pub(crate) fn package(name: &str) -> PathBuf {
    let folder = root().join(name);
    let locked = fs::read(folder.join("package-lock.json")).unwrap();
    let installed = fs::read(folder.join("node_modules/installed.json")).is_ok_and(|installed| installed == locked);
    assert!(installed, "{name}/node_modules is not as {name} has it locked: run ./test, which installs it");
    folder
}
