//! What reads one user.

use std::{collections::BTreeMap, error::Error};

use serde_json::{Value, json};

use super::{BALANCE, BROWSERS, Describing, SPENDING};
use crate::{
    http::{
        change::Told,
        openapi::{operation::Operation, parameters, schemas::reference},
        resource::Resource,
        stream::Format,
        transactions::TransactionPage,
        usage::UsageReport,
    },
    ledger::{ContentType, Spent, Stats, Timestamp, Transaction},
    usage::Bucket,
};

pub(super) fn calls(describing: &mut Describing<'_>) -> Result<Vec<Operation>, Box<dyn Error>> {
    Ok(vec![
        stats(describing)?,
        transactions(describing)?,
        usage(describing)?,
        events(describing)?,
        reservation(describing),
    ])
}

fn stats(describing: &mut Describing<'_>) -> Result<Operation, serde_json::Error> {
    let example = serde_json::to_value(&describing.examples.stats)?;
    let content = [("application/json", describing.schemas.answer::<Stats>(), example)];
    Ok(Operation::new(Resource::Stats, "get", "getStats", BALANCE, "The account of a user, as it is now")
        .description("What has fallen due by now (billing, expiries) is in it (contract §1).")
        .parameters(parameters::reader())
        .answers("The stats object.", &[], &content))
}

fn transactions(describing: &mut Describing<'_>) -> Result<Operation, Box<dyn Error>> {
    let transactions = &describing.examples.transactions;
    let newest: Vec<_> = transactions.iter().take(2).cloned().collect();
    let page = TransactionPage { next_cursor: newest.last().map(|entry| entry.id), transactions: newest };
    let schema = describing.schemas.answer::<TransactionPage>();
    let export = |format: Format| -> Result<Value, Box<dyn Error>> {
        let lines = format.lines(transactions).map_err(|failure| failure.problem.code())?;
        Ok(String::from_utf8([format.head(), lines].concat())?.into())
    };
    let text = |about: &str| json!({ "type": "string", "description": about });
    let csv = "RFC 4180: a header line, CRLF, `metadata` and `grants` as JSON; what an entry does not have is empty. Columns that come \
               later come at the end.";
    let content = [
        ("application/json", schema, serde_json::to_value(&page)?),
        ("text/csv", text(csv), export(Format::Csv)?),
        ("application/x-ndjson", text("A `Transaction` on each line."), export(Format::Ndjson)?),
    ];
    Ok(Operation::new(Resource::Transactions, "get", "listTransactions", BALANCE, "The history of a user")
        .description(
            "A page of at most `limit` entries and a `nextCursor`: read until it is null. With `type` or `contentType` a page looks at \
             5 000 entries at most, so it may hold fewer than `limit`, or none, and still have a `nextCursor`.\n\nWith `Accept: text/csv` \
             or `application/x-ndjson` the whole selection comes in one stream. One that breaks off ends without its last chunk.",
        )
        .parameters(parameters::of_transactions())
        .answers("A page, or the whole selection.", &["Content-Disposition"], &content))
}

fn usage(describing: &mut Describing<'_>) -> Result<Operation, Box<dyn Error>> {
    let spent = Spent { tokens: 45, generations: 2 };
    let start = Timestamp::from_rfc3339("2026-11-22T23:00:00.000Z").ok_or("not an instant")?;
    let by_content_type = BTreeMap::from([(ContentType::new("ARTICLE"), spent)]);
    let report = UsageReport { buckets: vec![Bucket { start, spent, by_content_type }] };
    let content = [("application/json", describing.schemas.answer::<UsageReport>(), serde_json::to_value(&report)?)];
    Ok(Operation::new(Resource::Usage, "get", "getUsage", BALANCE, "What a user has spent, by the hour, day or month")
        .description(
            "What generations and captures debited, since the last reset, by the clocks of `timezone`. It stays counted when it is \
             refunded. A range that is backwards or too long is refused, as `from`.",
        )
        .parameters(parameters::of_usage())
        .answers("All buckets of the range, the empty ones too.", &[], &content))
}

fn events(describing: &mut Describing<'_>) -> Result<Operation, Box<dyn Error>> {
    let newest = describing.examples.transactions.first().ok_or("no history")?;
    let data = serde_json::to_string(newest)?;
    let example = json!({ "event": "transaction", "id": newest.id, "data": data });
    let stats = describing.schemas.answer::<Stats>();
    let transaction = describing.schemas.answer::<Transaction>();
    let nothing = json!({ "type": "object", "additionalProperties": false });
    let kinds = [
        (
            "StatsEvent",
            "stats",
            "The account as it is. The id is that of the newest entry, `0-0` while there is none.",
            stats,
        ),
        ("TransactionEvent", "transaction", "An entry, with its own id.", transaction),
        ("ResyncEvent", "resync", "Forget what was told, and read the history anew. It has no id.", nothing),
    ];
    let kinds = kinds.map(|(name, event, about, data)| {
        let schema = event_schema(event, about, &data);
        describing.schemas.add(name, schema)
    });
    let about = "One event of the stream, by its fields in the HTML standard. They come one after another, with comments between them.";
    let schema = describing.schemas.add("Event", json!({ "description": about, "oneOf": kinds }));
    let content = [("text/event-stream", schema, example)];
    let summary = "Every change of a user's account, as it happens";
    Ok(Operation::new(Resource::Events, "get", "streamEvents", BROWSERS, summary)
        .description(
            "Sends `stats` at the beginning and after every change, and before it a `transaction` for each entry, in order, each once; \
             also what time alone changes, when it falls due (contract §6). Every event but `resync` has an id, for `Last-Event-ID`. The \
             stream ends cleanly before the function does, with `retry: 1000`, or with the user token; a comment every 15 s keeps the line \
             open.",
        )
        .parameters(parameters::of_events())
        .answers("A stream, which goes on until it ends. The schema is that of each event.", &["X-Accel-Buffering"], &content))
}

/// An event whose data is JSON of this schema.
fn event_schema(event: &str, about: &str, data: &Value) -> Value {
    let data = json!({ "type": "string", "contentMediaType": "application/json", "contentSchema": data });
    let mut fields = json!({ "event": { "type": "string", "const": event }, "data": data });
    let mut required = vec!["data", "event"];
    if event != "resync" {
        required.push("id");
        if let Some(fields) = fields.as_object_mut() {
            fields.insert("id".to_owned(), reference("TransactionId"));
        }
    }
    json!({ "description": about, "type": "object", "properties": fields, "required": required })
}

fn reservation(describing: &mut Describing<'_>) -> Operation {
    let content =
        [("application/json", describing.schemas.answer::<Told<'_>>(), describing.examples.reservation.clone())];
    Operation::new(Resource::Reservations, "get", "getReservation", SPENDING, "A reservation, or what became of it")
        .description("What became of one that is closed is known for seven days.")
        .parameters(parameters::of_a_reservation())
        .answers("The reservation, and the account as it is.", &[], &content)
        .refused(&["reservation_not_found"])
}
