//! Schemathesis makes requests from the document, right ones and wrong ones, and holds the answers against it.

use std::{
    fs,
    process::{Command, Output},
};

use serde_json::json;

use crate::support::{
    description::Description,
    server::{Local, SHORT_STREAMS},
    vercel::root,
};

/// How long it may take, in seconds, on a machine that is busy. On an idle one it takes 20.
const SECONDS_MAX: u32 = 300;

const SERVICE_KEY: &str = "a-secret-of-the-tests";
const CRON_SECRET: &str = "the-secret-of-the-cron";

/// A local server with credentials, and a folder for what Schemathesis keeps.
struct Tested {
    local: Local,
    folder: tempfile::TempDir,
}

impl Tested {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = format!("test:admin:{SERVICE_KEY}");
        let settings = [
            SHORT_STREAMS,
            ("JETON_API_KEYS", &keys),
            ("CRON_SECRET", CRON_SECRET),
            ("JETON_JWT_SECRET", "a-secret-of-thirty-two-bytes-or-more"),
        ];
        let local = Local::start(folder.path(), &[], &settings);
        Self { local, folder }
    }

    /// What Schemathesis says. One that hangs is ended.
    fn run(&self, arguments: &[&str]) -> Output {
        let program = root().join("target/tools/schemathesis/bin/schemathesis");
        assert!(program.is_file(), "{} is missing: ./test installs it", program.display());
        Command::new("timeout")
            .arg(SECONDS_MAX.to_string())
            .arg(program)
            .arg("--config-file")
            .arg(root().join("tests/openapi/schemathesis.toml"))
            .arg("run")
            .args(arguments)
            .env("HOOKS", root().join("tests/openapi/hooks.py"))
            .envs([("SERVICE_KEY", SERVICE_KEY), ("CRON_SECRET", CRON_SECRET), ("PYTHONDONTWRITEBYTECODE", "1")])
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }
}

#[test]
fn schemathesis_finds_nothing() {
    let tested = Tested::start();
    let output = tested.run(&[&format!("{}/openapi.json", tested.local.base())]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    // It did call.
    assert!(told.contains("Selected: 16/16") && told.contains("Tested: 16"), "{told}");
}

#[test]
fn schemathesis_finds_what_is_wrong() {
    let tested = Tested::start();
    let file = tested.folder.path().join("wrong.json");
    let ttl = "/components/schemas/CreateSession/properties/ttlSeconds/maximum";
    // The server takes more, and less, than a document with these limits says.
    for limit in [3_600, 100_000] {
        let mut document = Description::get().document.clone();
        *document.pointer_mut(ttl).unwrap() = json!(limit);
        fs::write(&file, document.to_string()).unwrap();
        let of_sessions = ["--url", tested.local.base(), "--include-operation-id", "createSession"];
        let output = tested.run(&[&[file.to_str().unwrap()], &of_sessions[..]].concat());
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && told.contains("POST /api/sessions"), "{limit}: {told}");
    }
}
