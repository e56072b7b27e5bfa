//! A function that answers with nothing: what the platform's runtime costs alone.

use hyper::{Request, Response, body::Incoming};
use vercel_runtime::{AppState, Error, ResponseBody, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(|_: Request<Incoming>, _: AppState| async { Ok::<_, Error>(Response::new(ResponseBody::from(()))) }))
        .await
}
