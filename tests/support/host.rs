//! The platform's side of a function: it starts the process, hands it requests by number, and hears over a Unix socket
//! that it is ready, what it logs of each request, and when it is done with it.

use std::{
    io::{BufRead, BufReader},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    process::Command,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::{Answer, Client, send},
    process::{PATIENCE, Process, free_port},
    server::{SHORT_STREAMS, Settings, executable},
};

/// What callers show.
const SECRET: &str = "open-sesame";
/// What user tokens are signed with.
const USER_TOKEN_SECRET: &str = "a-secret-of-the-tests-with-32-bytes";

/// The setting that lets callers of `function` in.
pub(crate) fn key_of(function: &str) -> (&'static str, &'static str) {
    if function == "billing" { ("CRON_SECRET", SECRET) } else { ("JETON_API_KEYS", "ops:admin:open-sesame") }
}

/// A function's process and its host.
pub(crate) struct Host {
    pub(crate) process: Process,
    function: &'static str,
    port: u16,
    client: Client,
    inbox: Arc<Inbox>,
    next: AtomicU64,
    /// Hears until the process has ended.
    hearing: Option<JoinHandle<()>>,
    _folder: TempDir,
}

/// A request that the host hands to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invocation(u64);

/// What a function says of its invocations, as it comes.
#[derive(Default)]
struct Inbox {
    heard: Mutex<Vec<Message>>,
    changed: Condvar,
}

enum Message {
    Started { port: u64 },
    Log { of: Invocation, line: Value },
    End { of: Invocation },
}

impl Invocation {
    /// The request's own id, as the platform shows it to callers.
    pub(crate) fn id(self) -> String {
        format!("cdg1::{}", self.0)
    }

    fn name(self) -> String {
        format!("invocation-{}", self.0)
    }

    /// What the platform adds to the request.
    pub(crate) fn headers(self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-vercel-internal-invocation-id", self.name().parse().unwrap());
        headers.insert("x-vercel-internal-request-id", self.0.to_string().parse().unwrap());
        headers.insert("x-vercel-id", self.id().parse().unwrap());
        headers
    }

    /// The beginning of a request as it is on the wire: its first line and headers, those of the platform and a key that
    /// may do everything among them. `more` is further headers, or the empty line that ends them.
    pub(crate) fn head(self, request: &str, more: &str) -> String {
        let line = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            format!("{name}: {}\r\n", value.to_str().unwrap())
        };
        let headers: String = self.headers().iter().map(line).collect();
        format!(
            "{request} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {SECRET}\r\n{headers}{more}"
        )
    }
}

