//! The example in `examples/nextjs`: its one command starts it as it is deployed, and what a user does with it happens in a real browser.

use std::{fs, path::PathBuf, sync::LazyLock};

use rustix::process::Signal;

use crate::support::{
    node, package,
    process::{Process, free_port, kill_in_group, programs_in_group, wait_until},
    scenario::Scenario,
    server::{Local, Settings},
    vercel::root,
};

/// The key between the application and Jeton.
const KEY: &str = "secret-of-the-tests";

/// Its folder, with everything in it built from what stands there now.
fn built() -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        package::built();
        let folder = node::package("examples/nextjs");
        let output = node::command(&folder).arg("packages.mjs").output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "the example does not build:\n{}", String::from_utf8_lossy(&said));
        folder
    });
    BUILT.clone()
}

/// The example as it runs.
struct Example {
    process: Process,
    /// Where the application is.
    application: String,
}

impl Example {
    /// Starts it on this port with these settings, and what was built of Jeton.
    fn start(port: u16, settings: Settings<'_>) -> Self {
        let process = Self::begin(port, settings);
        let ready =
            process.wait_for_line(|line| line.starts_with("The example is ready at ") || line.contains("ended"));
        let application = format!("http://127.0.0.1:{port}");
        assert_eq!(ready, format!("The example is ready at {application}"), "{:#?}", process.lines());
        Self { process, application }
    }

    /// Starts it, and leaves it to the caller whether it comes up.
    fn begin(port: u16, settings: Settings<'_>) -> Process {
        let mut node = node::command(&built());
        node.env_remove("JETON_URL").env_remove("COOKIE_SECRET");
        node.env("JETON_BIN", env!("CARGO_BIN_EXE_jeton")).env("JETON_API_KEY", KEY).env("PORT", port.to_string());
        node.envs(settings.iter().copied());
        Process::start_group(node.args(["start.mjs", "--production"]))
    }

    /// Waits until nothing of it runs any more. Says whether it ended well.
    fn ends(mut self) -> bool {
        let ended_well = self.process.wait();
        // What ends the group when the test does is still there.
        let runs = || programs_in_group(self.process.id()).iter().any(|program| program != "sh");
        wait_until("nothing of the example is left", || !runs());
        ended_well
    }
}

/// Starts `tests/nextjs/{name}.mjs` on the application and the Jeton at these addresses.
fn scenario(name: &str, application: &str, jeton: &str) -> Scenario {
    Scenario::start(root(), &format!("tests/nextjs/{name}.mjs"), &[application, jeton, KEY], &[])
}

#[test]
fn one_command_starts_it_and_a_user_generates_runs_out_buys_and_goes_on() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port().to_string());
    let settings = [("JETON_DATA", data.path().to_str().unwrap()), ("JETON_PORT", &*port)];
    let example = Example::start(free_port(), &settings);
    let jeton = format!("http://127.0.0.1:{port}");
    // One beside the other: they are different users.
    let scenarios = ["story", "english"].map(|name| scenario(name, &example.application, &jeton));
    for scenario in scenarios {
        scenario.succeeds();
    }
    example.process.signal(Signal::INT);
    assert!(example.ends());
}

#[test]
fn it_ends_with_an_error_when_one_of_the_two_does() {
    let (data, port) = (tempfile::tempdir().unwrap(), free_port().to_string());
    let settings = [("JETON_DATA", data.path().to_str().unwrap()), ("JETON_PORT", &*port)];
    let example = Example::start(free_port(), &settings);
    kill_in_group(example.process.id(), "jeton");
    example.process.wait_for_line(|line| line == "Jeton has ended (SIGKILL)");
    assert!(!example.ends());
    let mut without = Example::begin(free_port(), &[("JETON_BIN", "/nowhere/jeton"), settings[0]]);
    without.wait_for_line(|line| line == "Jeton does not start: spawn /nowhere/jeton ENOENT");
    assert!(!without.wait());
}

#[test]
fn a_jeton_that_is_away_is_told_and_waited_for() {
    let data = tempfile::tempdir().unwrap();
    let (port, jetons_port) = (free_port(), free_port());
    let origin = format!("http://127.0.0.1:{port}");
    let start = || {
        let settings = [("VERCEL_ENV", "production"), ("JETON_CORS_ORIGINS", &*origin)];
        Local::start_on(jetons_port, data.path(), &[], &[&package::SERVER[..], &settings[..]].concat())
    };
    let mut local = start();
    let example = Example::start(port, &[("JETON_URL", local.base())]);
    let scenario = scenario("outage", &example.application, local.base());
    scenario.says("stop it");
    local.process.kill();
    scenario.says("start it");
    let _local = start();
    scenario.succeeds();
}

#[test]
fn browsers_get_nothing_of_the_server() {
    let mut folders = vec![built().join(".next/static")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            for word in ["JETON_API_KEY", "COOKIE_SECRET", "jeton-writer"] {
                assert!(!text.contains(word), "{} speaks of {word}", path.display());
            }
        }
    }
    assert!(files > 5);
}

#[test]
fn the_guides_code_compiles() {
    built();
    let output = node::command(root()).arg("tests/nextjs/blocks.mjs").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn each_scenario_is_run() {
    let tests = include_str!("nextjs.rs");
    for file in fs::read_dir(root().join("tests/nextjs")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".mjs").filter(|name| *name != "application") else { continue };
        let run = [format!("\"{name}\""), format!("/{name}.mjs\"")].iter().any(|call| tests.contains(call));
        assert!(run, "{file} is not run");
    }
}
