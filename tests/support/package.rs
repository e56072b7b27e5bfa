//! The package in `client/`: built once for all tests, and its own tests, each run against what the test beside it has started.

use std::{path::PathBuf, process::Command, sync::LazyLock};

use super::{
    node,
    process::{MORE_PATIENCE, Process},
    server::Settings,
};

/// Credentials, as the servers of the package's tests have them, and as the tests use them.
pub(crate) const SERVER: [(&str, &str); 3] = [
    ("JETON_API_KEYS", "tests:admin:secret-of-the-tests,reader:read:secret-that-reads"),
    ("JETON_JWT_SECRET", "a-secret-of-the-tests-with-32-bytes"),
    CRON,
];
const CALLER: [(&str, &str); 3] = [("JETON_API_KEY", "secret-of-the-tests"), SERVER[1], CRON];
const CRON: (&str, &str) = ("CRON_SECRET", "secret-of-the-cron");

/// Its folder, with everything in it built from what stands there now.
pub(crate) fn built() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = node::package("client");
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).env("PATH", node::path()).args(["run", "--silent", "build"]);
        let output = npm.output().unwrap();
        assert!(output.status.success(), "client/ does not build:\n{}", String::from_utf8_lossy(&output.stdout));
        folder
    });
    BUILT.clone()
}

/// A file of the package's tests that runs.
pub(crate) struct Tests(Process);

impl Tests {
    /// Starts `client/tests/{name}.test.ts` on the server at `url`, with these settings beside.
    pub(crate) fn start(name: &str, url: &str, settings: Settings<'_>) -> Self {
        let mut node = node::command(&built());
        node.env("JETON_URL", url).envs(CALLER).envs(settings.iter().copied());
        Self(Process::start_group(node.args([
            "--test-reporter=tap",
            "--test-force-exit",
            &format!("build/tests/{name}.test.js"),
        ])))
    }

    /// Waits until one of them says this.
    pub(crate) fn says(&self, wanted: &str) {
        let line = self.0.wait_for_line(|line| line == wanted || line.starts_with("# fail "));
        assert!(line == wanted, "{:#?}", self.0.lines());
    }

    /// Waits for their good end.
    pub(crate) fn succeed(mut self) {
        assert!(self.0.wait_within(MORE_PATIENCE), "{:#?}", self.0.lines());
    }
}
