//! What is to be reached, as ratios within one run.

use std::fmt::Write;

/// A target: what is compared, what was measured, and what it must be.
pub(crate) struct Target {
    what: &'static str,
    ratio: f64,
    sign: char,
    bound: f64,
    reached: bool,
}

impl Target {
    pub(crate) fn at_least(what: &'static str, ratio: f64, bound: f64) -> Self {
        Self { what, ratio, sign: '≥', bound, reached: ratio >= bound }
    }

    pub(crate) fn at_most(what: &'static str, ratio: f64, bound: f64) -> Self {
        Self { what, ratio, sign: '≤', bound, reached: ratio <= bound }
    }
}

/// The table of those that were measured.
pub(crate) fn table(targets: impl IntoIterator<Item = Option<Target>>) -> String {
    let mut table = "| target | must be | measured | reached |\n|---|--:|--:|---|\n".to_owned();
    for Target { what, ratio, sign, bound, reached } in targets.into_iter().flatten() {
        let reached = if reached { '✓' } else { '✗' };
        let _ = writeln!(table, "| {what} | {sign} {bound} | {ratio:.2} | {reached} |");
    }
    table
}
