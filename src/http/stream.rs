use std::sync::Arc;

use http_body_util::StreamBody;
use hyper::{
    StatusCode,
    body::{Bytes, Frame},
    header::{CONTENT_DISPOSITION, HeaderValue},
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vercel_runtime::ResponseBody;

use super::{
    Response,
    call::Call,
    problem::{Failure, Problem},
    respond,
};
use crate::{
    history::{Page, Selection},
    ledger::{Transaction, TransactionId, UserId},
    log,
    stats_service::{Beginning, StatsService},
    store::Order,
    weighted,
};

/// How many entries are read from the store at once.
const PAGE: usize = 1_000;

/// A form in which the whole selection is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `text/csv` (RFC 4180), with a header line.
    Csv,
    /// `application/x-ndjson`: one JSON object a line.
    Ndjson,
}

impl Format {
    /// The form that an `Accept` header asks for by its name, unless it asks for JSON more; `None` for everything else,
    /// which is answered with a page.
    pub(super) fn wanted(accept: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        let mut page = 0.0_f32;
        for (range, weight) in weighted::items(accept) {
            let format = match range.to_ascii_lowercase().as_str() {
                "text/csv" => Self::Csv,
                "application/x-ndjson" => Self::Ndjson,
                "application/json" | "application/*" | "*/*" => {
                    page = page.max(weight);
                    continue;
                }
                _ => continue,
            };
            if weight > best.map_or(0.0, |(_, weight)| weight) {
                best = Some((format, weight));
            }
        }
        best.filter(|(_, weight)| *weight >= page).map(|(format, _)| format)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    const fn file_name(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"transactions.csv\"",
            Self::Ndjson => "attachment; filename=\"transactions.ndjson\"",
        }
    }

    pub(super) fn head(self) -> Vec<u8> {
        const COLUMNS: &str = "id,type,amount,description,contentType,timestamp,balance,source,reservationId,refundOf,\
                               metadata,grants,priority,expiresAt,part\r\n";
        match self {
            Self::Csv => COLUMNS.into(),
            Self::Ndjson => Vec::new(),
        }
    }

    pub(super) fn lines(self, transactions: &[Transaction]) -> Result<Vec<u8>, Failure> {
        let unwritable = |error: String| Failure { problem: Problem::Internal, cause: Some(error) };
        match self {
            Self::Csv => {
                let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
                for transaction in transactions {
                    writer.write_record(record(transaction)).map_err(|error| unwritable(error.to_string()))?;
                }
                writer.into_inner().map_err(|error| unwritable(error.to_string()))
            }
            Self::Ndjson => {
                let mut lines = Vec::new();
                for transaction in transactions {
                    serde_json::to_writer(&mut lines, transaction).map_err(|error| unwritable(error.to_string()))?;
                    lines.push(b'\n');
                }
                Ok(lines)
            }
        }
    }
}

fn record(transaction: &Transaction) -> [String; 15] {
    let Transaction { id, entry } = transaction;
    let word = |value: Result<serde_json::Value, _>| match value {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    };
    let metadata = entry.metadata.as_ref().and_then(|metadata| serde_json::to_string(metadata).ok());
    let grants = Some(&entry.grants).filter(|grants| !grants.is_empty());
    let grants = grants.and_then(|grants| serde_json::to_string(grants).ok());
    [
        id.to_string(),
        word(serde_json::to_value(entry.kind)),
        entry.amount.to_string(),
        entry.description.to_string(),
        entry.content_type.as_ref().map(ToString::to_string).unwrap_or_default(),
        id.timestamp().to_string(),
        entry.balance.to_string(),
        word(serde_json::to_value(entry.source)),
        entry.reservation_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.refund_of.as_ref().map(ToString::to_string).unwrap_or_default(),
        metadata.unwrap_or_default(),
        grants.unwrap_or_default(),
        entry.priority.map(|priority| u8::from(priority).to_string()).unwrap_or_default(),
        entry.expires_at.as_ref().map(ToString::to_string).unwrap_or_default(),
        entry.part.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

/// Sends all of `selection`, page by page as the caller takes it, up to the newest entry there is now.
pub(super) async fn answer(
    call: &Call<'_>,
    format: Format,
    user: UserId,
    selection: Selection,
    cursor: Option<TransactionId>,
) -> Result<Response, Failure> {
    let service = call.service_for(&user).await?;
    // The first page is read before the status is sent: a store that does not answer is a 503, not a broken file.
    let begin = service.begin_transaction_history(&user, &selection, cursor, PAGE, call.trace.locale);
    let Beginning { first, newest: last, archived } = call.stored(begin).await?;

    let (sender, receiver) = mpsc::channel(1);
    let request = call.trace.request_id.clone();
    let export = Export { service: Arc::clone(service), user, selection, last, archived, format };
    tokio::spawn(async move {
        if let Err(failure) = export.send(first, &sender).await {
            let cause = failure.cause.unwrap_or_default();
            log::warning(&format!(
                "the export of user {} that request {request} began broke off: {cause}",
                export.user
            ));
            // The transfer ends without its last chunk, so that nobody takes a part for the whole.
            let broken: vercel_runtime::Error = "the export broke off".into();
            let _ = sender.send(Err(broken)).await;
        }
    });
    let body = ResponseBody::from(StreamBody::new(ReceiverStream::new(receiver)));
    let mut response = respond::with_body(StatusCode::OK, HeaderValue::from_static(format.content_type()), body);
    response.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static(format.file_name()));
    Ok(response)
}

type Sender = mpsc::Sender<Result<Frame<Bytes>, vercel_runtime::Error>>;

struct Export {
    service: Arc<StatsService>,
    user: UserId,
    selection: Selection,
    last: Option<TransactionId>,
    archived: u32,
    format: Format,
}

impl Export {
    async fn send(&self, first: Page, sender: &Sender) -> Result<(), Failure> {
        let mut page = first;
        let mut text = self.format.head();
        loop {
            let Page { mut transactions, next_cursor } = page;
            transactions.retain(|transaction| Some(transaction.id) <= self.last);
            text.extend(self.format.lines(&transactions)?);
            let chunk = Frame::data(Bytes::from(std::mem::take(&mut text)));
            if sender.send(Ok(chunk)).await.is_err() {
                // The caller has gone.
                return Ok(());
            }
            let beyond = self.selection.order == Order::Ascending && next_cursor > self.last;
            let Some(cursor) = next_cursor.filter(|_| !beyond) else { break };
            page = self.service.next_page(&self.user, &self.selection, Some(cursor), PAGE).await?;
        }
        if self.service.archived_histories(&self.user).await? == self.archived {
            return Ok(());
        }
        // Some of the pages may have come from the new history.
        Err(Failure { problem: Problem::Internal, cause: Some("the account was reset meanwhile".to_owned()) })
    }
}
