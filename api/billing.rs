//! `GET /api/billing`: the platform's cron bills the users who are due.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Billing).await
}
