//! A caller of Jeton.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{
    description::Description,
    process::{PATIENCE, Process},
};

/// After how long an answer that the store is unavailable may be due to a stalled process.
pub(crate) const STALLED: Duration = Duration::from_secs(2);
/// How often a read is asked for, at most.
const READS_MAX: usize = 4;

/// Calls functions, each where it is.
#[derive(Clone)]
pub(crate) struct Client {
    bases: HashMap<&'static str, String>,
    http: reqwest::Client,
    headers: Vec<(String, String)>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: reqwest::header::HeaderMap,
    /// The body as it came.
    pub(crate) body: String,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The body of a success.
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// The problem's code.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {self:?}")).to_owned()
    }

    /// It says that the store is unavailable, when to come back, and nothing of the inside.
    pub(crate) fn assert_store_unavailable(&self) {
        assert_eq!((self.status, self.code().as_str()), (503, "store_unavailable"), "{self:?}");
        assert_eq!(self.header("retry-after"), Some("1"));
        let inside = ["redis", "127.0.0.1", "localhost", "hunter2", "connect", "refused", "/"];
        let told = self.body.to_lowercase();
        for word in inside {
            assert!(!told.contains(word), "the answer tells of {word}: {self:?}");
        }
    }

    /// The one line that `process` logged for it.
    pub(crate) fn line_of(&self, process: &Process) -> Value {
        let id = self.header("x-request-id").unwrap();
        process.wait_for_line(|line| line.contains(id));
        let lines: Vec<String> = process.lines().into_iter().filter(|line| line.contains(id)).collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        serde_json::from_str(&lines[0]).unwrap()
    }

    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Client {
    /// A client that finds functions at these addresses.
    pub(crate) fn new(bases: HashMap<&'static str, String>) -> Self {
        let http = reqwest::Client::builder().pool_max_idle_per_host(256).timeout(PATIENCE).build().unwrap();
        Self { bases, http, headers: Vec::new() }
    }

    /// The same client, which sends this header with every call.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same client, with this key.
    pub(crate) fn with_key(self, secret: &str) -> Self {
        self.with("Authorization", &format!("Bearer {secret}"))
    }

    /// A request to `path`, which begins with the function's name.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let function = match path.split('?').next().unwrap() {
            // By a rewrite.
            "refunds" => "transactions",
            "usage" => "stats",
            own => own,
        };
        let base = self.bases.get(function).unwrap_or_else(|| panic!("no function {function}"));
        let request = self.http.request(method, format!("{base}/api/{path}"));
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// A call of `function` for `user`, as it should be.
    pub(crate) fn call(&self, function: &str, user: &str) -> RequestBuilder {
        match function {
            "generations" | "reset" => self.request(Method::POST, function).json(&json!({"userId": user})),
            // With a key, as what is remembered needs the store, and nothing else of it does.
            "sessions" => {
                let request = self.request(Method::POST, function).header("Idempotency-Key", "session");
                request.json(&json!({"userId": user}))
            }
            "reservations" | "tokens" => {
                self.request(Method::POST, function).json(&json!({"userId": user, "amount": 1}))
            }
            "accounts" | "billing" | "health" => self.request(Method::GET, function),
            _ => self.request(Method::GET, &format!("{function}?userId={user}")),
        }
    }

    /// `GET /api/{path}`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    /// `POST /api/{function}` with a JSON body.
    pub(crate) async fn post(&self, function: &str, body: Value) -> Answer {
        send(self.request(Method::POST, function).json(&body)).await
    }

    /// The same with an idempotency key.
    pub(crate) async fn post_once(&self, function: &str, key: &str, body: Value) -> Answer {
        send(self.request(Method::POST, function).header("Idempotency-Key", key).json(&body)).await
    }

    /// `PATCH /api/{function}` with a JSON body.
    pub(crate) async fn patch(&self, function: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, function).json(&body)).await
    }

    /// The same with an idempotency key.
    pub(crate) async fn patch_once(&self, function: &str, key: &str, body: Value) -> Answer {
        send(self.request(Method::PATCH, function).header("Idempotency-Key", key).json(&body)).await
    }

    /// What `GET /api/{path}` must give. It is asked again where the answer was that the store is unavailable, and took
    /// long: to a process that was not let run meanwhile, a Redis that answers at once is too.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let mut asked = 0;
        loop {
            let begun = Instant::now();
            let answer = self.get(path).await;
            asked += 1;
            if answer.status != 503 || begun.elapsed() < STALLED || asked == READS_MAX {
                return answer.ok();
            }
        }
    }

    /// The stats of `user`.
    pub(crate) async fn stats(&self, user: &str) -> Value {
        self.read(&format!("stats?userId={}", encoded(user))).await
    }

    /// The same, for calls side by side.
    pub(crate) async fn stats_of(self, user: String) -> Value {
        self.stats(&user).await
    }

    /// The whole history of `user`, newest first, page by page.
    pub(crate) async fn history(&self, user: &str) -> Vec<Value> {
        self.history_of(&format!("userId={}&limit=1000", encoded(user))).await
    }

    /// All pages of this selection.
    pub(crate) async fn history_of(&self, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.read(&format!("transactions?{query}{cursor}")).await;
            all.extend(page["transactions"].as_array().unwrap().iter().cloned());
            match page["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }
}

/// Sends a request and reads the answer. What Jeton answers must be as the OpenAPI document says, whatever the test is about.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let (http, request) = request.build_split();
    let request = request.expect("a request");
    let (method, url) = (request.method().clone(), request.url().clone());
    let response = http.execute(request).await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let answer = Answer { status, headers, body: response.text().await.expect("a body") };
    // What a rewrite adds to the address makes another call of it.
    let is_rewritten = url.query().is_some_and(|query| query.contains("jeton-resource"));
    if answer.header("x-request-id").is_some() && !is_rewritten {
        Description::get().assert_describes(&method, url.path(), &answer);
    }
    answer
}

/// `text` for a query string.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// Credits minus debits.
pub(crate) fn sum(history: &[Value]) -> i128 {
    let signed = |entry: &Value| {
        let amount = i128::from(entry["amount"].as_u64().unwrap());
        if entry["type"] == "CREDIT" { amount } else { -amount }
    };
    history.iter().map(signed).sum()
}
