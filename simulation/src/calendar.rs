//! When users are billed, computed without the ledger.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, TimeZone};

/// The billing of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cycle {
    /// The first day of the month.
    month: NaiveDate,
    /// The day of the month, where it has so many.
    day: u32,
}

impl Cycle {
    /// The first billing on this day of the month after `opened`, in milliseconds.
    pub(crate) fn after(opened: u64, day: u32, zone: &impl TimeZone) -> Self {
        let this = Self { month: date_of(opened, zone).with_day(1).unwrap(), day };
        if midnight(this.date(), zone) > opened { this } else { this.next() }
    }

    /// The billing after it.
    pub(crate) fn next(self) -> Self {
        Self { month: self.month + Months::new(1), ..self }
    }

    /// Its day.
    pub(crate) fn date(self) -> NaiveDate {
        let last = (self.month + Months::new(1)).pred_opt().unwrap().day();
        self.month.with_day(self.day.min(last)).unwrap()
    }

    /// What its entry says, in French.
    pub(crate) fn description(self) -> String {
        self.date().format("Facturation mensuelle du %d/%m/%Y").to_string()
    }
}

/// When a day begins, in milliseconds.
pub(crate) fn midnight(date: NaiveDate, zone: &impl TimeZone) -> u64 {
    let midnight = zone.from_local_datetime(&date.and_time(NaiveTime::MIN)).earliest().unwrap();
    midnight.timestamp_millis().cast_unsigned()
}

/// The day of an instant in milliseconds.
pub(crate) fn date_of(millis: u64, zone: &impl TimeZone) -> NaiveDate {
    utc(millis).with_timezone(zone).date_naive()
}

/// The day after the last of this month.
pub(crate) fn after_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap() + Months::new(1)
}

/// The day after.
pub(crate) fn after_day(date: NaiveDate) -> NaiveDate {
    date + Days::new(1)
}

/// An instant for people.
pub(crate) fn shown(millis: u64) -> String {
    utc(millis).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn utc(millis: u64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(millis.cast_signed()).unwrap()
}
