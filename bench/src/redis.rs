use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use ::redis::{Client, Connection, cmd};

use crate::process::{end, free_port};

/// A Redis of the bench's own, on a free port of the loopback address, without data on disk. It ends with its value.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

/// What Redis has counted since its start.
pub(crate) struct Counters {
    /// By command, in small letters: how often it was called, and how many microseconds that took.
    commands: HashMap<String, (f64, f64)>,
    /// The processor time of the whole process, in microseconds.
    pub(crate) processor_us: f64,
    /// Bytes that came in.
    pub(crate) received: f64,
    /// Bytes that went out.
    pub(crate) sent: f64,
}

impl Redis {
    pub(crate) fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// The same with these settings.
    pub(crate) fn start_with(settings: &[&str]) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
        command.args(settings);
        let process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut redis = Self { process: process.map_err(|error| format!("redis-server: {error}"))?, port };
        let output = redis.process.stdout.take().map(BufReader::new);
        let mut lines = output.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        if lines.any(|line| line.contains("Ready to accept connections")) {
            Ok(redis)
        } else {
            Err("redis-server has ended before it was ready".to_owned())
        }
    }

    /// How many connections it has, but for the one that asks.
    pub(crate) fn connections(&self) -> Result<usize, String> {
        let told = self.info("clients")?;
        let all = told.get("connected_clients").and_then(|all| all.parse::<usize>().ok());
        all.map(|all| all.saturating_sub(1)).ok_or_else(|| "redis-server does not say".to_owned())
    }

    pub(crate) fn counters(&self) -> Result<Counters, String> {
        let mut commands = HashMap::new();
        for (name, figures) in self.info("commandstats")? {
            let Some(name) = name.strip_prefix("cmdstat_") else { continue };
            let figure = |name| figures.split(',').find_map(|figure| figure.strip_prefix(name)?.parse::<f64>().ok());
            commands.insert(name.to_owned(), figure("calls=").zip(figure("usec=")).unwrap_or_default());
        }
        let (processor, traffic) = (self.info("cpu")?, self.info("stats")?);
        let number = |told: &HashMap<String, String>, name: &str| {
            let number = told.get(name).and_then(|text| text.parse::<f64>().ok());
            number.ok_or_else(|| format!("redis-server does not say {name}"))
        };
        let seconds = number(&processor, "used_cpu_sys")? + number(&processor, "used_cpu_user")?;
        Ok(Counters {
            commands,
            processor_us: seconds * 1e6,
            received: number(&traffic, "total_net_input_bytes")?,
            sent: number(&traffic, "total_net_output_bytes")?,
        })
    }

    fn info(&self, section: &str) -> Result<HashMap<String, String>, String> {
        let text: String = cmd("INFO").arg(section).query(&mut self.connect()?).map_err(|error| error.to_string())?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn connect(&self) -> Result<Connection, String> {
        Client::open(self.url()).and_then(|client| client.get_connection()).map_err(|error| error.to_string())
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has no data to lose.
        end(&mut self.process);
    }
}

impl Counters {
    /// How often these commands were called since `before`, and how many microseconds they took.
    pub(crate) fn since(&self, before: &Self, commands: &[&str]) -> (f64, f64) {
        let of = |counters: &Self, command: &str| counters.commands.get(command).copied().unwrap_or_default();
        let spent = commands.iter().map(|command| (of(self, command), of(before, command)));
        spent.fold((0.0, 0.0), |(calls, time), (after, before)| (calls + after.0 - before.0, time + after.1 - before.1))
    }
}
