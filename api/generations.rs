//! `POST /api/generations`: debits what a generation costs.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Generations).await
}
