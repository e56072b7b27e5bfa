//! The functions as the platform runs them: its socket, its internal headers, its signals, and a Redis that is opened at
//! the first need.

mod connection;
mod export;
mod gone;
mod log;
mod panics;
mod ready;
mod shutdown;
