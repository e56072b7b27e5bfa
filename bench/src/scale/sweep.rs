//! Many users are billed, and others debit meanwhile.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Sizes, cores,
    filling::Filling,
    open_loop::{Debit, OpenLoop},
    table::{Table, grouped, judged, raw},
    watched::Watched,
};
use crate::{
    caller::Caller,
    figures::Figures,
    function::{Function, SECRET, program},
};

/// Who debits meanwhile.
const DEBITING: u32 = 1_000;
/// How long ago the due users were opened: at least one billing day lies between, in some months two.
const DAYS_AGO: u64 = 31;
/// The 99th percentile of debits while users are billed, above that without.
const RATIO_MAX: f64 = 1.5;
/// One run bills for so many seconds and then the debits are alone for as long, so that both are measured in turns.
const RUN_SECONDS: (&str, &str) = ("JETON_BILLING_SECONDS", "1");
const PAUSE: Duration = Duration::from_secs(1);
/// How long debits go on before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// One call of the cron's.
struct Run {
    begin: Instant,
    end: Instant,
    billed: f64,
    failed: u64,
    more: bool,
    /// Seconds that Redis worked meanwhile.
    redis: f64,
}

impl Run {
    fn seconds(&self) -> f64 {
        self.end.saturating_duration_since(self.begin).as_secs_f64()
    }
}

/// Calls the billing as the platform's cron does.
fn run(billing: &mut Caller, redis: &mut Watched) -> Result<Run, String> {
    let (begin, busy) = (Instant::now(), redis.busy_seconds()?);
    let answer = billing.ask("GET /api/billing", "", "", 200)?;
    let report: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
    let number = |name| report.get(name).and_then(Value::as_u64).ok_or_else(|| format!("no {name} in {report}"));
    let billed = u32::try_from(number("billed")?).map_err(|error| error.to_string())?;
    Ok(Run {
        begin,
        end: answer.when,
        billed: f64::from(billed),
        failed: number("failed")?,
        more: report.get("more") == Some(&Value::Bool(true)),
        redis: redis.busy_seconds()? - busy,
    })
}

/// Measures, and prints a table.
pub(super) fn measure(sizes: &Sizes, folder: &Path) -> Result<Value, String> {
    let mut redis = Watched::start()?;
    let filling = Filling::new(&redis.url())?;
    filling.open((0..sizes.due).map(|number| format!("due-{number}")), DAYS_AGO)?;
    let users: Arc<[String]> = (0..DEBITING).map(|number| format!("user-{number}")).collect();
    filling.open(users.iter().cloned(), 0)?;
    drop(filling);
    let debits = Function::start(&program("generations")?, folder, &redis.url())?;
    let key = [("JETON_API_KEYS", ""), ("CRON_SECRET", SECRET), RUN_SECONDS];
    let billing = Function::start_with(&program("billing")?, folder, &redis.url(), &key)?;
    // On the platform it has a processor of its own. What is to be seen here is what Redis's work for it does to others.
    cores::give_way(billing.id())?;
    let mut cron = Caller::connect(billing.port())?;
    let mut warming = Caller::connect(debits.port())?;
    for user in &*users {
        warming.ask("POST /api/generations", "", &format!(r#"{{"userId":"{user}","tokenCost":1}}"#), 200)?;
    }

    redis.forget()?;
    let open_loop = OpenLoop::start(debits.port(), sizes.rate, &users)?;
    thread::sleep(WARM_UP);
    let begin = Instant::now();
    let mut runs = Vec::new();
    loop {
        thread::sleep(PAUSE);
        let run = run(&mut cron, &mut redis)?;
        let more = run.more;
        runs.push(run);
        if !more {
            break;
        }
    }
    thread::sleep(PAUSE);
    let measured: Vec<Debit> = open_loop.stop()?.into_iter().filter(|debit| debit.due >= begin).collect();
    tell(sizes, &measured, &runs, &redis.worst()?)
}

fn tell(sizes: &Sizes, debits: &[Debit], runs: &[Run], worst: &str) -> Result<Value, String> {
    let billing = |debit: &&Debit| runs.iter().any(|run| run.begin <= debit.due && debit.due <= run.end);
    let during: Figures = debits.iter().filter(billing).map(|debit| debit.took).collect();
    let alone: Figures = debits.iter().filter(|debit| !billing(debit)).map(|debit| debit.took).collect();
    let seconds: f64 = runs.iter().map(Run::seconds).sum();
    let billed: f64 = runs.iter().map(|run| run.billed).sum();
    let redis: f64 = runs.iter().map(|run| run.redis).sum::<f64>() / seconds;
    let failed: u64 = runs.iter().map(|run| run.failed).sum();
    let ratio = during.percentile(99) / alone.percentile(99);

    let mut table = Table::new(
        "sweep",
        &["", "debits alone", "while users are billed", "ratio", "target", "", "Redis's worst event"],
    );
    let row = |name: &str, percent| {
        let [alone, during] = [&alone, &during].map(|figures| figures.percentile(percent));
        (format!("{name}, ms"), format!("{alone:.3}"), format!("{during:.3}"), format!("{:.2}", during / alone))
    };
    let (name, before, after, factor) = row("a debit, median", 50);
    table.row(&[&name, &before, &after, &factor, &"", &"", &""]);
    let (name, before, after, factor) = row("a debit, p99", 99);
    let target = format!("≤ {RATIO_MAX}");
    table.row(&[&name, &before, &after, &factor, &target, &judged(ratio, RATIO_MAX), &worst]);
    table.row(&[&"users billed a second", &"", &format_args!("{:.0}", billed / seconds), &"", &"", &"", &""]);
    table.row(&[&"Redis at work", &"", &format_args!("{:.0} %", redis * 100.0), &"", &"", &"", &""]);
    table.note(&format!(
        "{} due users, in {} runs of {} s, and pauses of {} s between; {} debits a second that come by the clock, {} alone and {} \
         while users are billed. {billed:.0} accounts were billed, {failed} failed. The function that \
         bills has the least priority, as on the platform it takes no processor from the others.",
        grouped(sizes.due),
        runs.len(),
        RUN_SECONDS.1,
        PAUSE.as_secs(),
        sizes.rate,
        alone.count(),
        during.count(),
    ));
    table.publish()?;
    Ok(json!({
        "alone": raw(&alone),
        "during": raw(&during),
        "ratio": ratio,
        "billed": billed,
        "failed": failed,
        "seconds": seconds,
        "redisBusy": redis,
        "worst": worst,
    }))
}
