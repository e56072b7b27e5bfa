//! Plans of an operator's, on both stores, with a catalogue that has several: from when on they hold, and what they bring.

use std::sync::Arc;

use chrono::DateTime;
use jeton::{
    committer::Reply,
    ledger::{CapChange, Effective, Outcome, PlanChange, TransactionType, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::{Store, embedded::EmbeddedStore},
};

use crate::{
    catalogue::PLANS_TOML,
    support::{
        broken::{Broken, FAULTS},
        calendar::a_days_time,
        past::At,
        redis::Redis,
        service::{article, caller, granted},
        world::entries,
    },
};

/// Two more plans: one that gives more, and one that carries nothing over, caps what is spent, and has its days in Paris.
const MORE: &str = r#"
[plans.pro]
opening_balance = 9000
monthly_allowance = 1000
billing_day = 20
time_zone = "UTC"

[plans.small]
opening_balance = 10
monthly_allowance = 40
carry_over = "none"
daily_cap = 25
billing_day = 1
time_zone = "Europe/Paris"
"#;

fn catalogue() -> &'static Catalogue {
    Box::leak(Box::new(Catalogue::parse(&format!("{PLANS_TOML}{MORE}")).unwrap()))
}

/// A user of a service in a year of the test's own.
struct User {
    store: Arc<dyn Store>,
    catalogue: &'static Catalogue,
    id: UserId,
}

impl User {
    /// The service as it is at `rfc3339`.
    fn at(&self, rfc3339: &str) -> StatsService {
        let at = DateTime::parse_from_rfc3339(rfc3339).unwrap().to_utc();
        StatsService::new(Arc::clone(&self.store), self.catalogue, Stage::Development, Arc::new(At(at.into())))
    }

    async fn change(&self, rfc3339: &str, change: PlanChange, effective: Effective) -> Outcome {
        granted(self.at(rfc3339).change_plan(&self.id, change, effective, caller(None)).await)
    }

    /// The balance at `rfc3339`, the plan, and the one that is planned.
    async fn stats(&self, rfc3339: &str) -> (i64, Arc<str>, Option<Arc<str>>) {
        let stats = self.at(rfc3339).get_user_stats(&self.id, Locale::English).await.unwrap();
        (stats.token_balance, stats.plan, stats.next_plan)
    }

    /// The history: instants and amounts, debits negative.
    async fn history(&self) -> Vec<(String, i64)> {
        let entries = entries(self.store.as_ref(), &self.id).await.into_iter();
        let signed = |kind, amount: u64| {
            let amount = i64::try_from(amount).unwrap();
            if kind == TransactionType::Credit { amount } else { -amount }
        };
        let told = |id: jeton::ledger::TransactionId| id.timestamp().to_string();
        entries.map(|entry| (told(entry.id), signed(entry.entry.kind, entry.entry.amount.get()))).collect()
    }
}

/// Does `work` with a user whose account was opened on 2 June 2026, on both stores.
async fn on_both(work: impl AsyncFn(&User)) {
    let redis = Redis::start();
    let folder = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn Store>; 2] = [redis.store(), Arc::new(EmbeddedStore::open(folder.path()).unwrap())];
    for store in stores {
        let user = User { store, catalogue: catalogue(), id: UserId::new("u").unwrap() };
        user.stats("2026-06-02T00:00:00Z").await;
        work(&user).await;
    }
}

fn plan(name: &str) -> PlanChange {
    PlanChange { plan: Some(name.into()), ..PlanChange::default() }
}

#[tokio::test]
async fn a_plan_that_holds_now_brings_its_allowance_at_the_next_billing() {
    on_both(async |user| {
        let changed = user.change("2026-06-03T00:00:00Z", plan("pro"), Effective::Now).await;
        assert_eq!((changed.transaction, &*changed.stats.plan, changed.stats.token_balance), (None, "pro", 5_000));
        assert_eq!(changed.stats.version, 2, "it is a change, though it writes no entry");
        // The account keeps its day.
        assert_eq!(user.stats("2026-06-04T23:59:59.999Z").await, (5_000, "pro".into(), None));
        assert_eq!(user.stats("2026-06-05T00:00:00Z").await, (6_000, "pro".into(), None));
        user.change("2026-06-20T00:00:00Z", plan("standard"), Effective::Now).await;
        assert_eq!(user.stats("2026-07-05T00:00:00Z").await, (6_300, "standard".into(), None));
    })
    .await;
}

#[tokio::test]
async fn a_planned_one_holds_from_the_next_billing_whoever_comes_and_when() {
    on_both(async |user| {
        let planned = user.change("2026-06-03T00:00:00Z", plan("pro"), Effective::NextPeriod).await;
        assert_eq!((&*planned.stats.plan, planned.stats.next_plan.as_deref()), ("standard", Some("pro")));
        assert_eq!(planned.stats.forecast.next[0].amount, 1_000, "what it will bring is what is forecast");
        assert_eq!(user.stats("2026-06-04T23:59:59.999Z").await, (5_000, "standard".into(), Some("pro".into())));
        // Nobody comes for three months: each period brings what held then.
        assert_eq!(user.stats("2026-08-06T00:00:00Z").await, (8_000, "pro".into(), None));
        let credits: Vec<(String, i64)> = user.history().await.into_iter().skip(1).collect();
        let days = ["2026-06-05", "2026-07-05", "2026-08-05"];
        assert_eq!(credits, days.map(|day| (format!("{day}T00:00:00.000Z"), 1_000)));
    })
    .await;
}

