//! Buckets as somebody finds them who looks at a clock of the zone every quarter of an hour, and knows no calendar.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use jeton::{
    ledger::{Transaction, TransactionType},
    usage::Granularity,
};
use serde_json::{Value, json};

pub(crate) const QUARTER: u64 = 900_000;
const DAY: u64 = 96;

/// What a clock shows: its date and hour, and its distance from UTC in seconds.
type Face = (i32, u32, u32, u32, i32);

fn face(quarter: u64, zone: Tz) -> Face {
    let utc = DateTime::from_timestamp_millis((quarter * QUARTER).cast_signed()).unwrap().naive_utc();
    let local = zone.from_utc_datetime(&utc);
    (local.year(), local.month(), local.day(), local.hour(), local.offset().fix().local_minus_utc())
}

/// When the buckets begin that cover the time from `from` until `to`, and when the last one ends, in milliseconds.
pub(crate) fn bounds(granularity: Granularity, zone: Tz, from: u64, to: u64) -> Vec<u64> {
    let before = match granularity {
        Granularity::Hour => 8,
        Granularity::Day => 4 * DAY,
        Granularity::Month => 35 * DAY,
    };
    let begin = from / QUARTER - before;
    let mut last = face(begin, zone);
    let mut bounds = Vec::new();
    for quarter in begin + 1.. {
        let now = face(quarter, zone);
        let begins = match granularity {
            Granularity::Hour => now != last,
            // A date that has begun does not begin again when the clocks are put back.
            Granularity::Day => (now.0, now.1, now.2) > (last.0, last.1, last.2),
            Granularity::Month => (now.0, now.1) > (last.0, last.1),
        };
        if !begins {
            continue;
        }
        last = now;
        let start = quarter * QUARTER;
        if start <= from {
            bounds.clear();
        }
        bounds.push(start);
        if start >= to {
            break;
        }
    }
    bounds
}

/// Whether tokens were spent by this entry, and not gone because their time was over.
pub(crate) fn is_spending(transaction: &Transaction) -> bool {
    let entry = &transaction.entry;
    entry.kind == TransactionType::Debit && (entry.source.is_none() || entry.content_type.is_some())
}

/// What callers should be told of a history.
pub(crate) fn told(history: &[Transaction], bounds: &[u64]) -> Value {
    let bucket = |range: &[u64]| {
        let inside = |entry: &&Transaction| (range[0]..range[1]).contains(&entry.id.timestamp().as_millis());
        let spent = history.iter().filter(inside).filter(|each| is_spending(each)).map(|each| &each.entry);
        let (mut total, mut by_type) = ([0; 2], BTreeMap::<String, [u64; 2]>::new());
        for entry in spent {
            let name = entry.content_type.as_ref().map(ToString::to_string);
            // The parts of a reservation are one generation together.
            let generations = u64::from(name.is_some() && entry.part.is_none());
            for sum in [Some(&mut total), name.map(|name| by_type.entry(name).or_default())].into_iter().flatten() {
                *sum = [sum[0] + entry.amount.get(), sum[1] + generations];
            }
        }
        let of = |[tokens, generations]: [u64; 2]| json!({"tokens": tokens, "generations": generations});
        let by_type: BTreeMap<String, Value> = by_type.into_iter().map(|(name, sum)| (name, of(sum))).collect();
        json!({"start": rfc3339(range[0]), "tokens": total[0], "generations": total[1], "byContentType": by_type})
    };
    bounds.windows(2).map(bucket).collect()
}

pub(crate) fn rfc3339(millis: u64) -> String {
    let at = DateTime::from_timestamp_millis(millis.cast_signed()).unwrap();
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Milliseconds.
pub(crate) fn millis(rfc3339: &str) -> u64 {
    DateTime::parse_from_rfc3339(rfc3339).unwrap().timestamp_millis() as u64
}
