//! `jeton export`: all accounts and histories, as lines of JSON.

use std::{
    io::{self, BufWriter},
    process::ExitCode,
};

use clap::Args;
use jeton::{
    config::Config,
    export::{Export, Exported},
    ledger::UserId,
};

use crate::{Opened, Place, tell, user_id};

/// Writes all accounts and their whole histories, as lines of JSON.
///
/// Exits with 0 if everything is written, with 1 if a user could not be written whole, and with 2 if it could not go on.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Writes this user alone.
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: Option<UserId>,

    #[command(flatten)]
    place: Place,
}

/// Exports.
pub(crate) async fn run(arguments: ExportArguments) -> ExitCode {
    match export(arguments).await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            tell(&format!("jeton: {error}"));
            ExitCode::from(2)
        }
    }
}

/// Gives how many users could not be written whole.
async fn export(arguments: ExportArguments) -> Result<u64, String> {
    let ExportArguments { user, place } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    let Opened { store, place, .. } = place.open(&config, false)?;
    let mut export = Export::new(store, BufWriter::new(io::stdout().lock()));
    let mut failed = 0_u64;
    if let Some(user) = user {
        if !export.one(&user).await.map_err(|error| error.to_string())? {
            return Err(format!("there is no such user in {place}"));
        }
    } else {
        let told = |error: &_| {
            failed = failed.saturating_add(1);
            tell(&format!("jeton: {error}"));
        };
        export.all(told).await.map_err(|error| error.to_string())?;
    }
    let Exported { accounts, entries } = export.exported();
    tell(&format!("exported {place}: accounts {accounts}, entries {entries}"));
    Ok(failed)
}
