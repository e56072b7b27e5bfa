//! A history so long that its export waits for its reader: when the function is done with it.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{
    host::{Host, Invocation, key_of},
    process::PATIENCE,
    redis::Redis,
    sockets::waiting_between,
    world::{START, World},
};
use jeton::ledger::{Amount, Command, Source, Timestamp};

/// Together longer than all that lies between the function and a reader who takes nothing. They are sent in parts that are
/// small enough for the last ones to wait in the function's own memory.
const ENTRIES: usize = 64_000;
/// The reader takes so much at once, in bytes: less than what waits in the function's memory.
const TAKEN: usize = 64 * 1_024;

/// An export whose reader has seen that it comes.
struct Export {
    entries: usize,
    host: Host,
    invocation: Invocation,
    reader: TcpStream,
    taken: Vec<u8>,
}

/// A history of so many entries in a Redis of its own: a thousand in each millisecond.
async fn long_history() -> Redis {
    let redis = Redis::start();
    let store = redis.store();
    let mut world = World::new(store.as_ref(), "u");
    let credit = Command::Credit {
        amount: Amount::new(1).unwrap(),
        grant: Source::Purchase.into(),
        description: Some("entry".to_owned()),
        metadata: None,
    };
    for millis in (START..).take(ENTRIES / 1_000) {
        world.apply(&vec![credit.clone(); 1_000], millis).await;
    }
    redis
}

impl Export {
    /// Begins one of all entries but so many thousand.
    async fn begin(redis: &Redis, fewer: u64) -> Self {
        let host = Host::start("transactions", &[("REDIS_URL", &redis.url()), key_of("transactions")]);
        let invocation = host.invocation();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(TAKEN as u32).unwrap();
        let mut reader = socket.connect(([127, 0, 0, 1], host.port()).into()).await.unwrap();
        let from = Timestamp::from_millis(START + fewer).unwrap();
        let request = format!("GET /api/transactions?userId=u&order=asc&from={from}");
        let head = invocation.head(&request, "Accept: text/csv\r\n\r\n");
        reader.write_all(head.as_bytes()).await.unwrap();
        timeout(PATIENCE, reader.readable()).await.expect("it begins in time").unwrap();
        Self { entries: ENTRIES - 1_000 * fewer as usize, host, invocation, reader, taken: Vec::new() }
    }

    /// Takes a little more. False when nothing comes any more.
    async fn take(&mut self) -> bool {
        let mut part = vec![0; TAKEN];
        let length = timeout(PATIENCE, self.reader.read(&mut part)).await.expect("it goes on in time").unwrap();
        self.taken.extend_from_slice(&part[..length]);
        length > 0
    }

    /// Takes the rest: whether all of it is whole.
    async fn ends_whole(mut self) -> bool {
        while self.take().await {}
        let text = String::from_utf8(self.taken).unwrap();
        text.starts_with("HTTP/1.1 200 OK\r\n")
            && text.ends_with("\r\n0\r\n\r\n")
            && text.matches(",CREDIT,1,entry,").count() == self.entries
    }

    /// Waits until the function cannot send more, as the reader does not take it.
    async fn stands_still(&self) {
        let mut sent = None;
        while sent != Some(self.waiting()) {
            sent = Some(self.waiting());
            // What the export has asked of Redis is answered before what this asks.
            assert_eq!(self.host.call("somebody-else").await.0.status, 200);
        }
    }

    /// How much of it waits in the system, in bytes.
    fn waiting(&self) -> u64 {
        waiting_between(self.host.port(), self.reader.local_addr().unwrap().port())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_comes_when_nothing_of_the_export_is_left_in_the_function() {
    let redis = long_history().await;
    // However much of it waits in the function when all of it is there.
    for fewer in (0..12).step_by(4) {
        the_end_comes_in_time(Export::begin(&redis, fewer).await).await;
    }
}

async fn the_end_comes_in_time(mut export: Export) {
    export.stands_still().await;
    assert!(!export.host.has_ended(export.invocation), "the reader has nothing of it");
    while !export.host.has_ended(export.invocation) {
        assert!(export.take().await);
        export.stands_still().await;
    }
    let line = export.host.line_of(export.invocation);
    assert_eq!((&line["status"], &line["level"]), (&json!(200), &json!("info")));
    assert_eq!(export.host.process.lines(), [""; 0]);
    assert!(export.waiting() > 0, "the reader still lacks a good part");
    // From now on the platform may freeze the process, or end it.
    export.host.process.kill();
    assert!(export.ends_whole().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_slow_reader_have_the_whole_export() {
    let redis = long_history().await;
    let mut export = Export::begin(&redis, 0).await;
    export.host.process.signal(Signal::TERM);
    while export.take().await {}
    assert!(export.host.process.wait(), "a clean end");
    assert_eq!(export.host.line_of(export.invocation)["status"], 200);
    assert!(export.ends_whole().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_comes_too_when_the_reader_has_gone() {
    let redis = long_history().await;
    let Export { host, invocation, reader, .. } = Export::begin(&redis, 0).await;
    drop(reader);
    assert_eq!(host.line_of(invocation)["status"], 200);
    let (answer, _) = host.call("u").await;
    assert_eq!(answer.ok()["transactions"][0]["amount"], 300, "billing fell due before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_breaks_off_has_its_end_and_a_line_of_the_process() {
    let redis = long_history().await;
    let mut export = Export::begin(&redis, 0).await;
    let reset = Host::start("reset", &[("REDIS_URL", &redis.url()), key_of("reset")]);
    assert_eq!(reset.call("u").await.0.status, 200);
    while export.take().await {}
    assert_eq!(export.host.line_of(export.invocation)["status"], 200, "it began well");
    // The platform keeps what a process says besides. It came when the line of the request was written long since.
    let said = export.host.process.wait_for_line(|line| line.contains("broke off"));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["level"], "warn");
    let said = said["message"].as_str().unwrap();
    assert!(said.starts_with("the export of user u that request cdg1::"), "{said}");
    assert!(said.ends_with(" began broke off: the account was reset meanwhile"), "{said}");
    let request = export.host.client().request(Method::GET, "transactions?userId=u");
    assert_eq!(export.host.send(export.host.invocation(), request).await.status, 200);
    assert!(!export.ends_whole().await, "a part must not look like the whole");
}
