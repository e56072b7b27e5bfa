//! The command itself: where it looks, where it writes, and how it ends.

use std::path::Path;

use serde_json::json;

use super::{import, import_all, taken, told};
use crate::support::{
    legacy::{ARTICLE, OPENING, Old, USUAL, history_key, hours_ago, stats_key},
    process::Process,
    proxy::{Fault, Proxy},
    redis::Redis,
    server::{Local, Settings},
    verify::{assert_sound, run, verify},
};

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_from_one_redis_to_another_or_into_a_file() {
    let (old, new) = (Redis::start(), Redis::start());
    Old::new("u", &USUAL).write(&old);
    Old::new("v", &USUAL).write_list(&old);
    let (old_url, new_url) = (old.url(), new.url());
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |arguments: &[&str], settings: Settings<'_>| run("import", folder.path(), arguments, settings);

    // A Redis to another: its own prefix, and the old keys stay where they are.
    let settings = [("REDIS_URL", &*new_url), ("JETON_PREFIX", "other")];
    let imported = in_folder(&["--apply", "--from", &old_url], &settings);
    assert_eq!((imported.code, imported.figure("users")), (0, 2), "{imported:#?}");
    let places =
        format!("imported from Redis at {} into Redis at {}, prefix other: users 2,", &old_url[8..], &new_url[8..]);
    assert!(imported.lines.last().unwrap().starts_with(&places), "{imported:#?}");
    assert_eq!(new.command::<u64>(&["EXISTS", "other:{u}:account", "user:stats:u"]), 1);
    assert_eq!(old.command::<u64>(&["DBSIZE"]), 4);

    // Into an embedded store: looking makes none, and bringing over does.
    for settings in [&[][..], &[("REDIS_URL", &*new_url)]] {
        let foreseen = in_folder(&["--from", &old_url, "--data", "data"], settings);
        assert_eq!((foreseen.code, foreseen.figure("users")), (0, 2), "{foreseen:#?}");
        assert!(foreseen.errors.contains("nothing is written: jeton import --apply does it"), "{foreseen:#?}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // Where a file is named for the accounts, REDIS_URL names the old keys.
    let imported = in_folder(&["--data", "data", "--apply", "--user", "u"], &[("REDIS_URL", &old_url)]);
    assert_eq!((imported.code, imported.figure("users")), (0, 1), "{imported:#?}");
    let imported = in_folder(&["--from", &old_url, "--data", "data", "--apply"], &[]);
    assert_eq!((imported.figure("users"), imported.figure("imported before")), (1, 1), "{imported:#?}");
    let foreseen = in_folder(&["--from", &old_url, "--data", "data"], &[]);
    assert_eq!((foreseen.figure("users"), foreseen.figure("imported before")), (0, 2), "{foreseen:#?}");
    assert_eq!(verify(folder.path(), &["--data", "data"], &[]).code, 0);
    let local = Local::start(folder.path(), &["--data", "data"], &[]);
    for user in ["u", "v"] {
        assert_eq!(taken(&local.client(), user).await.0["tokenBalance"], 5_095);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_alone_and_the_words_in_ones_own_language() {
    let redis = Redis::start();
    for id in ["a", "b"] {
        Old::new(id, &[("DEBIT", 3, "", 9), ("DEBIT", 4, ARTICLE, 8)]).with("tokenBalance", 50).write(&redis);
    }
    let settings = [("REDIS_URL", &*redis.url()), ("JETON_LOCALE", "en")];
    let imported = run("import", Path::new("/"), &["--apply", "--user", "a"], &settings);
    assert_eq!((imported.code, told(&imported).len(), imported.figure("users")), (0, 1, 1), "{imported:#?}");
    // A history alone, and stats that cannot be read, are of a user too.
    redis.command::<()>(&["SET", &history_key("alone"), "[]"]);
    redis.command::<()>(&["SADD", &stats_key("set"), "a"]);
    for id in ["alone", "set"] {
        let imported = import(&redis, &["--user", id]);
        assert_eq!((imported.code, imported.figure("unreadable")), (1, 1), "{imported:#?}");
        redis.command::<()>(&["DEL", &stats_key(id), &history_key(id)]);
    }
    assert_eq!(redis.command::<Vec<String>>(&["KEYS", "jeton:{*}:account"]), ["jeton:{a}:account"]);
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    let (_, history) = taken(&local.client(), "a").await;
    let said: Vec<_> = history.iter().map(|entry| entry["description"].as_str().unwrap()).collect();
    assert_eq!(said, ["Balance adjustment", "Token usage", ARTICLE]);
    assert_eq!((history[1].get("contentType"), history[1].get("source")), (None, None), "{history:#?}");
    assert_sound(&redis.url(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn months_that_were_missed_are_told_and_billed_as_they_are_foreseen() {
    let redis = Redis::start();
    let next = crate::support::legacy::billing_day(-1);
    let created = hours_ago(24 * 90);
    Old::new("u", &[("CREDIT", 5_000, OPENING, 24 * 80)])
        .with("nextBillingDate", next)
        .with("createdAt", created)
        .write(&redis);
    let foreseen = import(&redis, &["--verbose"]);
    assert_eq!(told(&foreseen)["u"], "1 entries, balance 5000, and 600 for 2 months since");
    let imported = import(&redis, &["--verbose", "--apply"]);
    assert_eq!(told(&imported), told(&foreseen));
    assert_sound(&redis.url(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_it_from_going_on_is_said_in_one_line() {
    let mut redis = Redis::start();
    Old::new("u", &USUAL).write(&redis);
    let url = redis.url();
    let locked = Redis::start_with(&["--requirepass", "another"]);
    let wrong_password = locked.url().replace("redis://", "redis://default:hunter2@");
    let folder = tempfile::tempdir().unwrap();
    let empty_redis = Redis::start();
    let empty = empty_redis.url();
    let cases: [(&[&str], &str); 7] = [
        (&["--redis", &url, "--from", &empty], "there is no user of the module before in Redis at 127.0.0.1"),
        (&["--redis", &url, "--user", "nobody"], "there is no such user in Redis at 127.0.0.1"),
        (&["--redis", &url, "--user", "no body"], "a user id is 1 to 128 of"),
        (&["--redis", &url, "--from", "http://hunter2"], "--from is not a URL that Jeton can use"),
        (&["--redis", &url, "--from", &wrong_password], "refuses the user or the password"),
        (&["--redis", &wrong_password], "refuses the user or the password"),
        (&[], "name the Redis of the old keys with --from or REDIS_URL"),
    ];
    for (arguments, says) in cases {
        for more in [&[][..], &["--apply"]] {
            let said = run("import", folder.path(), &[arguments, more].concat(), &[]);
            assert_eq!((said.code, said.lines.as_slice()), (2, [].as_slice()), "{said:#?}");
            assert!(said.errors.contains(says) && !said.errors.contains("hunter2"), "{said:#?}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    redis.stop();
    let said = run("import", folder.path(), &["--redis", &url, "--apply"], &[]);
    assert!(said.code == 2 && said.errors.contains("cannot connect to Redis at 127.0.0.1"), "{said:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_costs_nothing() {
    let redis = Redis::start();
    let proxy = Proxy::start(redis.port()).await;
    let (lost, never_came) = (Fault::AnswerLost, Fault::RequestLost);
    let cases: [(&str, &[Fault]); 7] = [
        ("SCAN", &[lost, never_came]),
        ("GET", &[lost, never_came]),
        ("HMGET", &[lost, never_came]),
        ("EVALSHA", &[lost]),
        ("EVALSHA", &[never_came]),
        ("LRANGE", &[lost, never_came]),
        ("EXISTS", &[lost, never_came]),
    ];
    for (number, (command, faults)) in cases.into_iter().enumerate() {
        let user = format!("u{number}");
        // A history alone is looked for its stats.
        if command == "EXISTS" {
            redis.command::<()>(&["COPY", "user:transactions:u0", &format!("user:transactions:{user}")]);
        } else if command == "LRANGE" {
            Old::new(&user, &USUAL).write_list(&redis);
        } else {
            Old::new(&user, &USUAL).write(&redis);
        }
        proxy.fail(command, faults);
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_jeton"));
        let process = Process::start(program.args(["import", "--apply", "--redis", &proxy.url()]));
        let users = u32::from(command != "EXISTS");
        let line = process.wait_for_line(|line| line.starts_with("imported "));
        assert!(
            line.contains(&format!(
                "users {users}, entries {}, tokens {}, billed 0, adjusted 0,",
                4 * users,
                5_095 * users
            )),
            "{command}: {line}"
        );
        proxy.assert_used_up(command);
    }
    assert_sound(&redis.url(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_one_commit_and_can_be_read() {
    let redis = Redis::start();
    // Every hour an article, for more than two years; the balance is bought in between.
    let moves: Vec<_> = (0..20_000_u32)
        .map(|number| match number % 100 {
            0 => ("CREDIT", 400, "Achat de tokens", 20_000 - number),
            _ => ("DEBIT", 3, ARTICLE, 20_000 - number),
        })
        .collect();
    Old::new("long", &moves).write(&redis);
    let before = redis.command_counts();
    assert_eq!(import_all(&redis).figure("entries"), 20_000);
    let cost = redis.commands_since(&before);
    assert_eq!(cost.get("xadd"), Some(&20_000));
    assert_eq!(cost.get("evalsha").copied().unwrap_or(0) + cost.get("eval").copied().unwrap_or(0), 2, "{cost:?}");
    assert_sound(&redis.url(), 1);
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    let usage = local.client().read("usage?userId=long&granularity=hour").await;
    let tokens: u64 = usage["buckets"].as_array().unwrap().iter().map(|each| each["tokens"].as_u64().unwrap()).sum();
    assert!((23 * 3..=24 * 3).contains(&tokens), "{usage}");
    let spent = local.client().post("generations", json!({"userId": "long"})).await.ok();
    assert_eq!(spent["stats"]["tokensUsed"], 19_800 * 3 + 3);
    assert_eq!(redis.command::<u64>(&["EXISTS", &stats_key("long")]), 1);
}
