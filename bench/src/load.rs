//! Requests per second, and what one costs: the floor, Jeton and what people use instead, in one run.

mod accounts;
pub(crate) mod contender;
pub(crate) mod latency;
mod oha;
mod ping;
pub(crate) mod sample;
mod tables;
mod targets;
pub(crate) mod workload;
mod wrk;

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use self::{
    contender::Contender,
    sample::{Measure, Sample},
    workload::Workload,
};
use crate::{figures::Figures, results};

#[derive(Debug, Args)]
pub(crate) struct LoadArguments {
    /// What is asked for; everything if nothing is said.
    #[arg(long, value_enum, value_delimiter = ',')]
    workloads: Vec<Workload>,
    /// Who is measured; all if nobody is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    contenders: Vec<Contender>,
    /// How often each is measured; they take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement lasts.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How long the same load runs before it.
    #[arg(long, default_value_t = 1)]
    warm_up_seconds: u64,
    /// How many users there are.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// What was measured in one run.
#[derive(Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) users: usize,
    pub(crate) connections: usize,
    /// The median of a `PING` of each round, in microseconds.
    pub(crate) ping_us: Figures,
    pub(crate) series: Vec<Series>,
}

/// What was measured of a contender at a workload, once a round.
#[derive(Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) workload: Workload,
    pub(crate) contender: Contender,
    pub(crate) samples: Vec<Sample>,
}

impl Measured {
    /// What was asked for, each once.
    pub(crate) fn workloads(&self) -> BTreeSet<Workload> {
        self.series.iter().map(|series| series.workload).collect()
    }

    /// Who was measured, each once.
    pub(crate) fn contenders(&self) -> BTreeSet<Contender> {
        self.series.iter().map(|series| series.contender).collect()
    }

    /// The figures of a contender at a workload, if it was measured.
    pub(crate) fn figures(
        &self,
        workload: Workload,
        contender: Contender,
        of: impl Fn(&Sample) -> f64,
    ) -> Option<Figures> {
        let series = self.series.iter().find(|series| series.workload == workload && series.contender == contender)?;
        Some(series.samples.iter().map(of).collect())
    }
}

/// Measures, writes what was measured, and prints its tables.
pub(crate) fn measure(arguments: &LoadArguments) -> Result<(), String> {
    let &LoadArguments { rounds, seconds, warm_up_seconds, users, connections, .. } = arguments;
    let workloads = all_unless(&arguments.workloads);
    let contenders = all_unless(&arguments.contenders);
    let measure = Measure { users, connections, warm_up_seconds, seconds };
    let mut ping_us = Figures::default();
    let mut samples = BTreeMap::<(Workload, Contender), Vec<Sample>>::new();
    for round in 1..=rounds {
        ping_us.add(ping::median_us(seconds)?);
        for &workload in &workloads {
            for &contender in contenders.iter().filter(|contender| contender.does(workload)) {
                let sample = Sample::take(contender, workload, measure);
                let sample = sample.map_err(|error| format!("{}, {}: {error}", contender.name(), workload.title()))?;
                let rate = sample.requests_per_second;
                eprintln!("round {round}: {}, {}: {rate:.0} requests/s", workload.title(), contender.name());
                samples.entry((workload, contender)).or_default().push(sample);
            }
        }
    }
    let series = samples.into_iter().map(|((workload, contender), samples)| Series { workload, contender, samples });
    let measured = Measured { rounds, seconds, users, connections, ping_us, series: series.collect() };
    results::write("load", &measured)?;
    tables::write(&measured)
}

fn all_unless<T: ValueEnum + Clone>(named: &[T]) -> Vec<T> {
    if named.is_empty() { T::value_variants().to_vec() } else { named.to_vec() }
}
