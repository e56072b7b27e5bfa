//! Billing goes on where the module before left it: each month once.

use std::sync::Arc;

use jeton::{
    ledger::{Stats, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{LegacySource, Store},
};
use serde_json::json;

use crate::support::{
    legacy::{OPENING, Old, USUAL, billing_day},
    past::At,
    redis::Redis,
    verify::assert_sound,
    world::entries,
};

/// The service over `redis` at `rfc3339`, which takes over who comes.
fn service(redis: &Redis, rfc3339: &str) -> StatsService {
    let at = chrono::DateTime::parse_from_rfc3339(rfc3339).unwrap().to_utc();
    let legacy = LegacySource::new(&redis.url(), None).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    StatsService::after(Some(legacy), redis.store(), catalogue, Stage::Production, Arc::new(At(at.into())))
}

/// Opened in May 2026, and billed twice since; `next` is when the module before would have billed again.
fn old(id: &str, next: &str) -> Old {
    let monthly = |day: &str| format!("Facturation mensuelle du {day}");
    let mut old = Old::new(id, &[("CREDIT", 5_000, OPENING, 9), ("CREDIT", 300, "", 8), ("CREDIT", 300, "", 7)]);
    let days = [
        ("2026-05-20", OPENING.to_owned()),
        ("2026-06-05", monthly("05/06/2026")),
        ("2026-07-05", monthly("05/07/2026")),
    ];
    for (entry, (day, said)) in old.entries.iter_mut().rev().zip(days) {
        entry["timestamp"] = format!("{day}T00:00:00.000Z").into();
        entry["description"] = said.into();
    }
    old.with("createdAt", "2026-05-20T00:00:00.000Z").with("nextBillingDate", next)
}

async fn stats_at(redis: &Redis, now: &str, id: &str) -> Stats {
    service(redis, now).get_user_stats(&UserId::new(id).unwrap(), Locale::French).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_month_is_billed_once_whoever_billed_it() {
    let redis = Redis::start();
    // What the module before has as its next billing; when the user first comes; the months that are billed then; and when
    // the next billing is.
    let cases: &[(&str, &str, &[&str], &str)] = &[
        // By its day in UTC, and as midnight of a zone that is ahead, or behind.
        ("2026-08-05T00:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        ("2026-08-04T22:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        ("2026-08-05T07:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        ("2026-08-04T10:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        ("2026-08-05T12:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        ("2026-08-06T12:00:00.000Z", "2026-07-20T12:00:00Z", &[], "2026-08-05"),
        // It has billed August already, by a clock of its own, shortly before.
        ("2026-09-04T22:00:00.000Z", "2026-08-04T23:00:00Z", &[], "2026-09-05"),
        ("2026-09-04T22:00:00.000Z", "2026-08-05T00:00:00Z", &[], "2026-09-05"),
        // On the day itself, and around it.
        ("2026-08-05T00:00:00.000Z", "2026-08-04T23:59:59.999Z", &[], "2026-08-05"),
        ("2026-08-05T00:00:00.000Z", "2026-08-05T00:00:00Z", &["2026-08-05"], "2026-09-05"),
        ("2026-08-04T22:00:00.000Z", "2026-08-04T23:00:00Z", &[], "2026-08-05"),
        ("2026-08-04T22:00:00.000Z", "2026-08-05T00:00:00Z", &["2026-08-05"], "2026-09-05"),
        // Months that nobody has billed, each by itself.
        ("2026-08-05T00:00:00.000Z", "2026-11-04T00:00:00Z", &["2026-08-05", "2026-09-05", "2026-10-05"], "2026-11-05"),
        (
            "2026-08-04T22:00:00.000Z",
            "2026-11-05T00:00:00Z",
            &["2026-08-05", "2026-09-05", "2026-10-05", "2026-11-05"],
            "2026-12-05",
        ),
        ("2026-12-04T23:00:00.000Z", "2027-02-04T00:00:00Z", &["2026-12-05", "2027-01-05"], "2027-02-05"),
        // Another day than the plan's: the next billing day from there on.
        ("2026-08-06T12:00:00.001Z", "2026-07-20T12:00:00Z", &[], "2026-09-05"),
        ("2026-08-20T00:00:00.000Z", "2026-08-21T00:00:00Z", &[], "2026-09-05"),
        ("2027-08-05T00:00:00.000Z", "2026-08-21T00:00:00Z", &[], "2027-08-05"),
    ];
    for (number, (next, now, billed, then)) in cases.iter().enumerate() {
        let id = format!("u{number}");
        old(&id, next).write(&redis);
        // At once, and again: nothing is billed twice.
        for _ in 0..2 {
            let stats = stats_at(&redis, now, &id).await;
            assert_eq!(stats.token_balance, 5_600 + 300 * i64::try_from(billed.len()).unwrap(), "{next} at {now}");
            assert_eq!(stats.next_billing_date.to_string(), format!("{then}T00:00:00.000Z"), "{next} at {now}");
            assert_eq!(stats.created_at.to_string(), "2026-05-20T00:00:00.000Z");
        }
        let store: Arc<dyn Store> = redis.store();
        let history = entries(store.as_ref(), &UserId::new(&id).unwrap()).await;
        let after: Vec<String> = history[3..].iter().map(|entry| entry.id.timestamp().to_string()).collect();
        let days: Vec<String> = billed.iter().map(|day| format!("{day}T00:00:00.000Z")).collect();
        assert_eq!(after, days, "{next} at {now}: each at its own instant");
    }
    assert_sound(&redis.url(), cases.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adjustment_does_not_move_the_months_that_were_missed() {
    let redis = Redis::start();
    old("u", "2026-08-05T00:00:00.000Z").with("tokenBalance", 5_000).write(&redis);
    let stats = stats_at(&redis, "2026-10-20T00:00:00Z", "u").await;
    assert_eq!((stats.token_balance, stats.last_updated.to_string()), (5_900, "2026-10-05T00:00:00.000Z".to_owned()));
    let history = entries(redis.store().as_ref(), &UserId::new("u").unwrap()).await;
    let told: Vec<_> = history.iter().map(|each| (each.id.to_string(), each.entry.amount.get())).collect();
    let at = |rfc3339: &str| chrono::DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_millis();
    let july = at("2026-07-05T00:00:00Z");
    assert_eq!(told[3], (format!("{july}-1"), 600), "it is of the last old entry's time");
    let months = ["2026-08-05T00:00:00Z", "2026-09-05T00:00:00Z", "2026-10-05T00:00:00Z"];
    assert_eq!(told[4..], months.map(|month| (format!("{}-0", at(month)), 300)));
    assert_sound(&redis.url(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_billed_is_said_before() {
    let redis = Redis::start();
    let away = Old::new("away", &USUAL).with("createdAt", billing_day(-3));
    away.with("nextBillingDate", billing_day(-2)).write(&redis);
    for arguments in [&[][..], &["--apply"]] {
        let imported = super::import(&redis, arguments);
        assert_eq!(super::told(&imported)["away"], "4 entries, balance 5095, and 900 for 3 months since");
        assert_eq!((imported.figure("tokens"), imported.figure("billed")), (5_095, 900), "{imported:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_none_of_the_plan_is_said() {
    let redis = Redis::start();
    let soon = |days: i64| {
        let next = chrono::DateTime::parse_from_rfc3339(&billing_day(1)).unwrap();
        (next + chrono::TimeDelta::days(days)).format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
    };
    Old::new("on-it", &[("CREDIT", 5_000, OPENING, 9)]).with("nextBillingDate", json!(soon(1))).write(&redis);
    Old::new("off-it", &[("CREDIT", 5_000, OPENING, 9)]).with("nextBillingDate", json!(soon(3))).write(&redis);
    let told = super::told(&super::import_all(&redis));
    let (old, next) = (soon(3), billing_day(2));
    assert_eq!(told.len(), 1);
    assert_eq!(
        told["off-it"],
        format!("1 entries, balance 5000; its nextBillingDate is {old}, and it is billed next on {next}")
    );
}
