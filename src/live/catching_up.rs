use super::{
    Place, Shared, Start,
    events::{Events, stats_json},
};
use crate::{
    ledger::{Transaction, UserId},
    stats_service::Moment,
    store::StoreError,
};

/// What brings somebody to the present, or nearer to it.
pub(super) struct CaughtUp {
    pub(super) events: Events,
    /// Where that is.
    pub(super) place: Place,
    pub(super) version: u64,
    /// Whether it is the present.
    pub(super) is_whole: bool,
}

impl CaughtUp {
    /// For who begins to listen.
    pub(super) async fn at(start: Start, shared: &Shared, user: &UserId) -> Result<Self, StoreError> {
        match start {
            Start::Now => Ok(Self::with(&[], &shared.look(user, None).await?, Events::default())),
            Start::Anew => Self::anew(shared, user).await,
            Start::After(last) => {
                let moment = shared.look(user, Some(last)).await?;
                Self::since(moment.since(last), &moment, shared, user).await
            }
        }
    }

    /// For who stands there, and was told the account of this version.
    pub(super) async fn from(place: Place, version: u64, shared: &Shared, user: &UserId) -> Result<Self, StoreError> {
        let moment = shared.look(user, Some(place.last)).await?;
        Self::since(moment.goes_on_from(place, version), &moment, shared, user).await
    }

    async fn since(
        missed: Option<&[Transaction]>,
        moment: &Moment,
        shared: &Shared,
        user: &UserId,
    ) -> Result<Self, StoreError> {
        match missed {
            Some(missed) => Ok(Self::with(missed, moment, Events::default())),
            None => Self::anew(shared, user).await,
        }
    }

    async fn anew(shared: &Shared, user: &UserId) -> Result<Self, StoreError> {
        let mut events = Events::default();
        events.resync();
        Ok(Self::with(&[], &shared.look(user, None).await?, events))
    }

    fn with(missed: &[Transaction], moment: &Moment, mut events: Events) -> Self {
        let place = Place::of(moment);
        events.transactions(missed);
        // They belong to the last entry, which may be yet to come.
        if moment.is_whole() {
            events.stats(place.last, &stats_json(&moment.stats));
        }
        Self { events, place, version: moment.stats.version, is_whole: moment.is_whole() }
    }
}
