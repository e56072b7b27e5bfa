//! A function's process, started and asked as the platform does it.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;

use crate::{
    caller::Caller,
    figures::milliseconds,
    process::{end, free_port},
};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The key that the functions let in.
pub(crate) const SECRET: &str = "a-key-of-the-bench";

/// A function that has just been started.
pub(crate) struct Function {
    process: Child,
    heard: Receiver<(Instant, Value)>,
    /// Whether nobody listens to what it says.
    unheard: Arc<AtomicBool>,
    caller: Caller,
    port: u16,
    begun: Instant,
    /// How long it took until it said that it was ready, in milliseconds.
    pub(crate) ready: f64,
    /// And until its port was connected to.
    pub(crate) connected: f64,
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

/// The program of a function, beside this one.
pub(crate) fn program(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let program = own.with_file_name(name);
    if program.exists() {
        Ok(program)
    } else {
        let build = if cfg!(debug_assertions) { "cargo build" } else { "cargo build --release" };
        Err(format!("{} is not there: run `{build} --bins --package jeton --package bench` first", program.display()))
    }
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
        let unheard = Arc::new(AtomicBool::new(false));
        let nobody = Arc::clone(&unheard);
        thread::spawn(move || hear(&listener, &sender, &nobody));
        let port = free_port()?;
        let mut command = Command::new(program);
        command.env_clear().current_dir(folder).env("VERCEL_DEV_PORT", port.to_string());
        command.env("VERCEL_IPC_PATH", &socket).env("REDIS_URL", url).env("VERCEL_ENV", "production");
        command.env("JETON_API_KEYS", format!("bench:admin:{SECRET}")).envs(settings.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let mut process = command.spawn().map_err(told)?;
        let started = heard.recv_timeout(PATIENCE);
        let caller = started.map_err(|error| error.to_string()).and_then(|(at, _)| Ok((at, Caller::connect(port)?)));
        let (at, caller) = caller.inspect_err(|_| end(&mut process))?;
        let [ready, connected] = [at, Instant::now()].map(|at| milliseconds(at.duration_since(begun)));
        Ok(Self { process, heard, unheard, caller, port, begun, ready, connected })
    }

    /// From now on what it says of requests is read and dropped, as there will be many at once.
    pub(crate) fn ignore(&self) {
        self.unheard.store(true, Ordering::Relaxed);
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The memory that its process takes now, in KiB.
    pub(crate) fn memory_kib(&self) -> Result<f64, String> {
        let status = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&status).map_err(|error| format!("{status}: {error}"))?;
        let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        number.ok_or_else(|| format!("{status} does not say VmRSS"))
    }

    /// Makes a request, which must be answered with `status`. `line` is its method and path; without a body it has none.
    pub(crate) fn ask(&mut self, line: &str, body: &str, status: u16) -> Result<Answered, String> {
        let when = self.caller.ask(line, "", body, status)?.when;
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
fn hear(listener: &UnixListener, sender: &Sender<(Instant, Value)>, unheard: &AtomicBool) {
    let Ok(stream) = listener.accept().map(|(stream, _): (UnixStream, _)| stream) else { return };
    let mut stream = BufReader::new(stream);
    let mut message = Vec::new();
    while stream.read_until(0, &mut message).is_ok_and(|length| length > 0) {
        let at = Instant::now();
        if unheard.load(Ordering::Relaxed) {
            message.clear();
            continue;
        }
        message.pop();
        let Ok(said) = serde_json::from_slice(&message) else { return };
        if sender.send((at, said)).is_err() {
            return;
        }
        message.clear();
    }
}
