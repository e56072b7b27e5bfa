//! Who is not believed to be the Redis of `REDIS_URL`: 503 in time, one clear line, and no restart afterwards.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::json;

use super::{DEVELOPMENT, url_by};
use crate::{
    faults::assert_unavailable,
    support::{
        again::{in_time, says_late, undisturbed},
        client::Client,
        process::wait_until,
        redis::Redis,
        server::{Deployment, Instance},
        tls::{Ca, Identity, Says},
    },
};

/// What Redis says of each connection that comes to nothing.
const GIVEN_UP: &str = "Error accepting a client connection";

/// What takes longer may have connected twice.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_400);

/// A function that writes, over this URL.
fn caller(url: &str, ca: Option<&str>) -> (Instance, Client) {
    let mut settings = vec![("REDIS_URL", url), DEVELOPMENT];
    settings.extend(ca.map(|ca| ("JETON_REDIS_CA", ca)));
    let instance = Instance::start("generations", &settings);
    let client = instance.client();
    (instance, client)
}

/// It is refused in time, with no detail, and its log says all of `says`. Gives how long it took, with what came too late
/// before it.
async fn is_refused(case: &str, (instance, client): &(Instance, Client), says: &[&str]) -> Duration {
    let all = Instant::now();
    let line = undisturbed(case, 3, async || {
        let begun = Instant::now();
        let answer = client.post("generations", json!({"userId": "u"})).await;
        answer.assert_store_unavailable();
        in_time(begun, instance.line_of(&answer)).filter(|line| !says_late(line))
    })
    .await;
    let took = all.elapsed();
    let message = line["message"].as_str().unwrap();
    for words in says {
        assert!(message.contains(words), "{case}: {message}");
    }
    assert!(!line.to_string().contains("hunter2") && message.lines().count() == 1, "{case}: {line}");
    took
}

async fn is_let_in(case: &str, (instance, client): &(Instance, Client)) {
    let answer = client.post("generations", json!({"userId": "u"})).await;
    assert_eq!(answer.status, 200, "{case}: {:#?}", instance.process.lines());
}

