//! What changes one user.

use serde_json::{Value, json};

use super::{BROWSERS, CREDIT, Describing, OPERATION, SPENDING};
use crate::http::{
    change::Told,
    openapi::{
        operation::Operation,
        requests::{AddTokens, CreateSession, RecordGeneration, RefundDebit, Reserve, ResetAccount, UpdateReservation},
    },
    resource::Resource,
    sessions::IssuedSession,
};

/// The headers of an answer that may be given again.
const REPLAYED: [&str; 1] = ["Idempotent-Replayed"];

pub(super) fn calls(describing: &mut Describing<'_>) -> Vec<Operation> {
    vec![
        generation(describing),
        reserve(describing),
        update_reservation(describing),
        tokens(describing),
        refund(describing),
        reset(describing),
        session(describing),
    ]
}

/// That it answers with a result.
fn result(describing: &mut Describing<'_>, call: Operation, what: &str, example: &Value) -> Operation {
    let content = [("application/json", describing.schemas.answer::<Told<'_>>(), example.clone())];
    call.answers(what, &REPLAYED, &content)
}

fn generation(describing: &mut Describing<'_>) -> Operation {
    let examples = [
        ("article", "An article, at the catalogue's cost", json!({ "userId": "alice" })),
        (
            "product",
            "A product description, with the caller's own data",
            json!({ "userId": "alice", "contentType": "PRODUCT_DESCRIPTION", "metadata": { "productId": "sku-42" } }),
        ),
        (
            "ownCost",
            "A cost and a text of the caller's own",
            json!({ "userId": "alice", "tokenCost": 12, "description": "A long article" }),
        ),
    ];
    let body = describing.schemas.request::<RecordGeneration>();
    let call = Operation::new(Resource::Generations, "post", "recordGeneration", SPENDING, "Debit a generation")
        .description(
            "Debits `tokenCost`, or what the catalogue says for the content type, and counts one generation. What has fallen due by then \
             is credited first (contract §1). The cost is paid by the grants with the smallest priority, of those by what expires first.",
        )
        .body(&body, &examples)
        .refused(&["insufficient_tokens", "spending_cap_reached", "balance_limit_exceeded"]);
    let example = &describing.examples.generation;
    result(describing, call, "It is debited; `transaction` is the entry.", example)
}

fn reserve(describing: &mut Describing<'_>) -> Operation {
    let examples = [(
        "article",
        "For an article whose cost is known at its end",
        json!({ "userId": "alice", "amount": 50, "contentType": "ARTICLE", "ttlSeconds": 600 }),
    )];
    let body = describing.schemas.request::<Reserve>();
    let call = Operation::new(
        Resource::Reservations,
        "post",
        "reserve",
        SPENDING,
        "Set tokens aside for work under way",
    )
    .description(
        "Takes tokens from the balance, until they are captured or released, or their time is over. Writes no entry.",
    )
    .body(&body, &examples)
    .refused(&["insufficient_tokens", "spending_cap_reached", "rate_limited"]);
    let example = &describing.examples.reservation;
    result(describing, call, "They are set aside; `reservation` says how.", example)
}

fn update_reservation(describing: &mut Describing<'_>) -> Operation {
    let of = |more: Value| {
        let mut body = json!({ "userId": "alice", "reservationId": "res_7Hq0cXb2LmPa" });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body
    };
    let examples = [
        ("capture", "Debit what was used; the rest comes back", of(json!({ "action": "capture", "amount": 42 }))),
        (
            "capturePart",
            "Debit a part; the reservation stays open",
            of(json!({ "action": "capture", "amount": 10, "final": false })),
        ),
        ("extend", "Let it last longer", of(json!({ "action": "extend", "ttlSeconds": 600 }))),
        ("release", "Give all back", of(json!({ "action": "release" }))),
    ];
    let body = describing.schemas.request::<UpdateReservation>();
    let summary = "Capture, release or extend a reservation";
    let call = Operation::new(Resource::Reservations, "patch", "updateReservation", SPENDING, summary)
        .description(
            "A capture debits `amount`, or all that is still set aside, and closes the reservation unless `final` is false. What is beyond \
             the reservation comes from the balance; the plan's `capture_above` says what becomes of what that does not cover.",
        )
        .body(&body, &examples)
        .refused(&[
            "reservation_not_found",
            "reservation_captured",
            "reservation_released",
            "reservation_expired",
            "insufficient_tokens",
            "spending_cap_reached",
            "balance_limit_exceeded",
        ]);
    let example = &describing.examples.capture;
    result(describing, call, "It is done; `transaction` is what a capture debited.", example)
}

fn tokens(describing: &mut Describing<'_>) -> Operation {
    let examples = [
        (
            "purchase",
            "Tokens that were bought, and stay",
            json!({ "userId": "alice", "amount": 1000, "description": "Top-up" }),
        ),
        (
            "promotion",
            "Tokens that expire, and are spent before others",
            json!({
                "userId": "alice", "amount": 100, "source": "promotion", "priority": 5, "expiresAt": "2099-12-31T23:00:00Z",
            }),
        ),
    ];
    let body = describing.schemas.request::<AddTokens>();
    let call = Operation::new(Resource::Tokens, "post", "addTokens", CREDIT, "Add tokens")
        .description(
            "An `expiresAt` that is not in the future, or not after the newest entry of the history, is refused as an invalid field: the \
             account is looked at for that.",
        )
        .body(&body, &examples)
        .refused(&["balance_limit_exceeded"]);
    let example = &describing.examples.credit;
    result(describing, call, "They are added; `transaction` is the entry.", example)
}

fn refund(describing: &mut Describing<'_>) -> Operation {
    let examples = [(
        "whole",
        "Give a debit back",
        json!({ "userId": "alice", "transactionId": "1795461624119-0", "description": "Wrong article" }),
    )];
    let body = describing.schemas.request::<RefundDebit>();
    let call = Operation::new(Resource::Refunds, "post", "refund", CREDIT, "Give a debit back")
        .description("Whole, and once, to the grants that paid it. What has expired since is governed by the plan's `refund_expired`.")
        .body(&body, &examples)
        .refused(&["transaction_not_found", "already_refunded", "not_refundable", "balance_limit_exceeded"]);
    let example = &describing.examples.refund;
    result(describing, call, "It is given back; `transaction` is the credit.", example)
}

fn reset(describing: &mut Describing<'_>) -> Operation {
    let body = describing.schemas.request::<ResetAccount>();
    let call = Operation::new(Resource::Reset, "post", "reset", OPERATION, "Bring an account back to its opening")
        .description("The history before is archived, never destroyed (contract §1). Reservations are released.")
        .body(&body, &[("anew", "Begin anew", json!({ "userId": "alice" }))]);
    let example = &describing.examples.reset;
    result(describing, call, "It is as new; `transaction` is the opening's entry.", example)
}

fn session(describing: &mut Describing<'_>) -> Operation {
    let body = describing.schemas.request::<CreateSession>();
    let schema = describing.schemas.answer::<IssuedSession>();
    let example = json!({
        "token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        "expiresAt": describing.examples.session_ends_at.to_string(),
    });
    Operation::new(Resource::Sessions, "post", "createSession", BROWSERS, "Issue a user token for a browser")
        .description(
            "A JWT that reads this one user: stats, transactions, usage and events (contract §5). It cannot be called back. It works while \
             the store is away, unless an `Idempotency-Key` asks for it to be remembered.",
        )
        .body(&body, &[("tenMinutes", "For ten minutes", json!({ "userId": "alice", "ttlSeconds": 600 }))])
        .answers("The token.", &REPLAYED, &[("application/json", schema, example)])
}
