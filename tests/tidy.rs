//! The house rules that a program can check. A limit here only ever gets tighter.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The longest file, in lines.
const LINES_MAX: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder`, as paths from the root, with their text.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The lines of `text` that say something to the compiler, in small letters.
fn code(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(str::trim).filter(|line| !line.starts_with("//")).map(str::to_lowercase)
}

#[test]
fn files_are_short_and_finished() {
    let folders =
        ["src", "api", "tests", "bench", "instructions", "openapi", "simulation", "fuzz/src", "fuzz/fuzz_targets"];
    let is_code = |(name, _): &(String, String)| Path::new(name).extension().is_some_and(|ending| ending == "rs");
    for (name, text) in folders.into_iter().flat_map(files).filter(is_code) {
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{name} has {lines} lines: is it one subject?");
        // Written apart, so that this file does not find itself.
        for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
            assert!(!text.contains(word), "{name} has a {word}");
        }
    }
}

#[test]
fn every_fuzz_target_is_run_and_begins_with_something() {
    let cargo = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let run = fs::read_to_string(root().join("fuzz/run")).unwrap();
    let mut bytes = 0;
    for (name, _) in files("fuzz/fuzz_targets") {
        let target = Path::new(&name).file_stem().unwrap().to_str().unwrap();
        assert!(cargo.contains(&format!("name = \"{target}\"")), "{target} is not built");
        assert!(run.contains(&format!("[{target}]=")), "{target} is not run");
        let corpus = fs::read_dir(root().join("fuzz/corpus").join(target)).unwrap();
        let sizes: Vec<u64> = corpus.map(|file| file.unwrap().metadata().unwrap().len()).collect();
        assert!((10..=150).contains(&sizes.len()), "{target} has {} inputs", sizes.len());
        bytes += sizes.iter().sum::<u64>();
    }
    assert!(bytes < 1 << 20, "the corpus has {bytes} bytes: it is what runs start from, not an archive");
}

#[test]
fn functions_only_wire() {
    let cargo = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let functions = files("api");
    assert!(functions.len() <= 12, "the platform's free plan takes 12 functions");
    for (name, text) in functions {
        assert!(text.lines().count() <= 14, "{name} does more than name its handler");
        assert!(cargo.contains(&format!("path = \"{name}\"")), "{name} has no [[bin]] of its own");
    }
}

#[test]
fn each_word_has_its_room() {
    // A word, and where it may stand.
    let rooms: [(&str, &[&str]); 7] = [
        ("redis::", &["src/store", "src/http/app.rs", "src/bin"]),
        ("redb", &["src/store/embedded"]),
        ("rustls", &["src/authorities.rs", "src/store", "src/session/fetch.rs"]),
        ("hyper", &["src/http", "src/session/fetch.rs", "src/session/jwks_url.rs"]),
        ("jsonwebtoken", &["src/session"]),
        ("std::env", &["src/config.rs"]),
        ("systemtime", &["src/system.rs"]),
    ];
    for (name, text) in files("src") {
        for (word, rooms) in rooms {
            let at_home = rooms.iter().any(|room| name.starts_with(room));
            assert!(at_home || !code(&text).any(|line| line.contains(word)), "{name} speaks of {word}");
        }
    }
}

#[test]
fn the_ledger_is_pure() {
    for (name, text) in files("src/ledger") {
        for word in ["async", "tokio", "::now()", "std::fs", "std::net", "random", "crate::store", "crate::http"] {
            assert!(!code(&text).any(|line| line.contains(word)), "{name} speaks of {word}");
        }
    }
}

#[test]
fn business_numbers_stand_in_the_catalogue() {
    for (name, text) in files("src") {
        for number in ["5000", "test-user-id", "initialisation du compte", "génération"] {
            assert!(!code(&text).any(|line| line.contains(number)), "{name} has {number}, which belongs in plans.toml");
        }
    }
}
