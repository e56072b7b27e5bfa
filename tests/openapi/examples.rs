//! Every example in the document is run, and every one of an answer fits.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, encoded, send},
    description::{Description, pointer},
    server::{Backend, SHORT_STREAMS},
};

/// Development, so that there is a test clock; with keys.
const SETTINGS: [(&str, &str); 5] = [
    SHORT_STREAMS,
    ("VERCEL_ENV", "development"),
    ("JETON_API_KEYS", "ops:admin:a-secret-of-the-tests"),
    ("CRON_SECRET", "the-secret-of-the-cron"),
    ("JETON_JWT_SECRET", "a-secret-of-thirty-two-bytes-or-more"),
];

/// Runs examples, each for a user of its own.
struct Run<'a> {
    description: &'static Description,
    client: &'a Client,
    users: &'a mut u32,
}

impl Run<'_> {
    fn next_user(&mut self) -> String {
        *self.users += 1;
        format!("alice-{}", self.users)
    }

    /// An example with what it names made real: its user, and a reservation or a debit of that user.
    async fn made_real(&mut self, mut example: Value) -> Value {
        let user = self.next_user();
        example["userId"] = json!(user);
        if !example["reservationId"].is_null() {
            let reserved = self.client.post("reservations", json!({"userId": user, "amount": 50})).await.ok();
            example["reservationId"] = reserved["reservation"]["id"].clone();
        }
        if !example["transactionId"].is_null() {
            let debited = self.client.post("generations", json!({"userId": user})).await.ok();
            example["transactionId"] = debited["transaction"]["id"].clone();
        }
        example
    }

    /// The parameters of a call, each with its example; those in headers apart.
    fn parameters(&self, path: &str, call: &Value) -> (Value, Vec<(String, String)>) {
        let (mut query, mut headers) = (json!({}), Vec::new());
        for parameter in call["parameters"].as_array().unwrap() {
            let parameter = self.description.resolved(parameter);
            let (name, example) = (parameter["name"].as_str().unwrap(), &parameter["example"]);
            assert!(!example.is_null() && parameter["description"].is_string(), "{name} has no example");
            match parameter["in"].as_str() {
                Some("query") => query[name] = example.clone(),
                // Years later nothing is left of what other examples name, so it is sent where they name nothing.
                _ if name == "Jeton-Clock" && path != "stats" => {}
                _ => headers.push((name.to_owned(), example.as_str().unwrap().to_owned())),
            }
        }
        (query, headers)
    }

    async fn assert_ok(&self, request: RequestBuilder, told: &str) {
        // Held against the document where it is sent.
        let answer = send(request).await;
        assert_eq!(answer.status, 200, "{told}: {answer:?}");
    }

    async fn read(&mut self, path: &str, call: &Value) {
        let (example, headers) = self.parameters(path, call);
        let names: Vec<String> = example.as_object().unwrap().keys().cloned().collect();
        let has_user = names.iter().any(|name| name == "userId");
        // All together, and each alone; a page and each form of export.
        let choices = std::iter::once(names.clone()).chain(names.iter().map(|name| vec![name.clone()]));
        let media_types: Vec<String> =
            call["responses"]["200"]["content"].as_object().unwrap().keys().cloned().collect();
        for (names, media_type) in choices.flat_map(|names| media_types.iter().map(move |kind| (names.clone(), kind))) {
            let example = if has_user { self.made_real(example.clone()).await } else { example.clone() };
            let always = ["userId", "reservationId"];
            let members = example.as_object().unwrap().iter();
            let chosen = members.filter(|(name, _)| names.contains(name) || always.contains(&name.as_str()));
            let fields = chosen.map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", encoded(&text))
            });
            let address = format!("{path}?{}", fields.collect::<Vec<_>>().join("&"));
            let request = self.client.request(Method::GET, &address).header("Accept", media_type);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            self.assert_ok(request, &format!("{address} as {media_type}")).await;
        }
    }

    async fn change(&mut self, path: &str, method: Method, call: &Value) {
        let (_, headers) = self.parameters(path, call);
        let examples = call["requestBody"]["content"]["application/json"]["examples"].as_object().unwrap();
        for (name, example) in examples {
            for headers in [&headers[..], &[]] {
                let body = self.made_real(example["value"].clone()).await;
                let request = self.client.request(method.clone(), path).json(&body);
                let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
                self.assert_ok(request, &format!("{method} {path} {name}")).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_request_is_answered_as_described() {
    let description = Description::get();
    for backend in Backend::both(&SETTINGS) {
        let (service, cron) =
            (backend.client().with_key("a-secret-of-the-tests"), backend.client().with_key("the-secret-of-the-cron"));
        let mut users = 0;
        for called in description.calls() {
            let path = called.path.trim_start_matches("/api/");
            let client = if path == "billing" { &cron } else { &service };
            let mut run = Run { description, client, users: &mut users };
            if called.method == Method::GET {
                run.read(path, called.call).await;
            } else {
                run.change(path, called.method, called.call).await;
            }
        }
    }
}

#[test]
fn every_example_of_an_answer_fits() {
    let description = Description::get();
    for called in description.calls() {
        let place =
            pointer(&["paths", called.path, &called.method.as_str().to_lowercase(), "responses", "200", "content"]);
        for (media_type, content) in called.call["responses"]["200"]["content"].as_object().unwrap() {
            assert!(!content["example"].is_null(), "{place}: {media_type} has no example");
            description.assert_fits(&format!("{place}{}", pointer(&[media_type, "schema"])), &content["example"]);
        }
    }
    let mut examples = 0;
    for (name, schema) in description.document["components"]["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            description.assert_fits(&pointer(&["components", "schemas", name]), example);
            examples += 1;
        }
    }
    assert!(examples > 20, "every refusal has one");
}

#[test]
fn every_call_is_named_and_told() {
    let description = Description::get();
    let mut names: Vec<&str> = Vec::new();
    for called in description.calls() {
        for member in ["operationId", "summary", "description", "tags", "security", "parameters", "responses"] {
            assert!(!called.call[member].is_null(), "{} {} has no {member}", called.method, called.path);
        }
        names.push(called.call["operationId"].as_str().unwrap());
    }
    names.sort_unstable();
    let expected = [
        "addTokens",
        "createSession",
        "getHealth",
        "getReservation",
        "getStats",
        "getUsage",
        "listAccounts",
        "listTransactions",
        "recordGeneration",
        "refund",
        "reserve",
        "reset",
        "runBilling",
        "streamEvents",
        "updateAccount",
        "updateReservation",
    ];
    assert_eq!(names, expected, "clients have functions of these names");
}
