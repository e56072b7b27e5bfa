//! `GET /api/accounts`: the accounts of all users, for the operator.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Accounts).await
}
