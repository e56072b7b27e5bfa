use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// A Redis of the bench's own, on a free port of the loopback address, without data on disk. It ends with its value.
pub(crate) struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    pub(crate) fn start() -> Result<Self, String> {
        Self::start_with(&[])
    }

    /// The same with these settings.
    pub(crate) fn start_with(settings: &[&str]) -> Result<Self, String> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| format!("no port is free: {error}"))?.port();
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
        let told = |error: std::io::Error| format!("redis-server: {error}");
        let mut asking = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(told)?;
        asking.write_all(b"INFO clients\r\n").map_err(told)?;
        let lines = BufReader::new(asking).lines().map_while(Result::ok);
        let mut figures =
            lines.filter_map(|line| line.strip_prefix("connected_clients:")?.trim().parse::<usize>().ok());
        figures.next().map(|all| all.saturating_sub(1)).ok_or_else(|| "redis-server does not say".to_owned())
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has no data to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
