use std::time::Duration;

use futures_util::stream;
use http_body_util::StreamBody;
use hyper::{
    Method, StatusCode,
    body::Frame,
    header::{CACHE_CONTROL, HeaderName, HeaderValue},
};
use sync_wrapper::SyncStream;
use tokio::time::Instant;
use vercel_runtime::{Error, ResponseBody};

use super::{Response, access::Access, call::Call, problem::Failure, query::Query, respond};
use crate::{committer::Surroundings, live::Start, system::System};

/// What the browser says when it connects again: the id of the last event that it was told.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Between the function and the browser nobody may change the stream, or keep it back until it is long.
const UNCHANGED: HeaderValue = HeaderValue::from_static("no-store, no-transform");
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// `GET /api/events?userId=`: the account as it is, and from then on every change, as Server-Sent Events.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let user = call.user(query.take("userId").as_deref())?;
    let in_query = query.take("lastEventId");
    // It has said who calls.
    query.take("access_token");
    query.finish()?;
    // The header is the browser's, and newer than what the page wrote into the address.
    let header = call.headers.get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?"));
    // An empty one is that of a reader who was told nothing.
    let told = [header, in_query.as_deref()].into_iter().flatten().find(|id| !id.is_empty());
    let start = told.map_or(Start::Now, start_after);

    let service = call.service_for(&user).await?;
    if call.method == Method::HEAD {
        call.stored(service.get_user_stats(&user, call.trace.locale)).await?;
        return Ok(stream_of(ResponseBody::from(StreamBody::new(stream::pending()))));
    }
    let listener = call.stored(call.live()?.listen(&user, start, ends(call))).await?;
    let events = stream::unfold(listener, |mut listener| async move {
        let events = listener.next().await?;
        Some((Ok::<_, Error>(Frame::data(events)), listener))
    });
    Ok(stream_of(ResponseBody::from(StreamBody::new(SyncStream::new(Box::pin(events))))))
}

fn stream_of(body: ResponseBody) -> Response {
    let mut response = respond::with_body(StatusCode::OK, HeaderValue::from_static("text/event-stream"), body);
    response.headers_mut().insert(CACHE_CONTROL, UNCHANGED);
    response.headers_mut().extend([UNBUFFERED]);
    response
}

/// When the stream ends: before the function does (contract §6), or with the user token.
fn ends(call: &Call<'_>) -> Instant {
    let begun = call.trace.begun;
    let lasts = match &call.access {
        Access::User(session) => {
            let left = session.ends_at.as_millis().saturating_sub(System.now().as_millis());
            call.config.events_time.min(Duration::from_millis(left))
        }
        Access::Granted | Access::Open => call.config.events_time,
    };
    begun.checked_add(lasts).unwrap_or(begun)
}

/// Where one goes on who was told the event of this id. One that is none of ours is in no history either, and its owner
/// begins anew: a browser that were refused would never come back.
fn start_after(id: &str) -> Start {
    id.parse().map_or(Start::Anew, Start::After)
}
