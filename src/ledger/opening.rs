use std::sync::Arc;

use super::{
    Account, Amount, BillingCycle, ReservationStatus, Source, Terms, Transaction, TransactionId, UserId,
    decide::Writing,
    settle::close,
    spending::{Spending, credit, spend},
};
use crate::{
    mutation::{Mutation, planted},
    plans::{DemoStep, NotInCatalogue, Price},
    stage::Stage,
};

/// A new account: its opening balance, or in production the test user's demo history.
pub(super) fn open(user: &UserId, terms: Terms<'_>, entries: &mut Vec<Transaction>) -> Result<Account, NotInCatalogue> {
    let Terms { catalogue, now, locale, stage } = terms;
    let (name, plan) = catalogue.default_plan()?;
    let billing = BillingCycle::starting_after(now, plan.billing_day(), plan.time_zone());
    let mut account = Account::empty(user.clone(), Arc::clone(name), now, billing);
    let demo = match stage {
        Stage::Production => catalogue.demo_of(user),
        Stage::Development => None,
    };
    if let Some(steps) = demo {
        for step in steps {
            entries.extend(demonstrate(&mut account, step, terms)?);
        }
    } else if let Some(amount) = Amount::new(plan.opening_balance()) {
        let text = catalogue.source_label(Source::Initial, locale);
        entries.extend(credit(&mut account, amount, Source::Initial.into(), text, None, now));
    }
    Ok(account)
}

/// One step of the demo history, in the past, whatever the caps are. The catalogue has checked that the balance covers it.
fn demonstrate(
    account: &mut Account,
    step: &DemoStep,
    terms: Terms<'_>,
) -> Result<Option<Transaction>, NotInCatalogue> {
    let at = terms.now.earlier_by(step.millis_ago());
    let entry = match step {
        DemoStep::Credit { amount, .. } => {
            let text = terms.catalogue.source_label(Source::Initial, terms.locale);
            credit(account, *amount, Source::Initial.into(), text, None, at)
        }
        DemoStep::Generation { content_type, .. } => {
            let Price { cost, label } = terms.catalogue.price(content_type, terms.locale)?;
            let spending = Spending {
                content_type: Some(content_type.clone()),
                description: label,
                metadata: None,
                capture: None,
            };
            let plan = terms.catalogue.plan(&account.plan)?;
            let paid = account.grants.take(cost, terms.catalogue.priorities());
            Ok(spend(account, cost, paid, spending, plan, at))
        }
    };
    Ok(entry.ok())
}

/// The opening state again, with a history of its own. Ids go on increasing, but for a demo history, which lies in the
/// past. What was set aside is released, and what an operator set of plan and caps is gone.
pub(super) fn reopen(
    before: &mut Account,
    terms: Terms<'_>,
    writing: &mut Writing,
) -> Result<(Account, usize), NotInCatalogue> {
    while !before.reservations.is_empty() && !planted(Mutation::ResetForgetsReservations) {
        close(before, 0, ReservationStatus::Released, terms.now, terms, writing);
    }
    let archive_after = writing.entries.len();
    let mut opening = Vec::new();
    let mut account = open(&before.user_id, terms, &mut opening)?;
    for transaction in &mut opening {
        if transaction.id.timestamp() >= terms.now {
            transaction.id = before.last_entry.next(transaction.id.timestamp());
        }
    }
    let last = opening.last().map_or(TransactionId::ZERO, |transaction| transaction.id);
    account.last_entry = before.last_entry.max(last);
    // An opening without an entry is a change too.
    account.changes = before.changes.saturating_add(u64::from(account.version == 0));
    account.version = before.version.saturating_add(account.version);
    account.archives = before.archives.saturating_add(1);
    account.clock = before.clock;
    account.imported = before.imported;
    writing.entries.append(&mut opening);
    Ok((account, archive_after))
}
