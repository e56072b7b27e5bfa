//! Schemas from types, and what all of them have in common.

use schemars::{
    JsonSchema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
};
use serde_json::{Map, Value, json};

use crate::ledger::AMOUNT_MAX;

/// Those whose members can be left out and can be null, which say different things.
const NULLABLE: [&str; 1] = ["NextCaps"];

/// The schemas of the document, each under its name.
pub(super) struct Schemas {
    answers: SchemaGenerator,
    requests: SchemaGenerator,
    own: Map<String, Value>,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.contract = contract;
            settings.into_generator()
        };
        let (answers, requests) = (generator(Contract::Serialize), generator(Contract::Deserialize));
        Self { answers, requests, own: Map::new() }
    }

    /// What is answered.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// What is asked.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// One that no type has.
    pub(super) fn add(&mut self, name: &str, schema: Value) -> Value {
        self.own.insert(name.to_owned(), schema);
        reference(name)
    }

    /// All that were asked for.
    pub(super) fn components(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        all.append(&mut self.answers.take_definitions(true));
        all.append(&mut self.own);
        for (name, schema) in &mut all {
            if !NULLABLE.contains(&name.as_str()) {
                without_null(schema);
            }
            exact(schema);
        }
        all
    }
}

/// Where the schema of this name is.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// What may be left out is then never null: serde passes over it, and requests with a null are refused.
fn without_null(schema: &mut Value) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        .unwrap_or_default();
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for (_, member) in members.into_iter().flatten().filter(|(name, _)| !required.contains(*name)) {
        let Some(member) = member.as_object_mut() else { continue };
        if let Some(Value::Array(types)) = member.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                member.insert("type".to_owned(), only);
            }
        }
        if let Some(Value::Array(choices)) = member.remove("anyOf") {
            let others = choices.into_iter().filter(|choice| *choice != json!({ "type": "null" }));
            member.extend(others.filter_map(|choice| choice.as_object().cloned()).flatten());
        }
    }
    for nested in ["oneOf", "anyOf"] {
        schema.get_mut(nested).and_then(Value::as_array_mut).into_iter().flatten().for_each(without_null);
    }
}

/// Objects have the members that are named and no others, whole numbers stay where JavaScript counts exactly, and texts
/// have no links of the Rust documentation in them.
fn exact(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let format = members.get("format").and_then(Value::as_str).unwrap_or_default();
            let bounds = match format {
                "uint64" => Some((json!(0), json!(AMOUNT_MAX))),
                "int64" => Some((json!(AMOUNT_MAX.cast_signed().saturating_neg()), json!(AMOUNT_MAX))),
                "uint32" => Some((json!(0), json!(u32::MAX))),
                _ => None,
            };
            if let Some((least, most)) = bounds {
                members.remove("format");
                members.entry("minimum").or_insert(least);
                members.entry("maximum").or_insert(most);
            }
            if members.contains_key("properties") {
                members.entry("additionalProperties").or_insert(json!(false));
            }
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace('\n', " ").replace("[`", "`").replace("`]", "`");
            }
            members.values_mut().for_each(exact);
        }
        Value::Array(items) => items.iter_mut().for_each(exact),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
