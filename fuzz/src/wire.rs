//! A real connection to an [`App`], within this process.

use std::{convert::Infallible, sync::Mutex};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jeton::http::{App, Function};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime::{Builder, Runtime},
};

/// What fits on the line without anybody reading it: more than any request.
const LINE_BYTES: usize = 1 << 20;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status, as it stands in the first line.
    pub status: u16,
    /// Names in small letters, in their order.
    pub headers: Vec<(String, String)>,
    /// All of it, put together again if it came in chunks; empty in the answer to a HEAD.
    pub body: Vec<u8>,
    /// The app's log lines for the request.
    pub log: Vec<String>,
}

impl Answer {
    /// The one header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "{name} comes twice");
        first
    }

    /// All that a caller and an operator get to see, as text.
    pub fn shown(&self) -> String {
        format!("{:?} {} {:?}", self.headers, String::from_utf8_lossy(&self.body), self.log)
    }
}

/// The runtime that a target runs its requests on.
pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// Sends the bytes of one request, which must ask for the connection to be closed, to `function` of `app`. `None` if the
/// connection ends without an answer.
///
/// With `breaks_off` nothing more can come from the caller after `request`; otherwise the caller stays.
pub async fn ask(app: &App, function: Function, request: &[u8], breaks_off: bool) -> Option<Answer> {
    let log = Mutex::new(Vec::new());
    let (mut client, server) = duplex(LINE_BYTES);
    client.write_all(request).await.unwrap();
    if breaks_off {
        client.shutdown().await.unwrap();
    }
    let answer = service_fn(async |request: Request<Incoming>| {
        let note = |_, line| log.lock().unwrap().push(line);
        Ok::<_, Infallible>(app.answer(function, request, note).await)
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(server), answer);
    let mut received = Vec::new();
    let (served, read) = tokio::join!(serving, client.read_to_end(&mut received));
    assert!(served.is_ok() || breaks_off, "the connection broke: {served:?}");
    read.unwrap();
    let (status, headers, body) = parse(&received, request.starts_with(b"HEAD "))?;
    Some(Answer { status, headers, body, log: log.into_inner().unwrap() })
}

type Parts = (u16, Vec<(String, String)>, Vec<u8>);

fn parse(received: &[u8], head_only: bool) -> Option<Parts> {
    if received.is_empty() {
        return None;
    }
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let length = response.parse(received).unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<(String, String)> =
        response.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect();
    let rest = &received[length..];
    let has = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let body = match (has("transfer-encoding"), has("content-length")) {
        (Some(coding), None) => {
            assert_eq!(coding, "chunked");
            chunks(rest)
        }
        (None, Some(length)) if !head_only => {
            assert_eq!(length.parse(), Ok(rest.len()), "the body is as long as announced");
            rest.to_vec()
        }
        (None, _) => {
            assert!(rest.is_empty(), "there is a body where none can be");
            Vec::new()
        }
        (Some(_), Some(_)) => panic!("a length and a coding"),
    };
    Some((response.code.unwrap(), headers, body))
}

fn chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let (start, size) = httparse::parse_chunk_size(rest).unwrap().unwrap();
        let end = start + usize::try_from(size).unwrap();
        body.extend_from_slice(&rest[start..end]);
        assert_eq!(&rest[end..end + 2], b"\r\n");
        rest = &rest[end + 2..];
        if size == 0 {
            assert!(rest.is_empty(), "there is something after the last chunk");
            return body;
        }
    }
}
