//! A panic in the middle of a request: its caller is answered, the platform is told, and the process goes on.

use std::path::Path;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    client::Answer,
    host::Host,
    vercel::{apart, root},
};

fn start() -> Host {
    // Cargo puts examples beside the functions, and names their place to nobody. Not every `cargo test` has built them, and
    // then an old one may be there.
    let functions = Path::new(env!("CARGO_BIN_EXE_stats")).parent().unwrap();
    let profile = functions.file_name().unwrap().to_str().unwrap();
    let mut cargo = apart("cargo", root());
    cargo.args(["build", "--quiet", "--locked", "--example", "panicking"]);
    cargo.args(["--profile", if profile == "debug" { "dev" } else { profile }]);
    let built = cargo.arg("--target-dir").arg(functions.parent().unwrap()).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let program = functions.join("examples/panicking");
    Host::start_program(&program, tempfile::tempdir().unwrap(), "stats", &[])
}

fn assert_internal(answer: &Answer) {
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["requestId"].as_str(), answer.header("x-request-id"));
    assert!(!answer.body.contains("secret"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_answered_and_told_and_has_its_end() {
    let mut host = start();
    // The first one is told besides that everything is open.
    let first = host.invocation();
    assert_internal(&host.send(first, host.request("u")).await);
    assert_eq!(host.lines_of(first).len(), 2);

    let invocations: Vec<_> = (0..20).map(|_| host.invocation()).collect();
    for answer in join_all(invocations.iter().map(|invocation| host.send(*invocation, host.request("u")))).await {
        assert_internal(&answer);
    }
    for invocation in invocations {
        let line = host.line_of(invocation);
        let told = ["level", "status", "code", "message"].map(|field| &line[field]);
        assert_eq!(
            told,
            [&json!("error"), &json!(500), &json!("internal"), &json!("panicked: a secret of the inside")]
        );
        assert_eq!(line["requestId"], invocation.id());
    }
    // Where it happened, Rust itself says.
    host.process.wait_for_line(|line| line.contains("/faulty.rs:"));
    assert!(host.process.is_running());
    host.process.signal(Signal::TERM);
    assert!(host.process.wait(), "a clean end");
}
