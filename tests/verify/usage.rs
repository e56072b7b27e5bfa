//! What is counted of usage: each difference is named, and counted anew from the history where that is asked for.

use std::{path::Path, sync::Arc};

use jeton::{
    ledger::{Amount, Command, ReservationId, Timestamp, UserId},
    store::{Store, embedded::EmbeddedStore, inspect::Inspect},
    usage::{Granularity, Range, spent},
};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    support::{
        past::service_at,
        process::Process,
        proxy::{Fault, Proxy},
        redis::Redis,
        service::{article, caller, granted},
        verify::{assert_sound, verify, verify_redis},
        world::{DAY, START, World, debit, entries},
    },
    usage::clocks::{bounds, rfc3339, told},
};

const HOUR: u64 = DAY / 24;
/// What is counted of [`live`] beside the account.
const CLOSED: [(&str, &str); 4] = [
    ("d20606", r#"{"ARTICLE":[8,2]}"#),
    ("h494544", r#"{"ARTICLE":[3,1]}"#),
    ("h494545", r#"{"ARTICLE":[5,1]}"#),
    ("h494568", r#"{"PRODUCT_DESCRIPTION":[2,1]}"#),
];
/// And in it.
const OPEN: &str = r#"{"hour":494570,"spent":{"ARTICLE":[0,0,4,1],"PRODUCT_DESCRIPTION":[2,1]}}"#;

/// Two days, with a history before them that is put away.
async fn live(store: &dyn Store, user: &str) {
    let mut world = World::new(store, user);
    world.apply(&[debit("ARTICLE", 9)], START - 2 * DAY).await;
    world.apply(&[debit("ARTICLE", 9), Command::Reset, debit("ARTICLE", 3)], START).await;
    for (after, content_type, cost) in
        [(HOUR, "ARTICLE", 5), (DAY, "PRODUCT_DESCRIPTION", 2), (DAY + 2 * HOUR, "ARTICLE", 4)]
    {
        world.apply(&[debit(content_type, cost)], START + after).await;
    }
}

fn usage_key(user: &str) -> String {
    format!("jeton:{{{user}}}:usage")
}

/// The document of the account, changed.
fn document(redis: &Redis, user: &str, change: impl FnOnce(&mut Value)) {
    let key = format!("jeton:{{{user}}}:account");
    let mut document: Value = serde_json::from_str(&redis.command::<String>(&["HGET", &key, "doc"])).unwrap();
    change(&mut document);
    redis.command::<u64>(&["HSET", &key, "doc", &document.to_string()]);
}

/// What is counted, beside the account and in it.
fn counted(redis: &Redis, user: &str) -> (Vec<(String, String)>, Value) {
    let mut fields: Vec<(String, String)> = redis.command(&["HGETALL", &usage_key(user)]);
    fields.sort_unstable();
    let document: String = redis.command(&["HGET", &format!("jeton:{{{user}}}:account"), "doc"]);
    (fields, serde_json::from_str::<Value>(&document).unwrap()["usage"].clone())
}

/// What has happened, and what is said of it.
type Case = (&'static str, fn(&Redis, &str), &'static [&'static str]);

const CASES: [Case; 9] = [
    ("nothing", |_, _| (), &[]),
    (
        "an hour is missing",
        |redis, user| redis.command(&["HDEL", &usage_key(user), "h494545"]),
        &[r#"the usage h494545 is missing, and the history has spent {"ARTICLE":[5,1]}"#],
    ),
    (
        "a day is wrong",
        |redis, user| redis.command(&["HSET", &usage_key(user), "d20606", r#"{"ARTICLE":[9,2]}"#]),
        &[r#"the usage d20606 is {"ARTICLE":[9,2]}, and the history has spent {"ARTICLE":[8,2]}"#],
    ),
    (
        "an hour is damaged",
        |redis, user| redis.command(&["HSET", &usage_key(user), "h494568", "hush"]),
        &["the usage h494568 is damaged (it is not JSON at line 1, column 1), and the history has spent \
           {\"PRODUCT_DESCRIPTION\":[2,1]}"],
    ),
    (
        "hours of nobody",
        |redis, user| redis.command(&["HSET", &usage_key(user), "h494546", "{}", "d20600", "{}"]),
        &["hours and days too many in its usage: 2"],
    ),
    (
        "the account counts otherwise",
        |redis, user| document(redis, user, |doc| doc["usage"]["spent"]["ARTICLE"] = json!([1, 1, 4, 1])),
        &["of its usage the account counts {\"hour\":494570,\"spent\":{\"ARTICLE\":[1,1,4,1],\
             \"PRODUCT_DESCRIPTION\":[2,1]}}, and the history has spent {\"hour\":494570,\"spent\":\
             {\"ARTICLE\":[0,0,4,1],\"PRODUCT_DESCRIPTION\":[2,1]}}"],
    ),
    (
        "the account is of the version before",
        |redis, user| {
            document(redis, user, |doc| drop(doc.as_object_mut().unwrap().remove("usage")));
            redis.command::<()>(&["DEL", &usage_key(user)]);
        },
        &[
            r#"the usage h494544 is missing, and the history has spent {"ARTICLE":[3,1]}; 3 more hours and days are missing or wrong"#,
            "of its usage the account counts nothing, and the history has spent {\"hour\":494570,\"spent\":\
             {\"ARTICLE\":[0,0,4,1],\"PRODUCT_DESCRIPTION\":[2,1]}}",
        ],
    ),
    (
        "the account has counted since the version before",
        |redis, user| {
            document(redis, user, |doc| doc["usage"]["spent"] = json!({"ARTICLE": [0, 0, 4, 1]}));
            redis.command::<()>(&["DEL", &usage_key(user)]);
        },
        &[
            r#"the usage h494544 is missing, and the history has spent {"ARTICLE":[3,1]}; 3 more hours and days are missing or wrong"#,
            "of its usage the account counts {\"hour\":494570,\"spent\":{\"ARTICLE\":[0,0,4,1]}}, and the history has spent \
             {\"hour\":494570,\"spent\":{\"ARTICLE\":[0,0,4,1],\"PRODUCT_DESCRIPTION\":[2,1]}}",
        ],
    ),
    // What follows from it is not told again.
    (
        "the history is wrong",
        |redis, user| {
            document(redis, user, |doc| doc["tokensUsed"] = json!(1));
            redis.command::<()>(&["DEL", &usage_key(user)]);
        },
        &["tokensUsed is 1, and the debits of the history add up to 14"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_difference_is_named_and_what_can_be_derived_is_counted_anew() {
    let redis = Redis::start();
    let users = || CASES.iter().enumerate().map(|(number, case)| (format!("u{number}"), case));
    for (user, (_, damage, _)) in users() {
        live(redis.store().as_ref(), &user).await;
        damage(&redis, &user);
    }
    let histories = |user: &str| -> [Vec<u8>; 2] {
        ["history", "archive:0"].map(|key| redis.command(&["DUMP", &format!("jeton:{{{user}}}:{key}")]))
    };
    let before: Vec<_> = users().map(|(user, _)| histories(&user)).collect();
    let found = verify_redis(&redis, &[]);
    for (user, (case, _, expected)) in users() {
        assert_eq!(found.of(&user), *expected, "{case}");
    }
    assert_eq!((found.code, found.figure("repaired")), (1, 0));

    let repaired = verify_redis(&redis, &["--repair"]);
    let sound = (CLOSED.map(|(field, text)| (field.to_owned(), text.to_owned())).to_vec(), OPEN.parse().unwrap());
    for ((user, (case, _, expected)), before) in users().zip(before) {
        let is_derived = *case != "the history is wrong";
        let line = |line: &&str| if is_derived { format!("{line} (repaired)") } else { (*line).to_owned() };
        assert_eq!(repaired.of(&user), expected.iter().map(line).collect::<Vec<_>>(), "{case}");
        assert_eq!(counted(&redis, &user) == sound, is_derived, "{case}: {:?}", counted(&redis, &user));
        assert_eq!(histories(&user), before, "{case}");
    }
    let again = verify_redis(&redis, &[]);
    assert_eq!((again.code, again.figure("differences")), (1, 1), "{again:#?}");
    document(&redis, "u8", |doc| doc["tokensUsed"] = json!(14));
    assert_eq!(verify_redis(&redis, &["--repair"]).figure("repaired"), 1);
    assert_sound(&redis.url(), CASES.len() as u64);
    assert_eq!(counted(&redis, "u8"), sound);

    // A key of another type is none of ours; what it should be is written in its place.
    redis.command::<u64>(&["DEL", &usage_key("u0")]);
    redis.command::<()>(&["SET", &usage_key("u0"), "another type"]);
    let found = verify_redis(&redis, &["--user", "u0", "--repair"]);
    assert_eq!((found.code, found.of("u0").len()), (0, 2), "{found:#?}");
    assert!(found.of("u0").iter().all(|line| line.ends_with(" (repaired)")), "{found:#?}");
    assert_eq!(counted(&redis, "u0"), sound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_is_counted_anew_too() {
    let folder = tempfile::tempdir().unwrap();
    let user = UserId::new("u").unwrap();
    let store = EmbeddedStore::open(folder.path()).unwrap();
    live(&store, "u").await;
    let revision = store.load(&user).await.unwrap().unwrap().revision;
    let wrong = [("h494545".to_owned(), "hush".to_owned()), ("h7".to_owned(), "{}".to_owned())];
    assert!(store.write_usage(&user, &revision, &wrong).await.unwrap());
    drop(store);
    let data = ["--data", folder.path().to_str().unwrap()];
    let lines = [
        r#"the usage h494544 is missing, and the history has spent {"ARTICLE":[3,1]}; 3 more hours and days are missing or wrong"#,
        "hours and days too many in its usage: 1",
    ];
    let found = verify(Path::new("/"), &data, &[]);
    assert_eq!((found.code, found.of("u")), (1, lines.to_vec()), "{found:#?}");
    let repaired = verify(Path::new("/"), &[&data[..], &["--repair"]].concat(), &[]);
    assert_eq!(repaired.of("u"), lines.map(|line| format!("{line} (repaired)")), "{repaired:#?}");
    assert_eq!(verify(Path::new("/"), &data, &[]).code, 0);
    let store = EmbeddedStore::open(folder.path()).unwrap();
    assert_eq!(store.usage_size(&user).await.unwrap(), 4);
    let texts = store.usage(&user, &CLOSED.map(|(field, _)| field.to_owned())).await.unwrap();
    assert_eq!(texts, CLOSED.map(|(_, text)| Some(text.to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_changes_just_then_is_counted_on_from_there() {
    let redis = Redis::start();
    let store = redis.store();
    let proxy = Proxy::start(redis.port()).await;
    let start = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jeton"));
        Process::start(command.args(["verify", "--repair", "--redis", &proxy.url()]))
    };
    // The first one so that Redis knows the script.
    for (accounts, user, paused) in [(1, "before", 0), (2, "u", 3)] {
        let mut world = World::new(store.as_ref(), user);
        world.apply(&[debit("ARTICLE", 1), Command::Reset], START + DAY).await;
        for hour in 0..30 {
            world.apply(&[debit("ARTICLE", 1)], START + DAY + hour * HOUR).await;
        }
        redis.command::<u64>(&["DEL", &usage_key(user)]);
        proxy.fail("EVALSHA", &vec![Fault::Paused; paused]);
        let mut process = start();
        let reserve = Command::Reserve {
            id: ReservationId::new("res_u").unwrap(),
            amount: Amount::new(5).unwrap(),
            content_type: None,
            lasts_ms: DAY,
            metadata: None,
        };
        // Another entry, a change without one, and an entry again.
        for command in [debit("ARTICLE", 2), reserve, debit("ARTICLE", 3)].into_iter().take(paused) {
            proxy.paused().await;
            world.apply(&[command], START + 3 * DAY).await;
            proxy.go_on();
        }
        process.wait_for_line(|line| line.contains("the usage h494568 is missing") && line.ends_with("(repaired)"));
        assert!(process.wait(), "{:?}", process.lines());
        assert_sound(&redis.url(), accounts);
        let fields: u64 = redis.command(&["HLEN", &usage_key(user)]);
        assert_eq!(fields, if paused > 0 { 30 + 2 } else { 29 + 1 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hours_that_close_meanwhile_and_resets_are_no_difference_and_nothing_that_is_counted_anew_is_lost() {
    const ROUNDS: u64 = 400;
    let redis = Redis::start();
    let store = redis.store();
    // The one is in order all the time, the other was not counted when it began.
    for user in ["sound", "uncounted"] {
        live(store.as_ref(), user).await;
    }
    document(&redis, "uncounted", |doc| drop(doc.as_object_mut().unwrap().remove("usage")));
    redis.command::<u64>(&["DEL", &usage_key("uncounted")]);

    let (runs, mut seen) = watch::channel(0);
    let spending = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                // Not all of it goes on in one run.
                seen.wait_for(|runs| *runs >= round / 100).await.unwrap();
                // Each round in another hour, most of them in the next one.
                let service =
                    service_at(Arc::clone(&store), &rfc3339(START + 2 * DAY + round * HOUR + round / 7 * DAY));
                for user in ["sound", "uncounted"].map(|user| UserId::new(user).unwrap()) {
                    granted(service.record_generation(&user, article(1), caller(None)).await);
                    if user.as_str() == "sound" && round % 50 == 49 {
                        granted(service.reset_stats(&user, caller(None)).await);
                    }
                }
            }
        })
    };
    let mut repaired = 0;
    while !spending.is_finished() {
        let found = tokio::task::block_in_place(|| verify_redis(&redis, &["--repair"]));
        assert_eq!(found.of("sound"), [""; 0]);
        repaired += found.figure("repaired");
        runs.send_modify(|runs| *runs += 1);
    }
    spending.await.unwrap();
    assert!(*runs.borrow() > 1, "{runs:?}");
    let last = verify_redis(&redis, &["--repair"]);
    assert!(last.code == 0 && repaired + last.figure("repaired") >= 1, "{last:#?}");
    assert_sound(&redis.url(), 2);

    let user = UserId::new("uncounted").unwrap();
    let history = entries(store.as_ref(), &user).await;
    let (from, to) = (START - DAY, START + 100 * DAY);
    for granularity in [Granularity::Day, Granularity::Month] {
        let zone = chrono_tz::Tz::Asia__Kathmandu;
        let range = Range { granularity, zone, from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) };
        let found = spent(store.as_ref(), &user, &range, |_| Timestamp::EPOCH).await.unwrap().unwrap();
        assert_eq!(json!(found), told(&history, &bounds(granularity, zone, from, to)));
    }
}
