//! Jeton: a token ledger for AI products on Vercel.
//!
//! A call that spends tokens is one round trip to Redis: exact under any concurrency and applied exactly once. Read the
//! parts in this order:
//!
//! - [`ledger`]: the rules, pure: account + command → new account, history entries, outcome or refusal.
//! - [`plans`]: the numbers and texts of the business, from `plans.toml`.
//! - [`store`]: the contract of what keeps accounts and histories, and its two implementations: Redis, and an embedded
//!   database for the local server.
//! - [`committer`]: brings commands to the store in as few commits as possible, each exactly once.
//! - [`stats_service`]: the façade: what a caller can do with accounts. [`history`] pages through entries, [`usage`] sums
//!   up what was spent when, [`sweep`] bills those who don't come.
//! - [`live`]: tells open browsers of every change, in order and without a gap.
//! - [`verify`]: proves every account against its history, for the operator; [`export`] writes all of them out;
//!   [`import`] brings over those of the module before.
//! - [`http`]: requests to commands, outcomes to responses, on the platform and in the local server.
//! - [`config`]: every setting, read once; [`credentials`]: who holds a key; [`session`]: user tokens, issued and judged;
//!   [`authorities`]: who vouches for Redis. [`stage`] decides between development and production, [`locale`] between
//!   languages; [`system`] is the clock and chance, [`log`] the lines for the operator, `memory` where memory comes from, [`unreadable`] what they say of
//!   damaged JSON; [`weighted`] reads what a caller likes best. [`mutation`] is for the simulation alone.

pub mod authorities;
pub mod committer;
pub mod config;
pub mod credentials;
pub mod export;
pub mod history;
pub mod http;
pub mod import;
pub mod ledger;
pub mod live;
pub mod locale;
pub mod log;
mod memory;
pub mod mutation;
pub mod plans;
pub mod session;
pub mod stage;
pub mod stats_service;
pub mod store;
pub mod sweep;
pub mod system;
pub mod unreadable;
pub mod usage;
pub mod verify;
pub mod weighted;
