//! The real Vercel CLI, without a login, on copies of the project: `vercel dev`, and what `vercel build` makes.
//!
//! Everything of it is below `target/vercel`, so that a second run finds what the first has built.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, LazyLock, Mutex, PoisonError, Weak},
};

use super::{
    client::Client,
    node,
    process::Process,
    server::{FUNCTIONS, write_settings},
};

/// What a linked project would have in `.vercel/project.json`. Without it `vercel build` asks for a login; with it
/// `vercel dev` does.
const LINKED: &str = r#"{"projectId": "prj_local", "orgId": "team_local", "projectName": "jeton",
    "settings": {"framework": null, "nodeVersion": "20.x"}}"#;

/// For cargo, below `target/vercel`: what `vercel dev` runs is built soon, and nobody debugs it. A deployment's profile stays
/// the project's own.
const CARGO: &str = r#"[profile.dev]
debug = false
incremental = false

[profile.dev.package."*"]
opt-level = 0
"#;

/// The project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> PathBuf {
    root().join("target/vercel")
}

/// The functions, by the files under `api/`.
pub(crate) fn functions() -> BTreeSet<String> {
    names_in(&root().join("api")).into_iter().map(|file| file.trim_end_matches(".rs").to_owned()).collect()
}

/// The names of what is in `folder`.
pub(crate) fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The files below `folder`, by their paths from there; not what `is_left_out` by its name.
pub(crate) fn files_below(folder: &Path, is_left_out: impl Fn(&str) -> bool) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for name in names_in(&next).into_iter().filter(|name| !is_left_out(name)) {
            let path = next.join(name);
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    files
}

/// Whether it is in the work tree and does not belong to the project: what is made there, and a developer's settings.
fn is_foreign(name: &str) -> bool {
    matches!(name, ".git" | ".jeton" | ".vercel" | "build" | "dist" | "node_modules" | "target")
        || name.starts_with(".env")
}

/// A copy of the project as it stands in the work tree.
fn copy(name: &str) -> PathBuf {
    // Two tests may want the same one.
    static COPYING: Mutex<()> = Mutex::new(());
    let _turn = COPYING.lock().unwrap_or_else(PoisonError::into_inner);
    let project = target().join(name);
    fs::create_dir_all(&project).unwrap();
    let files = files_below(root(), is_foreign);
    for gone in files_below(&project, |name| name == ".vercel").difference(&files) {
        fs::remove_file(project.join(gone)).unwrap();
    }
    for file in files {
        let (from, to) = (root().join(&file), project.join(&file));
        // What is the same stays with its time, so that cargo has nothing to do for it.
        if fs::read(&to).ok() != Some(fs::read(&from).unwrap()) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(from, to).unwrap();
        }
    }
    let settings = target().join(".cargo");
    fs::create_dir_all(&settings).unwrap();
    fs::write(settings.join("config.toml"), CARGO).unwrap();
    project
}

/// Builds these packages or programs of a copy.
fn build(project: &Path, profile: &[&str], what: &[&str]) {
    let mut cargo = command("cargo", project);
    let built = cargo.args(["build", "--quiet", "--locked"]).args(profile).args(what).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
}

/// A copy of the project with its functions built.
fn with_functions(name: &str, profile: &[&str]) -> PathBuf {
    // Said before much is built.
    node::tool("vercel");
    let project = copy(name);
    build(&project, profile, FUNCTIONS.map(|name| ["--bin", name]).as_flattened());
    project
}

/// The program of a package of ours, built as for a deployment, and with what was built for one.
pub(crate) fn released(package: &str) -> PathBuf {
    build(&copy("build"), &["--release"], &["--package", package]);
    target().join("target/release").join(package)
}

