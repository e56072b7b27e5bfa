//! The request that an input stands for. An input is written like HTTP: a line `METHOD /api/function?query`, lines
//! `Name: value`, an empty line, the body. What cannot be said in HTTP is left out, so that every request is well-formed.

use hyper::{
    Method,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
    http::uri::PathAndQuery,
};
use jeton::http::Resource;

/// Stands in every secret, so that it can be told where a secret went.
pub const MARK: &str = "S3CR3T";

/// Headers that come of the body, or speak of the connection alone.
const OWN: [&str; 8] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
];

/// How many headers are sent; the server's limit is above it.
const HEADERS_MAX: usize = 60;

/// A request.
#[derive(Debug)]
pub struct Sent {
    /// Any but CONNECT, which a server takes for the wish to tunnel.
    pub method: Method,
    /// What the path names, or the field that rewrites add.
    pub resource: Resource,
    /// The path and the query, as they are sent.
    pub target: PathAndQuery,
    /// In their order, without those that come of the body or speak of the connection alone. A secret has [`MARK`] in it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// All that is sent after the head, before it is cut into chunks: it may be longer or shorter than announced.
    pub body: Vec<u8>,
    /// What `Content-Length` says where it is not the length of the body.
    pub announced: Option<usize>,
    chunked: bool,
}

impl Sent {
    /// The request that `input` stands for, if it is one to a function.
    pub fn parse(input: &[u8]) -> Option<Self> {
        let (head, body) = split(input, b"\n\n").unwrap_or((input, b""));
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, target) = split(lines.next()?, b" ")?;
        let method = Method::from_bytes(method).ok().filter(|method| method != Method::CONNECT)?;
        let target = PathAndQuery::try_from(target).ok()?;
        let named = Resource::at(target.path())?;
        let fields = form_urlencoded::parse(target.query().unwrap_or_default().as_bytes());
        let added = fields.clone().find(|(name, _)| name == "jeton-resource").map(|(_, name)| name.into_owned());
        // Only in place of the one that the function is named after.
        let resource = match (named, added.as_deref()) {
            (Resource::Stats, Some("usage")) => Resource::Usage,
            (Resource::Transactions, Some("refunds")) => Resource::Refunds,
            _ => named,
        };
        let mut sent = Self {
            method,
            resource,
            target,
            headers: Vec::new(),
            body: body.to_vec(),
            announced: None,
            chunked: false,
        };
        for line in lines.take(HEADERS_MAX) {
            sent.take_header(line);
        }
        Some(sent)
    }

    fn take_header(&mut self, line: &[u8]) {
        let Some((name, value)) = split(line, b":") else { return };
        let value = value.trim_ascii();
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else { return };
        let text = value.to_str().unwrap_or_default();
        match name.as_str() {
            "content-length" => self.announced = text.parse().ok().filter(|length| *length != self.body.len()),
            "transfer-encoding" => self.chunked = text.eq_ignore_ascii_case("chunked"),
            own if OWN.contains(&own) => {}
            _ if name == AUTHORIZATION && !text.contains(MARK) => {
                let marked = [value.as_bytes(), MARK.as_bytes()].concat();
                self.headers.extend(HeaderValue::from_bytes(&marked).map(|value| (name, value)));
            }
            _ => self.headers.push((name, value)),
        }
    }

    /// All headers of this name.
    pub fn values(&self, name: &str) -> Vec<&HeaderValue> {
        self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect()
    }

    /// Whether less is sent than was announced.
    pub fn breaks_off(&self) -> bool {
        !self.chunked && self.announced.is_some_and(|length| length > self.body.len())
    }

    /// The body as the server takes it.
    pub fn body_received(&self) -> &[u8] {
        let length = self.announced.filter(|_| !self.chunked).unwrap_or(self.body.len());
        self.body.get(..length).unwrap_or(&self.body)
    }

    /// Whether the secret of this request stands also where it may be shown.
    pub fn shows_its_secret(&self) -> bool {
        let marked = |bytes: &[u8]| bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
        let elsewhere = |(name, value): &(HeaderName, HeaderValue)| {
            marked(name.as_str().to_ascii_uppercase().as_bytes()) || (name != AUTHORIZATION && marked(value.as_bytes()))
        };
        // A query can say the same in other letters: `S%33CR3T`.
        let query: Vec<u8> = form_urlencoded::parse(self.target.as_str().as_bytes())
            .flat_map(|(name, value)| format!("{name}={value}&").into_bytes())
            .collect();
        marked(self.method.as_str().as_bytes())
            || marked(self.target.as_str().as_bytes())
            || marked(&query)
            || self.headers.iter().any(elsewhere)
            || marked(&self.body)
            // So can a body: `\u0053`.
            || self.body.contains(&b'\\')
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", self.method, self.target);
        if self.chunked {
            bytes.push_str("Transfer-Encoding: chunked\r\n");
        } else if let Some(length) = self.announced {
            bytes.push_str(&format!("Content-Length: {length}\r\n"));
        } else if !self.body.is_empty() {
            bytes.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        let mut bytes = bytes.into_bytes();
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            bytes.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        if !self.chunked {
            bytes.extend_from_slice(&self.body);
            return bytes;
        }
        for chunk in self.body.chunks(1_000) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(&[chunk, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

fn split<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let place = bytes.windows(at.len()).position(|window| window == at)?;
    Some((&bytes[..place], &bytes[place + at.len()..]))
}
