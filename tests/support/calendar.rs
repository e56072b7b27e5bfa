//! The real calendar, for tests that go by the real time: no day begins under them that would change what they compare.

use std::time::Duration;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use jeton::{committer::Surroundings, system::System};

use super::process::{wait_until, wait_until_so};

/// How long a test may take from where it looks at the calendar.
const AHEAD: TimeDelta = TimeDelta::seconds(40);
/// The day of the month, in UTC, with whose beginning users are billed.
const BILLING_DAY: u32 = 5;

/// Today, and the day when a test is over that begins now.
fn days() -> [NaiveDate; 2] {
    let now: DateTime<Utc> = System.now().to_utc();
    [now, now + AHEAD].map(|time| time.date_naive())
}

/// Where the next billing is about to come, waits until it is past: balances that are compared would else be of before
/// it and of after it.
pub(crate) fn away_from_billing() {
    wait_until("the billing day has begun", || {
        let [today, then] = days();
        today == then || then.day() != BILLING_DAY
    });
}

/// A day, in UTC, that is young enough for a test: its date. What is counted by days changes at midnight.
pub(crate) async fn a_days_time() -> NaiveDate {
    wait_until_so("a day has begun", async || {
        let [today, then] = days();
        if today != then {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        today == then
    })
    .await;
    days()[0]
}
