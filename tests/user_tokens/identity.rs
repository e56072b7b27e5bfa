//! An identity provider on this machine: a server that answers every request with what it is told to.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex},
};

use jeton::{
    committer::Surroundings,
    session::{JwksUrl, ProviderSettings, SessionSettings, Sessions},
    system::System,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

pub(crate) const ISSUER: &str = "https://auth.example/";
pub(crate) const AUDIENCE: &str = "https://tokens.example";
/// Stands in the query of the URL, which is for nobody's eyes.
pub(crate) const IN_THE_QUERY: &str = "s3cr3t-in-the-query";

/// The provider. Its server ends with it.
pub(crate) struct Identity {
    port: u16,
    state: Arc<State>,
    serving: AbortHandle,
}

struct State {
    answer: Mutex<Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Identity {
    /// Starts one that publishes these keys.
    pub(crate) async fn with(keys: &[Value]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State { answer: Mutex::default(), asked: Mutex::default() });
        let serving = tokio::spawn(serve(listener, Arc::clone(&state))).abort_handle();
        let identity = Self { port, state, serving };
        identity.publish(keys);
        identity
    }

    /// Publishes these keys from now on.
    pub(crate) fn publish(&self, keys: &[Value]) {
        self.answer(&http("200 OK", &json!({"keys": keys}).to_string()));
    }

    /// Answers with these bytes from now on; with none it does not answer at all.
    pub(crate) fn answer(&self, bytes: &str) {
        *self.state.answer.lock().unwrap() = bytes.into();
    }

    /// Is not there any more.
    pub(crate) fn goes_away(&self) {
        self.serving.abort();
    }

    /// The requests so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Where the keys are.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/keys?{IN_THE_QUERY}", self.port)
    }

    /// Who judges user tokens by these keys alone.
    pub(crate) fn sessions(&self) -> Sessions {
        sessions_of(&self.url())
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Who judges user tokens by the keys at `url` alone.
pub(crate) fn sessions_of(url: &str) -> Sessions {
    let keys = JwksUrl::new(url).unwrap();
    let provider = ProviderSettings { keys, issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    Sessions::new(SessionSettings { provider: Some(provider), ..SessionSettings::default() })
}

/// What a good token of this provider says.
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now() + 600})
}

/// The time, in seconds.
pub(crate) fn now() -> i64 {
    System.now().to_utc().timestamp()
}

/// An answer as it is on the wire.
pub(crate) fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    // With the task go the connections that it holds.
    let mut silent: Vec<TcpStream> = Vec::new();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        state.asked.lock().unwrap().push(String::from_utf8(head).unwrap());
        let answer = state.answer.lock().unwrap().clone();
        if answer.is_empty() {
            silent.push(stream);
        } else {
            // Who has read enough goes.
            let _ = stream.write_all(&answer).await;
        }
    }
}
