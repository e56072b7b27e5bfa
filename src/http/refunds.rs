use super::{
    Response,
    call::Call,
    change,
    fields::Fields,
    messages,
    problem::{Failure, Problem, Reason},
};
use crate::ledger::TransactionId;

/// `POST /api/refunds`: gives a debit back.
pub(super) async fn post(call: &Call<'_>) -> Result<Response, Failure> {
    let mut fields = Fields::parse(&call.body)?;
    let user = call.user(fields.take_text("userId", &Reason::NotAUserId)?.as_deref())?;
    let debit = take_transaction_id(&mut fields)?;
    let description = fields.take_description()?;
    fields.finish()?;
    let message = messages::of_refund;
    change::answer(call, &user, message, |service, caller| service.refund(&user, debit, description, caller)).await
}

fn take_transaction_id(fields: &mut Fields<'_>) -> Result<TransactionId, Problem> {
    let name = "transactionId";
    let text = fields.take_text(name, &Reason::NotATransactionId)?;
    let text = text.ok_or_else(|| Problem::invalid_field(name, Reason::Required))?;
    text.parse().map_err(|_| Problem::invalid_field(name, Reason::NotATransactionId))
}