/// How many connections to `redis` came to nothing so far, but for those of this function.
fn given_up(redis: &Redis) -> usize {
    let is_own = |line: &String| line.contains("wrong version number");
    let said = |own: bool| {
        let lines = redis.process().lines();
        lines.iter().filter(|line| line.contains(GIVEN_UP) && is_own(line) == own).count()
    };
    // What it says of this one comes after what it says of those before.
    let before = said(true);
    let mut last = TcpStream::connect(("127.0.0.1", redis.port())).unwrap();
    last.write_all(b"no TLS").unwrap();
    wait_until("it has said so of all of them", || said(true) > before);
    said(false)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_is_told_once_and_a_right_one_is_let_in_without_a_restart() {
    let (ca, usual) = (Ca::new("ours"), Says::USUAL);
    let pem = ca.pem();
    let with_ca = "put the PEM text of the CA that did into JETON_REDIS_CA";
    for (case, wrong, says) in [
        (
            "other hosts",
            ca.issue_that(&Says { hosts: &["redis.example", "10.0.0.1"], ..usual }),
            &["is for redis.example, 10.0.0.1, and not for this host", "REDIS_URL", "subjectAltName"][..],
        ),
        ("no host", ca.issue_that(&Says { hosts: &[], ..usual }), &["is for no host", "REDIS_URL", "subjectAltName"]),
        (
            "expired",
            ca.issue_that(&Says { years: (2020, 2021), ..usual }),
            &["expired at 2021-01-01T00:00:00.000Z", "renew it", "clock"],
        ),
        (
            "not yet valid",
            ca.issue_that(&Says { years: (2119, 2120), ..usual }),
            &["is not valid before 2119-01-01T00:00:00.000Z", "clock"],
        ),
        ("another authority", Ca::new("theirs").issue(), &["was not issued by a CA that is trusted", with_ca]),
        ("one of the same name", Ca::new("ours").issue(), &["was not issued by a CA that is trusted", with_ca]),
        ("itself", Identity::self_signed(&usual), &["was not issued by a CA that is trusted", with_ca]),
        (
            "an authority itself",
            Identity::self_signed(&Says { is_ca: true, ..usual }),
            &["is that of a CA itself", "CA:FALSE", "JETON_REDIS_CA"],
        ),
        (
            "for clients",
            ca.issue_that(&Says { for_clients: true, ..usual }),
            &["is not meant for a server", "serverAuth"],
        ),
    ] {
        let identity = wrong;
        let mut redis = Redis::start_tls(&ca, &identity, &[]);
        let place = format!("the certificate of Redis at localhost:{} ", redis.port());
        let caller = caller(&url_by(":hunter2@localhost", &redis), Some(&pem));
        let says = [&[place.as_str()], says].concat();
        undisturbed(case, 3, async || {
            let (before, mut took) = (given_up(&redis), Duration::ZERO);
            for _ in 0..2 {
                took = took.max(is_refused(case, &caller, &says).await);
            }
            if took >= CONNECT_TIMEOUT {
                return None;
            }
            assert_eq!(given_up(&redis) - before, 2, "{case}: another attempt for one request cannot help");
            Some(())
        })
        .await;

        redis.stop();
        identity.renew(&ca.issue());
        redis.start_again();
        redis.command::<()>(&["CONFIG", "SET", "requirepass", "hunter2"]);
        is_let_in(case, &caller).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_authorities_alone_do_not_vouch_for_a_redis_of_ones_own() {
    let ca = Ca::new("ours");
    let redis = Redis::start_tls(&ca, &ca.issue(), &[]);
    let deployment = Deployment::over(&url_by("localhost", &redis), &[DEVELOPMENT]);
    let client = deployment.client();
    assert_unavailable(&client).await;
    let answer = client.get("health").await;
    let line = deployment.instance("health").line_of(&answer);
    let message = line["message"].as_str().unwrap();
    assert_eq!(
        message,
        format!(
            "the certificate of Redis at localhost:{} was not issued by a CA that is trusted: put the PEM text of the CA \
             that did into JETON_REDIS_CA (only those in it are trusted; without it, the public ones)",
            redis.port()
        )
    );
    // There are some, though: one that many servers have theirs from is in the program.
    let program = std::fs::read(env!("CARGO_BIN_EXE_health")).unwrap();
    assert!(program.windows(12).any(|bytes| bytes == b"ISRG Root X1"));
    assert!(!answer.body.contains("certificate") && !answer.body.contains("localhost"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_speaks_another_way_is_told_apart() {
    let ca = Ca::new("ours");
    let pem = ca.pem();
    let tls = |options: &[&str]| Redis::start_tls(&ca, &ca.issue(), options);
    let (usual, plain) = (tls(&[]), Redis::start());
    let another_server = Instance::start("health", &[DEVELOPMENT]);
    let at = |redis: &Redis| format!("127.0.0.1:{}", redis.port());
    let client = ["--tls-auth-clients", "yes", "--tls-protocols"];
    let new = tls(&[&client[..], &["TLSv1.3"]].concat());
    let old = tls(&[&client[..], &["TLSv1.2"]].concat());
    let ancient = tls(&["--tls-protocols", "TLSv1.1"]);
    for (case, url, ca, says) in [
        (
            "no TLS",
            format!("rediss://:hunter2@{}", at(&plain)),
            Some(&pem),
            &["cannot connect", "timed out", &at(&plain), "must also speak TLS at that port"][..],
        ),
        (
            "no Redis and no TLS",
            format!("rediss://:hunter2@127.0.0.1:{}", another_server.port()),
            Some(&pem),
            &["does not speak TLS", "REDIS_URL must name the port that does", "redis://"],
        ),
        (
            "TLS where none was asked for",
            format!("redis://:hunter2@{}", at(&usual)),
            None,
            &[&at(&usual), "if it wants TLS, REDIS_URL must begin with rediss://"],
        ),
        (
            "a client certificate is wanted",
            format!("rediss://:hunter2@{}", at(&new)),
            Some(&pem),
            &[&at(&new), "wants a client certificate, and Jeton has none", "tls-auth-clients"],
        ),
        (
            "the same in TLS 1.2, which does not say so",
            format!("rediss://:hunter2@{}", at(&old)),
            Some(&pem),
            &[&at(&old), "HandshakeFailure", "ask for no client certificate (tls-auth-clients)"],
        ),
        (
            "TLS 1.1 alone",
            format!("rediss://:hunter2@{}", at(&ancient)),
            Some(&pem),
            &[&at(&ancient), "TLS 1.2 or 1.3 (tls-protocols)"],
        ),
        (
            "no certificate is to be checked",
            format!("rediss://:hunter2@{}/#insecure", at(&usual)),
            Some(&pem),
            &["REDIS_URL is not a URL that Jeton can use", "#insecure"],
        ),
        (
            "an authority for what is not encrypted",
            format!("redis://:hunter2@{}", at(&plain)),
            Some(&pem),
            &["JETON_REDIS_CA is set, and redis:// is not encrypted"],
        ),
        (
            "nobody",
            "rediss://:hunter2@127.0.0.1:1".to_owned(),
            Some(&pem),
            &["cannot connect to Redis at 127.0.0.1:1", "refused", "lets this machine in"],
        ),
    ] {
        is_refused(case, &caller(&url, ca.map(String::as_str)), says).await;
    }
}
