//! Scenarios: scripts that drive a real browser, and say how far they are.

use std::path::Path;

use super::{
    node,
    process::{MORE_PATIENCE, Process},
};

/// One that runs.
pub(crate) struct Scenario(Process);

impl Scenario {
    /// Starts this script of `folder`, with these arguments and settings.
    pub(crate) fn start(folder: &Path, script: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Self {
        node::tool("browser");
        let mut node = node::command(folder);
        node.envs(settings.iter().copied());
        Self(Process::start_group(node.arg(script).args(arguments)))
    }

    /// Waits until it says this.
    pub(crate) fn says(&self, wanted: &str) {
        let line = self.0.wait_for_line_within(MORE_PATIENCE, |line| line == wanted || line.starts_with("failed: "));
        assert!(line == wanted, "{:#?}", self.0.lines());
    }

    /// Waits for its good end.
    pub(crate) fn succeeds(mut self) {
        self.says("done");
        assert!(self.0.wait_within(MORE_PATIENCE), "{:#?}", self.0.lines());
    }
}
