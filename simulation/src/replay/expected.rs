//! What commits wrote.

use jeton::{
    ledger::{Account, CapStats, Command, ReservationId, ReservationStats, Stats, Terms, UserId, decide},
    locale::Locale,
    stage::Stage,
    store::{OnceRecord, RecordName},
};
use serde_json::Value;

use crate::{
    second_ledger::{Facts, View},
    server::Logged,
    sold::Sold,
    told::Told,
};

/// What a commit wrote.
pub(super) struct Expected {
    pub(super) at: u64,
    pub(super) now: u64,
    /// After which entries.
    pub(super) lines: usize,
    /// The reservations that it closed.
    pub(super) closed: Vec<Facts>,
    /// The keys of which it remembers that what they asked for was done.
    pub(super) keys: Vec<String>,
    /// The account after it, and what callers see of it.
    pub(super) account: Account,
    pub(super) stats: Stats,
    /// Tags and names of what is set aside.
    pub(super) names: Vec<(String, ReservationId)>,
}

impl Expected {
    pub(super) fn of(sold: &Sold, user: &UserId, Logged { commit, at }: &Logged, lines: usize) -> Result<Self, String> {
        let account = Account::from_document(&commit.document, user).map_err(|damage| damage.to_string())?;
        let (catalogue, now) = (&sold.catalogue, commit.now);
        let terms = Terms { catalogue, now, locale: Locale::French, stage: Stage::Development };
        let decided = decide(Some(account.clone()), user, &Command::Touch, terms).map_err(|error| error.to_string())?;
        let stats = match decided.result {
            Ok(outcome) => outcome.stats,
            Err(refused) => refused.stats,
        };
        let (mut closed, mut keys, mut names) = (Vec::new(), Vec::new(), Vec::new());
        let tag = |reservation: &Value| {
            let tag = reservation["metadata"]["tag"].as_str()?.to_owned();
            Some((tag, ReservationId::new(reservation["id"].as_str()?)?))
        };
        for (name, text) in &commit.records {
            let Some(text) = text else { continue };
            match name {
                RecordName::Reservation(_) => {
                    let stats: ReservationStats = serde_json::from_str(text).map_err(|error| error.to_string())?;
                    closed.push(Facts::from(&stats));
                    names.extend(tag(&serde_json::from_str(text).unwrap()));
                }
                RecordName::Answer(key) => {
                    let record = OnceRecord::read(user, text).map_err(|error| error.to_string())?;
                    keys.extend(matches!(Told::read(&record.body), Told::Done(_)).then(|| key.to_string()));
                }
                RecordName::Mark(_) | RecordName::Refund(_) => {}
            }
        }
        if account.reserved() > 0 || stats.tokens_reserved > 0 {
            let document: Value = serde_json::from_str(&commit.document).unwrap();
            names.extend(document["reservations"].as_array().into_iter().flatten().filter_map(tag));
        }
        Ok(Self { at: *at, now: now.as_millis(), lines, closed, keys, account, stats, names })
    }

    /// What callers see of the account after it.
    pub(super) fn view(&self) -> View {
        let stats = &self.stats;
        let caps = stats.caps.unwrap_or_default();
        let cap = |cap: CapStats| (cap.limit, cap.spent, cap.resets_at.as_millis());
        View {
            version: stats.version,
            balance: stats.token_balance,
            reserved: stats.tokens_reserved,
            used: stats.tokens_used,
            generations: stats.total_generations,
            plan: stats.plan.to_string(),
            next_plan: stats.next_plan.as_ref().map(ToString::to_string),
            next_billing: stats.next_billing_date.as_millis(),
            grants: stats.grants.iter().map(|grant| (grant.id, grant.remaining)).collect(),
            caps: [caps.daily.map(cap), caps.monthly.map(cap)],
        }
    }
}
