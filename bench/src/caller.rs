//! One who asks a function over a connection that stays open.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Instant,
};

use crate::function::SECRET;

/// A connection to a function.
pub(crate) struct Caller {
    connection: BufReader<TcpStream>,
    requests: u64,
}

/// What a function answered.
pub(crate) struct Answer {
    /// When all of it was there.
    pub(crate) when: Instant,
    pub(crate) body: Vec<u8>,
}

impl Caller {
    /// To the function at `port`.
    pub(crate) fn connect(port: u16) -> Result<Self, String> {
        let told = |error: std::io::Error| format!("port {port}: {error}");
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(told)?;
        stream.set_nodelay(true).map_err(told)?;
        Ok(Self { connection: BufReader::new(stream), requests: 0 })
    }

    /// Makes a request, which must be answered with `status`. `line` is its method and path; `headers` are lines, each with
    /// its end.
    pub(crate) fn ask(&mut self, line: &str, headers: &str, body: &str, status: u16) -> Result<Answer, String> {
        let told = |error: std::io::Error| format!("{line}: {error}");
        self.requests = self.requests.saturating_add(1);
        let request = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {SECRET}\r\n\
             x-vercel-internal-invocation-id: i\r\nx-vercel-internal-request-id: {}\r\n\
             content-type: application/json\r\n{headers}content-length: {}\r\n\r\n{body}",
            self.requests,
            body.len()
        );
        self.connection.get_mut().write_all(request.as_bytes()).map_err(told)?;
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let begin = head.len();
            if self.connection.read_line(&mut head).map_err(told)? == 0 {
                return Err(format!("{line}: no answer"));
            }
            let header = head.get(begin..).and_then(|header| header.trim_end().split_once(": "));
            if let Some(("content-length", value)) = header {
                length = value.parse().map_err(|error| format!("{line}: {error}"))?;
            }
        }
        let mut body = vec![0; length];
        self.connection.read_exact(&mut body).map_err(told)?;
        let when = Instant::now();
        if !head.starts_with(&format!("HTTP/1.1 {status} ")) {
            return Err(format!("{line}: {head}{}", String::from_utf8_lossy(&body)));
        }
        Ok(Answer { when, body })
    }
}
