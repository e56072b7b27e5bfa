//! What clients ask for, and how.

use std::sync::Arc;

use jeton::{
    committer::{Decision, Idempotency, Reply},
    history::Selection,
    ledger::{
        Amount, CapChange, ContentType, Effective, GrantKind, PlanChange, ReservationAction, ReservationId,
        TransactionId, UserId,
    },
    locale::Locale,
    stats_service::{Caller, Generation, StatsService, TokenCredit, TokenReservation},
    store::{IdempotencyKey, StoreError},
};
use serde_json::{Map, Value, json};

use crate::{
    sold::Sold,
    told::{looked, page, stats, written},
};

/// How many entries a page has.
pub(crate) const PAGE: usize = 4;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Asked {
    Read,
    Page,
    /// What became of a reservation.
    Look(ReservationId),
    Debit(u64),
    Credit(u64, GrantKind),
    /// `lasts` is in milliseconds.
    Reserve {
        amount: u64,
        lasts: u64,
        is_generation: bool,
    },
    Capture {
        id: ReservationId,
        amount: Option<u64>,
        is_final: bool,
    },
    Release(ReservationId),
    Extend {
        id: ReservationId,
        lasts: u64,
    },
    Refund(TransactionId),
    Change {
        change: Change,
        now: bool,
    },
    Reset,
}

/// Another plan, by its place in the catalogue, and other caps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) plan: Option<usize>,
    pub(crate) daily: Option<CapChange>,
    pub(crate) monthly: Option<CapChange>,
}

impl Change {
    /// This, and `later` where it says something.
    pub(crate) fn then(self, later: Self) -> Self {
        Self {
            plan: later.plan.or(self.plan),
            daily: later.daily.or(self.daily),
            monthly: later.monthly.or(self.monthly),
        }
    }

    fn named(self, sold: &Sold) -> PlanChange {
        PlanChange {
            plan: self.plan.map(|plan| sold.plans[plan].name.into()),
            daily: self.daily,
            monthly: self.monthly,
        }
    }
}

impl Asked {
    /// Whether it changes nothing but what time has decided.
    pub(crate) const fn only_looks(&self) -> bool {
        matches!(self, Self::Read | Self::Page | Self::Look(_))
    }
}

/// Asks, and gives the answer as text.
pub(crate) async fn ask(
    service: &StatsService,
    sold: &Sold,
    user: &UserId,
    asked: &Asked,
    tag: &str,
    keyed: bool,
) -> Result<String, StoreError> {
    let metadata: Option<Map<String, Value>> = Some([("tag".to_owned(), json!(tag))].into_iter().collect());
    let idempotency = keyed.then(|| Idempotency {
        key: IdempotencyKey::new(tag).unwrap(),
        fingerprint: tag.to_owned(),
        render: Arc::new(|decision: &Decision| (200, written(decision))),
    });
    let caller = Caller { locale: Locale::French, idempotency };
    let content_type = || ContentType::new("ARTICLE");
    let on_reservation =
        |id: &ReservationId, action| service.change_reservation(user, id.clone(), action, caller.clone());
    let reply = match asked {
        Asked::Read => {
            let read = service.get_user_stats(user, Locale::French).await?;
            return Ok(stats(&read).to_string());
        }
        Asked::Page => {
            let selection = Selection::default();
            return Ok(page(&service.get_transaction_history(user, &selection, None, PAGE, Locale::French).await?));
        }
        Asked::Look(id) => return Ok(looked(&service.get_reservation(user, id, Locale::French).await?)),
        Asked::Debit(cost) => {
            let token_cost = Amount::new(*cost);
            let generation = Generation { content_type: content_type(), token_cost, description: None, metadata };
            service.record_generation(user, generation, caller).await?
        }
        Asked::Credit(amount, grant) => {
            let amount = Amount::new(*amount).unwrap();
            let credit = TokenCredit { amount, grant: *grant, description: None, metadata };
            service.add_tokens(user, credit, caller).await?
        }
        Asked::Reserve { amount, lasts, is_generation } => {
            let (amount, lasts_ms) = (Amount::new(*amount).unwrap(), *lasts);
            let content_type = is_generation.then(content_type);
            let reservation = TokenReservation { amount, content_type, lasts_ms, metadata };
            service.reserve_tokens(user, reservation, caller).await?
        }
        Asked::Capture { id, amount, is_final } => {
            let amount = amount.and_then(Amount::new);
            on_reservation(id, ReservationAction::Capture { amount, is_final: *is_final }).await?
        }
        Asked::Release(id) => on_reservation(id, ReservationAction::Release).await?,
        Asked::Extend { id, lasts } => on_reservation(id, ReservationAction::Extend { lasts_ms: *lasts }).await?,
        Asked::Refund(id) => service.refund(user, *id, Some(tag.to_owned()), caller).await?,
        Asked::Change { change, now } => {
            let effective = if *now { Effective::Now } else { Effective::NextPeriod };
            service.change_plan(user, change.named(sold), effective, caller).await?
        }
        Asked::Reset => service.reset_stats(user, caller).await?,
    };
    Ok(match reply {
        Reply::Decided { decision, .. } => written(&decision),
        Reply::Replayed(record) => record.body,
    })
}
