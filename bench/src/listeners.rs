//! Browsers that listen to the events of users.

use std::{
    io,
    net::Ipv4Addr,
    sync::mpsc::{self, Receiver, Sender},
    time::Instant,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
};

use crate::function::{PATIENCE, SECRET};

/// Some that are listening. They leave with this value.
pub(crate) struct Listeners {
    runtime: Runtime,
    port: u16,
    heard: Receiver<Heard>,
    sender: Sender<Heard>,
}

/// What a listener was told.
enum Heard {
    /// The account as it is.
    Stats,
    /// An entry, and when that was.
    Transaction(Instant),
    /// The end.
    End(String),
}

impl Listeners {
    /// Of the function at `port`, nobody yet. They have a thread of their own.
    pub(crate) fn new(port: u16) -> Result<Self, String> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_io().build();
        let (sender, heard) = mpsc::channel();
        Ok(Self { runtime: runtime.map_err(|error| error.to_string())?, port, heard, sender })
    }

    /// One more listens to `user`. Waits until it knows the account.
    pub(crate) fn add(&self, user: usize) -> Result<(), String> {
        let (port, sender) = (self.port, self.sender.clone());
        self.runtime.spawn(async move {
            let end = match listen(port, user, &sender).await {
                Ok(()) => "the stream ended".to_owned(),
                Err(error) => error.to_string(),
            };
            // Nobody hears it when the bench is over.
            let _ = sender.send(Heard::End(end));
        });
        loop {
            match self.hear()? {
                Heard::Stats => return Ok(()),
                Heard::Transaction(_) => {}
                Heard::End(end) => return Err(end),
            }
        }
    }

    /// Waits until so many were told of an entry: when each was, the first one first.
    pub(crate) fn told(&self, count: usize) -> Result<Vec<Instant>, String> {
        let mut told = Vec::with_capacity(count);
        while told.len() < count {
            match self.hear()? {
                Heard::Transaction(at) => told.push(at),
                Heard::Stats => {}
                Heard::End(end) => return Err(end),
            }
        }
        told.sort_unstable();
        Ok(told)
    }

    fn hear(&self) -> Result<Heard, String> {
        self.heard.recv_timeout(PATIENCE).map_err(|error| format!("nothing is told: {error}"))
    }
}

async fn listen(port: u16, user: usize, told: &Sender<Heard>) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET /api/events?userId=u{user} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {SECRET}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = Vec::with_capacity(4_096);
    let mut knows_account = false;
    while stream.read_buf(&mut text).await? > 0 {
        let at = Instant::now();
        // Events end with an empty line; what comes after the last one is kept for the next time.
        let Some(end) = text.windows(2).rposition(|pair| pair == b"\n\n") else { continue };
        let events = text.drain(..=end).collect::<Vec<u8>>();
        let has = |name: &[u8]| events.windows(name.len()).any(|words| words == name);
        let heard = if has(b"\nevent: transaction\n") {
            Heard::Transaction(at)
        } else if !knows_account && has(b"\nevent: stats\n") {
            knows_account = true;
            Heard::Stats
        } else {
            continue;
        };
        if told.send(heard).is_err() {
            break;
        }
    }
    Ok(())
}
