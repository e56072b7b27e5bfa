//! A Redis that says what it takes and what held it up.

use ::redis::{Client, Connection, FromRedisValue, cmd};

use crate::redis::Redis;

/// What Redis notes as slow: a millisecond, the least that its `LATENCY` knows.
const SETTINGS: [&str; 4] = ["--latency-monitor-threshold", "1", "--slowlog-log-slower-than", "1000"];

/// A command in the slow log: number, time, microseconds, words, address and name of the client.
type Slow = (i64, i64, i64, Vec<Vec<u8>>, Vec<u8>, Vec<u8>);

pub(super) struct Watched {
    redis: Redis,
    connection: Connection,
}

impl Watched {
    pub(super) fn start() -> Result<Self, String> {
        let redis = Redis::start_with(&SETTINGS)?;
        let connection = Client::open(redis.url()).and_then(|client| client.get_connection());
        Ok(Self { redis, connection: connection.map_err(|error| error.to_string())? })
    }

    pub(super) fn url(&self) -> String {
        self.redis.url()
    }

    pub(super) fn process(&self) -> u32 {
        self.redis.id()
    }

    /// The bytes that its data take.
    pub(super) fn memory(&mut self) -> Result<f64, String> {
        self.figure("memory", "used_memory")
    }

    /// The seconds that its main thread has worked.
    pub(super) fn busy_seconds(&mut self) -> Result<f64, String> {
        let [user, system] = ["used_cpu_user_main_thread", "used_cpu_sys_main_thread"];
        Ok(self.figure("cpu", user)? + self.figure("cpu", system)?)
    }

    /// Forgets what held it up before.
    pub(super) fn forget(&mut self) -> Result<(), String> {
        self.ask::<i64>(&["LATENCY", "RESET"])?;
        self.ask::<String>(&["SLOWLOG", "RESET"]).map(|_| ())
    }

    /// What held it up longest since then, by its `LATENCY` in milliseconds, and the slowest command.
    pub(super) fn worst(&mut self) -> Result<String, String> {
        let mut events: Vec<(String, i64, i64, i64)> = self.ask(&["LATENCY", "LATEST"])?;
        events.sort_by_key(|(.., longest)| std::cmp::Reverse(*longest));
        let slow: Vec<Slow> = self.ask(&["SLOWLOG", "GET", "128"])?;
        let command = slow.iter().max_by_key(|(_, _, micros, ..)| *micros).map(|(_, _, micros, words, ..)| {
            let word = words.first().map(|word| String::from_utf8_lossy(word).into_owned()).unwrap_or_default();
            format!(" ({word} {micros} µs)")
        });
        let event = events.first().map(|(name, .., longest)| format!("{name}: {longest} ms"));
        Ok(event.map_or_else(|| "none of 1 ms".to_owned(), |event| event + &command.unwrap_or_default()))
    }

    fn figure(&mut self, section: &str, name: &str) -> Result<f64, String> {
        let text: String = self.ask(&["INFO", section])?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok());
        found.ok_or_else(|| format!("redis-server does not say {name}"))
    }

    fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> Result<T, String> {
        let mut words = words.iter();
        let mut command = cmd(words.next().copied().unwrap_or_default());
        command.arg(words.as_slice()).query(&mut self.connection).map_err(|error| error.to_string())
    }
}
