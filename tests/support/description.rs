//! What `public/openapi.json` says, and whether an answer is as it says.

use std::{collections::BTreeMap, fs, sync::OnceLock};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use reqwest::Method;
use serde_json::{Value, json};

use super::{client::Answer, vercel::root};

/// Where the document would be: what it refers to is in it.
const AT: &str = "https://jeton.example/openapi.json";

/// The document, and each schema in it that something must fit.
pub(crate) struct Description {
    pub(crate) document: Value,
    schemas: Schemas,
    by_place: BTreeMap<String, SchemaIndex>,
}

/// A call that it describes.
pub(crate) struct Described<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: Method,
    /// The call's own part of the document.
    pub(crate) call: &'a Value,
}

impl Description {
    /// The one there is, read once.
    pub(crate) fn get() -> &'static Self {
        static DESCRIPTION: OnceLock<Description> = OnceLock::new();
        DESCRIPTION.get_or_init(Self::read)
    }

    fn read() -> Self {
        let text = fs::read_to_string(root().join("public/openapi.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.add_resource(AT, document.clone()).unwrap();
        let mut places = Vec::new();
        collect(&document, "", &mut places);
        let by_place = places.into_iter().map(|place| {
            let index = compiler.compile(&format!("{AT}#{place}"), &mut schemas);
            let index = index.unwrap_or_else(|error| panic!("{place} is no schema: {error}"));
            (place, index)
        });
        let by_place = by_place.collect();
        Self { document, schemas, by_place }
    }

    /// All calls, in the order of their paths.
    pub(crate) fn calls(&self) -> Vec<Described<'_>> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, calls)| {
                calls.as_object().unwrap().iter().map(move |(method, call)| {
                    let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                    Described { path, method, call }
                })
            })
            .collect()
    }

    /// What a part of the document is, where it may refer to another.
    pub(crate) fn resolved<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(place) => self.document.pointer(place.trim_start_matches('#')).unwrap(),
            None => part,
        }
    }

    /// `value` must fit the schema at `place`, a JSON pointer.
    pub(crate) fn assert_fits(&self, place: &str, value: &Value) {
        let index = self.by_place.get(place).unwrap_or_else(|| panic!("there is no schema at {place}"));
        if let Err(error) = self.schemas.validate(value, *index) {
            panic!("{value} is not what the document says at {place}: {error:#}");
        }
    }

    /// The answer to a call must be described: its status, its headers, its media type and its body.
    pub(crate) fn assert_describes(&self, method: &Method, path: &str, answer: &Answer) {
        let Some(calls) = self.document["paths"].get(path) else { return };
        let name = method.as_str().to_lowercase();
        // Whoever comes with a method that is not taken is told so, wherever that is described.
        let call = if answer.status == 405 { calls.as_object().unwrap().values().next() } else { calls.get(&name) };
        let Some(call) = call else { return };
        let status = answer.status.to_string();
        let response = &call["responses"][&status];
        assert!(!response.is_null(), "{method} {path}: the document knows no {status}: {answer:?}");
        let shared = response["$ref"].as_str().map(|place| place.trim_start_matches('#').to_owned());
        let place = shared.unwrap_or_else(|| pointer(&["paths", path, &name, "responses", &status]));
        let response = self.resolved(response);
        self.assert_headers(response, answer);

        let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap().to_owned();
        assert!(!response["content"][&media_type].is_null(), "{method} {path}: not {media_type}: {answer:?}");
        let schema = format!("{place}{}", pointer(&["content", &media_type, "schema"]));
        match media_type.as_str() {
            "application/json" | "application/problem+json" => self.assert_fits(&schema, &answer.json()),
            "text/event-stream" => self.assert_events(&answer.body),
            "application/x-ndjson" => {
                let lines = answer.body.lines().map(|line| serde_json::from_str(line).unwrap());
                lines.for_each(|entry: Value| self.assert_fits("/components/schemas/Transaction", &entry));
            }
            _ => {}
        }
    }

    fn assert_headers(&self, response: &Value, answer: &Answer) {
        for (name, part) in self.document["components"]["headers"].as_object().unwrap() {
            let is_there = answer.header(name).is_some();
            if response["headers"].get(name).is_none() {
                assert!(!is_there, "{name} is not described: {answer:?}");
                continue;
            }
            assert!(is_there || part["required"] == false, "{name} is missing: {answer:?}");
            if let Some(text) = answer.header(name) {
                let value = text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
                self.assert_fits(&pointer(&["components", "headers", name, "schema"]), &value);
            }
        }
    }

    fn assert_events(&self, stream: &str) {
        for block in stream.split("\n\n") {
            let fields = block.lines().filter(|line| !line.starts_with(':')).filter_map(|line| line.split_once(": "));
            let event: BTreeMap<&str, &str> = fields.collect();
            // A stream may end anywhere: what is not whole is no event.
            let Some(data) = event.get("data").and_then(|data| serde_json::from_str(data).ok()) else { continue };
            self.assert_describes_event(event["event"], event.get("id").copied(), &data);
        }
    }

    /// An event of a stream must be described, by its fields, and what is in its data.
    pub(crate) fn assert_describes_event(&self, name: &str, id: Option<&str>, data: &Value) {
        let mut event = json!({"event": name, "data": data.to_string()});
        if let Some(id) = id {
            event["id"] = json!(id);
        }
        self.assert_fits("/components/schemas/Event", &event);
        match name {
            "stats" => self.assert_fits("/components/schemas/Stats", data),
            "transaction" => self.assert_fits("/components/schemas/Transaction", data),
            _ => assert_eq!(*data, json!({}), "{name}"),
        }
    }
}

/// A JSON pointer (RFC 6901) to the member of these names.
pub(crate) fn pointer(names: &[&str]) -> String {
    names.iter().flat_map(|name| ["/".to_owned(), name.replace('~', "~0").replace('/', "~1")]).collect()
}

/// The places of all schemas that the document has outside others.
fn collect(part: &Value, place: &str, places: &mut Vec<String>) {
    let Value::Object(members) = part else {
        let items = part.as_array().into_iter().flatten().enumerate();
        items.for_each(|(index, item)| collect(item, &format!("{place}/{index}"), places));
        return;
    };
    for (name, member) in members {
        let below = format!("{place}{}", pointer(&[name]));
        match name.as_str() {
            "example" | "examples" => {}
            "schema" => places.push(below),
            "schemas" if place == "/components" => {
                places.extend(member.as_object().unwrap().keys().map(|name| format!("{below}{}", pointer(&[name]))));
            }
            _ => collect(member, &below, places),
        }
    }
}
