//! Any request to any function: of an app that asks for keys, of an open one, and of one with a store. The answer is
//! the one that a model of docs/reference.md expects, in the form that it gives.

#![no_main]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use jeton::{
    committer::Surroundings,
    config::{Config, Variables},
    http::{App, Resource},
    store::{StoreError, embedded::EmbeddedStore, follow::Follow},
    system::System,
};
use jeton_fuzz::{
    answer,
    model::{Expected, KEYS, clock, expected, has_expired, has_no_buckets, media_type},
    request::Sent,
    wire::{ask, runtime},
};
use libfuzzer_sys::{Corpus, fuzz_target};
use once_cell::sync::Lazy;
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The apps, and how each differs: whether it asks for keys, and whether it has a store.
struct Apps {
    runtime: Runtime,
    apps: [(App, bool, bool); 3],
    _folder: TempDir,
}

static APPS: Lazy<Apps> = Lazy::new(|| {
    let nowhere = Path::new("/nowhere");
    let names = ["read", "spend", "credit", "admin"];
    let keys: Vec<String> = names.iter().zip(KEYS).map(|(name, (secret, _))| format!("k:{name}:{secret}")).collect();
    let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let keyed: Variables = [
        set("JETON_API_KEYS", &keys.join(",")),
        set("CRON_SECRET", "cron-S3CR3T"),
        set("JETON_JWT_SECRET", "a-S3CR3T-that-user-tokens-are-signed-with"),
    ]
    .into_iter()
    .collect();
    let open: Variables = [set("VERCEL_ENV", "development")].into_iter().collect();
    let config = |variables: &Variables| Config::read(variables.clone(), nowhere, false);
    let without = || Err(StoreError::Misconfigured("there is none".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Follow> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let apps = [
        (App::new(config(&keyed), without()), true, false),
        (App::new(config(&open), without()), false, false),
        (App::new(config(&open), Ok(store)), false, true),
    ];
    // Streams end when they have begun.
    apps.iter().for_each(|(app, ..)| app.close());
    Apps { runtime: runtime(), apps, _folder: folder }
});

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(sent) = Sent::parse(input) else { return Corpus::Reject };
    for (app, keyed, stored) in &APPS.apps {
        APPS.runtime.block_on(check(app, &sent, *keyed, *stored));
    }
    Corpus::Keep
});

/// How far a clock can be moved at once, in milliseconds: ten years.
const CLOCK_STEP: i64 = 3_653 * 24 * 60 * 60 * 1_000;

/// Where the test clock is that was moved farthest, in milliseconds.
static LATEST: AtomicI64 = AtomicI64::new(0);

/// Whether nothing is kept of what is asked for, nor looked up.
fn needs_no_store(sent: &Sent) -> bool {
    let plain = sent.values("idempotency-key").is_empty() && sent.values("jeton-clock").is_empty();
    sent.resource == Resource::Sessions && plain
}

fn now() -> i64 {
    System.now().to_utc().timestamp_millis()
}

async fn check(app: &App, sent: &Sent, keyed: bool, stored: bool) {
    if stored {
        LATEST.fetch_max(clock(sent).unwrap_or(0), Ordering::Relaxed);
    }
    let answer = ask(app, sent.resource.function(), &sent.bytes(), sent.breaks_off()).await;
    let Some(answer) = answer else {
        assert!(sent.breaks_off(), "no answer");
        return;
    };
    let refusal = answer::check(sent, &answer);
    if sent.breaks_off() {
        // How far the server came before the line broke is chance.
        let reads = [hyper::Method::GET, hyper::Method::HEAD].contains(&sent.method);
        assert!(!matches!(answer.status, 200 | 500 | 503) || reads, "{answer:?}");
        return;
    }
    let code = refusal.as_ref().map(|(code, _)| code.as_str());
    let media = media_type(sent).unwrap_or(code != Some("unsupported_media_type"));
    let expected = expected(sent, keyed, media);
    // A HEAD is not told which field.
    let refused_for = |name: &str| {
        refusal
            .as_ref()
            .is_some_and(|(code, field)| code == "invalid_field" && field.as_ref().is_none_or(|field| field == name))
    };
    // Earlier inputs may have moved the clocks of the users whom they know.
    let latest = LATEST.load(Ordering::Relaxed).max(now());
    let clock_may_be_refused = clock(sent).is_some_and(|at| at < latest || at > now() + CLOCK_STEP);
    let right = match (&expected, &refusal) {
        (Expected::Options, None) => answer.status == 204,
        (Expected::Refused(expected), Some((code, _))) => expected == code,
        (Expected::InvalidField(fields), Some((code, field))) => {
            code == "invalid_field" && field.as_ref().is_none_or(|field| fields.contains(field))
        }
        // What the account's time decides on.
        (Expected::Right, Some(_)) if stored && clock_may_be_refused && refused_for("Jeton-Clock") => true,
        (Expected::Right, _) if stored && sent.resource == Resource::Usage => {
            let refused = refused_for("from");
            (refused || answer.status == 200) && has_no_buckets(sent).is_none_or(|none| none == refused)
        }
        (Expected::Right, Some((code, _))) if stored && code == "invalid_field" => {
            refused_for("expiresAt") && has_expired(sent, latest)
        }
        (Expected::Right, Some((code, _))) if stored => {
            let by_a_rule = [
                "insufficient_tokens",
                "balance_limit_exceeded",
                "idempotency_key_reused",
                "rate_limited",
                "transaction_not_found",
                "not_refundable",
                "already_refunded",
                "spending_cap_reached",
            ];
            by_a_rule.contains(&code.as_str()) || code.starts_with("reservation_")
        }
        (Expected::Right, None) => (stored || needs_no_store(sent)) && answer.status == 200,
        (Expected::Right, Some((code, _))) => code == "store_unavailable",
        (Expected::Options, Some(_)) | (Expected::Refused(_) | Expected::InvalidField(_), None) => false,
    };
    assert!(right, "{expected:?} was expected, and this came: {answer:?}");
}
