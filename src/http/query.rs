use chrono::DateTime;
use chrono_tz::Tz;

use super::problem::{Problem, Reason};
use crate::ledger::{Timestamp, TransactionId};

/// In which field a rewrite in `vercel.json` says what is asked for.
const RESOURCE: &str = "jeton-resource";

/// What is asked for, if the query says so.
pub(super) fn resource(query: Option<&str>) -> Option<String> {
    let mut fields = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    fields.find(|(name, _)| name == RESOURCE).map(|(_, resource)| resource.into_owned())
}

/// The fields of a query string, taken one by one; what is left at the end is unknown.
pub(super) struct Query {
    fields: Vec<(String, String)>,
}

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            // The platform's own, such as the bypass of its deployment protection, and that of the rewrites.
            if name.starts_with("x-vercel-") || name.starts_with("_vercel") || name == RESOURCE {
                continue;
            }
            if fields.iter().any(|(taken, _)| *taken == name) {
                return Err(Problem::invalid_field(name.into_owned(), Reason::Repeated));
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self { fields })
    }

    /// Takes the field `name`.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let place = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.swap_remove(place).1)
    }

    /// Takes a whole number from 1 to `max`.
    pub(super) fn take_count(&mut self, name: &'static str, max: u64) -> Result<Option<u64>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match whole(&text) {
            Some(count @ 1..) if count <= max => Ok(Some(count)),
            Some(_) | None => Err(Problem::invalid_field(name, Reason::NotWhole { min: 1, max })),
        }
    }

    /// Takes one of `values`, by its name.
    pub(super) fn take_choice<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        let chosen = values.iter().find(|(value, _)| *value == text).map(|(_, value)| *value);
        let names = || values.iter().map(|(value, _)| (*value).to_owned()).collect();
        chosen.map(Some).ok_or_else(|| Problem::invalid_field(name, Reason::NotOneOf(names())))
    }

    /// Takes an RFC 3339 instant.
    pub(super) fn take_instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        match DateTime::parse_from_rfc3339(&text) {
            Ok(time) => Ok(Some(Timestamp::from(time.to_utc()))),
            Err(_) => Err(Problem::invalid_field(name, Reason::NotAnInstant)),
        }
    }

    /// Takes the name of a time zone.
    pub(super) fn take_zone(&mut self, name: &'static str) -> Result<Option<Tz>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::invalid_field(name, Reason::NotATimeZone))
    }

    /// Takes the id of a transaction.
    pub(super) fn take_cursor(&mut self, name: &'static str) -> Result<Option<TransactionId>, Problem> {
        let Some(text) = self.take(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Problem::invalid_field(name, Reason::NotACursor))
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.fields.into_iter().next() {
            Some((name, _)) => Err(Problem::invalid_field(name, Reason::Unknown)),
            None => Ok(()),
        }
    }
}

/// A whole number written in digits alone.
pub(super) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
