use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Instant,
};

/// The key that those who are asked let in.
pub(crate) const SECRET: &str = "a-key-of-the-bench";

/// A connection to somebody who answers HTTP on this machine.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    port: u16,
}

/// What came back.
pub(crate) struct Answer {
    /// When it was there.
    pub(crate) when: Instant,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), port })
    }

    /// Where it leads.
    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Makes a request, which must be answered with `status`. `line` is its method and path; `headers` end with a line
    /// break each; without a body it has none.
    pub(crate) fn ask(&mut self, line: &str, headers: &str, body: &str, status: u16) -> Result<Answer, String> {
        let told = |error: std::io::Error| format!("{line}: {error}");
        let request = format!(
            "{line} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {SECRET}\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes()).map_err(told)?;
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let begin = head.len();
            if self.stream.read_line(&mut head).map_err(told)? == 0 {
                return Err(format!("{line}: no answer"));
            }
            let header = head.get(begin..).and_then(|header| header.trim_end().split_once(": "));
            if let Some((_, value)) = header.filter(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
                length = value.parse().map_err(|error| format!("{line}: {error}"))?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).map_err(told)?;
        let when = Instant::now();
        if head.starts_with(&format!("HTTP/1.1 {status} ")) {
            Ok(Answer { when, body })
        } else {
            Err(format!("{line}: {head}{}", String::from_utf8_lossy(&body)))
        }
    }
}
