//! What Jeton is to reach, as ratios of medians of one run.

use std::fmt::Write;

use super::{Measured, contender::Contender, sample::Sample, workload::Workload};
use crate::targets::{self, Target};

/// The table of all targets that a run can tell of.
pub(super) fn table(measured: &Measured) -> String {
    let mut table = targets::table(targets(measured));
    // Whoever promises to lose none has been held to it in each measurement.
    if let Some((lost, debits)) = lost(measured, Contender::Jeton) {
        let _ = writeln!(table, "| debits lost by Jeton | 0 | {lost:.0} of {debits:.0} | ✓ |");
    }
    if let Some((lost, debits)) = lost(measured, Contender::Usual) {
        let _ = writeln!(table, "| debits lost by the usual module | | {lost:.0} of {debits:.0} | |");
    }
    table
}

fn targets(measured: &Measured) -> [Option<Target>; 7] {
    let median = |workload, contender, of: fn(&Sample) -> f64| {
        measured.figures(workload, contender, of).map(|figures| figures.median())
    };
    let jeton = |workload, of| median(workload, Contender::Jeton, of);
    let empty = |workload, of| median(workload, Contender::Empty, of);
    // Of the two careful modules the better one.
    let careful = |workload, of, better: fn(f64, f64) -> f64| {
        let [json, hash] =
            [Contender::CarefulJson, Contender::CarefulHash].map(|contender| median(workload, contender, of));
        json.into_iter().chain(hash).reduce(better)
    };
    let rate: fn(&Sample) -> f64 = |sample| sample.requests_per_second;
    let p50: fn(&Sample) -> f64 = |sample| sample.p50_us;
    let processor: fn(&Sample) -> f64 = |sample| sample.processor_us;
    let redis: fn(&Sample) -> f64 = |sample| sample.redis_us;
    let at_least = |what, part: Option<f64>, whole: Option<f64>, bound| {
        part.zip(whole).map(|(part, whole)| Target::at_least(what, part / whole, bound))
    };
    let at_most = |what, part: Option<f64>, whole: Option<f64>, bound| {
        part.zip(whole).map(|(part, whole)| Target::at_most(what, part / whole, bound))
    };
    [
        at_most(
            "one caller: median of a debit / (median of the empty function's answer + median of a `PING`)",
            jeton(Workload::Alone, p50),
            empty(Workload::Alone, p50).map(|answer| answer + measured.ping_us.median()),
            0.9,
        ),
        at_least(
            "debits/s of users evenly / the empty function's requests/s",
            jeton(Workload::Users, rate),
            empty(Workload::Users, rate),
            0.4,
        ),
        at_least(
            "reads/s of users evenly / the empty function's requests/s",
            jeton(Workload::Reads, rate),
            empty(Workload::Reads, rate),
            0.6,
        ),
        at_most(
            "processor time of the function: a debit / an empty request",
            jeton(Workload::Users, processor),
            empty(Workload::Users, processor),
            2.5,
        ),
        at_least(
            "debits/s: one hot user / users evenly",
            jeton(Workload::Hot, rate),
            jeton(Workload::Users, rate),
            1.5,
        ),
        at_least(
            "debits/s of one hot user: Jeton / the better careful module",
            jeton(Workload::Hot, rate),
            careful(Workload::Hot, rate, f64::max),
            4.0,
        ),
        at_most(
            "time in Redis of a debit: Jeton / the better careful module",
            jeton(Workload::Users, redis),
            careful(Workload::Users, redis, f64::min),
            0.6,
        ),
    ]
}

/// How many debits a contender lost in the whole run, and of how many.
fn lost(measured: &Measured, contender: Contender) -> Option<(f64, f64)> {
    let series = measured.series.iter().filter(|series| series.contender == contender);
    let samples = series.flat_map(|series| &series.samples).filter(|sample| sample.debits > 0.0);
    let sums = samples.map(|sample| (sample.debits_lost, sample.debits));
    sums.reduce(|(lost, debits), (more_lost, more)| (lost + more_lost, debits + more))
}
