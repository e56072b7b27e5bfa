//! When users are billed, computed without the ledger; and catalogues whose calendars differ.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveTime, SecondsFormat, TimeZone};
use jeton::plans::Catalogue;
use once_cell::sync::Lazy;

const AS_SOLD: &str = include_str!("../../plans.toml");

/// What a catalogue says of its allowances, known without the catalogue.
#[derive(Clone, Copy)]
pub(crate) struct Allowance {
    /// How much of those before is kept at a billing; `None` for all.
    pub(crate) kept: Option<u64>,
    /// After how many days one expires.
    days: Option<u64>,
}

impl Allowance {
    /// Its lines in `plans.toml`.
    fn written(self) -> String {
        let kept = match self.kept {
            None => String::new(),
            Some(0) => "carry_over = \"none\"\n".to_owned(),
            Some(tokens) => format!("carry_over = {tokens}\n"),
        };
        kept + &self.days.map_or(String::new(), |days| format!("allowance_days = {days}\n"))
    }

    /// When the one of this billing expires.
    pub(crate) fn expires_at(self, billing: &Billing) -> Option<u64> {
        let lasts = self.days.map(|days| billing.due + days * 24 * 60 * 60 * 1_000);
        lasts.into_iter().chain((self.kept == Some(0)).then_some(billing.next)).min()
    }
}

const UNLIMITED: Allowance = Allowance { kept: None, days: None };

/// The catalogue as it is sold, two that bill on the last days of months, of which one carries nothing over, and one whose
/// allowances expire with the billing after a month of 31 days.
static CATALOGUES: Lazy<[(Catalogue, Allowance); 4]> = Lazy::new(|| {
    let written = [
        ("5", "UTC", UNLIMITED),
        ("31", "Europe/Paris", UNLIMITED),
        ("30", "America/New_York", Allowance { kept: Some(0), days: None }),
        ("5", "UTC", Allowance { kept: Some(200), days: Some(31) }),
    ];
    written.map(|(day, zone, allowance)| {
        let written = |text: &str, line: &str, with: &str| {
            assert_eq!(text.matches(line).count(), 1, "plans.toml has {line}");
            text.replace(line, with)
        };
        let text = written(AS_SOLD, "billing_day = 5 ", &format!("{}billing_day = {day} ", allowance.written()));
        let text = written(&text, "time_zone = \"UTC\" ", &format!("time_zone = \"{zone}\" "));
        (Catalogue::parse(&text).unwrap(), allowance)
    })
});

/// The catalogue of this number, of whichever there are, and what it says of allowances.
pub(crate) fn catalogue(number: u64) -> &'static (Catalogue, Allowance) {
    let catalogues = &*CATALOGUES;
    &catalogues[number as usize % catalogues.len()]
}

/// A billing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Billing {
    /// When it falls due, in milliseconds since 1970.
    pub(crate) due: u64,
    /// When the one after it does.
    pub(crate) next: u64,
    /// What its entry says, in French.
    pub(crate) description: String,
}

/// The billings of the default plan that fall due after `after` and not after `until`, both in milliseconds.
pub(crate) fn billings(catalogue: &Catalogue, after: u64, until: u64) -> Vec<Billing> {
    let (_, plan) = catalogue.default_plan().unwrap();
    let (day, zone) = (u32::from(u8::from(plan.billing_day())), plan.time_zone());
    let begin = utc(after).date_naive().with_day(1).unwrap() - Months::new(1);
    let of_month = |month: u32| {
        let month = begin + Months::new(month);
        let last_day = (month + Months::new(1)).pred_opt().unwrap().day();
        let date: NaiveDate = month.with_day(day.min(last_day)).unwrap();
        let midnight = zone.from_local_datetime(&date.and_time(NaiveTime::MIN)).earliest().unwrap();
        (date, midnight.timestamp_millis().cast_unsigned())
    };
    let billing = |month: u32| {
        let ((date, due), (_, next)) = (of_month(month), of_month(month + 1));
        Billing { due, next, description: date.format("Facturation mensuelle du %d/%m/%Y").to_string() }
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
