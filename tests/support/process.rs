//! Processes that the tests start, and end by their id.

use std::{
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener},
    ops::Range,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, kill_process_group, setrlimit};
use tokio::net::TcpSocket;

/// From where free ports are chosen: below those that the system hands out to others.
const PORTS: Range<u16> = 15_000..30_000;
/// How many of them a test run makes its own at once: no other one beside it takes one of these.
const BLOCK: u16 = 250;

/// How long anything may take to happen before the test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The same of what drives a browser, or runs many tests in one process.
pub(crate) const MORE_PATIENCE: Duration = Duration::from_mins(3);

/// A caller of Jeton is answered within this time (contract §3).
pub(crate) const TOO_LATE: Duration = Duration::from_secs(5);

/// How long nobody looks whether something is so: a look may be a connection, and the servers need the processor.
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Becomes the command in its arguments, beside a process that ends the whole group when its standard input is closed: the
/// test run has the other end, and closes it however it ends.
const IN_A_GROUP: &str = r#"exec 3<&0 </dev/null; { read -r _ <&3; kill -KILL 0; } & exec "$@" 3<&-"#;

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, is_so: impl FnMut() -> bool) {
    wait_until_or_tell(what, is_so, String::new);
}

/// The same. If it does not come about, `tell` tells how things are instead.
pub(crate) fn wait_until_or_tell(what: &str, is_so: impl FnMut() -> bool, tell: impl FnOnce() -> String) {
    wait_until_within(PATIENCE, what, is_so, tell);
}

fn wait_until_within(patience: Duration, what: &str, mut is_so: impl FnMut() -> bool, tell: impl FnOnce() -> String) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < patience, "it did not come about that {what}{}", tell());
        thread::sleep(BETWEEN_LOOKS);
    }
}

/// Waits until something is so that takes asking.
pub(crate) async fn wait_until_so(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async { while !is_so().await {} };
    let came = tokio::time::timeout(PATIENCE, asking).await;
    assert!(came.is_ok(), "it did not come about that {what}");
}

/// The names of the programs that run in a group.
pub(crate) fn programs_in_group(id: u32) -> Vec<String> {
    processes_in_group(id).into_iter().map(|(_, name)| name).collect()
}

/// Ends the programs of this name in a group at once.
pub(crate) fn kill_in_group(id: u32, program: &str) {
    for (process, _) in processes_in_group(id).into_iter().filter(|(_, name)| name == program) {
        kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).unwrap();
    }
}

/// The processes that run in a group: their ids, and the names of their programs.
fn processes_in_group(id: u32) -> Vec<(i32, String)> {
    let of_process = |entry: std::io::Result<std::fs::DirEntry>| {
        // It may end while it is looked at.
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (process, rest) = stat.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(')')?;
        // State, parent, group. What has ended may be waited for by nobody.
        let words: Vec<&str> = rest.split_whitespace().collect();
        (words[2] == id.to_string() && words[0] != "Z").then(|| (process.parse().unwrap(), name.to_owned()))
    };
    std::fs::read_dir("/proc").unwrap().filter_map(of_process).collect()
}

/// A port that is free now, and that nobody but who asked takes as long as this process runs, also when it is free again:
/// the rest of a cluster would take a stranger at the port of a node that was killed for that node, and not replace it.
pub(crate) fn free_port() -> u16 {
    /// The blocks of this process, each as long as it listens at the first port, and what is left of the last one.
    static OWN: Mutex<(Vec<TcpListener>, Range<u16>)> = Mutex::new((Vec::new(), 0..0));
    let listen = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
    // It does not listen to see that: a child that is just being started elsewhere has a copy of it for a moment, and whoever
    // is to have the port could not have it.
    let is_free = |port: u16| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, port).into()).is_ok()
    };
    let (held, left) = &mut *OWN.lock().unwrap();
    loop {
        if let Some(port) = left.find(|port| is_free(*port)) {
            return port;
        }
        let mut blocks = PORTS.step_by(BLOCK.into());
        let (first, holds) = blocks.find_map(|first| Some((first, listen(first)?))).expect("free ports");
        held.push(holds);
        *left = first + 1..first + BLOCK;
    }
}

