//! Jeton on this machine: the local server, and the operator's commands.

mod export;
mod import;
mod serve;
mod verify;

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use clap::{Args, Parser, Subcommand};
use jeton::{
    config::Config,
    ledger::{InvalidUserId, UserId},
    store::{
        LegacySource,
        embedded::EmbeddedStore,
        inspect::Inspect,
        redis::{Options, RedisStore},
    },
};

use self::{export::ExportArguments, import::ImportArguments, serve::ServeArguments, verify::VerifyArguments};

/// Serves Jeton, a token ledger for AI products, on this machine; or, with a command, looks after its data.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: ServeArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    Export(ExportArguments),
    Import(ImportArguments),
    Verify(VerifyArguments),
}

/// Where the data is.
#[derive(Debug, Args)]
struct Place {
    /// The folder of the embedded store.
    #[arg(long, value_name = "DIR", conflicts_with = "redis")]
    data: Option<PathBuf>,

    /// The Redis to use instead of the embedded store, or some nodes of a Redis Cluster, separated by commas;
    /// `REDIS_URL` does the same.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
}

/// A store that is open, and where it is.
struct Opened {
    store: Arc<dyn Inspect>,
    /// What the module before may have left in the same Redis.
    legacy: Option<LegacySource>,
    place: String,
}

impl Place {
    /// The URL of the Redis; `None` for the embedded store.
    fn url(&self, config: &Config) -> Option<String> {
        self.redis.clone().or_else(|| config.redis_url.clone().filter(|_| self.data.is_none()))
    }

    /// The folder of the embedded store.
    fn folder(&self) -> PathBuf {
        self.data.clone().unwrap_or_else(|| Path::new(".jeton").to_owned())
    }

    /// Whether there is a store, or at least a Redis.
    fn is_there(&self, config: &Config) -> bool {
        self.url(config).is_some() || EmbeddedStore::is_in(&self.folder())
    }

    /// Opens the store. An embedded one is made if there is none, where `make` says so.
    fn open(&self, config: &Config, make: bool) -> Result<Opened, String> {
        if let Some(url) = self.url(config) {
            let options = Options { replicas: config.wait_replicas, authorities: config.redis_ca.clone() };
            let store = RedisStore::with(&url, &config.prefix, &options);
            let store = store.map_err(|error| error.to_string())?;
            let place = format!("{store}, prefix {}", config.prefix);
            let legacy = Some(store.legacy());
            return Ok(Opened { store: Arc::new(store), legacy, place });
        }
        let folder = self.folder();
        let place = folder.display().to_string();
        if !make && !EmbeddedStore::is_in(&folder) {
            return Err(format!(
                "there is no data in {place}: name its folder with --data, or its Redis with --redis or REDIS_URL"
            ));
        }
        let store = EmbeddedStore::open(&folder).map_err(|error| error.to_string())?;
        Ok(Opened { store: Arc::new(store), legacy: None, place })
    }
}

/// Says something that is not the answer itself.
fn tell(line: &str) {
    // Where nobody reads any more, there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

fn user_id(text: &str) -> Result<UserId, InvalidUserId> {
    text.to_owned().try_into()
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { command, serve } = Arguments::parse();
    match command {
        None => serve::run(serve).await,
        Some(Command::Export(arguments)) => export::run(arguments).await,
        Some(Command::Import(arguments)) => import::run(arguments).await,
        Some(Command::Verify(arguments)) => verify::run(arguments).await,
    }
}
