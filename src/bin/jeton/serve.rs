//! The local server: all of Jeton on this machine, with nothing else installed.

use std::{io, process::ExitCode};

use clap::Args;
use jeton::{
    config::Config,
    http::{App, LocalServer},
    log,
};

use crate::{Opened, Place, tell};

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,

    #[command(flatten)]
    place: Place,
}

/// Serves until it is told to end.
pub(crate) async fn run(arguments: ServeArguments) -> ExitCode {
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("jeton: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: ServeArguments) -> Result<(), String> {
    let ServeArguments { port, place } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    if config.legacy_import && place.url(&config).is_none() {
        return Err(
            "JETON_LEGACY_IMPORT is set, and the embedded store has nothing of the module before: set REDIS_URL to \
                    the Redis that has it, or leave JETON_LEGACY_IMPORT out and run jeton import --from"
                .to_owned(),
        );
    }
    let Opened { store, legacy, place } = place.open(&config, true)?;
    let server = LocalServer::bind(port, App::after(legacy, Ok(config), Ok(store)))
        .await
        .map_err(|error| format!("cannot listen on port {port} ({error}): choose another with --port"))?;
    let address = server.address().map_err(|error| error.to_string())?;
    let stopped = stopped().map_err(|error| format!("cannot listen for signals ({error})"))?;
    log::write(&format!("Jeton is ready at http://{address}"));
    log::write(&format!("The data is in {place}. Ctrl-C ends the server."));
    log::write("Try this next:");
    log::write(&format!(
        "  curl -X POST http://{address}/api/generations -H 'Content-Type: application/json' -d '{{\"userId\":\"alice\"}}'"
    ));
    server.run(stopped).await;
    log::write("Jeton has stopped.");
    Ok(())
}

/// Listens for Ctrl-C and for a request to end from now on, and waits for either: a signal that comes before would end
/// the process at once.
#[cfg(unix)]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stopped() -> io::Result<impl Future<Output = ()>> {
    let mut interrupted = tokio::signal::windows::ctrl_c()?;
    Ok(async move { drop(interrupted.recv().await) })
}
