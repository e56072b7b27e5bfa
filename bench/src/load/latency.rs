//! How long debits take, by how many come: by the clock, not as soon as the one before is answered.

use std::fmt::Write;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    accounts, all_unless,
    contender::Contender,
    oha::{Debits, write_bodies},
    workload::Workload,
};
use crate::{figures::Figures, redis::Redis, results};

/// How much of what a contender can do is asked of it, in hundredths.
const LOADS: [u32; 5] = [10, 25, 50, 75, 90];

#[derive(Debug, Args)]
pub(crate) struct LatencyArguments {
    /// Who is measured; all if nobody is named.
    #[arg(long, value_enum, value_delimiter = ',')]
    contenders: Vec<Contender>,
    /// How often each is measured; they take turns.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each measurement lasts.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many users there are.
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// How many connections there are.
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

/// The latencies of a contender.
#[derive(Serialize, Deserialize)]
pub(crate) struct Latencies {
    pub(crate) contender: Contender,
    /// How many debits a second it answers at most, by the same tool, measured just before.
    pub(crate) capacity: Figures,
    pub(crate) points: Vec<Point>,
}

/// The latencies at one load.
#[derive(Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) percent: u32,
    /// How many debits came a second.
    pub(crate) wanted: Figures,
    /// How many were answered.
    pub(crate) answered: Figures,
    pub(crate) p50_us: Figures,
    pub(crate) p99_us: Figures,
}

impl Latencies {
    fn new(contender: Contender) -> Self {
        let point = |percent| {
            let [wanted, answered, p50_us, p99_us] = [(); 4].map(|()| Figures::default());
            Point { percent, wanted, answered, p50_us, p99_us }
        };
        Self { contender, capacity: Figures::default(), points: LOADS.map(point).into() }
    }

    /// Measures once at each load.
    fn add(&mut self, &LatencyArguments { users, connections, seconds, .. }: &LatencyArguments) -> Result<(), String> {
        let redis = Redis::start()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let running = self.contender.start(Workload::Users, folder.path(), &redis)?;
        if self.contender.keeps_accounts() {
            accounts::open(&running, Workload::Users, users)?;
        }
        let bodies = folder.path().join("bodies");
        write_bodies(&bodies, users)?;
        let debits = Debits { port: running.door(), connections, seconds, bodies: &bodies };
        let capacity = debits.run(None)?.requests_per_second;
        self.capacity.add(capacity);
        for point in &mut self.points {
            let wanted = capacity * f64::from(point.percent) / 100.0;
            let told = debits.run(Some(wanted))?;
            point.wanted.add(wanted);
            point.answered.add(told.requests_per_second);
            point.p50_us.add(told.p50_us);
            point.p99_us.add(told.p99_us);
        }
        Ok(())
    }
}

/// Measures, writes what was measured, and prints its table.
pub(crate) fn measure(arguments: &LatencyArguments) -> Result<(), String> {
    let mut all = all_unless(&arguments.contenders).into_iter().map(Latencies::new).collect::<Vec<_>>();
    for round in 1..=arguments.rounds {
        for latencies in &mut all {
            let name = latencies.contender.name();
            latencies.add(arguments).map_err(|error| format!("{name}: {error}"))?;
            eprintln!("round {round}: {name}: {:.0} debits/s at most", latencies.capacity.median());
        }
    }
    results::write("latency", &all)?;
    results::write_table("latency", &table(&all))
}

fn table(all: &[Latencies]) -> String {
    let mut table =
        "| debits by the clock | of the most, % | debits/s | answered/s | median, µs | 99th percentile, µs |\n\
                     |---|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for Latencies { contender, points, .. } in all {
        for Point { percent, wanted, answered, p50_us, p99_us } in points {
            let [wanted, answered] = [wanted, answered].map(|figures| format!("{:.0}", figures.median()));
            let [p50, p99] = [p50_us, p99_us].map(|figures| figures.range(|figure| format!("{figure:.0}")));
            let _ = writeln!(table, "| {} | {percent} | {wanted} | {answered} | {p50} | {p99} |", contender.name());
        }
    }
    table
}
