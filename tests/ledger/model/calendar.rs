//! The calendar, from the lengths of the months.

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;
/// How many days there were from 1970 to 2025, before the first that tests are about.
const UNTIL_2026: u64 = 56 * 365 + 14;

/// The month after this one: year, and month from 0.
pub(super) fn after((year, month): (u64, u64)) -> (u64, u64) {
    if month == 11 { (year + 1, 0) } else { (year, month + 1) }
}

pub(super) fn before((year, month): (u64, u64)) -> (u64, u64) {
    if month == 0 { (year - 1, 11) } else { (year, month - 1) }
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

pub(super) fn days_in((year, month): (u64, u64)) -> u64 {
    [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize]
}

/// How many days after 1970 began that day of the month is, or the last one it has.
pub(super) fn day_number(month: (u64, u64), day: u64) -> u64 {
    let years: u64 = (2026..month.0).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (0..month.1).map(|earlier| days_in((month.0, earlier))).sum();
    UNTIL_2026 + years + months + day.min(days_in(month)) - 1
}

/// The month of that day, counted from 1970.
pub(super) fn month_of(days: u64) -> (u64, u64) {
    let (mut days, mut month) = (days - UNTIL_2026, (2026, 0));
    while days >= days_in(month) {
        days -= days_in(month);
        month = after(month);
    }
    month
}

/// A zone that is so many hours ahead of UTC, all year.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::ledger) struct Zone(pub(in crate::ledger) i64);

impl Zone {
    /// When that day begins.
    pub(in crate::ledger) fn begins(self, day: u64) -> u64 {
        (day * DAY).checked_add_signed(-self.0 * HOUR.cast_signed()).unwrap()
    }

    /// The day of that instant.
    pub(in crate::ledger) fn day_of(self, millis: u64) -> u64 {
        millis.checked_add_signed(self.0 * HOUR.cast_signed()).unwrap() / DAY
    }

    /// Its name in the IANA database, where the sign is the other way round.
    pub(in crate::ledger) fn name(self) -> String {
        if self.0 == 0 { "UTC".to_owned() } else { format!("Etc/GMT{:+}", -self.0) }
    }
}
