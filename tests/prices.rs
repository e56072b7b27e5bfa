//! What language models cost: the table `[models]` of the catalogue, and as it is published.

use jeton::plans::{Catalogue, ModelPrice};
use serde_json::{Value, json};

use crate::catalogue::{PLANS_TOML, assert_refused, with_line};

/// The price that `table` gives to a model.
fn price(table: &str) -> ModelPrice {
    let catalogue = Catalogue::parse(&format!("{PLANS_TOML}\n[models.\"a/model:1\"]\n{table}")).unwrap();
    catalogue.models().get("a/model:1").unwrap()
}

#[test]
fn what_is_not_priced_of_its_own_costs_as_what_it_is_a_part_of() {
    let defaults = ModelPrice { input: 7, cached_input: 7, cache_write: 7, output: 9, reasoning: 9 };
    assert_eq!(price("input = 7\noutput = 9"), defaults);
    assert_eq!(price("input = 7\noutput = 9\ncached_input = 0"), ModelPrice { cached_input: 0, ..defaults });
    assert_eq!(price("input = 7\noutput = 9\ncache_write = 8"), ModelPrice { cache_write: 8, ..defaults });
    assert_eq!(price("input = 7\noutput = 9\nreasoning = 3"), ModelPrice { reasoning: 3, ..defaults });
    assert_eq!(price("input = 0\noutput = 9007199254740991").output, 9_007_199_254_740_991);
}

#[test]
fn a_catalogue_needs_no_models() {
    let (begin, rest) = PLANS_TOML.split_once("[models.default]").unwrap();
    let (_, end) = rest.split_once("[priorities]").unwrap();
    let catalogue = Catalogue::parse(&format!("{begin}[priorities]{end}")).unwrap();
    assert_eq!(catalogue.models().get("default"), None);
    let document: Value = serde_json::from_str(&catalogue.models().document().unwrap()).unwrap();
    assert_eq!(document, json!({"perModelTokens": 1_000_000, "models": {}}));
}

#[test]
fn a_wrong_price_is_refused_by_its_line() {
    let name = "1 to 128 visible ASCII characters";
    let long = format!("[models.{}]", "m".repeat(129));
    for (what, start, new, said) in [
        ("a negative price", "output = 4500", "output = -1", "invalid value"),
        ("half a token", "output = 4500", "output = 0.5", "invalid type"),
        ("a price in words", "cached_input", "cached_input = \"50\"", "invalid type"),
        ("a price of 2^53", "input = 500", "input = 9007199254740992", "at most 9007199254740991"),
        ("a price of something else", "cached_input", "images = 50", "unknown field `images`"),
        ("a price twice", "cached_input", "input = 50", "duplicate key"),
        ("a model without a name", "[models.jeton-writer]", "[models.\"\"]", name),
        ("a model with a space", "[models.jeton-writer]", "[models.\"jeton writer\"]", name),
        ("a model with an accent", "[models.jeton-writer]", "[models.\"jeton-écrivain\"]", name),
        ("a model with a long name", "[models.jeton-writer]", &long, name),
        ("a model twice", "[models.jeton-writer]", "[models.default]", "duplicate key"),
    ] {
        let (toml, line) = with_line(PLANS_TOML, start, new);
        assert_refused(what, &toml, line, said);
    }
    let header = 1 + PLANS_TOML.lines().position(|line| line == "[models.jeton-writer]").unwrap();
    for (start, said) in [("input = 500", "missing field `input`"), ("output = 4500", "missing field `output`")] {
        let (toml, _) = with_line(PLANS_TOML, start, "");
        assert_refused("a missing price", &toml, header, said);
    }
    let (toml, _) = with_line(PLANS_TOML, "[models.jeton-writer]", &format!("[models.{}]", "m".repeat(128)));
    assert!(Catalogue::parse(&toml).is_ok());
}

#[test]
fn the_published_document_has_every_price_written_out() {
    let document: Value = serde_json::from_str(include_str!("../public/prices.json")).unwrap();
    let other = json!({"input": 1000, "cachedInput": 1000, "cacheWrite": 1000, "output": 5000, "reasoning": 5000});
    let writer = json!({"input": 500, "cachedInput": 50, "cacheWrite": 500, "output": 4500, "reasoning": 4500});
    let models = json!({"default": other, "jeton-writer": writer});
    assert_eq!(document, json!({"perModelTokens": 1_000_000, "models": models}));
}
