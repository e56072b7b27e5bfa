//! What `vercel build` makes of the project for a deployment.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{HEADERS, vercel_json};
use crate::support::{
    redis::Redis,
    server::Instance,
    vercel::{OUTPUT, files_below, functions, names_in, root},
};

/// The folder of a function.
fn function(name: &str) -> PathBuf {
    OUTPUT.join(format!("functions/api/{name}.func"))
}

fn json_of(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_file_of_api_is_a_function_and_nothing_else_is() {
    let built = names_in(&OUTPUT.join("functions/api"));
    let expected: BTreeSet<String> = functions().iter().map(|name| format!("{name}.func")).collect();
    assert_eq!(built, expected);
    assert!(built.len() <= 12, "the platform's free plan takes 12 functions");
    assert_eq!(names_in(&OUTPUT.join("functions")), ["api".to_owned()].into());
    let settings = vercel_json();
    for name in functions() {
        assert_eq!(names_in(&function(&name)), [".vc-config.json".to_owned(), "executable".to_owned()].into());
        let executable = function(&name).join("executable");
        assert_eq!(fs::metadata(executable).unwrap().permissions().mode() & 0o111, 0o111, "{name}");

        let mut config = json_of(&function(&name).join(".vc-config.json"));
        // The command line takes the first pattern that fits, and that one alone.
        let patterns = settings["functions"].as_object().unwrap();
        let set = patterns.get(&format!("api/{name}.rs")).or_else(|| patterns.get("api/*.rs")).unwrap_or(&Value::Null);
        for option in ["maxDuration", "memory", "regions"] {
            let value = config.as_object_mut().unwrap().remove(option).unwrap_or_default();
            assert_eq!(value, set[option], "{option} of {name}");
        }
        let expected = json!({
            "runtime": "executable", "runtimeLanguage": "rust", "handler": "executable", "architecture": "x86_64",
            "supportsResponseStreaming": true, "environment": {},
        });
        assert_eq!(config, expected, "{name}");
    }
    let billing = json_of(&function("billing").join(".vc-config.json"));
    assert_eq!(billing["maxDuration"], 60, "above the 45 seconds of a run");
    let events = json_of(&function("events").join(".vc-config.json"));
    assert_eq!(events["maxDuration"], 60, "above the 50 seconds of a stream");
}

#[test]
fn the_routes_set_the_headers_and_the_cron_is_daily() {
    let config = json_of(&OUTPUT.join("config.json"));
    let cron = json!({"path": "/api/billing", "schedule": "17 0 * * *"});
    assert_eq!(config["crons"], json!([cron]));
    assert_eq!(vercel_json()["crons"], json!([cron]));
    let headers: serde_json::Map<String, Value> =
        HEADERS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let expected = json!([
        {"src": "^(?:/(.*))$", "headers": headers, "continue": true},
        {"handle": "filesystem"},
        {"src": "^/api/refunds$", "dest": "/api/transactions?jeton-resource=refunds", "check": true},
        {"src": "^/api/usage$", "dest": "/api/stats?jeton-resource=usage", "check": true},
        {"src": "^/api(/.*)?$", "status": 404},
        {"handle": "error"},
        {"status": 404, "src": "^(?!/api).*$", "dest": "/404.html"},
        {"handle": "miss"},
        {"src": "^/api/(.+)(?:\\.(?:rs))$", "dest": "/api/$1", "check": true},
    ]);
    assert_eq!(config["routes"], expected);
    let members: Vec<&String> = config.as_object().unwrap().keys().collect();
    assert_eq!(members, ["crons", "routes", "version"], "nothing else is told to the platform");
}

#[test]
fn the_static_files_are_those_of_the_page() {
    let public = root().join("public");
    let files = files_below(&OUTPUT.join("static"), |_| false);
    assert_eq!(files, files_below(&public, |_| false));
    for file in files {
        assert_eq!(
            fs::read(OUTPUT.join("static").join(&file)).unwrap(),
            fs::read(public.join(&file)).unwrap(),
            "{file:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deployed_debits() {
    let redis = Redis::start();
    let settings = [("REDIS_URL", redis.url()), ("VERCEL_ENV", "production".to_owned())];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let start = |name| {
        let executable = function(name).join("executable");
        let keys = [&settings[..], &[("JETON_API_KEYS", "app:spend:s-secret")]].concat();
        Instance::start_built(&executable, tempfile::tempdir().unwrap(), name, &keys)
    };
    let generations = start("generations");
    let client = generations.client();
    assert_eq!(client.post("generations", json!({"userId": "u"})).await.status, 401, "production is closed");
    let result = client.with_key("s-secret").post("generations", json!({"userId": "u"})).await.ok();
    assert_eq!(result["stats"]["tokenBalance"], 4997);
    let stats = start("stats").client().with_key("s-secret").stats("u").await;
    assert_eq!(stats, result["stats"]);
}