impl Host {
    /// Starts `function` with these settings and nothing else, and waits until it has said that it is ready.
    pub(crate) fn start(function: &'static str, settings: Settings<'_>) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), function, settings)
    }

    /// Starts it in this working folder.
    pub(crate) fn start_in(folder: TempDir, function: &'static str, settings: Settings<'_>) -> Self {
        Self::start_program(Path::new(executable(function)), folder, function, settings)
    }

    /// Starts `program`, which does what `function` does.
    pub(crate) fn start_program(
        program: &Path,
        folder: TempDir,
        function: &'static str,
        settings: Settings<'_>,
    ) -> Self {
        let socket = tempfile::tempdir().unwrap();
        let path = socket.path().join("ipc");
        let listener = UnixListener::bind(&path).unwrap();
        let port = free_port();
        let mut command = Command::new(program);
        command.current_dir(folder.path()).env("VERCEL_DEV_PORT", port.to_string()).env("VERCEL_IPC_PATH", &path);
        // Which one of the functions cannot do without.
        command.env("JETON_JWT_SECRET", USER_TOKEN_SECRET);
        let process = Process::start(command.envs([SHORT_STREAMS]).envs(settings.iter().copied()));
        let inbox = Arc::new(Inbox::default());
        let heard = Arc::clone(&inbox);
        let hearing = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            // There is one connection, and the socket is not needed by its name any more.
            drop(socket);
            hear(stream, &heard);
        });
        let told = inbox.wait(|heard| match heard.first()? {
            Message::Started { port } => Some(*port),
            Message::Log { .. } | Message::End { .. } => panic!("{function} speaks before it is ready"),
        });
        assert_eq!(told, u64::from(port), "{function} listens somewhere else");
        let client = Client::new([(function, format!("http://127.0.0.1:{port}"))].into()).with_key(SECRET);
        Self {
            process,
            function,
            port,
            client,
            inbox,
            next: AtomicU64::new(1),
            hearing: Some(hearing),
            _folder: folder,
        }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The function's name.
    pub(crate) fn function(&self) -> &'static str {
        self.function
    }

    /// A client that finds the function here. What it sends comes without the platform's headers.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// A request like no other.
    pub(crate) fn invocation(&self) -> Invocation {
        Invocation(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Hands the function a request, and waits for the answer.
    pub(crate) async fn send(&self, invocation: Invocation, request: RequestBuilder) -> Answer {
        let answer = send(request.headers(invocation.headers())).await;
        assert_eq!(answer.header("x-request-id"), Some(invocation.id().as_str()));
        answer
    }

    /// Waits until the function is done with a request, and gives the lines that it logged of it.
    pub(crate) fn lines_of(&self, invocation: Invocation) -> Vec<Value> {
        self.inbox.wait(|heard| heard.iter().any(|message| message.ends(invocation)).then_some(()));
        self.inbox.lines_of(invocation)
    }

    /// The same for one that has one line, as it should.
    pub(crate) fn line_of(&self, invocation: Invocation) -> Value {
        let mut lines = self.lines_of(invocation);
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    /// Whether the function has said that it is done with a request.
    pub(crate) fn has_ended(&self, invocation: Invocation) -> bool {
        self.inbox.heard.lock().unwrap().iter().any(|message| message.ends(invocation))
    }

    /// A request of the kind that the function takes.
    pub(crate) fn request(&self, user: &str) -> RequestBuilder {
        self.client.call(self.function, user)
    }

    /// Hands it to the function: the answer, and the one line of it.
    pub(crate) async fn call(&self, user: &str) -> (Answer, Value) {
        let invocation = self.invocation();
        let answer = self.send(invocation, self.request(user)).await;
        (answer, self.line_of(invocation))
    }
}

impl Drop for Host {
    /// What the function has said to its end was in order, also what nobody waited for.
    fn drop(&mut self) {
        self.process.kill();
        let ended = self.hearing.take().map(JoinHandle::join);
        assert!(
            thread::panicking() || matches!(ended, Some(Ok(()))),
            "{} says what the host does not take",
            self.function
        );
    }
}

/// Keeps what comes over the socket, until the function has closed it.
fn hear(stream: UnixStream, inbox: &Inbox) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut message = Vec::new();
        // A process that was killed may have stopped in the middle of a message.
        if stream.read_until(0, &mut message).unwrap_or(0) == 0 || message.pop() != Some(0) {
            return;
        }
        inbox.add(Message::read(&serde_json::from_slice(&message).unwrap()));
    }
}

impl Message {
    fn read(message: &Value) -> Self {
        let (kind, payload) = (message["type"].as_str().unwrap(), &message["payload"]);
        if kind == "server-started" {
            return Self::Started { port: payload["httpPort"].as_u64().unwrap() };
        }
        let of = Invocation(payload["context"]["requestId"].as_u64().unwrap());
        assert_eq!(payload["context"]["invocationId"], of.name(), "of whose request is this? {message}");
        match kind {
            "log" => {
                let text = BASE64_STANDARD.decode(payload["message"].as_str().unwrap()).unwrap();
                let line: Value = serde_json::from_slice(&text).expect("a line is JSON");
                assert_eq!(payload["level"], line["level"], "{line}");
                Self::Log { of, line }
            }
            "end" => {
                assert_eq!(payload["error"], Value::Null, "{message}");
                Self::End { of }
            }
            other => panic!("the host knows no {other}"),
        }
    }

    fn ends(&self, invocation: Invocation) -> bool {
        matches!(self, Self::End { of } if *of == invocation)
    }
}

impl Inbox {
    fn add(&self, message: Message) {
        let mut heard = self.heard.lock().unwrap();
        if let Message::Log { of, .. } | Message::End { of } = message {
            assert!(!heard.iter().any(|earlier| earlier.ends(of)), "more of {of:?} after its end");
        }
        heard.push(message);
        self.changed.notify_all();
    }

    /// Waits until `found` finds something.
    fn wait<T>(&self, found: impl Fn(&[Message]) -> Option<T>) -> T {
        let heard = self.heard.lock().expect("what came over the socket was in order");
        let (heard, _) = self.changed.wait_timeout_while(heard, PATIENCE, |heard| found(heard).is_none()).unwrap();
        found(&heard).expect("the function says so in time")
    }

    fn lines_of(&self, invocation: Invocation) -> Vec<Value> {
        let heard = self.heard.lock().unwrap();
        let lines = heard.iter().filter_map(|message| match message {
            Message::Log { of, line } if *of == invocation => Some(line.clone()),
            Message::Log { .. } | Message::Started { .. } | Message::End { .. } => None,
        });
        lines.collect()
    }
}
