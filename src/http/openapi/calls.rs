//! The calls of contract §2: each with its name for clients, what it takes, answers, and by which rules it is refused.

mod changes;
mod operator;
mod reads;

use std::error::Error;

use super::{examples::Examples, operation::Operation, schemas::Schemas};

const BALANCE: &str = "Balance";
const SPENDING: &str = "Spending";
const CREDIT: &str = "Credit";
const BROWSERS: &str = "Browsers";
const OPERATION: &str = "Operation";

/// The kinds of calls.
pub(super) const TAGS: [(&str, &str); 5] = [
    (BALANCE, "What a user has, and how it came about."),
    (SPENDING, "Debits, and tokens that are set aside for work under way."),
    (CREDIT, "Tokens that are added or given back."),
    (BROWSERS, "What a user's own browser is told, as it happens."),
    (OPERATION, "For whoever runs the deployment."),
];

/// What a call is described with.
struct Describing<'a> {
    schemas: &'a mut Schemas,
    examples: &'a Examples,
}

/// All of them.
pub(super) fn all(schemas: &mut Schemas, examples: &Examples) -> Result<Vec<Operation>, Box<dyn Error>> {
    let mut describing = Describing { schemas, examples };
    let mut all = reads::calls(&mut describing)?;
    all.extend(changes::calls(&mut describing));
    all.extend(operator::calls(&mut describing)?);
    Ok(all)
}
