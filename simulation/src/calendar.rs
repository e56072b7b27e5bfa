//! When users are billed, computed without the ledger; and catalogues whose calendars differ.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, SecondsFormat, TimeZone};
use jeton::plans::Catalogue;
use once_cell::sync::Lazy;

const AS_SOLD: &str = include_str!("../../plans.toml");

/// The catalogue as it is sold, two that bill on the last days of months, and one whose allowances expire with the billing
/// after a month of 31 days.
static CATALOGUES: Lazy<[Catalogue; 4]> = Lazy::new(|| {
    let written = [
        ("5", "UTC", ""),
        ("31", "Europe/Paris", ""),
        ("30", "America/New_York", "carry_over = \"none\"\n"),
        ("5", "UTC", "carry_over = 200\nallowance_days = 31\n"),
    ];
    written.map(|(day, zone, more)| {
        let written = |text: &str, line: &str, with: &str| {
            assert_eq!(text.matches(line).count(), 1, "plans.toml has {line}");
            text.replace(line, with)
        };
        let text = written(AS_SOLD, "billing_day = 5 ", &format!("{more}billing_day = {day} "));
        let text = written(&text, "time_zone = \"UTC\" ", &format!("time_zone = \"{zone}\" "));
        Catalogue::parse(&text).unwrap()
    })
});

/// The catalogue of this number, of whichever there are.
pub(crate) fn catalogue(number: u64) -> &'static Catalogue {
    let catalogues = &*CATALOGUES;
    &catalogues[number as usize % catalogues.len()]
}

/// A billing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Billing {
    /// When it falls due, in milliseconds since 1970.
    pub(crate) due: u64,
    /// What its entry says, in French.
    pub(crate) description: String,
}

/// The billings of the default plan that fall due after `after` and not after `until`, both in milliseconds.
pub(crate) fn billings(catalogue: &Catalogue, after: u64, until: u64) -> Vec<Billing> {
    let (_, plan) = catalogue.default_plan().unwrap();
    let (day, zone) = (u32::from(u8::from(plan.billing_day())), plan.time_zone());
    let begin = utc(after).date_naive().with_day(1).unwrap() - Months::new(1);
    let billing = |month: u32| {
        let month = begin + Months::new(month);
        let last_day = (month + Months::new(1)).pred_opt().unwrap().day();
        let date: NaiveDate = month.with_day(day.min(last_day)).unwrap();
        let midnight = zone.from_local_datetime(&date.and_time(NaiveTime::MIN)).earliest().unwrap();
        let description = date.format("Facturation mensuelle du %d/%m/%Y").to_string();
        Billing { due: midnight.timestamp_millis().cast_unsigned(), description }
    };
    (0..).map(billing).skip_while(|billing| billing.due <= after).take_while(|billing| billing.due <= until).collect()
}

/// An instant for people.
pub(crate) fn shown(millis: u64) -> String {
    utc(millis).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn utc(millis: u64) -> DateTime<chrono::Utc> {
    DateTime::from_timestamp_millis(millis.cast_signed()).unwrap()
}
