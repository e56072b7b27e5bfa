//! The rules of the ledger: any life of an account goes as the reference [model] says, and so does every short one around
//! an expiry and a billing; tables of the limits, of grants and of damaged documents.

mod allowances;
mod asks;
mod caps;
mod captures;
mod clock;
mod compare;
mod damaged_documents;
mod documents;
mod forecast;
mod foresight;
pub(crate) mod grants;
mod histories;
mod interleavings;
mod life;
mod limits;
mod model;
mod next_change;
mod overdrafts;
mod plan_changes;
mod refunds;
mod reservations;
mod short_lives;
mod steps;
mod taken_over;
mod usage;

use jeton::{
    ledger::{Amount, Timestamp},
    plans::Catalogue,
};
use proptest::{collection::vec, prelude::*};

use self::life::Life;
use crate::catalogue::{PLANS_TOML, with_line};

const DAY: u64 = 86_400_000;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

pub(crate) fn tokens(amount: u64) -> Amount {
    Amount::new(amount).unwrap()
}

/// `plans.toml` with other terms in its plan.
fn toml_with(lines: &[(&str, String)]) -> String {
    let change = |toml: String, (key, value): &(&str, String)| with_line(&toml, key, &format!("{key} = {value}")).0;
    lines.iter().fold(PLANS_TOML.to_owned(), change)
}

/// The real catalogue with other terms in its plan.
pub(crate) fn catalogue_with(lines: &[(&str, String)]) -> Catalogue {
    Catalogue::parse(&toml_with(lines)).unwrap()
}

#[test]
fn any_life_of_an_account_goes_as_the_model_says() {
    // From September 2026 to 2030, so that both kinds of February are met.
    let start = 1_790_000_000_000..1_900_000_000_000_u64;
    // What fails is printed in its smallest form: it needs no file of seeds.
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(rules in steps::rules(), start in start, steps in vec(steps::step(), 1..40))| {
        let mut life = Life::new(rules, start);
        for step in &steps {
            life.live(step);
        }
    });
}
