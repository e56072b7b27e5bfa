use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use crate::ledger::{QUARTERS_IN_HOUR, Timestamp, first_instant, quarter_of, start_of_quarter};

const HOUR_MS: u64 = 60 * 60 * 1_000;
const QUARTER_SECONDS: i64 = 15 * 60;
const QUARTER_MINUTES: u32 = 15;
/// No day begins on another date than its own by more, in any zone.
const DAYS_BEFORE: u64 = 2;

/// How long a bucket is, by the clocks of its time zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// From one full hour to the next. Where the clocks are changed in the middle of one, another one begins.
    Hour,
    /// From the first instant of a date to that of the next.
    #[default]
    Day,
    /// From the first instant of a month to that of the next.
    Month,
}

impl Granularity {
    /// How far before its end a range begins by default, and at most.
    const fn spans(self) -> (Span, Span) {
        match self {
            Self::Hour => (Span::Hours(24), Span::Days(62)),
            Self::Day => (Span::Days(30), Span::Days(400)),
            Self::Month => (Span::Months(12), Span::Months(120)),
        }
    }
}

/// A time by the clocks and the calendar of a zone.
#[derive(Clone, Copy)]
enum Span {
    Hours(u64),
    Days(u64),
    Months(u32),
}

impl Span {
    /// This long before `at`.
    fn before(self, at: Timestamp, zone: Tz) -> Timestamp {
        let local = at.to_utc().with_timezone(&zone).naive_local();
        let earlier = match self {
            Self::Hours(hours) => return at.earlier_by(hours.saturating_mul(HOUR_MS)),
            Self::Days(days) => local.checked_sub_days(Days::new(days)),
            Self::Months(months) => local.checked_sub_months(Months::new(months)),
        };
        earlier.map_or(Timestamp::EPOCH, |local| Timestamp::from(first_instant(local, zone)))
    }

    /// This long before `at`, if days have 24 hours: where the clocks are changed meanwhile that may be earlier.
    const fn hours_before(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Hours(hours) => at.earlier_by(hours.saturating_mul(HOUR_MS)),
            Self::Days(days) => at.earlier_by(days.saturating_mul(24).saturating_mul(HOUR_MS)),
            Self::Months(_) => at,
        }
    }
}

/// A range that is none, or too long a one. Both are told of its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// It does not begin before its end.
    #[error("a range begins before its end")]
    Backwards,
    /// It begins more than 62 days (of hours), 400 days or 120 months before its end.
    #[error("the range has more buckets than are told at once")]
    TooLong,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// How long the buckets are.
    pub granularity: Granularity,
    /// By whose clocks.
    pub zone: Tz,
    /// From when on; without it, 24 hours, 30 days or 12 months before the end.
    pub from: Option<Timestamp>,
    /// Until when; without it, until now.
    pub to: Option<Timestamp>,
}

impl Range {
    /// The buckets that it covers, in whole or in part, when it is `now`.
    ///
    /// # Errors
    /// [`InvalidRange`].
    pub fn buckets(&self, now: Timestamp) -> Result<Buckets, InvalidRange> {
        let Self { granularity, zone, from, to } = *self;
        let to = to.unwrap_or(now);
        let (default, longest) = granularity.spans();
        let from = from.unwrap_or_else(|| default.before(to, zone));
        if from >= to {
            return Err(InvalidRange::Backwards);
        }
        if from < longest.before(to, zone).min(longest.hours_before(to)) {
            return Err(InvalidRange::TooLong);
        }
        let first = quarter_of(from);
        let end = quarter_of(to.earlier_by(1)).saturating_add(1);
        let local = from.to_utc().with_timezone(&zone).date_naive();
        let date = local.checked_sub_days(Days::new(DAYS_BEFORE)).unwrap_or(local);
        Ok(match granularity {
            Granularity::Hour => {
                let quarters = first.saturating_sub(QUARTERS_IN_HOUR)..;
                Buckets::covering(quarters.filter(|quarter| begins_hour(*quarter, zone)), first, end)
            }
            Granularity::Day => Buckets::covering(date.iter_days().map(|date| start_of(date, zone)), first, end),
            Granularity::Month => {
                let months = (0..).map_while(|months| first_of_month(date, months));
                Buckets::covering(months.map(|date| start_of(date, zone)), first, end)
            }
        })
    }
}

/// Whole buckets that follow each other: where each of them begins, and the last one ends, in quarters of an hour since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buckets(Vec<u32>);

impl Buckets {
    /// Those of `starts`, which begin before `first`, between which all from `first` until `end` lies.
    fn covering(starts: impl Iterator<Item = u32>, first: u32, end: u32) -> Self {
        let mut bounds = Vec::new();
        for start in starts {
            if start <= first {
                bounds.clear();
            }
            // A day that the zone left out begins with the next one, and is no day.
            if bounds.last() != Some(&start) {
                bounds.push(start);
            }
            if start >= end {
                break;
            }
        }
        Self(bounds)
    }

    /// When each of them begins, and its quarters.
    pub fn each(&self) -> impl Iterator<Item = (Timestamp, std::ops::Range<u32>)> {
        self.0.iter().zip(self.0.iter().skip(1)).map(|(start, end)| (start_of_quarter(*start), *start..*end))
    }
}

/// Whether an hour begins with this quarter, by the clocks of `zone`, or the clocks have just been changed.
fn begins_hour(quarter: u32, zone: Tz) -> bool {
    let utc = |quarter: u32| start_of_quarter(quarter).to_utc().naive_utc();
    let offset = |utc: &NaiveDateTime| zone.offset_from_utc_datetime(utc).fix();
    let now = utc(quarter);
    let before = quarter.checked_sub(1).map(utc);
    before.is_none_or(|before| offset(&before) != offset(&now))
        || zone.from_utc_datetime(&now).minute() < QUARTER_MINUTES
}

/// The quarter that `date` begins with.
fn start_of(date: NaiveDate, zone: Tz) -> u32 {
    let start: DateTime<Utc> = first_instant(NaiveDateTime::new(date, NaiveTime::MIN), zone);
    u32::try_from(start.timestamp().max(0) / QUARTER_SECONDS).unwrap_or(u32::MAX)
}

/// The first day of the month, so many months after that of `date`.
fn first_of_month(date: NaiveDate, months: u32) -> Option<NaiveDate> {
    date.with_day(1)?.checked_add_months(Months::new(months))
}
