//! A reader of Server-Sent Events, as the HTML Living Standard (§9.2) has them.

use std::collections::VecDeque;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::time::timeout;

use super::{description::Description, process::PATIENCE};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    /// The id that it has itself.
    pub(crate) id: Option<String>,
    pub(crate) data: Value,
}

/// A stream that is open.
pub(crate) struct Events {
    response: Response,
    /// What has come and makes no whole line yet.
    rest: Vec<u8>,
    /// The lines of the event that is coming.
    lines: Vec<String>,
    ready: VecDeque<Event>,
    /// How many comments have come.
    pub(crate) comments: usize,
    /// All waits that the stream has asked for, in milliseconds.
    pub(crate) retries: Vec<u64>,
    /// The id of the last event that came, which a browser says when it comes back.
    pub(crate) last_id: Option<String>,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum End {
    /// With its last chunk.
    Clean,
    /// In the middle.
    Broken,
}

impl Events {
    /// Opens a stream, which must be granted.
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        Self::try_open(request).await.unwrap()
    }

    /// The same, where the line may break.
    pub(crate) async fn try_open(request: RequestBuilder) -> reqwest::Result<Self> {
        Ok(Self::of(timeout(PATIENCE, request.send()).await.expect("an answer")?))
    }

    /// The stream that this answer is.
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200, "{response:?}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self {
            response,
            rest: Vec::new(),
            lines: Vec::new(),
            ready: VecDeque::new(),
            comments: 0,
            retries: Vec::new(),
            last_id: None,
        }
    }

    /// The next event, or how the stream ended.
    pub(crate) async fn next(&mut self) -> Result<Event, End> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                Description::get().assert_describes_event(&event.name, event.id.as_deref(), &event.data);
                if event.id.is_some() {
                    self.last_id.clone_from(&event.id);
                }
                return Ok(event);
            }
            self.read().await?;
        }
    }

    /// The next event, which must be of this name.
    pub(crate) async fn expect(&mut self, name: &str) -> Event {
        let event = self.next().await.unwrap_or_else(|end| panic!("{end:?} instead of {name}"));
        assert_eq!(event.name, name, "{event:?}");
        event
    }

    /// Reads until the stream has ended, and tells how; events in between are passed over.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next().await {
                return end;
            }
        }
    }

    /// Reads until the next comment.
    pub(crate) async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before {
            self.read().await.expect("a comment");
        }
    }

    async fn read(&mut self) -> Result<(), End> {
        let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("something in time");
        let Some(chunk) = chunk.map_err(|_| End::Broken)? else {
            assert!(self.rest.is_empty() && self.lines.is_empty(), "the end is between two events: {:?}", self.lines);
            return Err(End::Clean);
        };
        self.rest.extend_from_slice(&chunk);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.line(String::from_utf8(line[..end].to_vec()).unwrap());
        }
        Ok(())
    }

    fn line(&mut self, line: String) {
        if line.starts_with(':') {
            self.comments += 1;
        } else if !line.is_empty() {
            self.lines.push(line);
        } else {
            let lines = std::mem::take(&mut self.lines);
            self.dispatch(&lines);
        }
    }

    fn dispatch(&mut self, lines: &[String]) {
        let (mut name, mut id, mut data) = (None, None, None);
        for line in lines {
            let (field, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
            let taken = match field {
                "event" => name.replace(value),
                "id" => id.replace(value),
                "data" => data.replace(value),
                "retry" => {
                    self.retries.push(value.parse().unwrap());
                    None
                }
                other => panic!("{other} is no field"),
            };
            assert_eq!(taken, None, "{lines:?}");
        }
        if let (Some(name), Some(data)) = (name, data) {
            let data = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"));
            self.ready.push_back(Event { name: name.to_owned(), id: id.map(str::to_owned), data });
        } else {
            assert_eq!((name, id, data), (None, None, None), "half an event: {lines:?}");
        }
    }
}
