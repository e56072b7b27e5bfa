//! A line to Redis that breaks when it is told to.
//!
//! It hands on one command at a time, and its answer, so that a test knows what Redis had done when the line broke; and what
//! Redis tells unasked.

use std::{
    collections::VecDeque,
    io,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
};

use futures_util::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
    time::timeout,
};

use super::process::PATIENCE;

/// What happens to the next command of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Redis carries it out; the line breaks before the answer.
    AnswerLost,
    /// The line breaks before Redis gets it.
    RequestLost,
    /// The line breaks; Redis gets it late: when it has carried out the next command of this name, and before that
    /// one's answer is handed on.
    LateAfter(&'static str),
    /// It waits until the test says go.
    Paused,
}

/// The line.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Where new connections lead.
    redis: AtomicU16,
    /// The commands that faults wait for, and the faults, first to last.
    faults: Mutex<VecDeque<(&'static str, Fault)>>,
    /// A command that was held back, and after which one it is delivered.
    held: Mutex<Option<(&'static str, Vec<u8>)>>,
    silent: AtomicBool,
    paused: Notify,
    go: Notify,
}

impl Proxy {
    /// A line to the Redis at `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        proxy.lead_to(port);
        let state = Arc::clone(&proxy.state);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let port = state.redis.load(Ordering::SeqCst);
                // Its end is the end of the line, whoever broke it.
                tokio::spawn(hand_on(Arc::clone(&state), client, port));
            }
        });
        proxy
    }

    /// The URL of Redis behind it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// New connections lead to the Redis at `port`, as when a name is given to another machine. Those that are open
    /// stay where they are.
    pub(crate) fn lead_to(&self, port: u16) {
        self.state.redis.store(port, Ordering::SeqCst);
    }

    /// The next commands of name `command` suffer these faults, one each; those that were ordered before come first.
    pub(crate) fn fail(&self, command: &'static str, faults: &[Fault]) {
        self.state.faults.lock().unwrap().extend(faults.iter().map(|fault| (command, *fault)));
    }

    /// Faults that have not happened will not. Gives how many these are.
    pub(crate) fn forget_faults(&self) -> usize {
        self.state.faults.lock().unwrap().drain(..).count()
    }

    /// Every fault has happened, and what came late has been delivered.
    pub(crate) fn assert_used_up(&self, case: &str) {
        assert_eq!(*self.state.faults.lock().unwrap(), [], "{case}: the faults were not met");
        assert_eq!(*self.state.held.lock().unwrap(), None, "{case}: the held command was not delivered");
    }

    /// Waits until a command is paused.
    pub(crate) async fn paused(&self) {
        timeout(PATIENCE, self.state.paused.notified()).await.expect("a command is paused");
    }

    /// Lets the paused command go on.
    pub(crate) fn go_on(&self) {
        self.state.go.notify_one();
    }

    /// From now on nothing is handed on and nothing answered, or again everything.
    pub(crate) fn be_silent(&self, silent: bool) {
        self.state.silent.store(silent, Ordering::SeqCst);
    }
}

async fn hand_on(state: Arc<State>, client: TcpStream, port: u16) -> io::Result<()> {
    let (requests, mut client) = client.into_split();
    let (mut requests, mut redis) = (values(requests), Line::open(port).await?);
    loop {
        let request = tokio::select! {
            request = requests.try_next() => request?.ok_or(io::ErrorKind::UnexpectedEof)?,
            told = redis.next() => {
                let told = told?;
                if !state.silent.load(Ordering::SeqCst) {
                    client.write_all(&told).await?;
                }
                continue;
            }
        };
        let name = name_of(&request);
        let fault = {
            let mut faults = state.faults.lock().unwrap();
            faults.pop_front_if(|(command, _)| *command == name).map(|(_, fault)| fault)
        };
        match fault {
            Some(Fault::RequestLost) => return Ok(()),
            Some(Fault::LateAfter(command)) => {
                *state.held.lock().unwrap() = Some((command, request));
                return Ok(());
            }
            Some(Fault::AnswerLost) => return redis.ask(&request).await.map(drop),
            Some(Fault::Paused) => {
                state.paused.notify_one();
                state.go.notified().await;
            }
            None => {}
        }
        if state.silent.load(Ordering::SeqCst) {
            continue;
        }
        let answer = redis.ask(&request).await?;
        let late = state.held.lock().unwrap().take_if(|(command, _)| *command == name);
        if let Some((_, request)) = late {
            Line::open(port).await?.ask(&request).await?;
        }
        client.write_all(&answer).await?;
    }
}

/// A connection to Redis.
struct Line {
    values: Values,
    requests: OwnedWriteHalf,
}

impl Line {
    async fn open(port: u16) -> io::Result<Self> {
        let (from, requests) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?.into_split();
        Ok(Self { values: values(from), requests })
    }

    /// Sends a request. Gives its answer, and before it what was told unasked meanwhile.
    async fn ask(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        self.requests.write_all(request).await?;
        // A subscription is confirmed as if it were told unasked. Of more channels than one the rest follows.
        let confirmation = format!("\r\n{}\r\n", name_of(request).to_ascii_lowercase());
        let mut told = Vec::new();
        loop {
            let value = self.next().await?;
            let answers = value[0] != b'>' || String::from_utf8_lossy(&value).contains(&confirmation);
            told.extend(value);
            if answers {
                return Ok(told);
            }
        }
    }

    /// The next value that comes. The wait for it may be broken off.
    async fn next(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.values.try_next().await?.ok_or(io::ErrorKind::UnexpectedEof)?)
    }
}

/// What comes over a connection, value by value.
type Values = BoxStream<'static, io::Result<Vec<u8>>>;

fn values(from: OwnedReadHalf) -> Values {
    let next = async |mut from| Ok(Some((read_value(&mut from).await?, from)));
    stream::try_unfold(BufReader::new(from), next).boxed()
}

/// One value of the Redis protocol, as it came.
async fn read_value(from: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Vec<u8>> {
    let (mut value, mut missing) = (Vec::new(), 1_i64);
    while missing > 0 {
        let start = value.len();
        if from.read_until(b'\n', &mut value).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = std::str::from_utf8(&value[start..]).unwrap().trim_end();
        let length = || line[1..].parse::<i64>().unwrap().max(-1);
        missing -= 1;
        match line.as_bytes()[0] {
            b'*' | b'~' | b'>' => missing += length().max(0),
            b'%' => missing += 2 * length(),
            // What belongs to a value, which follows.
            b'|' => missing += 2 * length() + 1,
            b'$' | b'=' | b'!' if length() >= 0 => {
                let mut text = vec![0; length() as usize + 2];
                from.read_exact(&mut text).await?;
                value.extend(text);
            }
            _ => {}
        }
    }
    Ok(value)
}

/// The first word of a request, in capitals.
fn name_of(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    text.split("\r\n").nth(2).unwrap_or_default().to_ascii_uppercase()
}
