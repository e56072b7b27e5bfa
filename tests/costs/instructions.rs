//! How many instructions the processor carries out on Jeton's hot paths, counted by callgrind: the same on every run, and
//! nearly the same on every machine of one kind.
//!
//! What they took when they were last looked at stands in `instructions.toml`. A path that takes clearly more fails here, and
//! so does one that takes clearly less, so that what was won is kept. Either way the new table is printed; and by
//! `cargo test --locked -- costs::instructions --nocapture` at any time.

use std::{collections::BTreeMap, fmt::Write, fs, process::Command};

use crate::support::vercel::released;

const EXPECTED: &str = include_str!("instructions.toml");

/// Has the C library copy and compare bytes in the way that every processor can, whatever this one can do better: one
/// instruction that copies thousands of bytes would be counted once for each of them. Names that it does not know it ignores.
const PLAIN: &str = "glibc.cpu.hwcaps=-ERMS,-AVX2,-AVX,-AVX_Fast_Unaligned_Load";

/// How much more a path may take than the table says, in hundredths: for another C library with its allocator, another
/// compiler of the same language, and crates that look at the processor themselves. On one machine the ledger's paths are the
/// same to the instruction, and whole requests differ from run to run by 1 at most.
const MORE: u64 = 5;
/// How much less, before the table is to follow.
const LESS: u64 = 10;

/// What each path takes each time.
fn counted() -> BTreeMap<String, u64> {
    let program = released("instructions");
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("counted");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--collect-atstart=no"]).env("GLIBC_TUNABLES", PLAIN);
    valgrind.args(["--toggle-collect=instructions::counted", "--dump-after=instructions::counted"]);
    valgrind.arg(format!("--callgrind-out-file={}", output.display())).arg(program);
    let run = valgrind.output().expect("valgrind, which ./test installs");
    let (told, said) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    let path = |(number, line): (usize, &str)| {
        let (name, times) = line.split_once(' ').unwrap();
        let dump =
            fs::read_to_string(folder.path().join(format!("counted.{}", number + 1))).expect("a part of each path");
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).expect("a total");
        let (total, times): (u64, u64) = (total.trim().parse().unwrap(), times.parse().unwrap());
        (name.to_owned(), total / times)
    };
    told.lines().enumerate().map(path).collect()
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the table is of another set of instructions")]
fn hot_paths_take_what_they_took() {
    let expected: BTreeMap<String, u64> = toml::from_str(EXPECTED).unwrap();
    let counted = counted();
    let mut table = String::new();
    for (path, count) in &counted {
        writeln!(table, "{path} = {count}").unwrap();
    }
    println!("{table}");

    let mut wrong = Vec::new();
    for path in counted.keys().chain(expected.keys().filter(|path| !counted.contains_key(*path))) {
        match (counted.get(path), expected.get(path)) {
            (Some(count), Some(expected)) if count * 100 > expected * (100 + MORE) => {
                wrong.push(format!("{path} takes {count} instructions, more than {MORE} % above {expected}"));
            }
            (Some(count), Some(expected)) if count * 100 < expected * (100 - LESS) => {
                wrong.push(format!("{path} takes only {count} instructions of {expected}: let the table say so"));
            }
            (Some(_), Some(_)) => {}
            (Some(count), None) => wrong.push(format!("{path} takes {count} instructions, and is not in the table")),
            (None, _) => wrong.push(format!("{path} is in the table, and was not counted")),
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\ntests/costs/instructions.toml, if that is as it should be:\n{table}",
        wrong.join("\n")
    );
}
