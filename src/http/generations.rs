use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    messages,
    problem::{Failure, Problem, Reason},
};
use crate::{ledger::ContentType, stats_service::Generation};

/// What is generated when the caller does not say (contract §2).
pub(super) const DEFAULT_CONTENT_TYPE: &str = "ARTICLE";

/// `POST /api/generations`: debits what a generation costs.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let generation = Generation {
        content_type: content_type(call, &mut fields)?,
        token_cost: fields.take_amount("tokenCost")?,
        description: fields.take_description()?,
        metadata: fields.take_metadata()?,
    };
    fields.finish()?;
    change::answer(call, &user, messages::of_outcome, |service, caller| {
        service.record_generation(&user, generation, caller)
    })
    .await
}

fn content_type(call: &Call<'_>, fields: &mut Fields<'_>) -> Result<ContentType, Problem> {
    let given = call.take_content_type(fields)?;
    call.content_type(given.as_deref().unwrap_or(DEFAULT_CONTENT_TYPE))
}
