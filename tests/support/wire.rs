//! A line to Redis that breaks at a byte: so many are handed on, and then it is cut, falls silent, or hands the rest on
//! when it is too late.
//!
//! It knows nothing of commands, so that it also breaks in the middle of one.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use jeton::{committer::Surroundings, ledger::quarter_of, system::System};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    select,
    sync::{Notify, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};

use super::process::PATIENCE;

/// How much is handed on at once, in bytes.
const PIECE_MAX: usize = 16 * 1024;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To Redis.
    Request,
    /// From Redis.
    Answer,
}

/// What happens after the last byte that is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Both ends are closed.
    Cut,
    /// Nothing comes through any more, in neither direction; the ends stay open until the client closes its own.
    Stall,
    /// Like a stall, but the rest is still handed on: before the piece of this number (0, 1, …) that a later line hands
    /// to Redis, or when the test says so, if that is earlier.
    Delay(usize),
}

/// In which quarter of an hour the first line to the Redis at a port began. Exchanges are measured then, and are as long as they
/// were until another one begins: what an account counts of its usage is longer or shorter in that.
static BEGUN: Mutex<BTreeMap<u16, u32>> = Mutex::new(BTreeMap::new());

fn quarter() -> u32 {
    quarter_of(System.now())
}

/// The line.
pub(crate) struct Wire {
    port: u16,
    redis: u16,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    armed: Mutex<Option<Armed>>,
    failed: Notify,
    /// How many bytes were handed on, to Redis and from it.
    passed: Mutex<[usize; 2]>,
    late: Mutex<Option<Late>>,
    /// A change makes the lines that are open swallow everything. Each listens until it does.
    swallowing: watch::Sender<()>,
}

struct Armed {
    way: Way,
    /// How many bytes are handed on before the fault.
    left: usize,
    fault: Fault,
}

/// The rest of a delayed exchange.
struct Late {
    /// Before which piece of a later line it is handed on.
    piece: usize,
    /// Has it handed on, and says when Redis has answered it.
    deliver: oneshot::Sender<oneshot::Sender<()>>,
}

impl Wire {
    /// A line to the Redis at `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        BEGUN.lock().unwrap().entry(port).or_insert_with(quarter);
        let state = Arc::new(State {
            armed: Mutex::default(),
            failed: Notify::new(),
            passed: Mutex::default(),
            late: Mutex::default(),
            swallowing: watch::Sender::new(()),
        });
        let (local, lines) = (listener.local_addr().unwrap().port(), Arc::clone(&state));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                // Its end is the end of the line, whoever broke it.
                tokio::spawn(hand_on(Arc::clone(&lines), client, port));
            }
        });
        Self { port: local, redis: port, state, accepting: accepting.abort_handle() }
    }

    /// The URL of Redis behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// From now on `bytes` are handed on in the direction `way`, then `fault` happens, once. With 0 it happens in place
    /// of the first one.
    pub(crate) fn fail_after(&self, way: Way, bytes: usize, fault: Fault) {
        *self.state.armed.lock().unwrap() = Some(Armed { way, left: bytes, fault });
    }

    /// The fault has happened, unless exchanges have another length by now.
    pub(crate) fn assert_failed(&self, case: &str) {
        self.assert_failed_unless(false, case);
    }

    /// The same, unless the caller `gave_up` before so many bytes. Either way it will not happen any more.
    pub(crate) fn assert_failed_unless(&self, gave_up: bool, case: &str) {
        let armed = self.state.armed.lock().unwrap().take();
        let is_as_measured = BEGUN.lock().unwrap()[&self.redis] == quarter();
        assert!(armed.is_none() || gave_up || !is_as_measured, "{case}: so many bytes were never handed on");
    }

    /// Waits until the fault has happened.
    pub(crate) async fn failed(&self) {
        timeout(PATIENCE, self.state.failed.notified()).await.expect("so many bytes are handed on");
    }

    /// How many bytes were handed on so far, to Redis and from it.
    pub(crate) fn passed(&self) -> [usize; 2] {
        *self.state.passed.lock().unwrap()
    }

    /// Hands on what is still held back, and waits until Redis has answered it.
    pub(crate) async fn deliver(&self) {
        self.state.deliver_before(usize::MAX).await;
    }

    /// Once this is over, the lines that were open lead nowhere, and nobody is told, whatever Redis does with its ends.
    /// New ones lead to Redis.
    pub(crate) async fn swallow_open_lines(&self) {
        assert!(self.state.swallowing.receiver_count() > 0, "no line is open");
        self.state.swallowing.send_replace(());
        timeout(PATIENCE, self.state.swallowing.closed()).await.expect("each line swallows");
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    /// Counts `length` bytes: how many of them are handed on, and what happens then.
    fn count(&self, way: Way, length: usize) -> (usize, Option<Fault>) {
        let mut armed = self.armed.lock().unwrap();
        let fault = armed.take_if(|armed| armed.way == way && armed.left <= length);
        if let Some(armed) = armed.as_mut().filter(|armed| armed.way == way) {
            armed.left -= length;
        }
        let (length, fault) = fault.map_or((length, None), |armed| (armed.left, Some(armed.fault)));
        let [requests, answers] = &mut *self.passed.lock().unwrap();
        *(if way == Way::Request { requests } else { answers }) += length;
        (length, fault)
    }

    async fn deliver_before(&self, piece: usize) {
        let late = self.late.lock().unwrap().take_if(|late| late.piece <= piece);
        if let Some(late) = late {
            let (answered, wait) = oneshot::channel();
            late.deliver.send(answered).expect("the rest is held back");
            timeout(PATIENCE, wait).await.expect("in time").expect("Redis answers what came late");
        }
    }
}

