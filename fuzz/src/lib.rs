//! What the targets share: a connection to an app in this process, the requests that inputs stand for, and a model of
//! what must be answered.

pub mod answer;
pub mod model;
pub mod request;
pub mod wire;
