//! The local server: all of Jeton on this machine, with nothing else installed.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use jeton::{
    config::Config,
    http::{App, LocalServer},
    log,
    store::{Store, embedded::EmbeddedStore, redis::RedisStore},
};

/// Serves Jeton, a token ledger for AI products, on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// The folder to keep the data in, by the embedded store.
    #[arg(long, value_name = "DIR", conflicts_with = "redis")]
    data: Option<PathBuf>,

    /// The Redis to keep the data in, instead of the embedded store; `REDIS_URL` does the same.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("jeton: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { port, data, redis } = arguments;
    let config = Config::from_environment(true).map_err(|error| error.to_string())?;
    let url = redis.or_else(|| config.redis_url.clone().filter(|_| data.is_none()));
    let (store, place): (Arc<dyn Store>, String) = if let Some(url) = url {
        let store = RedisStore::new(&url, &config.prefix).map_err(|error| error.to_string())?;
        let place = store.to_string();
        (Arc::new(store), place)
    } else {
        let folder = data.unwrap_or_else(|| PathBuf::from(".jeton"));
        let store = EmbeddedStore::open(&folder).map_err(|error| error.to_string())?;
        (Arc::new(store), folder.display().to_string())
    };
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
