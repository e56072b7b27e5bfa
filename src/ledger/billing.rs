use std::ops::RangeInclusive;

use chrono::{
    DateTime, Datelike, MappedLocalTime, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::{
    mutation::{Mutation, planted},
    plans::{CarryOver, Plan},
};

/// The days a plan can bill on.
const DAYS: RangeInclusive<u8> = 1..=31;

/// The day of the month a plan bills on: 1–31. A month that is too short is billed on its last day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct BillingDay(u8);

/// A number that is not a day of the month.
#[derive(Debug, thiserror::Error)]
#[error("a billing day is a day of the month from 1 to 31")]
pub struct InvalidBillingDay;

impl TryFrom<u8> for BillingDay {
    type Error = InvalidBillingDay;

    fn try_from(day: u8) -> Result<Self, Self::Error> {
        if DAYS.contains(&day) { Ok(Self(day)) } else { Err(InvalidBillingDay) }
    }
}

impl From<BillingDay> for u8 {
    fn from(day: BillingDay) -> Self {
        day.0
    }
}

/// When an account is billed: on one day of each month, at 00:00 in the plan's time zone.
///
/// Each date is computed from the anchor, never from the date before, so that 31 January, 28 February, 31 March follow
/// each other without drift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BillingCycle {
    /// The first day of the month of the first billing.
    first_month: NaiveDate,
    /// The day of the month, before it is clamped to the month's length.
    day: BillingDay,
    /// How many periods were billed.
    periods_billed: u32,
}

impl BillingCycle {
    /// The cycle of an account opened at `opened`: its first billing is the first `day` strictly after.
    #[must_use]
    pub fn starting_after(opened: Timestamp, day: BillingDay, zone: Tz) -> Self {
        let local = opened.to_utc().with_timezone(&zone).date_naive();
        let first_month = local.with_day(1).unwrap_or(local);
        let mut cycle = Self { first_month, day, periods_billed: 0 };
        if cycle.next(zone) <= opened {
            cycle.first_month = first_month.checked_add_months(Months::new(1)).unwrap_or(first_month);
        }
        cycle
    }

    /// The cycle whose next billing is the first `day` at or after `from`, when `billed` periods were billed before, or as many
    /// of them as there are months since 1970.
    pub(super) fn going_on(from: Timestamp, billed: u32, day: BillingDay, zone: Tz) -> Self {
        let cycle = Self::starting_after(from.earlier_by(1), day, zone);
        let month = cycle.first_month;
        let months = month.year().saturating_sub(1970).saturating_mul(12).saturating_add_unsigned(month.month0());
        let periods_billed = billed.min(u32::try_from(months).unwrap_or(0));
        let first_month = month.checked_sub_months(Months::new(periods_billed)).unwrap_or(month);
        Self { first_month, periods_billed, ..cycle }
    }

    /// The billing that comes next: due when its instant is reached.
    #[must_use]
    pub fn next(&self, zone: Tz) -> Timestamp {
        start_of_day(self.date(i64::from(self.periods_billed)), zone)
    }

    /// The billing date before [`BillingCycle::next`]; for a new account the one before it was opened.
    #[must_use]
    pub fn last(&self, zone: Tz) -> Timestamp {
        start_of_day(self.date(i64::from(self.periods_billed).saturating_sub(1)), zone)
    }

    /// The calendar date of the next billing, in the plan's time zone.
    #[must_use]
    pub fn next_date(&self) -> NaiveDate {
        self.date(i64::from(self.periods_billed))
    }

    /// How many periods were billed.
    #[must_use]
    pub const fn periods_billed(&self) -> u32 {
        self.periods_billed
    }

    /// Whether this is a cycle that [`Self::starting_after`] and time can have made: it begins with a month, of 1970 or
    /// later, and its next billing lies within the calendar of RFC 3339.
    pub(super) fn is_sound(&self) -> bool {
        let next = self.first_month.checked_add_months(Months::new(self.periods_billed));
        self.first_month.day() == 1
            && self.first_month.year() >= 1970
            && next.is_some_and(|next| next.year() <= 9999 && (next.year(), next.month()) != (9999, 12))
    }

    /// The cycle once its next period is billed.
    pub(super) fn advance(&mut self) {
        if planted(Mutation::BillFromPreviousDate) {
            self.day = u8::try_from(self.next_date().day()).map_or(self.day, BillingDay);
        }
        self.periods_billed = self.periods_billed.saturating_add(1);
    }

    /// The date of period `n`, counted from the first one. Beyond the calendar (the year 262 142) it stays the first.
    fn date(&self, n: i64) -> NaiveDate {
        let months = Months::new(u32::try_from(n.unsigned_abs()).unwrap_or(u32::MAX));
        let month = if n < 0 {
            self.first_month.checked_sub_months(months)
        } else {
            self.first_month.checked_add_months(months)
        };
        let month = month.unwrap_or(self.first_month);
        // The last day that exists; the 28th always does.
        (28..=self.day.0).rev().chain([self.day.0]).find_map(|day| month.with_day(day.into())).unwrap_or(month)
    }
}

/// When an allowance of `plan` that comes at `billed` expires, if it does, given when the next one comes. One of which
/// nothing is carried over goes then, and says so from the beginning: that way it is spent before what stays.
pub(super) fn allowance_expires_at(plan: &Plan, billed: Timestamp, next_billing: Timestamp) -> Option<Timestamp> {
    let lasts = plan.allowance_days().and_then(|days| billed.later_by_days(days));
    let replaced = match plan.carry_over() {
        CarryOver::AtMost(0) => Some(next_billing).filter(|next_billing| *next_billing > billed),
        CarryOver::All | CarryOver::AtMost(_) => None,
    };
    lasts.into_iter().chain(replaced).min()
}

/// The first instant of `date` in `zone`. Where the clocks skip midnight the day begins later, where they repeat it the
/// earlier one counts, and a day that a zone left out altogether begins with the next one.
pub(super) fn start_of_day(date: NaiveDate, zone: Tz) -> Timestamp {
    Timestamp::from(first_instant(NaiveDateTime::new(date, NaiveTime::MIN), zone))
}

/// The first instant at which the clocks of `zone` show `local`, or, where they skip it, what comes next.
#[must_use]
pub fn first_instant(local: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    /// A zone has left out one day at most (the Pacific islands that changed sides of the date line).
    const MINUTES_SKIPPED_MAX: i64 = 2 * 24 * 60;
    let first = (0..MINUTES_SKIPPED_MAX)
        .filter_map(|minutes| local.checked_add_signed(TimeDelta::minutes(minutes)))
        .find_map(|local| match zone.from_local_datetime(&local) {
            MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(time, _) => Some(time.with_timezone(&Utc)),
            MappedLocalTime::None => None,
        });
    first.unwrap_or_else(|| local.and_utc())
}
