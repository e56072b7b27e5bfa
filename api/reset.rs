//! `POST /api/reset`: takes an account back to its opening state.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Reset).await
}
