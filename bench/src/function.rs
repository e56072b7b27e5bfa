//! A function's process, started and asked as the platform does it.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Instant,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    connection::{Answer, Connection, SECRET},
    figures::milliseconds,
    process::{PATIENCE, end, free_port},
};

/// A function that has just been started.
pub(crate) struct Function {
    process: Child,
    heard: Receiver<(Instant, Value)>,
    connection: Connection,
    begun: Instant,
    /// How long it took until it said that it was ready, in milliseconds.
    pub(crate) ready: f64,
    /// And until its port was connected to.
    pub(crate) connected: f64,
    requests: u64,
}

/// A request and its answer.
pub(crate) struct Answered {
    /// When the answer was there.
    pub(crate) when: Instant,
    /// The same since the start of the process, in milliseconds.
    pub(crate) at: f64,
    /// How long the function says it took, and how long it waited for Redis; nothing of a function that does not say.
    pub(crate) told: Option<(f64, f64)>,
}

impl Function {
    /// Starts `program` over the Redis at `url`, and waits until it can be asked.
    pub(crate) fn start(program: &Path, folder: &Path, url: &str) -> Result<Self, String> {
        Self::start_with(program, folder, url, &[])
    }

    /// The same with these settings.
    pub(crate) fn start_with(
        program: &Path,
        folder: &Path,
        url: &str,
        settings: &[(&str, &str)],
    ) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("{}: {error}", program.display());
        let socket = folder.join("ipc");
        // Nothing is there at the first time.
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).map_err(told)?;
        let (sender, heard) = mpsc::channel();
        thread::spawn(move || hear(&listener, &sender));
        let port = free_port()?;
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).env("VERCEL_DEV_PORT", port.to_string());
        command.env("VERCEL_IPC_PATH", &socket).env("REDIS_URL", url).env("VERCEL_ENV", "production");
        command.env("JETON_API_KEYS", format!("bench:admin:{SECRET}")).envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let mut process = command.spawn().map_err(told)?;
        let started = heard.recv_timeout(PATIENCE);
        let connection = started
            .map_err(|error| error.to_string())
            .and_then(|(at, _)| Ok((at, Connection::open(port).map_err(told)?)));
        let (at, connection) = connection.inspect_err(|_| end(&mut process))?;
        let [ready, connected] = [at, Instant::now()].map(|at| milliseconds(at.duration_since(begun)));
        Ok(Self { process, heard, connection, begun, ready, connected, requests: 0 })
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.connection.port()
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Makes a request, which must be answered with `status`. `line` is its method and path; without a body it has none.
    pub(crate) fn ask(&mut self, line: &str, body: &str, status: u16) -> Result<Answered, String> {
        self.requests = self.requests.saturating_add(1);
        let headers =
            format!("x-vercel-internal-invocation-id: i\r\nx-vercel-internal-request-id: {}\r\n", self.requests);
        let Answer { when, .. } = self.connection.ask(line, &headers, body, status)?;
        let at = milliseconds(when.duration_since(self.begun));
        Ok(Answered { when, at, told: self.told()? })
    }

    /// What it logs of a request, before it says that it is done with it.
    fn told(&self) -> Result<Option<(f64, f64)>, String> {
        let mut told = None;
        loop {
            let (_, message) = self.heard.recv_timeout(PATIENCE).map_err(|error| error.to_string())?;
            if message.get("type").and_then(Value::as_str) == Some("end") {
                return Ok(told);
            }
            let line = message.pointer("/payload/message").and_then(Value::as_str).unwrap_or_default();
            let line = BASE64_STANDARD.decode(line).map_err(|error| error.to_string())?;
            let line: Value = serde_json::from_slice(&line).map_err(|error| error.to_string())?;
            let field = |name| line.get(name).and_then(Value::as_f64);
            told = field("durationMs").zip(field("redisMs"));
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Hands on what the function says, with the time when it came.
fn hear(listener: &UnixListener, sender: &Sender<(Instant, Value)>) {
    let Ok(stream) = listener.accept().map(|(stream, _): (UnixStream, _)| stream) else { return };
    let mut stream = BufReader::new(stream);
    let mut message = Vec::new();
    while stream.read_until(0, &mut message).is_ok_and(|length| length > 0) {
        let at = Instant::now();
        message.pop();
        let Ok(said) = serde_json::from_slice(&message) else { return };
        if sender.send((at, said)).is_err() {
            return;
        }
        message.clear();
    }
}
