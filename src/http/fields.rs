use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Value, value::RawValue};

use super::{
    problem::{Problem, Reason},
    query::whole,
};
use crate::ledger::{AMOUNT_MAX, Amount, CapChange, Entry, Priority, Timestamp};

/// The largest metadata, in bytes of JSON (contract §5).
const METADATA_BYTES_MAX: usize = 2 * 1024;
/// How deep it may be nested. Whoever reads JSON stops somewhere, `serde_json` at 127 levels, and what is kept and
/// answered has the metadata some levels down.
const METADATA_DEPTH_MAX: usize = 100;

/// The fields of a JSON body, taken one by one; what is left at the end is unknown. Values are kept as they were
/// written, so that a number is judged by its digits.
pub(super) struct Fields<'a> {
    fields: Vec<(String, &'a RawValue)>,
}

impl<'a> Fields<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Problem> {
        let text = str::from_utf8(body).map_err(|_| Problem::InvalidJson(Reason::NotJson))?;
        let value: &RawValue = serde_json::from_str(text).map_err(|_| Problem::InvalidJson(Reason::NotJson))?;
        if !value.get().starts_with('{') {
            return Err(Problem::InvalidJson(Reason::NotAnObject));
        }
        let Pairs(fields) = serde_json::from_str(value.get()).map_err(|_| Problem::InvalidJson(Reason::NotJson))?;
        Self::each_once(fields)
    }

    /// Takes an object, whose members are fields by the names `<name>.<member>`.
    pub(super) fn take_object(&mut self, name: &'static str) -> Result<Option<Self>, Problem> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        let refused = |_| Problem::invalid_field(name, Reason::NotAnObject);
        let Pairs(members) = serde_json::from_str(raw).map_err(refused)?;
        let named = members.into_iter().map(|(member, value)| (format!("{name}.{member}"), value));
        Self::each_once(named.collect()).map(Some)
    }

    fn each_once(fields: Vec<(String, &'a RawValue)>) -> Result<Self, Problem> {
        for (index, (name, _)) in fields.iter().enumerate() {
            if fields.iter().take(index).any(|(earlier, _)| earlier == name) {
                return Err(Problem::invalid_field(name.clone(), Reason::Repeated));
            }
        }
        Ok(Self { fields })
    }

    fn take(&mut self, name: &str) -> Option<&'a str> {
        let place = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.swap_remove(place).1.get())
    }

    /// Takes a text, whatever it says; one that is not text is refused as `reason` says.
    pub(super) fn take_text(&mut self, name: &'static str, reason: &Reason) -> Result<Option<String>, Problem> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| Problem::invalid_field(name, reason.clone()))
    }

    /// Takes an amount of tokens.
    pub(super) fn take_amount(&mut self, name: &'static str) -> Result<Option<Amount>, Problem> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        match whole(raw).and_then(Amount::new) {
            Some(amount) => Ok(Some(amount)),
            None => Err(Problem::invalid_field(name, Reason::NotWhole { min: 1, max: AMOUNT_MAX })),
        }
    }

    /// Takes a whole number from `min` to `max`.
    pub(super) fn take_whole(&mut self, name: &'static str, min: u64, max: u64) -> Result<Option<u64>, Problem> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        let number = whole(raw).filter(|number| (min..=max).contains(number));
        number.map(Some).ok_or_else(|| Problem::invalid_field(name, Reason::NotWhole { min, max }))
    }

    /// Takes `true` or `false`.
    pub(super) fn take_flag(&mut self, name: &'static str) -> Result<Option<bool>, Problem> {
        let Some(raw) = self.take(name) else { return Ok(None) };
        serde_json::from_str(raw).map(Some).map_err(|_| Problem::invalid_field(name, Reason::NotABoolean))
    }

    /// Takes what becomes of a cap: its tokens, or `null` for none.
    pub(super) fn take_cap(&mut self, name: &'static str) -> Result<Option<CapChange>, Problem> {
        match self.take(name) {
            None => Ok(None),
            Some("null") => Ok(Some(CapChange::Lift)),
            Some(raw) => match whole(raw).filter(|tokens| *tokens <= AMOUNT_MAX) {
                Some(tokens) => Ok(Some(CapChange::Set(tokens))),
                None => Err(Problem::invalid_field(name, Reason::NotACap)),
            },
        }
    }

    /// Takes one of `values`, by its name.
    pub(super) fn take_choice<T: Copy>(
        &mut self,
        name: &'static str,
        values: &[(&str, T)],
    ) -> Result<Option<T>, Problem> {
        let reason = Reason::NotOneOf(values.iter().map(|(value, _)| (*value).to_owned()).collect());
        let Some(text) = self.take_text(name, &reason)? else { return Ok(None) };
        let chosen = values.iter().find(|(value, _)| *value == text).map(|(_, value)| *value);
        chosen.map(Some).ok_or_else(|| Problem::invalid_field(name, reason))
    }

    /// Takes a priority.
    pub(super) fn take_priority(&mut self) -> Result<Option<Priority>, Problem> {
        let Some(raw) = self.take("priority") else { return Ok(None) };
        let priority = whole(raw).and_then(|number| u8::try_from(number).ok()).and_then(Priority::new);
        let reason = Reason::NotWhole { min: 0, max: Priority::MAX.into() };
        priority.map(Some).ok_or_else(|| Problem::invalid_field("priority", reason))
    }

    /// Takes an RFC 3339 instant.
    pub(super) fn take_instant(&mut self, name: &'static str) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.take_text(name, &Reason::NotAnInstant)? else { return Ok(None) };
        let instant = Timestamp::from_rfc3339(&text);
        instant.map(Some).ok_or_else(|| Problem::invalid_field(name, Reason::NotAnInstant))
    }

    /// Takes a description.
    pub(super) fn take_description(&mut self) -> Result<Option<String>, Problem> {
        let reason = Reason::NotText { max: Entry::DESCRIPTION_LENGTH_MAX };
        let text = self.take_text("description", &reason)?;
        let fits = |text: &String| {
            (1..=Entry::DESCRIPTION_LENGTH_MAX).contains(&text.chars().count())
                && text.chars().all(Entry::describes_with)
        };
        if text.as_ref().is_none_or(fits) { Ok(text) } else { Err(Problem::invalid_field("description", reason)) }
    }

    /// Takes the caller's own data.
    pub(super) fn take_metadata(&mut self) -> Result<Option<Map<String, Value>>, Problem> {
        let Some(raw) = self.take("metadata") else { return Ok(None) };
        let reason = Reason::NotMetadata { bytes_max: METADATA_BYTES_MAX, depth_max: METADATA_DEPTH_MAX };
        let refused = || Problem::invalid_field("metadata", reason.clone());
        let metadata: Map<String, Value> = serde_json::from_str(raw).map_err(|_| refused())?;
        let written = serde_json::to_string(&metadata).map_err(|_| refused())?;
        let fits =
            written.len() <= METADATA_BYTES_MAX && metadata.values().all(|value| depth(value) < METADATA_DEPTH_MAX);
        if fits { Ok(Some(metadata)) } else { Err(refused()) }
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.fields.into_iter().next() {
            Some((name, _)) => Err(Problem::invalid_field(name, Reason::Unknown)),
            None => Ok(()),
        }
    }
}

/// How many levels of objects and arrays `value` has.
fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Object(members) => members.values().map(depth).max(),
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    inside.unwrap_or(0).saturating_add(1)
}

/// The members of a JSON object in their order, also those that are repeated.
struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Pairs(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}
