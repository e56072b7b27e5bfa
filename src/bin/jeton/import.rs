//! `jeton import`: brings over the users of the module that Jeton replaces.

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Args;
use jeton::{
    config::Config,
    import::{Import, ImportError, Tally, Ways},
    ledger::UserId,
    log,
    plans::Catalogue,
    store::{LegacySource, Store},
    system::System,
};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{Opened, Place, tell, user_id};

/// How often it says how far it has come.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How many lines may wait to be written.
const LINES_WAITING_MAX: usize = 1_000;

/// Brings over the users of the module that Jeton replaces, from its keys `user:stats:…` and `user:transactions:…`.
///
/// Without --apply it only says what it would do. It may be broken off and begun again at any time: who is brought over is
/// left alone, and the old keys stay as they are. Exits with 0 if all is well, with 1 if somebody must look at a user, and
/// with 2 if it could not go on.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The Redis of the old keys, or some nodes of a Redis Cluster, separated by commas; without it that of the accounts, or
    /// of `REDIS_URL`.
    #[arg(long, value_name = "URL")]
    from: Option<String>,

    /// Does it.
    #[arg(long)]
    apply: bool,

    /// Brings over this user alone.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: Option<UserId>,

    /// Writes a line for each user, also where there is nothing to say.
    #[arg(long)]
    verbose: bool,

    #[command(flatten)]
    place: Place,
}

/// Imports.
pub(crate) async fn run(arguments: ImportArguments) -> ExitCode {
    match import(arguments).await {
        Ok(Tally { to_look_at: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            tell(&format!("jeton: {error}"));
            ExitCode::from(2)
        }
    }
}

async fn import(arguments: ImportArguments) -> Result<Tally, String> {
    let ImportArguments { from, apply, user, verbose, place } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    let catalogue = Catalogue::built_in().map_err(|error| error.to_string())?;
    let source = source(from, &place, &config)?;
    // What is not there yet has nobody, and looking makes none.
    let (store, to): (Option<Arc<dyn Store>>, _) = if apply || place.is_there(&config) {
        let Opened { store, place, .. } = place.open(&config, apply)?;
        (Some(store), place)
    } else {
        (None, place.folder().display().to_string())
    };
    let from = source.to_string();
    let (sender, mut lines) = mpsc::channel(LINES_WAITING_MAX);
    let begun = Instant::now();
    let ways = Ways { source, store, catalogue, locale: config.locale, surroundings: Arc::new(System) };
    let run = Arc::new(Import::new(ways, apply, sender));
    let line = || format!("{}, {:.1} s", run.tally(), begun.elapsed().as_secs_f64());
    let nobody = if user.is_some() { "no such user" } else { "no user of the module before" };
    let mut working = tokio::spawn(work(Arc::clone(&run), user));
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.reset();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let worked = loop {
        tokio::select! {
            Some(met) = lines.recv() => if verbose || met.met.is_remarkable() { log::write(&met.to_string()) },
            _ = ticks.tick() => tell(&line()),
            worked = &mut working => break worked,
        }
    };
    while let Ok(met) = lines.try_recv() {
        if verbose || met.met.is_remarkable() {
            log::write(&met.to_string());
        }
    }

    let worked = worked.map_err(ImportError::from).flatten();
    if !worked.map_err(|error| format!("{error} (so far: {})", line()))? {
        return Err(format!("there is {nobody} in {from}"));
    }
    let done = if apply { "imported" } else { "would import" };
    log::write(&format!("{done} from {from} into {to}: {}", line()));
    if !apply {
        tell("nothing is written: jeton import --apply does it");
    }
    Ok(run.tally())
}

/// The old keys: where `from` says, or where the accounts are, or where `REDIS_URL` says.
fn source(from: Option<String>, place: &Place, config: &Config) -> Result<LegacySource, String> {
    let named = from.is_some();
    let url = from.or_else(|| place.url(config)).or_else(|| config.redis_url.clone());
    let url = url.ok_or("name the Redis of the old keys with --from or REDIS_URL")?;
    LegacySource::new(&url, config.redis_ca.as_ref())
        .map_err(|error| if named { error.in_setting("--from") } else { error.to_string() })
}

/// Goes through one user or all: whether there is anybody.
async fn work(run: Arc<Import>, user: Option<UserId>) -> Result<bool, ImportError> {
    match user {
        Some(user) => run.one(&user).await,
        None => run.all().await,
    }
}
