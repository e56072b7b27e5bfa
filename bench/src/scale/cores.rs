//! Which core works for what. Left to the system, one of two Redis may share a core with its function and the other one not,
//! for as long as it lives, which makes more of a difference than anything that is measured here.

use std::io;

use rustix::{
    process::{Pid, setpriority_process},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

const LEAST_PRIORITY: i32 = 19;

/// As long as it lives this thread works on one core only, with those that were sent there.
pub(super) struct Cores {
    before: CpuSet,
    first: CpuSet,
    last: CpuSet,
}

impl Cores {
    /// Sends this thread to the last core that there is.
    pub(super) fn apart() -> Result<Self, String> {
        let before = sched_getaffinity(None).map_err(told)?;
        let mut own = (0..CpuSet::MAX_CPU).filter(|core| before.is_set(*core));
        let first = own.next().unwrap_or(0);
        let last = own.next_back().unwrap_or(first);
        let cores = Self { before, first: only(first), last: only(last) };
        sched_setaffinity(None, &cores.last).map_err(told)?;
        Ok(cores)
    }

    /// Sends the main thread of a process to the first core.
    pub(super) fn first(&self, process: u32) -> Result<(), String> {
        sched_setaffinity(pid(process), &self.first).map_err(told)
    }

    /// Sends it to the last core.
    pub(super) fn last(&self, process: u32) -> Result<(), String> {
        sched_setaffinity(pid(process), &self.last).map_err(told)
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        // What cannot be undone makes the rest slower.
        let _ = sched_setaffinity(None, &self.before);
    }
}

/// Makes a process give way to the others, as one does that has another machine's processor.
pub(super) fn give_way(process: u32) -> Result<(), String> {
    setpriority_process(pid(process), LEAST_PRIORITY).map_err(told)
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}

fn pid(process: u32) -> Option<Pid> {
    i32::try_from(process).ok().and_then(Pid::from_raw)
}

fn told(error: rustix::io::Errno) -> String {
    format!("it cannot be chosen who works where: {}", io::Error::from(error))
}
