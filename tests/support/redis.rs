//! A real Redis for a test, on a free port of the loopback address, without data on disk.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Instant,
};

use jeton::store::{Store, redis::RedisStore};
use redis::{Client, Connection, ConnectionLike, FromRedisValue, RedisResult, TlsCertificates};

use super::{
    process::{PATIENCE, Process, free_port},
    tls::{Ca, Identity},
};

/// A Redis server. It ends with its value.
pub(crate) struct Redis {
    process: Process,
    port: u16,
    options: Vec<String>,
    /// Who vouches for it, if it speaks TLS.
    ca: Option<String>,
}

impl Redis {
    /// Starts one.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these options of its command line.
    pub(crate) fn start_with(options: &[&str]) -> Self {
        Self::start_on(free_port(), options, None)
    }

    /// Starts one that speaks TLS alone, with these options too. The test's own clients trust `ca`.
    pub(crate) fn start_tls(ca: &Ca, identity: &Identity, options: &[&str]) -> Self {
        Self::start_tls_on(free_port(), ca, identity, options)
    }

    /// The same on this port.
    pub(crate) fn start_tls_on(port: u16, ca: &Ca, identity: &Identity, options: &[&str]) -> Self {
        let (certificate, key, authority) = (identity.certificate(), identity.key(), identity.authority());
        // The authorities are for clients that bring a certificate, and for the servers of a cluster among each other.
        let own = [
            ["--tls-cert-file", certificate.to_str().unwrap()],
            ["--tls-key-file", key.to_str().unwrap()],
            ["--tls-ca-cert-file", authority.to_str().unwrap()],
            ["--tls-auth-clients", "no"],
        ];
        Self::start_on(port, &[own.as_flattened(), options].concat(), Some(ca.pem()))
    }

    fn start_on(port: u16, options: &[&str], ca: Option<String>) -> Self {
        let (number, none) = (port.to_string(), "0".to_owned());
        let (plain, tls) = if ca.is_some() { (none, number) } else { (number, none) };
        let ports = ["--port", &plain, "--tls-port", &tls];
        let options: Vec<String> = ports.iter().chain(options).map(|option| (*option).to_owned()).collect();
        let redis = Self { process: Self::spawn(&options), port, options, ca };
        assert!(redis.becomes_ready(), "the port was taken meanwhile");
        redis
    }

    fn spawn(options: &[String]) -> Process {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
        Process::start(command.args(options))
    }

    /// Waits until it is ready. False when it has not got its port.
    fn becomes_ready(&self) -> bool {
        let ready = |line: &str| line.contains("Ready to accept connections");
        ready(&self.process.wait_for_line(|line| ready(line) || line.contains("Failed listening on port")))
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let before = if self.ca.is_some() { "rediss://localhost" } else { "redis://127.0.0.1" };
        format!("{before}:{}", self.port)
    }

    /// A store of the test's own in it.
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::new(RedisStore::new(&self.url(), "jeton").unwrap())
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection of the test's own.
    pub(crate) fn connect(&self) -> Connection {
        self.client().unwrap().get_connection().unwrap()
    }

    fn client(&self) -> RedisResult<Client> {
        let Some(ca) = &self.ca else { return Client::open(self.url()) };
        let certificates = TlsCertificates { client_tls: None, root_cert: Some(ca.clone().into_bytes()) };
        Client::build_with_tls(self.url(), certificates)
    }

    /// Sends one command.
    pub(crate) fn command<T: FromRedisValue>(&self, words: &[&str]) -> T {
        self.ask(words).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Sends one command, which may fail.
    pub(crate) fn ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let reply = self.client()?.get_connection()?.req_command(&command)?;
        Ok(redis::from_redis_value(reply)?)
    }

    /// Ends it at once; its data is gone.
    pub(crate) fn stop(&mut self) {
        self.process.kill();
    }

    /// Starts it again on the same port.
    pub(crate) fn start_again(&mut self) {
        // A test run beside this one may just be looking whether the port is free.
        let begun = Instant::now();
        loop {
            self.process = Self::spawn(&self.options);
            if self.becomes_ready() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "port {} is taken", self.port);
        }
    }

    /// Takes what a crash has left of a commit off the end of the append-only log, as an operator does before starting
    /// Redis again. Redis itself takes off a part of it: the rest would come back with the start after the next one.
    pub(crate) fn repair_log(&self) {
        let manifest = self.log_folder().join("appendonly.aof.manifest");
        let mut check = Command::new("redis-check-aof");
        let mut check = check.arg("--fix").arg(manifest).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // Where there is nothing to take off it does not ask, and may have ended already.
        let _ = check.stdin.take().unwrap().write_all(b"y\n");
        let checked = check.wait_with_output().unwrap();
        assert!(checked.status.success(), "{checked:?}");
    }

    /// The append-only log of all that was written since the first start.
    pub(crate) fn log(&self) -> File {
        let log = self.log_folder().join("appendonly.aof.1.incr.aof");
        OpenOptions::new().write(true).open(log).unwrap()
    }

    fn log_folder(&self) -> PathBuf {
        let folder = self.options.iter().skip_while(|option| *option != "--dir").nth(1).expect("it keeps its data");
        Path::new(folder).join("appendonlydir")
    }

    /// The processor of the whole server, for SIGSTOP and the like.
    pub(crate) fn process(&self) -> &Process {
        &self.process
    }

    /// How often each command was called, by callers and by scripts.
    pub(crate) fn command_counts(&self) -> HashMap<String, u64> {
        let info: String = self.command(&["INFO", "commandstats"]);
        let count = |line: &str| {
            let (name, figures) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = figures.split(',').find_map(|figure| figure.strip_prefix("calls="))?;
            Some((name.to_owned(), calls.trim().parse().unwrap()))
        };
        info.lines().filter_map(count).collect()
    }

    /// How often each command was called since `before`; those that were not are left out.
    pub(crate) fn commands_since(&self, before: &HashMap<String, u64>) -> BTreeMap<String, u64> {
        let since = |(name, count): (String, u64)| {
            let count = count - before.get(&name).copied().unwrap_or(0);
            (count > 0 && name != "info").then_some((name, count))
        };
        self.command_counts().into_iter().filter_map(since).collect()
    }

    /// A figure of `INFO`.
    pub(crate) fn info(&self, section: &str, name: &str) -> u64 {
        info_over(&mut self.connect(), section, name)
    }
}

/// A figure of `INFO`, without another connection.
pub(crate) fn info_over(connection: &mut Connection, section: &str, name: &str) -> u64 {
    let info: String = redis::cmd("INFO").arg(section).query(connection).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().parse().unwrap()
}