async fn hand_on(state: Arc<State>, mut client: TcpStream, port: u16) -> io::Result<()> {
    let mut swallowing = state.swallowing.subscribe();
    let mut redis = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    for stream in [&client, &redis] {
        stream.set_nodelay(true)?;
    }
    let (mut request, mut answer) = (vec![0; PIECE_MAX], vec![0; PIECE_MAX]);
    let mut pieces = 0;
    loop {
        let (way, bytes) = select! {
            read = client.read(&mut request) => (Way::Request, &request[..read?]),
            read = redis.read(&mut answer) => (Way::Answer, &answer[..read?]),
            _ = swallowing.changed() => {
                drop(swallowing);
                return swallow(client).await;
            }
        };
        if bytes.is_empty() {
            return Ok(());
        }
        if way == Way::Request {
            state.deliver_before(pieces).await;
            pieces += 1;
        }
        let (length, fault) = state.count(way, bytes.len());
        let (bytes, rest) = bytes.split_at(length);
        let to = if way == Way::Request { &mut redis } else { &mut client };
        to.write_all(bytes).await?;
        let Some(fault) = fault else { continue };
        drop(swallowing);
        let (deliver, told) = oneshot::channel();
        if let Fault::Delay(piece) = fault {
            *state.late.lock().unwrap() = Some(Late { piece, deliver });
        }
        state.failed.notify_one();
        return match fault {
            Fault::Cut => Ok(()),
            Fault::Stall => swallow(client).await,
            Fault::Delay(_) => hold_back(way, client, redis, rest.to_vec(), told).await,
        };
    }
}

/// Takes what the client sends, until it closes.
async fn swallow(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1_024];
    while client.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// Keeps `rest`, and what the client sends after it, until it is to be delivered.
async fn hold_back(
    way: Way,
    mut client: TcpStream,
    mut redis: TcpStream,
    mut rest: Vec<u8>,
    mut told: oneshot::Receiver<oneshot::Sender<()>>,
) -> io::Result<()> {
    let mut buffer = vec![0; PIECE_MAX];
    let mut open = true;
    let answered = loop {
        select! {
            answered = &mut told => break answered,
            read = client.read(&mut buffer), if open => {
                let length = read.unwrap_or(0);
                open = length > 0;
                if way == Way::Request {
                    rest.extend_from_slice(&buffer[..length]);
                }
            }
        }
    };
    // Nobody asks when the test is over.
    let Ok(answered) = answered else { return Ok(()) };
    if way == Way::Answer {
        // The client may have closed its end.
        let _ = client.write_all(&rest).await;
    } else {
        // Redis answers in turn: with the last answer it has carried out everything before.
        rest.extend_from_slice(b"PING\r\n");
        redis.write_all(&rest).await?;
        let mut answers = Vec::new();
        while !answers.ends_with(b"+PONG\r\n") {
            if redis.read_buf(&mut answers).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
    let _ = answered.send(());
    Ok(())
}
