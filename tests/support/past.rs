//! Accounts that were opened in the past: the same service, with the clock turned back.

use std::sync::Arc;

use jeton::{
    committer::Surroundings,
    ledger::{Timestamp, UserId},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
    stats_service::StatsService,
    store::Store,
    system,
};

use super::calendar::away_from_billing;

/// A clock that stands still.
pub(crate) struct At(pub(crate) Timestamp);

impl Surroundings for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn random(&self) -> u128 {
        system::random()
    }
}

/// The service as it was at `rfc3339`.
pub(crate) fn service_at(store: Arc<dyn Store>, rfc3339: &str) -> StatsService {
    let at = chrono::DateTime::parse_from_rfc3339(rfc3339).unwrap().to_utc();
    StatsService::new(store, Catalogue::built_in().unwrap(), Stage::Development, Arc::new(At(at.into())))
}

/// Does `work` with the service as it was at `rfc3339`.
pub(crate) async fn as_of(store: Arc<dyn Store>, rfc3339: &str, work: impl AsyncFnOnce(&StatsService)) {
    let service = service_at(Arc::clone(&store), rfc3339);
    work(&service).await;
    drop(service);
    // What committed for it holds the store a moment longer than its answers.
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
}

/// Opens an account for each of `users` at `rfc3339`.
pub(crate) async fn open_at(store: Arc<dyn Store>, users: &[String], rfc3339: &str) {
    as_of(store, rfc3339, async |service| {
        for user in users {
            service.get_user_stats(&UserId::new(user).unwrap(), Locale::French).await.unwrap();
        }
    })
    .await;
}

/// The billing day `months` before the last one, at 12:00: an account opened then has `months` billings to come, and
/// their dates as descriptions have them.
pub(crate) fn billing_days_ago(months: u32) -> (String, Vec<String>) {
    use chrono::{Datelike, Days, Months};
    away_from_billing();
    let today = system::System.now().to_utc().date_naive();
    let last = today.checked_sub_days(Days::new(4)).unwrap().with_day(5).unwrap();
    let date = |ago: u32| last.checked_sub_months(Months::new(ago)).unwrap();
    let billed = (0..months).rev().map(|ago| date(ago).format("%d/%m/%Y").to_string()).collect();
    (date(months).format("%Y-%m-%dT12:00:00Z").to_string(), billed)
}
