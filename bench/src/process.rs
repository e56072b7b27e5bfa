//! Processes on this machine, and what the system says of them.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::param::clock_ticks_per_second;

use crate::{caller::Caller, function::PATIENCE};

/// How soon it is looked again whether a process answers.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// A process that answers HTTP. It ends with its value.
pub(crate) struct Server {
    process: Child,
    port: u16,
    begun: Instant,
}

impl Server {
    /// Starts what `command` makes of a free port, and waits until it can be connected to. What it prints is dropped.
    pub(crate) fn start(command: impl FnOnce(u16) -> Command) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = command(port);
        let name = command.get_program().display().to_string();
        let told = |error: std::io::Error| format!("{name}: {error}");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let begun = Instant::now();
        let process = command.spawn().map_err(told)?;
        let mut server = Self { process, port, begun };
        while let Err(error) = Caller::connect(port) {
            let ended = server.process.try_wait().map_err(told)?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                return Err(format!("{name}: {error}"));
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(server)
    }

    /// Where it listens.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// When it was started.
    pub(crate) const fn begun(&self) -> Instant {
        self.begun
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

/// The processor time that all threads of a process have taken so far, in seconds.
pub(crate) fn processor_seconds(process: u32) -> Result<f64, String> {
    let stat = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&stat).map_err(|error| format!("{stat}: {error}"))?;
    // The name, in parentheses, may have spaces; utime and stime are the 12th and the 13th field after it.
    let fields = text.rsplit_once(") ").map(|(_, fields)| fields.split(' '));
    let ticks = fields.map(|fields| fields.skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>());
    let per_second = clock_ticks_per_second().to_string().parse::<f64>();
    let ticks = ticks.zip(per_second.ok()).map(|(ticks, per_second)| ticks / per_second);
    ticks.ok_or_else(|| format!("{stat} does not say the times"))
}
