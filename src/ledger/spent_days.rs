use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::Timestamp;

/// How many days are remembered: as many as the longest month has.
const DAYS_MAX: usize = 31;
/// How many of them tell the pace.
const PACE_DAYS: usize = 30;

/// What was spent on each of the last days, less what was given back of it: all that caps and the forecast need. A day
/// begins at 00:00 in the time zone that the plan had on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SpentDays {
    /// The latest of them, counted from the beginning of the calendar.
    last: i32,
    /// How many tokens on it and on those before it, one after the other.
    spent: Vec<u64>,
}

/// The day of `at` in `zone`.
pub(super) fn date_of(at: Timestamp, zone: Tz) -> NaiveDate {
    at.to_utc().with_timezone(&zone).date_naive()
}

impl SpentDays {
    pub(super) fn is_empty(&self) -> bool {
        self.spent.is_empty()
    }

    /// Whether they can have come about.
    pub(super) fn is_sound(&self) -> bool {
        (1..=DAYS_MAX).contains(&self.spent.len()) || *self == Self::default()
    }

    /// Counts what was spent on `day`. One that lies before the latest, by a clock or a zone that went back, is the latest.
    pub(super) fn spend(&mut self, day: NaiveDate, tokens: u64) {
        let day = day.num_days_from_ce();
        if self.spent.is_empty() {
            self.last = day;
        }
        let later = usize::try_from(day.saturating_sub(self.last)).unwrap_or(0).min(DAYS_MAX);
        if later > 0 {
            self.spent.splice(0..0, std::iter::repeat_n(0, later));
            self.spent.truncate(DAYS_MAX);
            self.last = day;
        }
        match self.spent.first_mut() {
            Some(spent) => *spent = spent.saturating_add(tokens),
            None => self.spent.push(tokens),
        }
    }

    /// What was spent on `day` is given back. A day that is not remembered counts for nothing any more.
    pub(super) fn give_back(&mut self, day: NaiveDate, tokens: u64) {
        if let Some(spent) = self.place(day).and_then(|place| self.spent.get_mut(place)) {
            *spent = spent.saturating_sub(tokens);
        }
    }

    /// What was spent on `day`.
    pub(super) fn on(&self, day: NaiveDate) -> u64 {
        self.since(day, 1)
    }

    /// What was spent in the month of `day`, up to it.
    pub(super) fn in_month(&self, day: NaiveDate) -> u64 {
        self.since(day, usize::try_from(day.day()).unwrap_or(DAYS_MAX))
    }

    /// What was spent in the last 30 days up to `today` of an account that was opened on `opened`, and in how many days. A
    /// demo history begins before its account was opened.
    pub(super) fn pace(&self, today: NaiveDate, opened: NaiveDate) -> (u64, u64) {
        let remembered = i32::try_from(self.spent.len()).unwrap_or(0);
        let first = opened.num_days_from_ce().min(self.last.saturating_sub(remembered).saturating_add(1));
        let days = today.num_days_from_ce().saturating_sub(first).saturating_add(1);
        let days = usize::try_from(days).unwrap_or(1).clamp(1, PACE_DAYS);
        (self.since(today, days), u64::try_from(days).unwrap_or(1))
    }

    /// What was spent in the last `count` days up to `today`. Days after it, of a zone that was ahead, are of today.
    fn since(&self, today: NaiveDate, count: usize) -> u64 {
        let beyond = usize::try_from(self.last.saturating_sub(today.num_days_from_ce())).unwrap_or(0);
        let gone = usize::try_from(today.num_days_from_ce().saturating_sub(self.last)).unwrap_or(0);
        let days = self.spent.iter().take(count.saturating_add(beyond).saturating_sub(gone));
        days.fold(0, |sum, spent| sum.saturating_add(*spent))
    }

    fn place(&self, day: NaiveDate) -> Option<usize> {
        usize::try_from(self.last.checked_sub(day.num_days_from_ce())?).ok()
    }
}

/// The day after `day`.
pub(super) fn day_after(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

/// The first day of the month after that of `day`.
pub(super) fn month_after(day: NaiveDate) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(chrono::Months::new(1)).unwrap_or(day)
}
