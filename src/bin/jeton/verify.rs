//! `jeton verify`: proves every account against its history.

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use jeton::{
    committer::Surroundings,
    config::Config,
    ledger::UserId,
    log,
    plans::Catalogue,
    system::System,
    verify::{Interrupted, Tally, Verification},
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{Opened, Place, tell, user_id};

/// How often it says how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How many differences may wait to be written.
const FINDINGS_WAITING_MAX: usize = 1_000;

/// Proves every account against its history.
///
/// Counts every account again from its first entry and names every difference, one line each. Exits with 0 if there is
/// none, with 1 if there is one, and with 2 if it could not look at everything.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Looks at this user alone.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: Option<UserId>,

    /// Writes what can be derived, where it is wrong: the index of who is due for billing, the list of users, what is
    /// counted of usage. Never a balance or a history.
    #[arg(long)]
    repair: bool,

    #[command(flatten)]
    place: Place,
}

/// Verifies.
pub(crate) async fn run(arguments: VerifyArguments) -> ExitCode {
    match verify(arguments).await {
        Ok(Tally { differences: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            tell(&format!("jeton: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn verify(arguments: VerifyArguments) -> Result<Tally, String> {
    let VerifyArguments { user, repair, place } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    let catalogue = Catalogue::built_in().map_err(|error| error.to_string())?;
    let Opened { store, place, .. } = place.open(&config, false)?;
    let (sender, mut findings) = mpsc::channel(FINDINGS_WAITING_MAX);
    let begun = Instant::now();
    let run = Arc::new(Verification::new(store, catalogue, System.now(), repair, sender));
    let mut looking = tokio::spawn(look(Arc::clone(&run), user));
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.reset();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let looked = loop {
        tokio::select! {
            Some(finding) = findings.recv() => log::write(&finding.to_string()),
            _ = ticks.tick() => tell(&line(run.tally(), begun.elapsed())),
            looked = &mut looking => break looked,
        }
    };
    while let Ok(finding) = findings.try_recv() {
        log::write(&finding.to_string());
    }

    let (tally, line) = (run.tally(), line(run.tally(), begun.elapsed()));
    let looked = looked.map_err(Interrupted::from).flatten();
    let Some(notes_of_nobody) = looked.map_err(|error| format!("{error} (so far: {line})"))? else {
        return Err(format!("there is no such user in {place}"));
    };
    if notes_of_nobody > 0 {
        log::write(&format!(
            "billing times noted for users who have no account, which does no harm: {notes_of_nobody}"
        ));
    }
    log::write(&format!("verified {place}: {line}"));
    Ok(tally)
}

/// Looks at one user or at all. Gives how many notes belong to nobody; `None` if there is no such user.
async fn look(run: Arc<Verification>, user: Option<UserId>) -> Result<Option<u64>, Interrupted> {
    match user {
        Some(user) => Ok(run.one(&user).await?.then_some(0)),
        None => run.all().await.map(Some),
    }
}

/// How far a run is after `time`.
fn line(tally: Tally, time: Duration) -> String {
    let Tally { accounts, entries, differences, repaired } = tally;
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let rate = entries.saturating_mul(1_000).checked_div(millis).unwrap_or(0);
    format!(
        "accounts {accounts}, entries {entries}, differences {differences}, repaired {repaired}, {:.1} s, \
         {rate} entries/s",
        time.as_secs_f64()
    )
}
