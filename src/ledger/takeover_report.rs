use std::collections::BTreeSet;

use super::{Amount, ContentType, Timestamp};

/// What was taken over, and what did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Takeover {
    /// Entries of the module before that go on.
    pub entries: u64,
    /// The balance, in tokens.
    pub balance: u64,
    /// What those entries add up to.
    pub history: i128,
    /// The least that they add up to on the way, at most 0.
    pub least: i128,
    /// What was credited before the first of them, so that they end with the balance and none is below zero.
    pub opening: Option<Amount>,
    /// What was debited after the last of them.
    pub closing: Option<Amount>,
    /// The counters that say something else than the entries.
    pub counters: Vec<Counter>,
    /// What was to be billed next, and what is, where these are not the same day.
    pub billing: Option<(Timestamp, Timestamp)>,
    /// Entries that moved nothing, and are left out.
    pub empty: u64,
    /// Entries of a time to come, which count as now.
    pub ahead: u64,
    /// Entries whose description did not fit.
    pub reworded: u64,
    /// Debits of which nobody knows what for.
    pub unnamed: u64,
    /// Content types that the catalogue does not have.
    pub unsold: BTreeSet<ContentType>,
}

/// A counter of the module before that its own history does not explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counter {
    /// Its name.
    pub name: &'static str,
    /// What it says, which goes on.
    pub counted: u64,
    /// What the entries say; of `totalGenerations`, what its parts do.
    pub explained: u64,
}

impl Takeover {
    /// Each thing that there is to say of it, for the operator.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |there: bool, text: String| notes.extend(there.then_some(text));
        let Self { balance, history, least, .. } = self;
        let adjusted = self.opening.is_some() || self.closing.is_some();
        let below = if *least < 0 { format!(", and to {least} on the way") } else { String::new() };
        let entries = match (self.opening, self.closing) {
            (Some(opening), None) => format!("a CREDIT of {opening} before the first entry"),
            (None, Some(closing)) => format!("a DEBIT of {closing} after the last entry"),
            (opening, closing) => {
                let [opening, closing] = [opening, closing].map(|amount| amount.map_or(0, Amount::get));
                format!("a CREDIT of {opening} before the first entry and a DEBIT of {closing} after the last")
            }
        };
        note(
            adjusted,
            format!("its history adds up to {history}{below}, and its balance is {balance}: adjustment by {entries}"),
        );
        for Counter { name, counted, explained } in &self.counters {
            let says = if *name == "totalGenerations" { "its parts add up to" } else { "its history has" };
            note(true, format!("{name} is {counted}, and {says} {explained}"));
        }
        if let Some((old, next)) = self.billing {
            note(true, format!("its nextBillingDate is {old}, and it is billed next on {next}"));
        }
        note(self.empty > 0, format!("entries of 0 tokens, left out: {}", self.empty));
        note(self.ahead > 0, format!("entries of a time to come, which count as now: {}", self.ahead));
        note(self.reworded > 0, format!("entries whose description is missing or does not fit: {}", self.reworded));
        note(self.unnamed > 0, format!("debits that don't say what for: {}", self.unnamed));
        let unsold: Vec<&str> = self.unsold.iter().map(ContentType::as_str).collect();
        note(!unsold.is_empty(), format!("content types that plans.toml does not have: {}", unsold.join(", ")));
        notes
    }
}
