//! Jeton's own processes: the functions as the platform starts them, and the local server.

use std::{fmt, fs, path::Path, process::Command, sync::Arc};

use jeton::store::{Store, embedded::EmbeddedStore};
use serde_json::Value;

use super::{
    calendar::away_from_billing,
    client::{Answer, Client},
    past,
    process::{Process, free_port},
    redis::Redis,
};

/// A function, by the name of its file.
pub(crate) const FUNCTIONS: [&str; 11] = [
    "accounts",
    "billing",
    "events",
    "generations",
    "health",
    "reservations",
    "reset",
    "sessions",
    "stats",
    "tokens",
    "transactions",
];

/// Where the program of a function is.
pub(crate) fn executable(function: &str) -> &'static str {
    match function {
        "accounts" => env!("CARGO_BIN_EXE_accounts"),
        "billing" => env!("CARGO_BIN_EXE_billing"),
        "events" => env!("CARGO_BIN_EXE_events"),
        "generations" => env!("CARGO_BIN_EXE_generations"),
        "health" => env!("CARGO_BIN_EXE_health"),
        "reservations" => env!("CARGO_BIN_EXE_reservations"),
        "reset" => env!("CARGO_BIN_EXE_reset"),
        "sessions" => env!("CARGO_BIN_EXE_sessions"),
        "stats" => env!("CARGO_BIN_EXE_stats"),
        "tokens" => env!("CARGO_BIN_EXE_tokens"),
        "transactions" => env!("CARGO_BIN_EXE_transactions"),
        other => panic!("no function {other}"),
    }
}

/// Settings for a process: names and values.
pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

/// A function's streams are short unless a test says otherwise: so whoever reads a whole answer comes to its end.
pub(crate) const SHORT_STREAMS: (&str, &str) = ("JETON_EVENTS_SECONDS", "1");

/// One instance of a function, in an empty working folder.
pub(crate) struct Instance {
    pub(crate) process: Process,
    function: &'static str,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Instance {
    /// Starts `function` with these settings and nothing else.
    pub(crate) fn start(function: &'static str, settings: Settings<'_>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), function, settings)
    }

    /// Starts it in this working folder.
    pub(crate) fn start_in(folder: tempfile::TempDir, function: &'static str, settings: Settings<'_>) -> Self {
        Self::start_built(Path::new(executable(function)), folder, function, settings)
    }

    /// Starts what was built of it for a deployment.
    pub(crate) fn start_built(
        executable: &Path,
        folder: tempfile::TempDir,
        function: &'static str,
        settings: Settings<'_>,
    ) -> Self {
        let port = free_port();
        let mut command = Command::new(executable);
        command.current_dir(folder.path()).env("VERCEL_DEV_PORT", port.to_string());
        command.envs([SHORT_STREAMS]).envs(settings.iter().copied());
        let process = Process::start(&mut command);
        process.wait_for_line(|line| line.starts_with("Dev server listening"));
        Self { process, function, port, _folder: folder }
    }

    /// Where it listens.
    pub(crate) fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port of that.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A client that finds the function here, and no other.
    pub(crate) fn client(&self) -> Client {
        Client::new([(self.function, self.base())].into())
    }

    /// The one line that it logged for this answer.
    pub(crate) fn line_of(&self, answer: &Answer) -> Value {
        answer.line_of(&self.process)
    }
}

/// One instance of each function over one Redis: a deployment.
pub(crate) struct Deployment {
    instances: Vec<(&'static str, Instance)>,
}

impl Deployment {
    /// Starts all functions with these settings over `redis`.
    pub(crate) fn start(redis: &Redis, settings: Settings<'_>) -> Self {
        Self::over(&redis.url(), settings)
    }

    /// Starts all functions with these settings and this `REDIS_URL`.
    pub(crate) fn over(url: &str, settings: Settings<'_>) -> Self {
        away_from_billing();
        let mut all = vec![("REDIS_URL", url)];
        all.extend_from_slice(settings);
        let instances = FUNCTIONS.map(|function| (function, Instance::start(function, &all)));
        Self { instances: instances.into() }
    }

