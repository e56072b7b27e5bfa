//! What every answer must be, whatever the request was ("Answers" in docs/reference.md).

use jeton::http::Resource;
use serde_json::{Map, Value};

use crate::{
    request::{MARK, Sent},
    wire::Answer,
};

/// Every code with its status and the members that it adds.
const PROBLEMS: [(&str, u16, &[&str]); 22] = [
    ("method_not_allowed", 405, &[]),
    ("unauthenticated", 401, &[]),
    ("forbidden", 403, &["requiredScope"]),
    ("body_too_large", 413, &["limitBytes"]),
    ("unsupported_media_type", 415, &[]),
    ("invalid_json", 400, &["reason"]),
    ("invalid_field", 400, &["field", "reason"]),
    ("idempotency_key_reused", 422, &[]),
    ("reservation_not_found", 404, &[]),
    ("transaction_not_found", 404, &[]),
    ("reservation_captured", 409, &[]),
    ("reservation_released", 409, &[]),
    ("reservation_expired", 409, &[]),
    ("already_refunded", 409, &[]),
    ("not_refundable", 409, &[]),
    ("insufficient_tokens", 402, &["required", "available", "stats"]),
    ("spending_cap_reached", 409, &["cap", "limit", "resetsAt"]),
    ("balance_limit_exceeded", 422, &[]),
    ("rate_limited", 429, &[]),
    ("store_unavailable", 503, &[]),
    ("store_contended", 503, &[]),
    ("internal", 500, &[]),
];

/// What each problem has.
const MEMBERS: [&str; 8] = ["type", "title", "status", "detail", "code", "success", "message", "requestId"];

/// A code, and the field that it names, if it does.
pub type Refusal = (String, Option<String>);

/// Checks the form of `answer` to `sent`, and gives the refusal that it is; `None` when it is none. Of a HEAD only the
/// headers can be checked: its code is what the log says.
pub fn check(sent: &Sent, answer: &Answer) -> Option<Refusal> {
    assert_ne!(answer.status, 500, "{answer:?}");
    // A list shows users whom earlier requests have named.
    let lists = sent.resource == Resource::Accounts && answer.status == 200;
    if !lists && !sent.shows_its_secret() {
        assert!(!answer.shown().contains(MARK), "a secret is shown: {answer:?}");
    }
    let logged = logged(sent, answer);
    if answer.status < 300 {
        assert_eq!(logged.get("code"), None);
        return None;
    }
    let replayed = answer.header("idempotent-replayed").is_some();
    let problem: Map<String, Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
    // A refusal that is given again has no code in the log.
    assert_eq!(logged.contains_key("code"), !replayed);
    let code = if replayed { &problem["code"] } else { &logged["code"] }.as_str().unwrap();
    let (_, status, more) = PROBLEMS.iter().find(|(known, ..)| *known == code).unwrap();
    assert_eq!(answer.status, *status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("retry-after").is_some(), [429, 503].contains(&answer.status));
    assert_eq!(answer.header("www-authenticate").is_some(), answer.status == 401);
    assert_eq!(answer.header("allow").is_some(), answer.status == 405);
    if sent.method == hyper::Method::HEAD {
        return Some((code.to_owned(), None));
    }
    let mut members: Vec<&str> = MEMBERS.iter().chain(*more).copied().collect();
    members.sort_unstable();
    assert_eq!(problem.keys().map(String::as_str).collect::<Vec<_>>(), members);
    assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &(*status).into()));
    assert_eq!(problem["type"], format!("urn:jeton:problem:{code}"));
    assert_eq!(problem["success"], false);
    assert!(replayed || problem["requestId"] == logged["requestId"]);
    for text in ["title", "detail", "message"] {
        assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem:?}");
    }
    Some((code.to_owned(), problem.get("field").map(|field| field.as_str().unwrap().to_owned())))
}

/// The request's one log line.
fn logged(sent: &Sent, answer: &Answer) -> Map<String, Value> {
    let lines: Vec<Map<String, Value>> = answer.log.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut lines = lines.into_iter().filter(|line| line.contains_key("requestId"));
    let line = lines.next().unwrap();
    assert!(lines.next().is_none(), "{answer:?}");
    assert!(answer.log.iter().all(|line| !line.contains('\n')), "one line each");
    assert_eq!(line["status"], answer.status);
    assert_eq!(line["function"], sent.resource.name());
    assert_eq!(line["method"], sent.method.as_str());
    assert_eq!(line["requestId"].as_str(), answer.header("x-request-id"));
    line
}
