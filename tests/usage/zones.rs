//! Hours, days and months where clocks are changed, in tables, and in every zone there is against its own clock.

use chrono::{Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use jeton::{
    ledger::Timestamp,
    usage::{Buckets, Granularity, InvalidRange, Range},
};

use super::clocks::{QUARTER, bounds, millis, rfc3339};

fn at(rfc3339: &str) -> Timestamp {
    Timestamp::from_rfc3339(rfc3339).unwrap()
}

/// When the buckets begin and the last one ends, in milliseconds.
fn found(granularity: Granularity, zone: Tz, from: Timestamp, to: Timestamp) -> Vec<u64> {
    starts(&Range { granularity, zone, from: Some(from), to: Some(to) }.buckets(Timestamp::EPOCH).unwrap())
}

fn starts(buckets: &Buckets) -> Vec<u64> {
    let mut bounds: Vec<u64> = buckets.each().map(|(start, _)| start.as_millis()).collect();
    bounds.extend(buckets.each().last().map(|(_, quarters)| u64::from(quarters.end) * QUARTER));
    bounds
}

/// The zone, the granularity, the range, and when the buckets begin and the last one ends: in UTC, by the hour, without the
/// date where it is that of the one before.
type Case<'a> = (&'a str, Granularity, &'a str, &'a str, &'a str);

use Granularity::{Day, Hour, Month};

const CASES: [Case<'_>; 25] = [
    ("UTC", Hour, "2026-11-23T10:00:00Z", "2026-11-23T12:00:00Z", "2026-11-23T10:00 11:00 12:00"),
    // What begins or ends in the middle is made whole.
    ("UTC", Hour, "2026-11-23T10:59:59.999Z", "2026-11-23T11:00:00.001Z", "2026-11-23T10:00 11:00 12:00"),
    (
        "UTC",
        Day,
        "2026-02-28T12:00:00Z",
        "2026-03-01T00:00:00.001Z",
        "2026-02-28T00:00 2026-03-01T00:00 2026-03-02T00:00",
    ),
    ("UTC", Month, "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z", "2028-02-01T00:00 2028-03-01T00:00"),
    // 23 and 25 hours, and the hour that exists twice.
    ("Europe/Paris", Day, "2026-03-29T10:00:00Z", "2026-03-29T22:00:00Z", "2026-03-28T23:00 2026-03-29T22:00"),
    ("Europe/Paris", Day, "2026-10-25T10:00:00Z", "2026-10-25T11:00:00Z", "2026-10-24T22:00 2026-10-25T23:00"),
    ("Europe/Paris", Hour, "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T00:00 01:00 02:00"),
    ("Europe/Paris", Hour, "2026-10-25T00:30:00Z", "2026-10-25T02:30:00Z", "2026-10-25T00:00 01:00 02:00 03:00"),
    ("Europe/Paris", Month, "2026-03-15T00:00:00Z", "2026-03-15T01:00:00Z", "2026-02-28T23:00 2026-03-31T22:00"),
    ("America/New_York", Day, "2026-11-01T12:00:00Z", "2026-11-02T05:00:00Z", "2026-11-01T04:00 2026-11-02T05:00"),
    // Half hours and quarters.
    ("Asia/Kolkata", Hour, "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z", "2026-11-23T09:30 10:30 11:30"),
    ("Asia/Kathmandu", Hour, "2026-11-23T10:00:00Z", "2026-11-23T10:15:00Z", "2026-11-23T09:15 10:15"),
    (
        "Asia/Kathmandu",
        Day,
        "2026-11-23T10:00:00Z",
        "2026-11-23T19:00:00Z",
        "2026-11-22T18:15 2026-11-23T18:15 2026-11-24T18:15",
    ),
    ("America/St_Johns", Day, "2026-11-01T12:00:00Z", "2026-11-01T13:00:00Z", "2026-11-01T02:30 2026-11-02T03:30"),
    ("Pacific/Chatham", Day, "2026-04-04T23:00:00Z", "2026-04-05T00:00:00Z", "2026-04-04T10:15 2026-04-05T11:15"),
    // Lord Howe changes its clocks by half an hour: back at 02:00, forward at 02:00. An hour is cut there.
    ("Australia/Lord_Howe", Hour, "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", "2026-04-04T14:00 15:00 15:30 16:30"),
    ("Australia/Lord_Howe", Hour, "2026-10-03T14:30:00Z", "2026-10-03T17:00:00Z", "2026-10-03T14:30 15:30 16:00 17:00"),
    ("Australia/Lord_Howe", Day, "2026-04-05T00:00:00Z", "2026-04-05T01:00:00Z", "2026-04-04T13:00 2026-04-05T13:30"),
    // Midnight is skipped: the day begins at 01:00.
    ("Africa/Cairo", Day, "2026-04-24T12:00:00Z", "2026-04-24T13:00:00Z", "2026-04-23T22:00 2026-04-24T21:00"),
    ("Africa/Cairo", Hour, "2026-04-23T21:00:00Z", "2026-04-23T23:00:00Z", "2026-04-23T21:00 22:00 23:00"),
    // Midnight comes twice: the day begins with the first one; or what comes twice is the hour before it.
    ("America/Havana", Day, "2026-11-01T12:00:00Z", "2026-11-01T13:00:00Z", "2026-11-01T04:00 2026-11-02T05:00"),
    ("Asia/Beirut", Day, "2026-10-24T20:30:00Z", "2026-10-24T21:30:00Z", "2026-10-23T21:00 2026-10-24T22:00"),
    // A day that was left out is none, and a month that lacks one is a month.
    (
        "Pacific/Apia",
        Day,
        "2011-12-29T12:00:00Z",
        "2011-12-31T12:00:00Z",
        "2011-12-29T10:00 2011-12-30T10:00 2011-12-31T10:00 2012-01-01T10:00",
    ),
    (
        "Pacific/Kiritimati",
        Month,
        "1994-12-15T00:00:00Z",
        "1995-01-15T00:00:00Z",
        "1994-12-01T10:00 1994-12-31T10:00 1995-01-31T10:00",
    ),
    ("UTC", Day, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.001Z", "1970-01-01T00:00 1970-01-02T00:00"),
];

#[test]
fn buckets_begin_where_the_clocks_of_their_zone_say() {
    for case @ (zone, granularity, from, to, expected) in CASES {
        let mut date = String::new();
        let shown = found(granularity, zone.parse().unwrap(), at(from), at(to)).into_iter().map(|bound| {
            let text = rfc3339(bound);
            let (day, time) = (text[..11].to_owned(), text[11..16].to_owned());
            if day == date {
                return time;
            }
            date = day;
            date.clone() + &time
        });
        let shown = shown.collect::<Vec<_>>().join(" ");
        assert_eq!(shown, expected, "{case:?}");
    }
}

#[test]
fn in_every_zone_buckets_are_those_of_its_clock() {
    const DAY: u64 = 86_400_000;
    let instant = |millis| Timestamp::from_millis(millis).unwrap();
    // Where most of them change their clocks, and where Samoa left out a day.
    let ranges = [
        (Day, "2026-03-20T00:00:00Z", "2026-04-10T12:00:00Z"),
        (Day, "2026-10-20T12:00:00Z", "2026-11-05T00:00:00Z"),
        (Day, "2011-12-27T00:00:00Z", "2012-01-03T12:00:00Z"),
        (Month, "2026-03-15T12:00:00Z", "2026-04-15T12:00:00Z"),
    ];
    for zone in TZ_VARIANTS {
        for (granularity, from, to) in ranges {
            let expected = bounds(granularity, zone, millis(from), millis(to));
            assert_eq!(found(granularity, zone, at(from), at(to)), expected, "{zone}: {granularity:?} from {from}");
        }
        let offset = |millis: u64| {
            let utc = instant(millis).to_utc().naive_utc();
            zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
        };
        let days = (millis("2026-01-01T00:00:00Z")..millis("2046-01-01T00:00:00Z")).step_by(DAY as usize);
        let changed = days.filter(|day| offset(*day) != offset(day + DAY));
        let mut first_year = 0;
        for day in changed {
            let mut quarters = (day..day + DAY).step_by(QUARTER as usize);
            let one_clock = quarters.all(|start| offset(start) == offset(start + QUARTER - 1));
            assert!(one_clock, "{zone} changes its clocks within a quarter of an hour");
            assert_eq!(
                (offset(day) % 900, offset(day + DAY) % 900),
                (0, 0),
                "{zone} is no quarters of an hour from UTC"
            );
            if day < millis("2027-01-01T00:00:00Z") {
                first_year += 1;
                let hours = found(Hour, zone, instant(day - DAY), instant(day + 2 * DAY + 1));
                assert_eq!(hours, bounds(Hour, zone, day - DAY, day + 2 * DAY + 1), "{zone}: around {}", rfc3339(day));
            }
        }
        assert!(first_year <= 4, "{zone}: {first_year} changes");
    }
}

#[test]
fn a_range_has_a_beginning_before_its_end_and_a_length() {
    let of = |granularity, zone: &str, from: Option<&str>, to: Option<&str>, now: &str| {
        let range = Range { granularity, zone: zone.parse().unwrap(), from: from.map(at), to: to.map(at) };
        range.buckets(at(now)).map(|buckets| {
            let bounds = starts(&buckets);
            (rfc3339(bounds[0]), rfc3339(*bounds.last().unwrap()), bounds.len() - 1)
        })
    };
    // By default: up to now, and so far back.
    let now = "2026-11-23T10:20:00Z";
    for (granularity, zone, to, first, end, count) in [
        (Hour, "UTC", None, "2026-11-22T10:00", "2026-11-23T11:00", 25),
        (Day, "UTC", None, "2026-10-24T00:00", "2026-11-24T00:00", 31),
        (Month, "UTC", None, "2025-11-01T00:00", "2026-12-01T00:00", 13),
        (Day, "Asia/Tokyo", None, "2026-10-23T15:00", "2026-11-23T15:00", 31),
        (Month, "Asia/Tokyo", None, "2025-10-31T15:00", "2026-11-30T15:00", 13),
        (Hour, "UTC", Some("2026-11-02T00:00:00Z"), "2026-11-01T00:00", "2026-11-02T00:00", 24),
        (Day, "Europe/Paris", Some("2026-11-01T23:00:00Z"), "2026-10-02T22:00", "2026-11-01T23:00", 30),
        (Month, "UTC", Some("2028-02-29T00:00:00.001Z"), "2027-02-01T00:00", "2028-03-01T00:00", 13),
        (Day, "UTC", Some("1970-01-02T00:00:00Z"), "1970-01-01T00:00", "1970-01-02T00:00", 1),
        (Day, "UTC", Some("9999-12-31T23:59:59.999Z"), "9999-12-01T00:00", "+10000-01-01", 31),
    ] {
        let found = of(granularity, zone, None, to, now).unwrap();
        let is_so = found.0.starts_with(first) && found.1.starts_with(end) && found.2 == count;
        assert!(is_so, "{granularity:?} {zone} {to:?}: {found:?}");
    }
    // At most 62 days of hours, 400 days, 120 months, by the calendar of the zone.
    for (granularity, zone, from, to, expected) in [
        (Hour, "UTC", "2026-01-01T00:00:00Z", "2026-03-04T00:00:00Z", Ok(62 * 24)),
        (Hour, "UTC", "2026-01-01T00:00:00Z", "2026-03-04T00:00:00.001Z", Err(InvalidRange::TooLong)),
        (Hour, "UTC", "2026-01-01T00:30:00Z", "2026-03-04T00:30:00Z", Ok(62 * 24 + 1)),
        (Hour, "Europe/Paris", "2026-09-30T22:00:00Z", "2026-12-01T23:00:00Z", Ok(62 * 24 + 1)),
        (Hour, "Europe/Paris", "2026-09-30T21:59:59.999Z", "2026-12-01T23:00:00Z", Err(InvalidRange::TooLong)),
        // Nor are 62 times 24 hours too long where one of the days has 23.
        (Hour, "Europe/Paris", "2026-03-01T12:00:00Z", "2026-05-02T12:00:00Z", Ok(62 * 24)),
        (Hour, "Europe/Paris", "2026-03-01T11:59:59.999Z", "2026-05-02T12:00:00Z", Err(InvalidRange::TooLong)),
        (Day, "UTC", "2026-01-01T00:00:00Z", "2027-02-05T00:00:00Z", Ok(400)),
        (Day, "UTC", "2026-01-01T00:00:00Z", "2027-02-05T00:00:00.001Z", Err(InvalidRange::TooLong)),
        (Day, "Europe/Paris", "2025-12-31T23:00:00Z", "2027-02-04T23:00:00Z", Ok(400)),
        (Month, "UTC", "2016-01-01T00:00:00Z", "2026-01-01T00:00:00Z", Ok(120)),
        (Month, "UTC", "2016-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", Err(InvalidRange::TooLong)),
        (Month, "UTC", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", Err(InvalidRange::Backwards)),
        (Day, "UTC", "2026-01-01T00:00:00.001Z", "2026-01-01T00:00:00Z", Err(InvalidRange::Backwards)),
        (Hour, "UTC", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", Err(InvalidRange::Backwards)),
    ] {
        let found = of(granularity, zone, Some(from), Some(to), now).map(|(_, _, count)| count);
        assert_eq!(found, expected, "{granularity:?} {zone} {from} {to}");
    }
    assert_eq!(of(Day, "UTC", Some(now), None, now).unwrap_err(), InvalidRange::Backwards, "nothing lies before now");
}
