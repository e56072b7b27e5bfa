//! What language models cost, by the table `[models]` of `plans.toml`. The ledger does not use it: it is published for
//! those who count what a model used.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use toml::Spanned;

use super::file::Balance;

/// Of how many of a model's tokens each price is.
const PER_MODEL_TOKENS: u32 = 1_000_000;

/// The longest name of a model, in bytes.
const NAME_MAX: usize = 128;

/// What language models cost, by name.
#[derive(Debug)]
pub struct ModelPrices(BTreeMap<Arc<str>, ModelPrice>);

/// What one model costs: tokens of a user, from 0 to 2^53 − 1, for a million of the model's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelPrice {
    /// Of what it is given and reads anew.
    pub input: u64,
    /// Of what it is given and reads from its provider's cache. Not written: as `input`.
    pub cached_input: u64,
    /// Of what it is given and writes into that cache. Not written: as `input`.
    pub cache_write: u64,
    /// Of what it answers.
    pub output: u64,
    /// Of what it thinks before it answers. Not written: as `output`.
    pub reasoning: u64,
}

impl ModelPrices {
    /// The price of the model of this name, without regard to `default`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<ModelPrice> {
        self.0.get(name).copied()
    }

    /// `public/prices.json`: `{perModelTokens, models}`, in which every price is written out.
    ///
    /// # Errors
    /// None for a parsed catalogue.
    pub fn document(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

impl Serialize for ModelPrices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(Some(2))?;
        document.serialize_entry("perModelTokens", &PER_MODEL_TOKENS)?;
        document.serialize_entry("models", &self.0)?;
        document.end()
    }
}

/// The table of one model, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelTable {
    input: Balance,
    cached_input: Option<Balance>,
    cache_write: Option<Balance>,
    output: Balance,
    reasoning: Option<Balance>,
}

/// Checks the names. The error is where the wrong one is, and what is wrong with it.
pub(super) fn read(
    tables: BTreeMap<Spanned<String>, ModelTable>,
) -> Result<ModelPrices, (std::ops::Range<usize>, &'static str)> {
    let mut prices = BTreeMap::new();
    for (name, ModelTable { input, cached_input, cache_write, output, reasoning }) in tables {
        let span = name.span();
        let name = name.into_inner();
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err((span, "a model is named with 1 to 128 visible ASCII characters, without spaces"));
        }
        let price = ModelPrice {
            input: input.tokens(),
            cached_input: cached_input.unwrap_or(input).tokens(),
            cache_write: cache_write.unwrap_or(input).tokens(),
            output: output.tokens(),
            reasoning: reasoning.unwrap_or(output).tokens(),
        };
        prices.insert(name.into(), price);
    }
    Ok(ModelPrices(prices))
}
