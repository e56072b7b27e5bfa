use serde_json::{Map, Value};

use super::{Caller, StatsService};
use crate::{
    committer::{Reply, kept_reservation},
    ledger::{Amount, Command, ContentType, ReservationAction, ReservationId, ReservationStats, Stats, UserId},
    locale::Locale,
    store::{RecordName, StoreError, Stored, deadline, in_time},
    system::short_name,
};

/// Tokens to set aside.
#[derive(Clone, Debug)]
pub struct TokenReservation {
    /// How many.
    pub amount: Amount,
    /// What they are for, if it is something that the catalogue has.
    pub content_type: Option<ContentType>,
    /// How long they are set aside, in milliseconds.
    pub lasts_ms: u64,
    /// The caller's own data.
    pub metadata: Option<Map<String, Value>>,
}

impl StatsService {
    /// Sets tokens aside for work under way.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn reserve_tokens(
        &self,
        user: &UserId,
        reservation: TokenReservation,
        caller: Caller,
    ) -> Result<Reply, StoreError> {
        let TokenReservation { amount, content_type, lasts_ms, metadata } = reservation;
        let id = ReservationId::named(&short_name(self.surroundings.random()));
        let id = id.ok_or_else(|| StoreError::Damaged("chance gave a name that is none".to_owned()))?;
        self.execute(user, Command::Reserve { id, amount, content_type, lasts_ms, metadata }, caller).await
    }

    /// Captures, releases or extends a reservation.
    ///
    /// # Errors
    /// [`StoreError`]; a refusal is in the [`Reply`].
    pub async fn change_reservation(
        &self,
        user: &UserId,
        id: ReservationId,
        action: ReservationAction,
        caller: Caller,
    ) -> Result<Reply, StoreError> {
        self.execute(user, Command::Reservation { id, action, closed: None }, caller).await
    }

    /// A reservation as it is now, or what became of it if it ended less than seven days ago; `None` for every other. With
    /// the stats of the account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get_reservation(
        &self,
        user: &UserId,
        id: &ReservationId,
        locale: Locale,
    ) -> Result<(Stats, Option<ReservationStats>), StoreError> {
        let deadline = deadline();
        in_time(async {
            // Both are told as they are at one moment, which the store has: what is due by then is committed first.
            let (stats, open) = loop {
                if let Some(Stored { account, .. }) = self.store.load(user).await? {
                    let open = account.reservation(id);
                    if let Some(stats) = self.stats_if_settled(&account, user, locale)? {
                        break (stats, open);
                    }
                }
                self.settle(user, locale, deadline).await?;
            };
            if open.is_some() {
                return Ok((stats, open));
            }
            let text = self.store.record(user, &RecordName::Reservation(id.clone())).await?;
            Ok((stats, text.map(|text| kept_reservation(user, &text)).transpose()?))
        })
        .await
    }
}
