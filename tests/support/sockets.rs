//! Requests that are written by hand, a part at a time, and what the system knows of the connections on this machine.

use std::{
    collections::HashSet,
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use super::process::{PATIENCE, wait_until};

/// A caller with a JSON body that a function is about to get: all but the body is sent. `head` makes the beginning of the
/// request of the headers that come with a body.
pub(crate) fn announce(port: u16, body: &str, head: impl FnOnce(&str) -> String) -> TcpStream {
    let mut caller = TcpStream::connect(("127.0.0.1", port)).unwrap();
    caller.set_read_timeout(Some(PATIENCE)).unwrap();
    let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    caller.write_all(head(&more).as_bytes()).unwrap();
    caller
}

/// Reads the answer, to the end of the connection.
pub(crate) fn answer_to(mut caller: TcpStream) -> String {
    let mut answer = String::new();
    caller.read_to_string(&mut answer).expect("the answer comes in time");
    answer
}

/// An end of a TCP connection on this machine.
struct Socket {
    local: u16,
    remote: u16,
    is_established: bool,
    /// What the other end has not taken yet, in bytes.
    to_send: u64,
    /// What the process has not read yet, in bytes.
    to_read: u64,
}

/// The ends that belong to this port.
fn sockets_at(port: u16) -> impl Iterator<Item = Socket> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    // Of tens of thousands of lines, while many tests run, nearly all are of others: they are not even read.
    let place = format!(":{port:04X} ");
    let lines = table.lines().skip(1).filter(|line| line.contains(&place));
    let sockets: Vec<Socket> = lines.map(Socket::read).collect();
    sockets.into_iter().filter(move |socket| socket.local == port)
}

impl Socket {
    fn read(line: &str) -> Self {
        // Number, local address, remote address, state, queues (to send : to read); all but the first in hexadecimal.
        let words: Vec<&str> = line.split_whitespace().collect();
        let pair = |text: &str| {
            let (first, second) = text.split_once(':').unwrap();
            // The first of an address is the host.
            (u64::from_str_radix(first, 16).unwrap(), u64::from_str_radix(second, 16).unwrap())
        };
        let ((_, local), (_, remote), (to_send, to_read)) = (pair(words[1]), pair(words[2]), pair(words[4]));
        Self { local: local as u16, remote: remote as u16, is_established: words[3] == "01", to_send, to_read }
    }
}

/// Waits until the connections of these callers to `port` are taken and all that was sent over them is read. Others there
/// may be, as those that a client keeps for later, do not count.
pub(crate) fn wait_until_read(port: u16, callers: &[TcpStream]) {
    let callers: HashSet<u16> = callers.iter().map(|caller| caller.local_addr().unwrap().port()).collect();
    let is_read = |socket: &Socket| callers.contains(&socket.remote) && socket.is_established && socket.to_read == 0;
    wait_until("all requests are read", || sockets_at(port).filter(is_read).count() == callers.len());
}

/// How many connections to `port` are open at both ends.
pub(crate) fn open_to(port: u16) -> usize {
    sockets_at(port).filter(|socket| socket.is_established).count()
}

/// How much of what was sent from `port` to the port `remote` waits in the system, in bytes.
pub(crate) fn waiting_between(port: u16, remote: u16) -> u64 {
    sockets_at(port).find(|socket| socket.remote == remote).expect("there is a connection").to_send
}
