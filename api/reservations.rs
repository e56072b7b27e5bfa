//! `GET`, `POST`, `PATCH /api/reservations`: sets tokens aside for work under way.

use jeton::http::{Function, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), vercel_runtime::Error> {
    serve(Function::Reservations).await
}
