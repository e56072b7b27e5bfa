//! The tests: through the public door, against real servers. One binary; each module is a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test that meets the unexpected fails, and says where"
)]

mod support;

mod access;
mod accounts;
mod ai;
mod billing;
mod billing_dates;
mod broken_store;
mod caps;
mod catalogue;
mod client;
mod clock;
mod cluster;
mod commits;
mod concurrency;
mod costs;
mod damage;
mod deploy_guide;
mod events;
mod every_byte;
mod examples;
mod export;
mod failover;
mod faults;
mod frozen;
mod grants;
mod guarantees;
mod history;
mod idempotency;
mod import;
mod keys;
mod ledger;
mod live;
mod local_server;
mod lost_answers;
mod nextjs;
mod openapi;
mod openings;
mod page;
mod plans;
mod platform;
mod prices;
mod react;
mod readme;
mod refunds;
mod refusals;
mod replicas;
mod reservations;
mod restarts;
mod sessions;
mod settings;
mod stores;
mod subscription;
mod tidy;
mod timestamps;
mod tls;
mod under_load;
mod usage;
mod user_tokens;
mod vercel;
mod verify;
