//! A line that breaks when it is told to, whatever is on it: also in the middle of an event, and unasked.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    select,
    sync::{Notify, watch},
    task::AbortHandle,
};

/// How much is handed on at once, in bytes.
const PIECE_MAX: usize = 16 * 1024;

/// How much a narrow line holds, in bytes.
const NARROW: u32 = 64 * 1_024;

/// The line. Each connection to it leads to a port of this machine.
pub(super) struct Line {
    port: u16,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    /// How much the system takes of what comes back while the line takes nothing, in bytes.
    buffer: Option<u32>,
    /// Where new connections lead.
    to: AtomicU16,
    /// How many more bytes come back before the connection over which they come is cut.
    left: Mutex<Option<usize>>,
    cut: Notify,
    refusing: AtomicBool,
    refused: Notify,
    /// While this is so, nothing is handed on.
    holding: watch::Sender<bool>,
    held: Notify,
    /// What happens to all connections that are open.
    fate: watch::Sender<Fate>,
}

#[derive(Clone, Copy)]
enum Fate {
    Cut,
    /// What comes from the client goes nowhere, and nothing comes back.
    Swallow,
}

impl Line {
    /// A line to `port`.
    pub(super) async fn to(port: u16) -> Self {
        Self::with_buffer(port, None).await
    }

    /// The same, which holds little of what comes back.
    pub(super) async fn narrow(port: u16) -> Self {
        Self::with_buffer(port, Some(NARROW)).await
    }

    async fn with_buffer(port: u16, buffer: Option<u32>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let local = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            buffer,
            to: AtomicU16::new(port),
            left: Mutex::default(),
            cut: Notify::new(),
            refusing: AtomicBool::new(false),
            refused: Notify::new(),
            holding: watch::Sender::new(false),
            held: Notify::new(),
            fate: watch::Sender::new(Fate::Cut),
        });
        let lines = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if lines.refusing.load(Ordering::SeqCst) {
                    lines.refused.notify_one();
                } else {
                    // Its end is the end of the line, whoever broke it.
                    tokio::spawn(hand_on(Arc::clone(&lines), client));
                }
            }
        });
        Self { port: local, state, accepting: accepting.abort_handle() }
    }

    /// Where it begins.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead there.
    pub(super) fn lead_to(&self, port: u16) {
        self.state.to.store(port, Ordering::SeqCst);
    }

    /// Cuts a connection in which so many more bytes have come back.
    pub(super) async fn cut_after(&self, bytes: usize) {
        *self.state.left.lock().unwrap() = Some(bytes);
        self.state.cut.notified().await;
    }

    /// Cuts all connections that are open.
    pub(super) fn cut(&self) {
        self.state.fate.send_replace(Fate::Cut);
    }

    /// The connections that are open lead nowhere from now on, and nobody is told.
    pub(super) fn swallow(&self) {
        self.state.fate.send_replace(Fate::Swallow);
    }

    /// Cuts all connections, and lets nobody in until somebody has tried.
    pub(super) async fn refuse(&self) {
        self.state.refusing.store(true, Ordering::SeqCst);
        self.cut();
        self.state.refused.notified().await;
        self.state.refusing.store(false, Ordering::SeqCst);
    }

    /// Hands nothing on until something has waited for it.
    pub(super) async fn hold(&self) {
        self.stop();
        self.state.held.notified().await;
        self.go_on();
    }

    /// Hands nothing on, and takes nothing, but for one piece in each connection.
    pub(super) fn stop(&self) {
        self.state.holding.send_replace(true);
    }

    /// Hands everything on again.
    pub(super) fn go_on(&self) {
        self.state.holding.send_replace(false);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn hand_on(state: Arc<State>, mut client: TcpStream) -> io::Result<()> {
    let mut fate = state.fate.subscribe();
    let server = TcpSocket::new_v4()?;
    if let Some(size) = state.buffer {
        server.set_recv_buffer_size(size)?;
    }
    let mut server = server.connect((Ipv4Addr::LOCALHOST, state.to.load(Ordering::SeqCst)).into()).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let handed_on = select! {
        handed_on = pass(&state, &mut client, &mut server) => Some(handed_on),
        _ = fate.changed() => None,
    };
    if handed_on.is_none() && matches!(*fate.borrow(), Fate::Swallow) {
        drop(server);
        let mut buffer = vec![0; PIECE_MAX];
        while client.read(&mut buffer).await? > 0 {}
    }
    handed_on.unwrap_or(Ok(()))
}

async fn pass(state: &State, client: &mut TcpStream, server: &mut TcpStream) -> io::Result<()> {
    let mut holding = state.holding.subscribe();
    let (mut request, mut answer) = (vec![0; PIECE_MAX], vec![0; PIECE_MAX]);
    loop {
        let (bytes, comes_back) = select! {
            read = client.read(&mut request) => (&request[..read?], false),
            read = server.read(&mut answer) => (&answer[..read?], true),
        };
        if bytes.is_empty() {
            return Ok(());
        }
        if *holding.borrow() {
            state.held.notify_one();
            // The line is there as long as the one who holds it.
            let _ = holding.wait_for(|holding| !holding).await;
        }
        if !comes_back {
            server.write_all(bytes).await?;
            continue;
        }
        let (length, is_last) = state.count(bytes.len());
        client.write_all(&bytes[..length]).await?;
        if is_last {
            state.cut.notify_one();
            return Ok(());
        }
    }
}

impl State {
    /// How many of these bytes are handed on, and whether they are the last.
    fn count(&self, length: usize) -> (usize, bool) {
        let mut left = self.left.lock().unwrap();
        match *left {
            Some(bytes) if bytes <= length => {
                *left = None;
                (bytes, true)
            }
            Some(bytes) => {
                *left = Some(bytes - length);
                (length, false)
            }
            None => (length, false),
        }
    }
}
