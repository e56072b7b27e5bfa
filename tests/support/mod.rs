//! What the tests stand on: a real Redis, real function processes, the real local server, and a client.

pub(crate) mod again;
pub(crate) mod broken;
pub(crate) mod calendar;
pub(crate) mod client;
pub(crate) mod cluster;
pub(crate) mod description;
pub(crate) mod events;
pub(crate) mod host;
pub(crate) mod legacy;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod package;
pub(crate) mod pair;
pub(crate) mod past;
pub(crate) mod process;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod scenario;
pub(crate) mod server;
pub(crate) mod service;
pub(crate) mod sockets;
pub(crate) mod tls;
pub(crate) mod vercel;
pub(crate) mod verify;
pub(crate) mod wire;
pub(crate) mod world;
