//! What was spent on which day.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};

/// By day, less what was given back.
#[derive(Clone, Default)]
pub(crate) struct Spent(BTreeMap<NaiveDate, u64>);

impl Spent {
    /// A day that is over by what is known is not spent on any more: then it is the latest one.
    pub(crate) fn spend(&mut self, day: NaiveDate, tokens: u64) {
        let latest = self.0.last_key_value().map_or(day, |(latest, _)| day.max(*latest));
        *self.0.entry(latest).or_default() += tokens;
    }

    pub(crate) fn give_back(&mut self, day: NaiveDate, tokens: u64) {
        if let Some(spent) = self.0.get_mut(&day) {
            *spent = spent.saturating_sub(tokens);
        }
    }

    /// On this day.
    pub(crate) fn on(&self, day: NaiveDate) -> u64 {
        self.0.range(day..).map(|(_, spent)| spent).sum()
    }

    /// In the month of this day.
    pub(crate) fn in_month(&self, day: NaiveDate) -> u64 {
        self.on(day.with_day(1).unwrap())
    }
}