/// A command in `folder` that knows nothing of the test run that it is started from.
#[expect(clippy::disallowed_methods, reason = "what is looked for are names that are no settings of ours")]
pub(crate) fn apart(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    // What this run was told by cargo would have crates built anew that look at it; and a login is nothing for tests.
    let foreign = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "VERCEL_", "NOW_"];
    for (name, _) in env::vars_os() {
        if foreign.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// A command in `project`, with a target folder of its own.
#[expect(clippy::disallowed_methods, reason = "it is no setting of ours")]
fn command(program: impl AsRef<OsStr>, project: &Path) -> Command {
    let mut command = apart(program, project);
    // The CLI sets it, if to nothing, and then cargo passes over the flags in its settings files: were it not the same for
    // what is built beforehand, all would be built anew while a test waits.
    command.env("RUSTFLAGS", env::var_os("RUSTFLAGS").unwrap_or_default());
    command.env("PATH", node::path()).env("CARGO_TARGET_DIR", target().join("target")).env("NO_COLOR", "1");
    command
}

/// The CLI in `project`.
fn cli(project: &Path) -> Command {
    let mut command = command(node::tool("vercel").join("node_modules/.bin/vercel"), project);
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")] {
        command.env(name, target().join("home").join(folder));
    }
    // It stays on this machine.
    command.envs([("VERCEL_TELEMETRY_DISABLED", "1"), ("NO_UPDATE_NOTIFIER", "1")]);
    command.env("VERCEL_CLI_USE_NATIVE_BINARY", "0").arg("-Q").arg(target().join("home/vercel"));
    command
}

/// A running `vercel dev`.
pub(crate) struct DevServer {
    pub(crate) process: Process,
    base: String,
}

impl DevServer {
    /// Starts one in the copy at `project`.
    fn start(project: &Path) -> Self {
        let process = Process::start_group(cli(project).args(["dev", "--local", "--listen", "127.0.0.1:0"]));
        // It names other addresses too, of services of its own.
        let ready = process.wait_for_line(|line| line.contains("Ready! Available at "));
        let base = ready.split("Available at ").nth(1).unwrap().trim().to_owned();
        Self { process, base }
    }

    /// The one that tests share while they run. It ends with the last of them.
    fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<DevServer>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start(&with_functions("dev", &[])));
            *shared = Arc::downgrade(&server);
            server
        })
    }
}

/// A developer's turn with `vercel dev`: it starts a process for each request, which reads the settings files anew, so each
/// test writes its own and has the folder for itself.
pub(crate) struct Dev {
    server: Arc<DevServer>,
    files: Vec<PathBuf>,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl Dev {
    /// With these settings files: their names and texts.
    pub(crate) async fn with(files: &[(&str, &str)]) -> Self {
        static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let server = tokio::task::block_in_place(DevServer::shared);
        let turn = TURN.lock().await;
        let mut dev = Self { server, files: Vec::new(), _turn: turn };
        dev.set(files);
        dev
    }

    /// From now on with these settings files.
    pub(crate) fn set(&mut self, files: &[(&str, &str)]) {
        let project = target().join("dev");
        for file in self.files.drain(..) {
            fs::remove_file(file).unwrap();
        }
        for (name, text) in files {
            write_settings(&project, name, text);
            self.files.push(project.join(name));
        }
    }

    /// Another `vercel dev` in the same folder.
    pub(crate) fn another_server() -> DevServer {
        DevServer::start(&target().join("dev"))
    }

    /// The process of `vercel dev`.
    pub(crate) fn process(&self) -> &Process {
        &self.server.process
    }

    /// Its address.
    pub(crate) fn base(&self) -> &str {
        &self.server.base
    }

    /// A client that finds all functions there.
    pub(crate) fn client(&self) -> Client {
        self.server.client()
    }
}

impl DevServer {
    /// A client that finds all functions here.
    pub(crate) fn client(&self) -> Client {
        Client::new(FUNCTIONS.map(|name| (name, self.base.clone())).into())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        for file in &self.files {
            // It may be gone, and the test may have failed.
            let _ = fs::remove_file(file);
        }
    }
}

/// What `vercel build` makes of the project for a deployment: `.vercel/output`. It is made once in a test run.
pub(crate) static OUTPUT: LazyLock<PathBuf> = LazyLock::new(|| {
    let project = with_functions("build", &["--release"]);
    fs::create_dir_all(project.join(".vercel")).unwrap();
    fs::write(project.join(".vercel/project.json"), LINKED).unwrap();
    let mut build = cli(&project);
    // As on the platform's own machines, where it need not compile for another system.
    build.args(["build", "--standalone", "--yes"]).env("VERCEL_BUILD_IMAGE", "1");
    let mut process = Process::start_group(&build);
    assert!(process.wait(), "vercel build: {:#?}", process.lines());
    project.join(".vercel/output")
});
