//! What is for whoever runs the deployment.

use std::error::Error;

use serde_json::json;

use super::{Describing, OPERATION};
use crate::{
    http::{
        accounts::{Accounts, Shown},
        change::Told,
        health::Health,
        openapi::{operation::Operation, parameters, requests::UpdateAccount},
        resource::Resource,
    },
    sweep::Report,
};

pub(super) fn calls(describing: &mut Describing<'_>) -> Result<Vec<Operation>, Box<dyn Error>> {
    Ok(vec![accounts(describing)?, update_account(describing), billing(describing)?, health(describing)?])
}

fn accounts(describing: &mut Describing<'_>) -> Result<Operation, serde_json::Error> {
    let accounts = vec![Shown::from(describing.examples.stats.clone())];
    let page = serde_json::to_value(&Accounts { accounts, next_cursor: None })?;
    let content = [("application/json", describing.schemas.answer::<Accounts>(), page)];
    Ok(Operation::new(Resource::Accounts, "get", "listAccounts", OPERATION, "The accounts of all users")
        .description(
            "In the order of their users' ids, each as it is at this moment. It writes nothing and opens nobody.",
        )
        .parameters(parameters::of_accounts())
        .answers("A page.", &[], &content))
}

fn update_account(describing: &mut Describing<'_>) -> Operation {
    let plan = &describing.examples.stats.plan;
    let examples = [
        ("cap", "A daily cap, at once", json!({ "userId": "alice", "caps": { "daily": 500, "monthly": null } })),
        (
            "plan",
            "A plan, from the next billing on",
            json!({ "userId": "alice", "plan": plan, "effective": "nextPeriod" }),
        ),
    ];
    let body = describing.schemas.request::<UpdateAccount>();
    let content = [("application/json", describing.schemas.answer::<Told<'_>>(), describing.examples.plan.clone())];
    Operation::new(Resource::Accounts, "patch", "updateAccount", OPERATION, "Change a user's plan and caps")
        .description("Nothing is credited and nothing taken by that, and no entry is written.")
        .body(&body, &examples)
        .answers("It is changed, or planned.", &["Idempotent-Replayed"], &content)
}

fn billing(describing: &mut Describing<'_>) -> Result<Operation, serde_json::Error> {
    let report = Report { due: 2, billed: 2, credited: 600, failed: 0, more: false, duration_ms: 12 };
    let content = [("application/json", describing.schemas.answer::<Report>(), serde_json::to_value(&report)?)];
    Ok(Operation::new(Resource::Billing, "get", "runBilling", OPERATION, "Bill whoever is due")
        .description(
            "What the platform's cron calls. Nobody depends on it: a read or a debit bills first what fell due, and each period is billed \
             once, whoever comes first (contract §1).",
        )
        .answers("What this run did.", &[], &content))
}

fn health(describing: &mut Describing<'_>) -> Result<Operation, serde_json::Error> {
    let health = Health { status: "ok", store: "redis", round_trip_ms: 0.4, version: env!("CARGO_PKG_VERSION") };
    let content = [("application/json", describing.schemas.answer::<Health>(), serde_json::to_value(&health)?)];
    Ok(Operation::new(Resource::Health, "get", "getHealth", OPERATION, "Whether the store answers")
        .description("For everybody, without credentials.")
        .answers("It does.", &[], &content))
}