#[tokio::test]
async fn the_last_word_holds() {
    on_both(async |user| {
        user.change("2026-06-03T00:00:00Z", plan("pro"), Effective::NextPeriod).await;
        let again = user.change("2026-06-03T00:00:01Z", plan("small"), Effective::NextPeriod).await;
        assert_eq!(again.stats.next_plan.as_deref(), Some("small"));
        // What holds at once takes the place of what was planned.
        let now = user.change("2026-06-03T00:00:02Z", plan("pro"), Effective::Now).await;
        assert_eq!((&*now.stats.plan, now.stats.next_plan), ("pro", None));
        assert_eq!(user.stats("2026-06-05T00:00:00Z").await, (6_000, "pro".into(), None));
        // Plan and caps are planned apart.
        let cap = PlanChange { daily: Some(CapChange::Set(7)), ..PlanChange::default() };
        user.change("2026-06-06T00:00:00Z", plan("small"), Effective::NextPeriod).await;
        user.change("2026-06-06T00:00:01Z", cap, Effective::NextPeriod).await;
        let before = user.at("2026-07-04T12:00:00Z").get_user_stats(&user.id, Locale::French).await.unwrap();
        assert_eq!((before.caps, before.next_plan.as_deref()), (None, Some("small")));
        let after = user.at("2026-07-05T12:00:00Z").get_user_stats(&user.id, Locale::French).await.unwrap();
        let daily = after.caps.unwrap().daily.unwrap();
        assert_eq!((&*after.plan, daily.limit, after.next_plan), ("small", 7, None));
        assert_eq!(daily.resets_at.to_string(), "2026-07-05T22:00:00.000Z", "midnight in Paris");
    })
    .await;
}

#[tokio::test]
async fn another_calendar_may_make_the_billing_due() {
    on_both(async |user| {
        // In Paris it is the 5th two hours earlier.
        let changed = user.change("2026-06-04T22:30:00Z", plan("small"), Effective::Now).await;
        assert_eq!(changed.stats.token_balance, 5_040);
        assert_eq!(user.history().await.last().unwrap(), &("2026-06-04T22:00:00.000Z".to_owned(), 40));
        // Nothing of the allowance is carried over, and the opening balance is not touched.
        assert_eq!(user.stats("2026-07-06T00:00:00Z").await.0, 5_040);
        let amounts: Vec<i64> = user.history().await.into_iter().map(|(_, amount)| amount).collect();
        assert_eq!(amounts, [5_000, 40, -40, 40]);
    })
    .await;
}

#[tokio::test]
async fn a_reset_goes_back_to_the_plan_of_new_users() {
    on_both(async |user| {
        user.change("2026-06-03T00:00:00Z", plan("pro"), Effective::Now).await;
        user.change("2026-06-03T00:00:00Z", plan("small"), Effective::NextPeriod).await;
        granted(user.at("2026-06-03T00:00:01Z").reset_stats(&user.id, caller(None)).await);
        assert_eq!(user.stats("2026-06-03T00:00:02Z").await, (5_000, "standard".into(), None));
    })
    .await;
}

#[tokio::test]
async fn a_change_is_made_once_whatever_happens_to_its_commit() {
    let kinds = [Broken::start().await, Broken::start_cluster().await];
    let cap = PlanChange { daily: Some(CapChange::Set(7)), ..PlanChange::default() };
    for (broken, effective) in
        kinds.iter().flat_map(|broken| [Effective::Now, Effective::NextPeriod].map(|effective| (broken, effective)))
    {
        for (number, faults) in FAULTS.iter().enumerate() {
            let case = format!("{}: {effective:?}, {faults:?}", broken.url);
            // When the tokens run out is told by days.
            a_days_time().await;
            let (service, user) = (broken.service(), UserId::new(&format!("{effective:?}-{number}")).unwrap());
            granted(service.record_generation(&user, article(1), caller(None)).await);
            broken.proxy.fail("EVALSHA", faults);
            let reply = service.change_plan(&user, cap.clone(), effective, caller(None)).await;
            let Ok(Reply::Decided { decision: Ok(told), .. }) = reply else { panic!("{case}: {reply:?}") };
            broken.proxy.assert_used_up(&case);
            let stats = broken.other_service().get_user_stats(&user, Locale::French).await.unwrap();
            assert_eq!((told.stats.version, &told.stats), (3, &stats), "{case}");
            let limit = stats.caps.and_then(|caps| caps.daily).map(|daily| daily.limit);
            assert_eq!(limit, (effective == Effective::Now).then_some(7), "{case}");
        }
    }
}
