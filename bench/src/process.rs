//! Processes on this machine, and what the system says of them.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::param::clock_ticks_per_second;

use crate::connection::Connection;

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How soon it is looked again whether a process answers.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A process that answers HTTP. It ends with its value.
pub(crate) struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts what `command` makes of a free port, and waits until it can be connected to. What it prints is dropped.
    pub(crate) fn start(command: impl FnOnce(u16) -> Command) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = command(port);
        let name = command.get_program().display().to_string();
        let told = |error: std::io::Error| format!("{name}: {error}");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn().map_err(told)?;
        let mut server = Self { process, port };
        let begun = Instant::now();
        while let Err(error) = Connection::open(port) {
            let ended = server.process.try_wait().map_err(told)?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                return Err(told(error));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(server)
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// A port of the loopback address that nobody has.
pub(crate) fn free_port() -> Result<u16, String> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port()).map_err(|error| format!("no port is free: {error}"))
}

/// Ends a process at once.
pub(crate) fn end(process: &mut Child) {
    // It may have ended already.
    let _ = process.kill();
    let _ = process.wait();
}

/// A program of the project, beside this one.
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

/// The memory that a process takes now, in KiB.
pub(crate) fn memory_kib(process: u32) -> Result<f64, String> {
    let status = format!("/proc/{process}/status");
    let text = read(&status)?;
    let resident = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = resident.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| format!("{status} does not say VmRSS"))
}

/// The processor time that all threads of a process have taken so far, in seconds.
pub(crate) fn processor_seconds(process: u32) -> Result<f64, String> {
    let stat = format!("/proc/{process}/stat");
    let text = read(&stat)?;
    // The name, in parentheses, may have spaces; utime and stime are the 12th and the 13th field after it.
    let fields = text.rsplit_once(") ").map(|(_, fields)| fields.split(' '));
    let ticks = fields.map(|fields| fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>());
    let per_second = clock_ticks_per_second().to_string().parse::<f64>();
    let ticks = ticks.zip(per_second.ok()).map(|(ticks, per_second)| ticks / per_second);
    ticks.ok_or_else(|| format!("{stat} does not say the times"))
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.as_ref().display()))
}
