//! `POST /api/sessions`: gives a user's browser a token to read with.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Sessions).await
}
