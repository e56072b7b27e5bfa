//! What docs/guarantees.md names is there: a promise whose test is gone is none.

use std::{fs, path::Path};

const GUARANTEES: &str = include_str!("../docs/guarantees.md");

/// The words that the last cell of each row has in backticks.
fn named_tests() -> Vec<&'static str> {
    let rows = GUARANTEES.lines().map(|line| line.split('|').collect::<Vec<_>>());
    // Promise, limits, test; before the first bar and after the last one there is nothing.
    let cells = rows.filter(|cells| cells.len() == 5).map(|cells| cells[3]);
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Whether there is such a module, test or command.
fn is_there(name: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    if name.starts_with("fuzz/run") {
        return root.join("fuzz/run").exists();
    }
    let module = |path: &str| fs::read_to_string(root.join(format!("tests/{}.rs", path.replace("::", "/"))));
    match name.rsplit_once("::") {
        Some((path, test)) => module(path).is_ok_and(|text| text.contains(&format!("fn {test}("))),
        None => module(name).is_ok(),
    }
}

#[test]
fn each_promise_names_a_test_that_is_there() {
    let named = named_tests();
    assert!(named.len() > 40, "{named:?}");
    for name in named {
        assert!(is_there(name), "docs/guarantees.md names {name}, which is not there");
    }
    for gone in ["gone", "restarts::gone", "gone::gone"] {
        assert!(!is_there(gone), "{gone}");
    }
}
