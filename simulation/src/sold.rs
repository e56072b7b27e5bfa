//! What the catalogues of the simulation sell, known without them.

use chrono::{NaiveDate, TimeZone};
use jeton::plans::Catalogue;
use once_cell::sync::Lazy;

use crate::calendar::{Cycle, date_of, midnight};

const AS_SOLD: &str = include_str!("../../plans.toml");
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A catalogue, and the plans that are in it, of which the first is that of new users.
pub(crate) struct Sold {
    pub(crate) catalogue: Catalogue,
    pub(crate) plans: [Plan; 2],
}

/// A plan.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) opening: u64,
    pub(crate) monthly: u64,
    /// How much of the allowances before is kept at a billing; `None` for all.
    pub(crate) kept: Option<u64>,
    /// After how many days an allowance expires.
    days: Option<u64>,
    pub(crate) day: u32,
    zone: &'static str,
    /// Of a day, and of a month.
    pub(crate) caps: [Option<u64>; 2],
    pub(crate) above: Above,
    /// For how many days refunded tokens last that have expired; `None`: they stay expired.
    pub(crate) refund_days: Option<u64>,
}

/// What becomes of a capture that nothing covers.
#[derive(Clone, Copy)]
pub(crate) enum Above {
    Reject,
    Cap,
    Allow(u64),
}

impl Plan {
    /// Its table in `plans.toml`.
    fn written(&self) -> String {
        let Self { name, opening, monthly, kept, days, day, zone, caps: [daily, of_month], above, refund_days } = self;
        let number =
            |name: &str, number: &Option<u64>| number.map_or(String::new(), |number| format!("{name} = {number}\n"));
        let above = match above {
            Above::Reject => "\"reject\"".to_owned(),
            Above::Cap => "\"cap\"".to_owned(),
            Above::Allow(tokens) => format!("{{ allow = {tokens} }}"),
        };
        [
            format!("[plans.{name}]\nopening_balance = {opening}\nmonthly_allowance = {monthly}\n"),
            format!("billing_day = {day}\ntime_zone = \"{zone}\"\ncapture_above = {above}\n"),
            if *kept == Some(0) { "carry_over = \"none\"\n".to_owned() } else { number("carry_over", kept) },
            number("allowance_days", days) + &number("daily_cap", daily) + &number("monthly_cap", of_month),
            refund_days.map_or(String::new(), |days| format!("refund_expired = {{ days = {days} }}\n")),
            "\n".to_owned(),
        ]
        .concat()
    }

    /// When the allowance expires that comes at `due`, given when the next one comes.
    pub(crate) fn allowance_expires_at(&self, due: u64, next: u64) -> Option<u64> {
        let lasts = self.days.map(|days| due + days * DAY_MS);
        lasts.into_iter().chain((self.kept == Some(0)).then_some(next)).min()
    }

    /// Until when tokens last that have expired and come back at `now`.
    pub(crate) fn comes_back_until(&self, now: u64) -> Option<u64> {
        self.refund_days.map(|days| now + days * DAY_MS)
    }
}

impl Sold {
    fn zone(&self, plan: usize) -> impl TimeZone {
        self.catalogue.plan(self.plans[plan].name).unwrap().time_zone()
    }

    /// When the billing of `cycle` falls due under a plan.
    pub(crate) fn due(&self, plan: usize, cycle: Cycle) -> u64 {
        midnight(cycle.date(), &self.zone(plan))
    }

    /// The first billing after `opened` of the plan of new users.
    pub(crate) fn first_cycle(&self, opened: u64) -> Cycle {
        Cycle::after(opened, self.plans[0].day, &self.zone(0))
    }

    /// The day of an instant under a plan.
    pub(crate) fn date_of(&self, plan: usize, at: u64) -> NaiveDate {
        date_of(at, &self.zone(plan))
    }

    /// When a day begins under a plan.
    pub(crate) fn begin_of(&self, plan: usize, date: NaiveDate) -> u64 {
        midnight(date, &self.zone(plan))
    }
}

const STANDARD: Plan = Plan {
    name: "standard",
    opening: 5_000,
    monthly: 300,
    kept: None,
    days: None,
    day: 5,
    zone: "UTC",
    caps: [None, None],
    above: Above::Reject,
    refund_days: None,
};
const OTHER: Plan = Plan { name: "other", opening: 1, monthly: 500, day: 17, ..STANDARD };

/// The catalogue as it is sold, two that bill on the last days of months, of which one carries nothing over, and one whose
/// allowances expire with the billing after a month of 31 days. Each has another plan to change to: one with caps, one that
/// brings nothing, one of another time zone, and one that carries nothing over.
static CATALOGUES: Lazy<[Sold; 4]> = Lazy::new(|| {
    let plans = [
        [STANDARD, Plan { caps: [Some(2_500), Some(6_000)], above: Above::Cap, refund_days: Some(30), ..OTHER }],
        [
            Plan { day: 31, zone: "Europe/Paris", above: Above::Allow(2_000), ..STANDARD },
            Plan { monthly: 0, zone: "Europe/Paris", above: Above::Allow(50), ..OTHER },
        ],
        [
            Plan {
                day: 30,
                zone: "America/New_York",
                kept: Some(0),
                above: Above::Cap,
                refund_days: Some(2),
                ..STANDARD
            },
            Plan { zone: "Europe/Paris", caps: [None, Some(9_000)], above: Above::Allow(1_000), ..OTHER },
        ],
        [
            Plan { kept: Some(200), days: Some(31), caps: [Some(4_000), None], ..STANDARD },
            Plan { kept: Some(0), above: Above::Allow(1_500), refund_days: Some(1), ..OTHER },
        ],
    ];
    let (before, rest) = AS_SOLD.split_once("[plans.standard]").unwrap();
    let (_, after) = rest.split_once("\n# What a generation costs").unwrap();
    let (_, after) = after.split_once('\n').unwrap();
    plans.map(|plans| {
        let tables: String = plans.iter().map(Plan::written).collect();
        Sold { catalogue: Catalogue::parse(&[before, &tables, after].concat()).unwrap(), plans }
    })
});

/// The catalogue of this number, of whichever there are.
pub(crate) fn catalogue(number: u64) -> &'static Sold {
    let catalogues = &*CATALOGUES;
    &catalogues[number as usize % catalogues.len()]
}
