use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    Arg, AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, RedisError, ServerErrorKind, Value,
    aio::MultiplexedConnection, io::tcp::TcpSettings,
};
use tokio::sync::OnceCell;

use super::failure::{self, InvalidRedisUrl};
use crate::store::StoreError;

/// How long opening the connection may take: name, TCP, TLS, password.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long Redis may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How many commands may wait to be written; more callers wait in line.
const COMMANDS_WAITING_MAX: usize = 1_024;

/// One attempt at opening, and its result: all who need the connection wait for the same one.
type Opening = Arc<OnceCell<Result<MultiplexedConnection, StoreError>>>;

/// The one connection to Redis, multiplexed: opened by the first who needs it, opened anew after it broke.
pub(super) struct Connection {
    client: Client,
    address: String,
    opening: Mutex<Opening>,
}

impl Connection {
    pub(super) fn new(url: &str) -> Result<Self, InvalidRedisUrl> {
        let info = failure::checked(url)?.into_connection_info().map_err(|_| InvalidRedisUrl::unreadable())?;
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let address = info.addr().to_string();
        if url.starts_with("rediss:") {
            // The TLS library wants its cryptography named before its first use. A second call changes nothing.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let client = Client::open(info).map_err(|_| InvalidRedisUrl::unreadable())?;
        Ok(Self { client, address, opening: Mutex::default() })
    }

    /// Sends a command and waits for the answer.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, StoreError> {
        self.exchange(command).await?.map_err(|error| failure::of_command(&self.address, &error))
    }

    /// Sends an `EVALSHA`. A Redis that has forgotten the script did nothing: it is sent `script` itself with the call,
    /// so that it cannot forget it in between.
    pub(super) async fn send_script(&self, call: &Cmd, script: &str) -> Result<Value, StoreError> {
        let answer = match self.exchange(call).await? {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.exchange(&with_script(call, script)).await?
            }
            answer => answer,
        };
        answer.map_err(|error| failure::of_command(&self.address, &error))
    }

    /// Sends a command over the connection, which is opened if need be. A broken line is forgotten, so that the next
    /// command opens another.
    async fn exchange(&self, command: &Cmd) -> Result<Result<Value, RedisError>, StoreError> {
        let opening = self.current();
        let connection = opening.get_or_init(|| self.open()).await.clone();
        let mut connection = connection.inspect_err(|_| self.forget(&opening))?;
        let answer = connection.send_packed_command(command).await.and_then(Value::extract_error);
        Ok(answer.inspect_err(|error| {
            if failure::breaks_the_line(error) {
                self.forget(&opening);
            }
        }))
    }

    async fn open(&self) -> Result<MultiplexedConnection, StoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_pipeline_buffer_size(COMMANDS_WAITING_MAX);
        let opened = self.client.get_multiplexed_async_connection_with_config(&config).await;
        opened.map_err(|error| failure::of_opening(&self.address, &error))
    }

    fn current(&self) -> Opening {
        Arc::clone(&self.opening.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the next command open another connection, unless that was done already.
    fn forget(&self, broken: &Opening) {
        let mut opening = self.opening.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&opening, broken) {
            *opening = Opening::default();
        }
    }
}

/// `call`, an `EVALSHA`, with the script in place of its name: an `EVAL`, which Redis remembers too.
fn with_script(call: &Cmd, script: &str) -> Cmd {
    let mut whole = redis::cmd("EVAL");
    whole.arg(script);
    for argument in call.args_iter().skip(2) {
        if let Arg::Simple(argument) = argument {
            whole.arg(argument);
        }
    }
    whole
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.address)
    }
}

impl fmt::Debug for Connection {
    /// Without the client, which knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}
