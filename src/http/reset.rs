use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    messages,
    problem::{Failure, Reason},
};

/// `POST /api/reset`: goes back to the opening state.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    fields.finish()?;
    change::answer(call, &user, messages::of_reset, |service, caller| service.reset_stats(&user, caller)).await
}
