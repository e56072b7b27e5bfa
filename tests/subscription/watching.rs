//! Watches users in a Redis, for tests/subscription.rs: a process of its own, whose lines for the operator can be read.
#![allow(clippy::unwrap_used, reason = "it belongs to a test, and is told what it needs")]

use futures_util::future::join_all;
use jeton::{
    ledger::UserId,
    store::{follow::Follow, redis::RedisStore},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let store = RedisStore::new(&arguments.next().unwrap(), "jeton").unwrap();
    let watches: Vec<_> = arguments.map(|id| (store.watch(&UserId::new(&id).unwrap()), id)).collect();
    println!("watching");
    join_all(watches.iter().map(async |(watch, id)| {
        loop {
            watch.changed().await;
            println!("{id} {}", if watch.is_prompt() { "woken" } else { "left alone" });
        }
    }))
    .await;
}
