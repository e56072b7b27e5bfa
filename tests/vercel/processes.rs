//! What `vercel dev` starts ends: with its answer, after its caller, and with `vercel dev`.

use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    process::{programs_in_group, wait_until},
    proxy::{Fault, Proxy},
    redis::Redis,
    vercel::Dev,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_ends_with_its_answer_and_finishes_what_its_caller_left() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port()).await;
    let dev = Dev::with(&[(".env.local", &format!("REDIS_URL={}\n", proxy.url()))]).await;
    let client = dev.client();
    let runs = || programs_in_group(dev.process().id()).iter().any(|name| name == "generations");
    client.post("generations", json!({"userId": "stays"})).await.ok();
    wait_until("the function has ended", || !runs());

    // It is told to end as soon as its caller goes. What it has asked Redis for is never answered: it has to ask again.
    proxy.fail("HMGET", &[Fault::Paused]);
    let body = json!({"userId": "goes"});
    let request = client.request(Method::POST, "generations").header("Idempotency-Key", "k").json(&body);
    let call = tokio::spawn(request.send());
    proxy.paused().await;
    assert!(runs());
    call.abort();
    wait_until("the function has ended", || !runs());
    let line = dev.process().wait_for_line(|line| line.contains("\"goes\""));
    assert!(line.contains("\"status\":200"), "{line}");
    let again = client.post_once("generations", "k", body).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_it() {
    let redis = Redis::start();
    let _dev = Dev::with(&[(".env.local", &format!("REDIS_URL={}\n", redis.url()))]).await;
    let server = Dev::another_server();
    let client = server.client();
    let id = server.process.id();
    let runs = || programs_in_group(id).iter().any(|name| name == "stats");
    client.stats("u").await;
    wait_until("the function of the first call has ended", || !runs());
    redis.process().signal(Signal::STOP);
    let call = tokio::spawn(client.request(Method::GET, "stats?userId=u").send());
    wait_until("the function works on the second one", runs);
    drop(server);
    wait_until("all of it has ended", || programs_in_group(id).is_empty());
    // It may have been told in time that Redis does not answer.
    assert!(!call.await.unwrap().is_ok_and(|answer| answer.status() != 503));
}
