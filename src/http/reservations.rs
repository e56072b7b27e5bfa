use super::{
    Response,
    call::Call,
    change::{self, Message, Told},
    fields::Fields,
    messages,
    problem::{Failure, Problem, Reason},
    query::Query,
    respond,
};
use crate::{
    ledger::{ReservationAction, ReservationId},
    stats_service::TokenReservation,
};

/// How long tokens are set aside when the caller does not say, in seconds (contract §2).
pub(super) const TTL_DEFAULT: u64 = 300;
/// How long they can be: a day, in seconds.
pub(super) const TTL_MAX: u64 = 86_400;

/// `POST /api/reservations`: sets tokens aside.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let amount = fields.take_amount("amount")?;
    let content_type = call.take_content_type(&mut fields)?;
    let reservation = TokenReservation {
        amount: amount.ok_or_else(|| Problem::invalid_field("amount", Reason::Required))?,
        content_type: content_type.map(|name| call.content_type(&name)).transpose()?,
        lasts_ms: milliseconds(fields.take_whole("ttlSeconds", 1, TTL_MAX)?),
        metadata: fields.take_metadata()?,
    };
    fields.finish()?;
    let message = messages::of_reservation;
    change::answer(call, &user, message, |service, caller| service.reserve_tokens(&user, reservation, caller)).await
}

/// `PATCH /api/reservations`: captures, releases or extends a reservation.
pub(super) async fn patch(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let id = fields.take_text("reservationId", &Reason::NotAReservationId)?;
    let id = reservation_id(id.as_deref())?;
    let (action, message) = take_action(&mut fields)?;
    fields.finish()?;
    change::answer(call, &user, message, |service, caller| service.change_reservation(&user, id, action, caller)).await
}

/// `GET /api/reservations?userId=&reservationId=`: a reservation, or what became of it.
pub(super) async fn get(call: &Call<'_>) -> Result<Response, Failure> {
    let mut query = Query::parse(call.query)?;
    let user = call.user(query.take("userId").as_deref())?;
    let id = reservation_id(query.take("reservationId").as_deref())?;
    query.finish()?;
    let locale = call.trace.locale;
    let service = call.service_for(&user).await?;
    let (stats, reservation) = call.stored(service.get_reservation(&user, &id, locale)).await?;
    let reservation = reservation.ok_or(Problem::ReservationNotFound)?;
    let message = messages::of_status(&reservation, stats.token_balance, locale);
    let reservation = Some(&reservation);
    respond::json(&Told { success: true, message, stats: &stats, transaction: None, reservation })
}

/// What is to be done, and how it is told. A field of another action is refused.
fn take_action(fields: &mut Fields<'_>) -> Result<(ReservationAction, Message), Problem> {
    let actions = ["capture", "release", "extend"].map(|name| (name, name));
    let action = fields.take_choice("action", &actions)?;
    let action = action.ok_or_else(|| Problem::invalid_field("action", Reason::Required))?;
    let amount = fields.take_amount("amount")?;
    let is_final = fields.take_flag("final")?;
    let ttl = fields.take_whole("ttlSeconds", 1, TTL_MAX)?;
    let told: (ReservationAction, Message) = match action {
        "capture" => (ReservationAction::Capture { amount, is_final: is_final.unwrap_or(true) }, messages::of_capture),
        "extend" => (ReservationAction::Extend { lasts_ms: milliseconds(ttl) }, messages::of_extension),
        _ => (ReservationAction::Release, messages::of_reservation),
    };
    let given = [
        ("amount", amount.is_some(), "capture"),
        ("final", is_final.is_some(), "capture"),
        ("ttlSeconds", ttl.is_some(), "extend"),
    ];
    match given.into_iter().find(|(_, is_given, owner)| *is_given && *owner != action) {
        Some((field, _, owner)) => Err(Problem::invalid_field(field, Reason::OnlyFor { action: owner })),
        None => Ok(told),
    }
}

fn milliseconds(ttl: Option<u64>) -> u64 {
    ttl.unwrap_or(TTL_DEFAULT).saturating_mul(1_000)
}

fn reservation_id(given: Option<&str>) -> Result<ReservationId, Problem> {
    let text = given.ok_or_else(|| Problem::invalid_field("reservationId", Reason::Required))?;
    ReservationId::new(text).ok_or_else(|| Problem::invalid_field("reservationId", Reason::NotAReservationId))
}
