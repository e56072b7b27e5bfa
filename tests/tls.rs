//! TLS to Redis: whom Jeton believes that it is the Redis of `REDIS_URL`, and what it says of the others.

mod cluster;
mod faults;
mod refusals;
mod settings;

use std::path::Path;

use jeton::store::redis::{Options, RedisStore};
use serde_json::json;

use crate::support::{
    client::Client,
    redis::Redis,
    server::{Deployment, Instance, Local},
    tls::{Ca, Identity, Says},
    verify::verify,
};

const DEVELOPMENT: (&str, &str) = ("VERCEL_ENV", "development");

/// The URL of `redis` by this host.
fn url_by(host: &str, redis: &Redis) -> String {
    format!("rediss://{host}:{}", redis.port())
}

/// A store in the Redis at `url` that `ca` vouches for.
fn store_at(url: &str, ca: &Ca) -> RedisStore {
    RedisStore::with(url, "jeton", &Options { replicas: 0, authorities: Some(ca.authorities()) }).unwrap()
}

/// Calls every function for `user`, who is new.
async fn use_everything(client: &Client, user: &str) {
    client.post_once("generations", "key", json!({"userId": user})).await.ok();
    let again = client.post_once("generations", "key", json!({"userId": user})).await;
    assert_eq!((again.header("idempotent-replayed"), again.status), (Some("true"), 200));
    client.post("tokens", json!({"userId": user, "amount": 5})).await.ok();
    assert_eq!(client.stats(user).await["tokenBalance"], 5002);
    assert_eq!(client.history(user).await.len(), 3);
    assert_eq!(client.post("reset", json!({"userId": user})).await.ok()["stats"]["tokenBalance"], 5000);
    assert_eq!(client.get("health").await.ok()["store"], "redis");
    assert_eq!(client.get("billing").await.ok()["due"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_function_the_local_server_and_verify_work_over_tls_with_a_user_and_a_password() {
    let ca = Ca::new("ours");
    let user = ["--user", "jeton", "on", ">hunter2", "~jeton:*", "+@all", "-@admin"];
    let redis = Redis::start_tls(&ca, &ca.issue(), &user);
    redis.command::<()>(&["ACL", "SETUSER", "default", "resetkeys"]);
    let (url, pem) = (url_by("jeton:hunter2@localhost", &redis), ca.pem());
    let settings = [("REDIS_URL", url.as_str()), ("JETON_REDIS_CA", &pem)];

    let deployment = Deployment::over(&url, &[DEVELOPMENT, settings[1]]);
    use_everything(&deployment.client(), "u").await;

    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &["--redis", &url], &settings[1..]);
    use_everything(&local.client(), "v").await;
    assert!(!local.process.lines().join("\n").contains("hunter2"), "the password is told");

    let verified = verify(Path::new("/"), &[], &settings);
    assert_eq!((verified.code, verified.figure("accounts")), (0, 2), "{verified:#?}");
    let verified = verify(Path::new("/"), &[], &settings[..1]);
    assert!(verified.code == 2 && verified.errors.contains("put the PEM text of the CA"), "{verified:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_good_by_name_by_address_and_by_any_of_the_authorities() {
    let (ca, other, namesake) = (Ca::new("ours"), Ca::new("other"), Ca::new("ours"));
    let (pem, usual) = (ca.pem(), Says::USUAL);
    let own = Identity::self_signed(&usual);
    let own_pem = own.pem();
    let one_line = pem.replace('\n', "\\n");
    let windows = format!("{}{}", other.pem(), pem).replace('\n', "\r\n");
    let name = Says { hosts: &["localhost"], ..usual };
    let pattern = Says { hosts: &["*.example", "localhost", "redis.example"], ..usual };
    let address = Says { hosts: &["127.0.0.1"], ..usual };
    for (case, identity, host, setting, options) in [
        ("a name", ca.issue_that(&name), "localhost", pem.clone(), &[][..]),
        ("one of several names", ca.issue_that(&pattern), "localhost", pem.clone(), &[]),
        ("an address", ca.issue_that(&address), "127.0.0.1", pem.clone(), &[]),
        ("the second of two", ca.issue(), "localhost", format!("{}{pem}", other.pem()), &[]),
        ("the second of two with one name", ca.issue(), "localhost", format!("{}{pem}", namesake.pem()), &[]),
        ("with comments", ca.issue(), "localhost", format!("# other\n{}\n# ours\n{pem}\n", other.pem()), &[]),
        ("on one line", ca.issue(), "localhost", one_line, &[]),
        ("from Windows", ca.issue(), "localhost", windows, &[]),
        ("a certificate that vouches for itself", own, "localhost", own_pem, &[]),
        ("TLS 1.2", ca.issue(), "localhost", pem.clone(), &["--tls-protocols", "TLSv1.2"]),
        ("TLS 1.3", ca.issue(), "localhost", pem.clone(), &["--tls-protocols", "TLSv1.3"]),
        (
            "a client certificate if there is one",
            ca.issue(),
            "localhost",
            pem.clone(),
            &["--tls-auth-clients", "optional"],
        ),
    ] {
        let redis = Redis::start_tls(&ca, &identity, options);
        let url = url_by(host, &redis);
        let settings = [("REDIS_URL", url.as_str()), ("JETON_REDIS_CA", &setting), DEVELOPMENT];
        let instance = Instance::start("generations", &settings);
        let client = instance.client();
        for balance in [4997, 4994] {
            let answer = client.post("generations", json!({"userId": "u"})).await;
            assert_eq!(answer.status, 200, "{case}: {:?}", instance.process.lines());
            assert_eq!(answer.ok()["stats"]["tokenBalance"], balance, "{case}");
        }
    }
}
