//! HTTP: a request to a command, an outcome to a response. The same for the platform's functions and the local server.
//!
//! [`Resource`] says what can be asked for, by which method, and who may; [`App::answer`] does what all have in common, in the
//! order of refusals of contract §3; one module for each resource does the rest. [`serve`] is the adapter to the
//! platform, [`local`] the local server. `openapi`, which the package `openapi/` alone has, describes all of it.

mod access;
mod accounts;
mod app;
mod billing;
mod call;
mod change;
mod cors;
mod events;
mod fields;
mod function;
mod generations;
mod health;
mod local;
mod messages;
#[cfg(feature = "openapi")]
pub mod openapi;
mod platform;
mod problem;
mod query;
mod refunds;
mod reservations;
mod reset;
mod resource;
mod respond;
mod sessions;
mod stats;
mod stream;
mod tokens;
mod transactions;
mod under_way;
mod usage;

pub use app::App;
pub use function::Function;
pub use local::LocalServer;
pub use platform::{serve, serve_app};
pub use resource::Resource;

/// A response as the platform's runtime takes it.
pub type Response = hyper::Response<vercel_runtime::ResponseBody>;
