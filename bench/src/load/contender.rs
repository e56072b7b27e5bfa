use std::{path::Path, process::Command};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::workload::Workload;
use crate::{
    function::{Function, SECRET, program},
    peers,
    process::{Server, processor_seconds},
    redis::Redis,
};

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// A function that answers with nothing: the ceiling.
    Empty,
    /// Jeton's own functions.
    Jeton,
    /// A Node module that gets, changes and sets.
    Usual,
    /// A Node module with the rules in Lua, the account as JSON.
    CarefulJson,
    /// The same with the account in the fields of a hash.
    CarefulHash,
}

/// A contender that runs.
pub(crate) struct Running {
    door: Door,
    /// Who else answers for it, of the requests that the door has not.
    desk: Option<Server>,
}

/// What is measured.
enum Door {
    Function(Function),
    Server(Server),
}

impl Contender {
    /// How it is called in tables.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty function",
            Self::Jeton => "Jeton",
            Self::Usual => "usual module",
            Self::CarefulJson => "careful module, JSON",
            Self::CarefulHash => "careful module, hash",
        }
    }

    /// Whether it can do the work.
    pub(crate) const fn does(self, workload: Workload) -> bool {
        match self {
            Self::Jeton => true,
            Self::CarefulJson | Self::CarefulHash => !matches!(workload, Workload::Platform),
            Self::Usual => !matches!(workload, Workload::Platform | Workload::Keys | Workload::Streams),
            Self::Empty => {
                matches!(workload, Workload::Users | Workload::Reads | Workload::Alone | Workload::Platform)
            }
        }
    }

    /// Whether it keeps accounts.
    pub(crate) const fn keeps_accounts(self) -> bool {
        !matches!(self, Self::Empty)
    }

    /// Whether it promises that no debit is lost.
    pub(crate) const fn is_exact(self) -> bool {
        matches!(self, Self::Jeton | Self::CarefulJson | Self::CarefulHash)
    }

    /// The commands that it sends to Redis itself. Those that a script calls are in the time of the script.
    pub(crate) const fn commands(self) -> &'static [&'static str] {
        match self {
            Self::Empty => &[],
            Self::Jeton => &["evalsha", "hmget"],
            Self::Usual => &["get", "set", "lpush"],
            Self::CarefulJson | Self::CarefulHash => &["evalsha"],
        }
    }

    /// Starts it over `redis`, so that it can do the work. Jeton is the one function that is concerned, as on the platform;
    /// for a mix of two functions' requests it is the local server.
    pub(crate) fn start(self, workload: Workload, folder: &Path, redis: &Redis) -> Result<Running, String> {
        let url = redis.url();
        let function = |name| {
            let function = Function::start(&program(name)?, folder, &url)?;
            function.ignore();
            Ok::<_, String>(Door::Function(function))
        };
        let alone = |door| Ok(Running { door, desk: None });
        match self {
            Self::Empty => alone(function("empty")?),
            Self::Usual => alone(Door::Server(peers::start(&["usual.mjs"], &url)?)),
            Self::CarefulJson => alone(Door::Server(peers::start(&["careful.mjs", "json"], &url)?)),
            Self::CarefulHash => alone(Door::Server(peers::start(&["careful.mjs", "hash"], &url)?)),
            Self::Jeton => match workload {
                Workload::Mixed => alone(Door::Server(local_server(folder, &url)?)),
                Workload::Users | Workload::Hot | Workload::Alone | Workload::Platform | Workload::Keys => {
                    Ok(Running { door: function("generations")?, desk: Some(local_server(folder, &url)?) })
                }
                Workload::Reads => Ok(Running { door: function("stats")?, desk: Some(local_server(folder, &url)?) }),
                Workload::Streams => {
                    Ok(Running { door: function("reservations")?, desk: Some(local_server(folder, &url)?) })
                }
            },
        }
    }
}

impl Running {
    /// Where what is measured listens.
    pub(crate) fn door(&self) -> u16 {
        match &self.door {
            Door::Function(function) => function.port(),
            Door::Server(server) => server.port(),
        }
    }

    /// Where every request is answered.
    pub(crate) fn desk(&self) -> u16 {
        self.desk.as_ref().map_or_else(|| self.door(), Server::port)
    }

    /// The processor time that what is measured has taken so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> Result<f64, String> {
        processor_seconds(match &self.door {
            Door::Function(function) => function.id(),
            Door::Server(server) => server.id(),
        })
    }
}

fn local_server(folder: &Path, url: &str) -> Result<Server, String> {
    let program = program("jeton")?;
    Server::start(|port| {
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).env("VERCEL_ENV", "production");
        command.env("JETON_API_KEYS", format!("bench:admin:{SECRET}"));
        command.args(["--port", &port.to_string(), "--redis", url]);
        command
    })
}
