//! The calendar of billing: every day of the month over five years, in UTC and where the clocks jump; the boundaries to
//! the millisecond; and the texts. The oracle knows the lengths of the months and asks a zone only what day it is.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use jeton::{
    ledger::{Account, Command, Decided, Terms, Timestamp, Transaction, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use crate::ledger::catalogue_with;

fn time(rfc3339: &str) -> DateTime<Utc> {
    rfc3339.parse().unwrap()
}

fn catalogue(day: u32, zone: &str) -> Catalogue {
    catalogue_with(&[("billing_day", day.to_string()), ("time_zone", format!("{zone:?}"))])
}

fn touch(catalogue: &Catalogue, account: Option<Account>, now: DateTime<Utc>, locale: Locale) -> Decided {
    let terms = Terms { catalogue, now: Timestamp::from(now), locale, stage: Stage::Production };
    decide(account, &UserId::new("somebody").unwrap(), &Command::Touch, terms).unwrap()
}

/// When an account opened at `opened` is billed up to `until`.
fn billings(catalogue: &Catalogue, opened: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let account = touch(catalogue, None, opened, Locale::French).account;
    let entries = touch(catalogue, Some(account), until, Locale::French).entries;
    entries.iter().map(|entry| entry.id.timestamp().to_utc()).collect()
}

/// The `months` dates from January of `year` on that are `day`, or the last day of a month that is shorter.
fn dates(year: i32, day: u32, months: usize) -> Vec<NaiveDate> {
    let leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = |year: i32, month: u32| match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let months = (year..).flat_map(|year| (1..=12).map(move |month| (year, month))).take(months);
    months.map(|(year, month)| NaiveDate::from_ymd_opt(year, month, day.min(length(year, month))).unwrap()).collect()
}

#[test]
fn every_day_of_the_month_over_five_years_in_utc() {
    for day in 1..=31 {
        let billed = billings(&catalogue(day, "UTC"), time("2026-12-31T23:59:59.999Z"), time("2031-12-31T12:00:00Z"));
        let expected: Vec<_> =
            dates(2027, day, 60).iter().map(|date| date.and_time(NaiveTime::MIN).and_utc()).collect();
        assert_eq!(billed, expected, "day {day}");
    }
    let leap = billings(&catalogue(31, "UTC"), time("2027-12-31T00:00:00Z"), time("2028-03-31T00:00:00Z"));
    let leap: Vec<String> = leap.iter().map(|at| at.date_naive().to_string()).collect();
    assert_eq!(leap, ["2028-01-31", "2028-02-29", "2028-03-31"], "no drift, and the 29th of a leap year");
}

#[test]
fn every_day_of_the_month_over_five_years_in_other_zones() {
    // The zone, the first of five years, and days on which it skips midnight or has it twice.
    for (zone, year, odd_midnights) in [
        ("Europe/Paris", 2027, &[][..]),
        ("America/New_York", 2027, &[]),
        ("America/Sao_Paulo", 2014, &["2014-10-19", "2016-10-16", "2018-11-04"]),
        ("Africa/Cairo", 2024, &["2024-04-26", "2026-04-24"]),
        ("Asia/Beirut", 2024, &["2024-03-31", "2026-03-29"]),
        ("Atlantic/Azores", 2024, &["2024-03-31", "2024-10-27"]),
        ("America/Havana", 2024, &["2024-03-10", "2024-11-03"]),
        ("Australia/Lord_Howe", 2027, &[]),
        ("Asia/Kathmandu", 2027, &[]),
        ("Pacific/Kiritimati", 2027, &[]),
        ("Pacific/Apia", 2013, &[]),
    ] {
        let tz: Tz = zone.parse().unwrap();
        let mut odd = BTreeSet::new();
        for day in 1..=31 {
            let opened = dates(year, 1, 1)[0].and_time(NaiveTime::MIN).and_utc() - TimeDelta::hours(36);
            let billed = billings(&catalogue(day, zone), opened, opened + TimeDelta::days(5 * 366 + 35));
            // Those that opened on 30 December may be billed on the 31st.
            let billed = &billed[usize::from(billed[0].with_timezone(&tz).month() == 12)..][..60];
            for (at, expected) in billed.iter().zip(dates(year, day, 60)) {
                let local = at.with_timezone(&tz);
                let before = (*at - TimeDelta::milliseconds(1)).with_timezone(&tz);
                assert_eq!(local.date_naive(), expected, "{zone}, day {day}: {at}");
                assert!(before.date_naive() < expected, "{zone}, day {day}: {at} is not where the day begins");
                let an_hour_later = (*at + TimeDelta::hours(1)).with_timezone(&tz);
                if local.time() != NaiveTime::MIN || an_hour_later.time() == NaiveTime::MIN {
                    odd.insert(expected.to_string());
                }
            }
        }
        let met = odd_midnights.iter().all(|date| odd.contains(*date));
        assert!(met && (odd.is_empty() == odd_midnights.is_empty()), "{zone}: the odd midnights met are {odd:?}");
    }
}

#[test]
fn the_instants_of_some_midnights() {
    for (zone, day, opened, next) in [
        ("Europe/Paris", 5, "2026-12-10T00:00:00Z", "2027-01-04T23:00:00Z"),
        ("Europe/Paris", 5, "2027-06-10T00:00:00Z", "2027-07-04T22:00:00Z"),
        ("America/New_York", 5, "2027-01-05T04:59:59.999Z", "2027-01-05T05:00:00Z"),
        ("America/New_York", 5, "2027-01-05T05:00:00Z", "2027-02-05T05:00:00Z"),
        ("Asia/Kathmandu", 1, "2026-12-31T18:14:59.999Z", "2026-12-31T18:15:00Z"),
        ("Australia/Lord_Howe", 5, "2027-06-10T00:00:00Z", "2027-07-04T13:30:00Z"),
        ("Australia/Lord_Howe", 5, "2027-12-10T00:00:00Z", "2028-01-04T13:00:00Z"),
        // The day begins at 01:00.
        ("America/Sao_Paulo", 4, "2018-10-10T00:00:00Z", "2018-11-04T03:00:00Z"),
        // Midnight comes twice: the first one counts, also for who opens between the two.
        ("America/Havana", 3, "2024-10-10T00:00:00Z", "2024-11-03T04:00:00Z"),
        ("America/Havana", 3, "2024-11-03T04:30:00Z", "2024-12-03T05:00:00Z"),
        // There was no 30 December 2011: its billing came when the 31st began, 24 hours after the 29th did.
        ("Pacific/Apia", 30, "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", 31, "2011-12-01T00:00:00Z", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", 29, "2011-12-01T00:00:00Z", "2011-12-29T10:00:00Z"),
        ("Pacific/Apia", 30, "2011-12-30T10:00:00Z", "2012-01-29T10:00:00Z"),
        // A month that is too short.
        ("UTC", 31, "2027-02-27T23:59:59.999Z", "2027-02-28T00:00:00Z"),
        ("UTC", 31, "2027-02-28T00:00:00Z", "2027-03-31T00:00:00Z"),
        ("UTC", 29, "2028-02-28T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("UTC", 30, "2028-02-29T00:00:00Z", "2028-03-30T00:00:00Z"),
    ] {
        let stats = touch(&catalogue(day, zone), None, time(opened), Locale::French).result.unwrap().stats;
        assert_eq!(stats.next_billing_date.to_utc(), time(next), "{zone}, day {day}, opened at {opened}");
    }
}

#[test]
fn the_boundary_belongs_to_the_period_that_it_begins() {
    let catalogue = Catalogue::built_in().unwrap();
    for (opened, last, next) in [
        ("2027-01-05T00:00:00.000Z", "2027-01-05T00:00:00Z", "2027-02-05T00:00:00Z"),
        ("2027-01-04T23:59:59.999Z", "2026-12-05T00:00:00Z", "2027-01-05T00:00:00Z"),
        ("2027-01-05T00:00:00.001Z", "2027-01-05T00:00:00Z", "2027-02-05T00:00:00Z"),
        ("2027-12-31T23:59:59.999Z", "2027-12-05T00:00:00Z", "2028-01-05T00:00:00Z"),
        ("2028-02-29T12:00:00.000Z", "2028-02-05T00:00:00Z", "2028-03-05T00:00:00Z"),
    ] {
        let decided = touch(catalogue, None, time(opened), Locale::French);
        let stats = decided.result.unwrap().stats;
        assert_eq!(decided.entries.len(), 1, "opened at {opened}: nothing is due yet");
        assert_eq!(stats.last_billing_date.to_utc(), time(last), "opened at {opened}");
        assert_eq!(stats.next_billing_date.to_utc(), time(next), "opened at {opened}");

        let early =
            touch(catalogue, Some(decided.account.clone()), time(next) - TimeDelta::milliseconds(1), Locale::French);
        assert_eq!((early.entries.len(), early.billed.periods), (0, 0), "a millisecond before {next}");
        let due = touch(catalogue, Some(early.account), time(next), Locale::French);
        assert_eq!((due.entries.len(), due.billed.periods, due.billed.tokens), (1, 1, 300), "at {next}");
        assert_eq!(due.result.unwrap().stats.last_billing_date.to_utc(), time(next));
        let again = touch(catalogue, Some(due.account), time(next), Locale::French);
        assert_eq!((again.entries.len(), again.billed.periods), (0, 0), "{next} comes once");
    }
}

#[test]
fn each_missed_month_has_its_own_entry() {
    let catalogue = Catalogue::built_in().unwrap();
    let dates = [
        ("05/08/2027", "2027-08-05"),
        ("05/09/2027", "2027-09-05"),
        ("05/10/2027", "2027-10-05"),
        ("05/11/2027", "2027-11-05"),
        ("05/12/2027", "2027-12-05"),
        ("05/01/2028", "2028-01-05"),
        ("05/02/2028", "2028-02-05"),
    ];
    for locale in [Locale::French, Locale::English] {
        let account = touch(catalogue, None, time("2027-07-14T10:00:00Z"), locale).account;
        let decided = touch(catalogue, Some(account), time("2028-03-04T23:59:59.999Z"), locale);
        let told: Vec<(String, u32, String, i64)> = decided
            .entries
            .iter()
            .map(|Transaction { id, entry }| {
                (id.timestamp().to_string(), id.sequence(), entry.description.to_string(), entry.balance)
            })
            .collect();
        let expected = (1..).zip(dates).map(|(n, (french, iso))| {
            let text = match locale {
                Locale::French => format!("Facturation mensuelle du {french}"),
                Locale::English => format!("Monthly billing of {iso}"),
            };
            (format!("{iso}T00:00:00.000Z"), 0, text, 5000 + 300 * n)
        });
        assert_eq!(told, expected.collect::<Vec<_>>());
        assert_eq!((decided.billed.periods, decided.billed.tokens), (7, 2100));
        let stats = decided.result.unwrap().stats;
        assert_eq!((stats.token_balance, stats.version), (7100, 8));
        assert_eq!(stats.next_billing_date.to_string(), "2028-03-05T00:00:00.000Z");
        assert_eq!(stats.last_billing_date.to_string(), "2028-02-05T00:00:00.000Z");
    }
}

#[test]
fn the_text_has_the_date_of_the_zone() {
    // Midnight of the 5th in Auckland is the 4th in UTC, in Honolulu it is 10:00 of the 5th.
    for (zone, at) in
        [("Pacific/Auckland", "2027-02-04T11:00:00.000Z"), ("Pacific/Honolulu", "2027-02-05T10:00:00.000Z")]
    {
        let catalogue = catalogue(5, zone);
        let account = touch(&catalogue, None, time("2027-01-20T00:00:00Z"), Locale::French).account;
        let entries = touch(&catalogue, Some(account), time("2027-02-10T00:00:00Z"), Locale::French).entries;
        let told: Vec<(String, &str)> =
            entries.iter().map(|each| (each.id.timestamp().to_string(), &*each.entry.description)).collect();
        assert_eq!(told, [(at.to_owned(), "Facturation mensuelle du 05/02/2027")], "{zone}");
    }
}
