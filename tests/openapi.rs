//! The OpenAPI document: its examples are run and fit, refusals are as it says, and Schemathesis finds nothing. That it says
//! what the types say is shown by the package `openapi/`; `support/client.rs` holds every answer of all tests against it.

mod examples;
mod refusals;
mod schemathesis;
