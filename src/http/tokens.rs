use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    messages,
    problem::{Failure, Problem, Reason},
};
use crate::{
    ledger::{GrantKind, Source},
    stats_service::TokenCredit,
};

/// The sources that a caller can name; the others are the ledger's own.
pub(super) const SOURCES: [(&str, Source); 3] =
    [("purchase", Source::Purchase), ("promotion", Source::Promotion), ("adjustment", Source::Adjustment)];

/// `POST /api/tokens`: credits tokens.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let amount = fields.take_amount("amount")?;
    let credit = TokenCredit {
        amount: amount.ok_or_else(|| Problem::invalid_field("amount", Reason::Required))?,
        grant: GrantKind {
            source: fields.take_choice("source", &SOURCES)?.unwrap_or(Source::Purchase),
            priority: fields.take_priority()?,
            expires_at: fields.take_instant("expiresAt")?,
        },
        description: fields.take_description()?,
        metadata: fields.take_metadata()?,
    };
    fields.finish()?;
    change::answer(call, &user, messages::of_outcome, |service, caller| service.add_tokens(&user, credit, caller)).await
}
