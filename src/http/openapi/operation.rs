//! One call.

use serde_json::{Map, Value, json};

use super::{headers, parameters, refusals::Refusals};
use crate::{
    credentials::Scope,
    http::resource::{Audience, Resource},
};

/// A call, as it is put together: what it is named, what it takes and what it answers.
pub(super) struct Operation {
    pub(super) path: String,
    method: &'static str,
    members: Map<String, Value>,
    parameters: Vec<Value>,
    codes: Vec<&'static str>,
    responses: Map<String, Value>,
}

impl Operation {
    /// The call of `resource` by `method`. `id` is what a client calls its function.
    pub(super) fn new(resource: Resource, method: &'static str, id: &str, tag: &str, summary: &str) -> Self {
        let mut members = Map::new();
        members.insert("operationId".to_owned(), id.into());
        members.insert("tags".to_owned(), json!([tag]));
        members.insert("summary".to_owned(), summary.into());
        let method_type = hyper::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap_or_default();
        let audience = resource.audience(&method_type);
        members.insert("security".to_owned(), security(resource, audience));
        let mut codes = vec!["method_not_allowed", "internal", "invalid_field", "store_unavailable"];
        if audience != Audience::Everybody {
            codes.extend(["unauthenticated", "forbidden", "store_contended"]);
        }
        Self {
            path: format!("/api/{}", resource.name()),
            method,
            members,
            parameters: parameters::of_every_call(),
            codes,
            responses: Map::new(),
        }
    }

    pub(super) fn description(mut self, text: &str) -> Self {
        self.members.insert("description".to_owned(), text.into());
        self
    }

    pub(super) fn parameters(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.splice(0..0, parameters);
        self
    }

    /// That it changes something: with this body, and these examples of it.
    pub(super) fn body(mut self, schema: &Value, examples: &[(&str, &str, Value)]) -> Self {
        let examples = examples
            .iter()
            .map(|(name, summary, value)| ((*name).to_owned(), json!({ "summary": summary, "value": value })));
        let examples: Map<String, Value> = examples.collect();
        let content = json!({ "application/json": { "schema": schema, "examples": examples } });
        self.members.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
        self.codes.extend(["body_too_large", "unsupported_media_type", "invalid_json", "idempotency_key_reused"]);
        self.parameters(parameters::of_a_change())
    }

    /// What it answers, by media type, each with its schema and an example.
    pub(super) fn answers(mut self, description: &str, headers: &[&str], content: &[(&str, Value, Value)]) -> Self {
        let content = content.iter().map(|(media_type, schema, example)| {
            ((*media_type).to_owned(), json!({ "schema": schema, "example": example }))
        });
        let content: Map<String, Value> = content.collect();
        let headers = headers::references(headers);
        let answer = json!({ "description": description, "headers": headers, "content": content });
        self.responses.insert("200".to_owned(), answer);
        self
    }

    /// By which rules it may be refused, besides those that hold for every call of its kind.
    pub(super) fn refused(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// As the document has it: its method, and the rest. What it shares with others goes into `shared`.
    pub(super) fn described(self, refusals: &Refusals, shared: &mut Map<String, Value>) -> (&'static str, Value) {
        let Self { method, mut members, parameters, codes, mut responses, .. } = self;
        responses.extend(refusals.responses(&codes, shared));
        members.insert("parameters".to_owned(), parameters.into());
        members.insert("responses".to_owned(), responses.into());
        (method, members.into())
    }
}

/// Who may call: any one of these.
fn security(resource: Resource, audience: Audience) -> Value {
    let mut any = match audience {
        Audience::Everybody => Vec::new(),
        Audience::Service(scope) => vec![json!({ "serviceKey": [Scope::name(scope)] })],
        Audience::Cron => vec![json!({ "cronSecret": [] })],
    };
    if resource.is_for_users() {
        any.push(json!({ "userToken": [] }));
    }
    if resource.takes_token_in_query() {
        any.push(json!({ "userTokenInQuery": [] }));
    }
    any.into()
}