/// Lets this process and its children have as many files and connections open as the system allows: `needed`, at least.
pub(crate) fn raise_file_limit(needed: u64) {
    let mut limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(u64::MAX);
    assert!(allowed >= needed, "{needed} files must be open at once, and `ulimit -Hn` allows {allowed}: raise it");
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A child process whose output lines are kept. It ends with its value.
pub(crate) struct Process {
    child: Child,
    leads_group: bool,
    output: Arc<(Mutex<Vec<String>>, Condvar)>,
}

impl Process {
    /// Starts `command`, with nothing of this process's settings for Jeton.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::spawn(command.stdin(Stdio::null()), false)
    }

    /// Starts `command` and, with it, what it starts in turn: all of that ends with this value too, and with the test run,
    /// however it ends.
    pub(crate) fn start_group(command: &Command) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", IN_A_GROUP, "sh"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(command.get_current_dir().expect("it has a folder"));
        Self::spawn(shell.process_group(0).stdin(Stdio::piped()), true)
    }

    fn spawn(command: &mut Command, leads_group: bool) -> Self {
        let own = [
            "JETON_API_KEYS",
            "JETON_BILLING_SECONDS",
            "JETON_EVENTS_SECONDS",
            "JETON_CORS_ORIGINS",
            "JETON_JWKS_URL",
            "JETON_JWT_AUDIENCE",
            "JETON_JWT_ISSUER",
            "JETON_JWT_SECRET",
            "JETON_LEGACY_IMPORT",
            "JETON_LOCALE",
            "JETON_PREFIX",
            "JETON_REDIS_CA",
            "JETON_WAIT_REPLICAS",
        ];
        let others = ["REDIS_URL", "VERCEL", "VERCEL_ENV", "VERCEL_DEV", "NODE_ENV", "CRON_SECRET"];
        for name in own.into_iter().chain(others) {
            if !command.get_envs().any(|(set, _)| set == name) {
                command.env_remove(name);
            }
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let output = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        keep(child.stdout.take().unwrap(), Arc::clone(&output));
        keep(child.stderr.take().unwrap(), Arc::clone(&output));
        Self { child, leads_group, output }
    }

    /// What it has said so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.0.lock().unwrap().clone()
    }

    /// Waits for a line that `wanted` accepts.
    pub(crate) fn wait_for_line(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_line_within(PATIENCE, wanted)
    }

    /// The same, for so long.
    pub(crate) fn wait_for_line_within(&self, patience: Duration, wanted: impl Fn(&str) -> bool) -> String {
        let (lines, changed) = &*self.output;
        let found = |lines: &Vec<String>| lines.iter().find(|line| wanted(line)).cloned();
        let (lines, _) =
            changed.wait_timeout_while(lines.lock().unwrap(), patience, |lines| found(lines).is_none()).unwrap();
        found(&lines).unwrap_or_else(|| panic!("the line did not come; there were: {lines:#?}"))
    }

    /// Its id, and that of the group that it leads.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        if self.leads_group {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The most memory that it has taken so far, in KiB; `None` once it has ended.
    pub(crate) fn memory_peak_kib(&mut self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        Some(peak.trim().trim_end_matches(" kB").parse().unwrap())
    }

    /// Whether it has not ended.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end: whether it said that it succeeded.
    pub(crate) fn wait(&mut self) -> bool {
        self.wait_within(PATIENCE)
    }

    /// The same, for so long.
    pub(crate) fn wait_within(&mut self, patience: Duration) -> bool {
        let ended = || self.child.try_wait().unwrap().is_some();
        wait_until_within(patience, "the process has ended", ended, String::new);
        self.child.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn keep(output: impl Read + Send + 'static, lines: Arc<(Mutex<Vec<String>>, Condvar)>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            lines.0.lock().unwrap().push(line);
            lines.1.notify_all();
        }
    });
}
