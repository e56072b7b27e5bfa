use std::time::{Duration, Instant};

use ::redis::{Client, RedisError, cmd};
use tokio::runtime::Builder;

use crate::{figures::Figures, redis::Redis};

/// How many are made before any is measured.
const WARM_UP: usize = 1_000;

/// The median time of a `PING`, in microseconds: one at a time, over the client and the runtime that Jeton has.
pub(crate) fn median_us(seconds: u64) -> Result<f64, String> {
    let redis = Redis::start()?;
    let client = Client::open(redis.url()).map_err(|error| error.to_string())?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let pings = runtime.block_on(ping(&client, Duration::from_secs(seconds)));
    pings.map(|pings| pings.median()).map_err(|error| error.to_string())
}

async fn ping(client: &Client, lasting: Duration) -> Result<Figures, RedisError> {
    let mut connection = client.get_multiplexed_async_connection().await?;
    for _ in 0..WARM_UP {
        cmd("PING").query_async::<()>(&mut connection).await?;
    }
    let begun = Instant::now();
    let mut pings = Vec::new();
    while begun.elapsed() < lasting {
        let sent = Instant::now();
        cmd("PING").query_async::<()>(&mut connection).await?;
        pings.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    Ok(pings.into_iter().collect())
}
