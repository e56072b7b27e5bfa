//! `GET /api/stats`: a user's balance and counts; `GET /api/usage`: what was spent when.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Stats).await
}
