use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionInfo, ErrorKind, ProtocolVersion, RedisError, RedisResult,
    ServerErrorKind, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
    cmd,
};
use tokio::sync::OnceCell;

use super::{
    call::{self, Call},
    endpoints::encrypted,
    failure,
};
use crate::store::StoreError;

/// How long opening the connection may take: name, TCP, TLS, password.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How long Redis may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1_500);
/// How many commands may wait to be written; more callers wait in line.
const COMMANDS_WAITING_MAX: usize = 1_024;

/// One attempt at opening, and its result: all who need the connection wait for the same one.
type Opening = Arc<OnceCell<Result<MultiplexedConnection, StoreError>>>;

/// The one connection to a Redis, multiplexed: opened by the first who needs it, opened anew after it broke.
pub(super) struct Connection {
    endpoint: ConnectionInfo,
    address: String,
    opening: Mutex<Opening>,
}

impl Connection {
    pub(super) fn new(endpoint: ConnectionInfo) -> Self {
        let address = endpoint.addr().to_string();
        Self { endpoint, address, opening: Mutex::default() }
    }

    /// Its host and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Its host.
    pub(super) fn host(&self) -> &str {
        self.address.rsplit_once(':').map_or(&self.address, |(host, _)| host)
    }

    /// Begins to open it, unless that was done. A task of its own: who needs it waits for this same opening.
    pub(super) fn prepare(self: &Arc<Self>) {
        if !self.current().initialized() {
            let connection = Arc::clone(self);
            tokio::spawn(async move {
                // Who needs it and finds that it failed tries again, and tells why.
                let _ = connection.opened().await;
            });
        }
    }

    /// Makes a call and waits for the answer.
    pub(super) async fn send(&self, call: Call<'_>) -> Result<Value, StoreError> {
        self.exchange(call, false).await?.map_err(|error| failure::of_command(&self.address, &error))
    }

    /// Makes a call over the connection, which is opened if need be, and waits for the answer, or for Redis's reason
    /// why it did nothing. `asking` says that the slot is only just being moved there.
    pub(super) async fn exchange(&self, call: Call<'_>, asking: bool) -> Result<Result<Value, RedisError>, StoreError> {
        match (self.fly(call.command, call.replicas, asking).await?, call.script) {
            // A Redis that does not know the script did nothing: it gets all of it.
            (Err(error), Some(script)) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                let whole = call::with_script(call.command, script);
                Box::pin(self.fly(&whole, call.replicas, asking)).await
            }
            (answer, _) => Ok(answer),
        }
    }

    /// A broken line is forgotten, so that the next command opens another.
    async fn fly(&self, command: &Cmd, replicas: u8, asking: bool) -> Result<Result<Value, RedisError>, StoreError> {
        let (mut connection, opening) = self.opened().await?;
        let answer = if replicas == 0 && !asking {
            connection.send_packed_command(command).await.and_then(Value::extract_error).map(|value| (value, None))
        } else {
            Box::pin(fly_together(&mut connection, command, replicas, asking)).await
        };
        match answer {
            Ok((value, Some(reached))) => {
                failure::confirmed(&self.address, replicas, reached)?;
                Ok(Ok(value))
            }
            Ok((value, None)) => Ok(Ok(value)),
            Err(error) => {
                if failure::breaks_the_line(&error) {
                    self.forget(&opening);
                }
                Ok(Err(error))
            }
        }
    }

    /// The connection, and the attempt that opened it. One that failed is forgotten.
    async fn opened(&self) -> Result<(MultiplexedConnection, Opening), StoreError> {
        let opening = self.current();
        let connection = match opening.get() {
            Some(opened) => opened.clone(),
            // Boxed, as hardly any call has to open it, and opening is large.
            None => Box::pin(opening.get_or_init(|| self.open())).await.clone(),
        };
        let connection = connection.inspect_err(|_| self.forget(&opening))?;
        Ok((connection, opening))
    }

    async fn open(&self) -> Result<MultiplexedConnection, StoreError> {
        let opened = open(self.endpoint.clone(), config()).await;
        opened.map_err(|error| failure::of_opening(&self.address, encrypted(&self.endpoint), &error))
    }

    /// Opens another connection, for one who listens: what Redis tells unasked goes to `told`, which must not wait.
    pub(super) async fn listen(&self, told: impl AsyncPushSender) -> Result<MultiplexedConnection, StoreError> {
        // Only in this version of the protocol one connection can both tell and answer.
        let settings = self.endpoint.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        let opened = open(self.endpoint.clone().set_redis_settings(settings), config().set_push_sender(told)).await;
        opened.map_err(|error| failure::of_listening(&self.address, encrypted(&self.endpoint), &error))
    }

    /// Makes the next command open another connection.
    pub(super) fn renew(&self) {
        self.forget(&self.current());
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

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(ANSWER_TIMEOUT))
        .set_pipeline_buffer_size(COMMANDS_WAITING_MAX)
}

async fn open(endpoint: ConnectionInfo, config: AsyncConnectionConfig) -> RedisResult<MultiplexedConnection> {
    Client::open(endpoint)?.get_multiplexed_async_connection_with_config(&config).await
}

/// Sends a command with what belongs before and behind it, so that nothing comes between. Gives its answer, and what
/// Redis says about its replicas, if that was asked.
async fn fly_together(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    replicas: u8,
    asking: bool,
) -> RedisResult<(Value, Option<Value>)> {
    let mut flight = redis::pipe();
    if asking {
        flight.add_command(cmd("ASKING"));
    }
    flight.add_command(command.clone());
    if replicas > 0 {
        flight.add_command(call::wait(replicas));
    }
    let mut answers = connection.send_packed_commands(&flight, 0, flight.len()).await?;
    let reached = if replicas > 0 { answers.pop() } else { None };
    // Its own answer comes first: what did nothing needs no replica.
    let value = answers.pop().unwrap_or(Value::Nil).extract_error()?;
    Ok((value, reached))
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis at {}", self.address)
    }
}

impl fmt::Debug for Connection {
    /// Without the endpoint, which knows the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}
