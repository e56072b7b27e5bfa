//! The React part of the package in `client/`, in a real browser: each test starts the Jeton that a scenario of `client/tests/react` needs,
//! and whose pages may call it.

use std::{fs, path::Path};

use crate::support::{
    package::{self, SERVER},
    process::free_port,
    scenario::Scenario,
    server::{Local, SHORT_STREAMS},
    vercel::root,
};

/// Starts `client/tests/react/{name}.mjs` on the server at `url`; its pages come from the port `site`.
fn scenario(name: &str, url: &str, site: u16) -> Scenario {
    let (script, site) = (format!("tests/react/{name}.mjs"), site.to_string());
    Scenario::start(&package::built(), &script, &[url, &site], &[("JETON_API_KEY", "secret-of-the-tests")])
}

/// A local server in production on this port, with these settings, that pages from the port `site` may call.
fn started(port: u16, folder: &Path, site: u16, settings: &[(&str, &str)]) -> Local {
    let origin = format!("http://127.0.0.1:{site}");
    let page = [("VERCEL_ENV", "production"), ("JETON_CORS_ORIGINS", origin.as_str())];
    Local::start_on(port, folder, &[], &[SERVER.as_slice(), page.as_slice(), settings].concat())
}

/// Runs a scenario on a local server of its own, with these settings.
fn shows(scenario: &str, settings: &[(&str, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let site = free_port();
    let local = started(0, folder.path(), site, settings);
    self::scenario(scenario, local.base(), site).succeeds();
}

#[test]
fn components_and_tabs_share_one_stream_whichever_way_its_tab_goes() {
    shows("tabs", &[]);
}

#[test]
fn over_lines_that_break_nothing_is_missing() {
    shows("line", &[]);
}

#[test]
fn streams_and_sessions_that_end_lose_and_repeat_nothing() {
    shows("endings", &[SHORT_STREAMS]);
}

#[test]
fn each_user_sees_their_own_and_a_session_that_fails_is_an_error() {
    shows("sessions", &[]);
}

#[test]
fn without_locks_each_tab_is_on_its_own() {
    shows("alone", &[]);
}

#[test]
fn what_a_server_renders_is_taken_over() {
    shows("rendering", &[]);
}

#[test]
fn a_server_that_is_killed_and_starts_again_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let (port, site) = (free_port(), free_port());
    let mut first = started(port, folder.path(), site, &[]);
    let scenario = scenario("outage", first.base(), site);
    scenario.says("stop it");
    first.process.kill();
    scenario.says("start it");
    let _second = started(port, folder.path(), site, &[]);
    scenario.succeeds();
}

#[test]
fn each_scenario_is_run() {
    let tests = include_str!("react.rs");
    // What the scenarios share.
    let parts = ["browser.mjs", "site.mjs"];
    for file in fs::read_dir(root().join("client/tests/react")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".mjs").filter(|_| !parts.contains(&&*file)) else { continue };
        assert!(tests.contains(&format!("(\"{name}\", ")), "{file} is not run");
    }
}
