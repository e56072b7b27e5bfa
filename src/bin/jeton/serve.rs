//! The local server: all of Jeton on this machine, with nothing else installed.

use std::process::ExitCode;

use clap::Args;
use jeton::{
    config::Config,
    http::{App, LocalServer},
    log,
};

use crate::{Opened, Place};

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
            eprintln!("jeton: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(arguments: ServeArguments) -> Result<(), String> {
    let ServeArguments { port, place } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    let Opened { store, place } = place.open(&config, true)?;
    let server = LocalServer::bind(port, App::new(Ok(config), Ok(store)))
        .await
        .map_err(|error| format!("cannot listen on port {port} ({error}): choose another with --port"))?;
    let address = server.address().map_err(|error| error.to_string())?;
    log::write(&format!("Jeton is ready at http://{address}"));
    log::write(&format!("The data is in {place}. Ctrl-C ends the server."));
    log::write("Try this next:");
    log::write(&format!(
        "  curl -X POST http://{address}/api/generations -H 'Content-Type: application/json' -d '{{\"userId\":\"alice\"}}'"
    ));
    server.run(stopped()).await;
    log::write("Jeton has stopped.");
    Ok(())
}

/// Waits for Ctrl-C, or for a request to end.
async fn stopped() {
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
