use std::ops::Range;

use crate::ledger::{HOURS_IN_DAY, QUARTERS_IN_HOUR, UsageField};

const QUARTERS_IN_DAY: u32 = HOURS_IN_DAY * QUARTERS_IN_HOUR;

/// A part of a bucket that is counted apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) field: UsageField,
    /// Which quarters of an hour; of a day all.
    pub(super) quarters: Range<u32>,
    /// Whether it is not in the bucket, and in another part that is.
    pub(super) taken_away: bool,
}

/// What the quarters of a bucket, counted from 1970, are made of: whole UTC days, whole hours, and quarters at the edges.
///
/// Of a day that is in it for more than a half, the day is taken, and away from it the hours that are not. So days and months
/// in other zones than UTC take one or two hours for each day in most of Europe, and never more than twelve.
pub(super) fn parts(bucket: Range<u32>) -> Vec<Part> {
    let mut parts = Vec::new();
    for (day, whole) in pieces(&bucket, QUARTERS_IN_DAY) {
        let Range { start, end } = whole;
        let inside = bucket.start.max(start)..bucket.end.min(end);
        if inside.len() <= usize::try_from(QUARTERS_IN_DAY / 2).unwrap_or(0) {
            parts.extend(hours(&inside, false));
            continue;
        }
        parts.push(Part { field: UsageField::Day(day), quarters: 0..QUARTERS_IN_DAY, taken_away: false });
        parts.extend(hours(&(start..inside.start), true));
        parts.extend(hours(&(inside.end..end), true));
    }
    parts
}

/// The hours that `quarters` are in, and which quarters of each.
fn hours(quarters: &Range<u32>, taken_away: bool) -> impl Iterator<Item = Part> {
    pieces(quarters, QUARTERS_IN_HOUR).map(move |(hour, whole)| {
        let from_its_start = |quarter: u32| quarter.clamp(whole.start, whole.end).saturating_sub(whole.start);
        let inside = from_its_start(quarters.start)..from_its_start(quarters.end);
        Part { field: UsageField::Hour(hour), quarters: inside, taken_away }
    })
}

/// The pieces of `length` quarters, cut from 1970 on, that `quarters` are in: their numbers, and where each lies.
fn pieces(quarters: &Range<u32>, length: u32) -> impl Iterator<Item = (u32, Range<u32>)> {
    let first = quarters.start.checked_div(length).unwrap_or(0);
    let end = if quarters.is_empty() { first } else { quarters.end.div_ceil(length) };
    (first..end).map(move |number| {
        let start = number.saturating_mul(length);
        (number, start..start.saturating_add(length))
    })
}