    /// The instance of `function`.
    pub(crate) fn instance(&self, function: &str) -> &Instance {
        &self.instances.iter().find(|(name, _)| *name == function).unwrap().1
    }

    /// A client that finds each function at its instance.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.instances.iter().map(|(name, instance)| (*name, instance.base())).collect())
    }
}

/// The local server.
pub(crate) struct Local {
    pub(crate) process: Process,
    base: String,
}

impl Local {
    /// Starts it on a free port with these arguments and settings, in this working folder.
    pub(crate) fn start(folder: &Path, arguments: &[&str], settings: Settings<'_>) -> Self {
        Self::start_on(0, folder, arguments, settings)
    }

    /// The same on this port.
    pub(crate) fn start_on(port: u16, folder: &Path, arguments: &[&str], settings: Settings<'_>) -> Self {
        away_from_billing();
        let mut command = Command::new(env!("CARGO_BIN_EXE_jeton"));
        command.current_dir(folder).args(["--port", &port.to_string()]).args(arguments);
        command.envs(settings.iter().copied());
        let process = Process::start(&mut command);
        let ready = process.wait_for_line(|line| line.starts_with("Jeton is ready at "));
        let base = ready.trim_start_matches("Jeton is ready at ").to_owned();
        Self { process, base }
    }

    /// Its address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// A client that finds all functions here.
    pub(crate) fn client(&self) -> Client {
        Client::new(FUNCTIONS.iter().map(|name| (*name, self.base.clone())).collect())
    }
}

/// A place where all functions answer: on Redis as on the platform, or the local server on the embedded store.
pub(crate) enum Backend {
    /// Function processes over Redis.
    Platform {
        /// Where they keep everything.
        redis: Redis,
        deployment: Deployment,
    },
    /// The local server and its folder.
    Embedded {
        local: Local,
        /// Goes with the backend.
        _folder: tempfile::TempDir,
    },
}

impl Backend {
    /// Both, with the same settings.
    pub(crate) fn both(settings: Settings<'_>) -> [Self; 2] {
        [Self::platform(settings), Self::embedded(settings)]
    }

    /// Function processes over a fresh Redis.
    pub(crate) fn platform(settings: Settings<'_>) -> Self {
        let redis = Redis::start();
        let deployment = Deployment::start(&redis, settings);
        Self::Platform { redis, deployment }
    }

    /// The local server over a fresh embedded store.
    pub(crate) fn embedded(settings: Settings<'_>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let local = Local::start(folder.path(), &[], settings);
        Self::Embedded { local, _folder: folder }
    }

    /// Both, each with accounts that were opened at `rfc3339`.
    pub(crate) async fn both_since(settings: Settings<'_>, users: &[String], rfc3339: &str) -> [Self; 2] {
        Self::both_after(settings, async |store| past::open_at(store, users, rfc3339).await).await
    }

    /// Both, each with what `work` did to its store.
    pub(crate) async fn both_after(settings: Settings<'_>, work: impl AsyncFn(Arc<dyn Store>)) -> [Self; 2] {
        let redis = Redis::start();
        work(redis.store()).await;
        let deployment = Deployment::start(&redis, settings);
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(&folder.path().join(".jeton")).unwrap();
        work(Arc::new(store)).await;
        let local = Local::start(folder.path(), &[], settings);
        [Self::Platform { redis, deployment }, Self::Embedded { local, _folder: folder }]
    }

    /// A client.
    pub(crate) fn client(&self) -> Client {
        match self {
            Self::Platform { deployment, .. } => deployment.client(),
            Self::Embedded { local, .. } => local.client(),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Platform { .. } => "functions on Redis",
            Self::Embedded { .. } => "local server on the embedded store",
        })
    }
}

/// Writes a file of settings.
pub(crate) fn write_settings(folder: &Path, name: &str, lines: &str) {
    fs::write(folder.join(name), lines).unwrap();
}
