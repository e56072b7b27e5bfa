//! What was spent when: sums of hours, days and months in any time zone.
//!
//! They come from the counters of the account and those beside it, never from the history, so they cost the same however
//! long that is. All of them are of one moment, that of the account: what is closed later belongs to a later one.

mod buckets;
mod parts;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use self::buckets::{Buckets, Granularity, InvalidRange, Range};
use self::parts::{Part, parts};
use crate::{
    ledger::{
        Account, ClosedUsage, ContentType, DayUsage, HOURS_IN_DAY, HourUsage, Spent, Timestamp, UsageField, UserId,
    },
    store::{Store, StoreError},
};

/// How often the counters are read again because the account was reset meanwhile.
const ATTEMPTS: usize = 5;

/// What was spent from one instant to the next bucket's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "UsageBucket"))]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// When it begins.
    #[serde(serialize_with = "Timestamp::serialize_rfc3339")]
    pub start: Timestamp,
    /// In all.
    #[serde(flatten)]
    pub spent: Spent,
    /// The same by content type, without what has none.
    pub by_content_type: BTreeMap<ContentType, Spent>,
}

/// What `user` has spent in each bucket of `range`, in the history that goes on; `time` tells the time of the account.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Contended`] when the account is reset again and again.
pub async fn spent(
    store: &dyn Store,
    user: &UserId,
    range: &Range,
    time: impl Fn(&Account) -> Timestamp + Send,
) -> Result<Result<Vec<Bucket>, InvalidRange>, StoreError> {
    let mut account = load(store, user).await?;
    for _ in 0..ATTEMPTS {
        let buckets = match range.buckets(time(&account)) {
            Ok(buckets) => buckets,
            Err(invalid) => return Ok(Err(invalid)),
        };
        let mut counted = Counted::of(&account);
        let fields: Vec<UsageField> = counted.closed_parts_of(&buckets).into_iter().collect();
        if fields.is_empty() {
            return Ok(Ok(counted.sums(&buckets)));
        }
        let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let texts = store.usage(user, &names).await?;
        // A reset drops what was closed: then this may be of a later history.
        let archives = account.archives();
        account = load(store, user).await?;
        if account.archives() == archives {
            for (field, text) in fields.into_iter().zip(texts) {
                counted.closed.extend(text.map(|text| read(user, field, &text)).transpose()?);
            }
            return Ok(Ok(counted.sums(&buckets)));
        }
    }
    Err(StoreError::Contended)
}

async fn load(store: &dyn Store, user: &UserId) -> Result<Account, StoreError> {
    let stored = store.load(user).await?.map(|stored| stored.account);
    stored.ok_or_else(|| StoreError::Damaged(format!("user {user} has no account")))
}

fn read(user: &UserId, field: UsageField, text: &str) -> Result<(UsageField, ClosedUsage), StoreError> {
    let closed = ClosedUsage::read(field, text).map_err(|damage| {
        StoreError::Damaged(format!("the usage {field} of user {user} is damaged and was left as it is: {damage}"))
    })?;
    Ok((field, closed))
}

/// The counters of an account at one moment.
struct Counted {
    /// The last hour in which something was spent.
    hour: Option<u32>,
    spent: HourUsage,
    /// What was spent on the UTC day of that hour.
    today: DayUsage,
    closed: BTreeMap<UsageField, ClosedUsage>,
}

impl Counted {
    fn of(account: &Account) -> Self {
        let (spent, today) = account.usage().open();
        Self { hour: account.usage().hour(), spent, today, closed: BTreeMap::new() }
    }

    fn today(&self) -> Option<u32> {
        self.hour.map(|hour| hour / HOURS_IN_DAY)
    }

    /// Which closed hours and days `buckets` are made of. What is closed by now and was not when the account was read is not
    /// among them.
    fn closed_parts_of(&self, buckets: &Buckets) -> BTreeSet<UsageField> {
        let is_closed = |field: &UsageField| match field {
            UsageField::Hour(hour) => Some(*hour) < self.hour,
            UsageField::Day(day) => Some(*day) < self.today(),
        };
        buckets.each().flat_map(|(_, quarters)| parts(quarters)).map(|part| part.field).filter(is_closed).collect()
    }

    fn sums(&self, buckets: &Buckets) -> Vec<Bucket> {
        buckets.each().map(|(start, quarters)| self.bucket(start, &parts(quarters))).collect()
    }

    fn bucket(&self, start: Timestamp, parts: &[Part]) -> Bucket {
        let sum = |taken_away: bool| {
            let mut sum = DayUsage::default();
            parts.iter().filter(|part| part.taken_away == taken_away).for_each(|part| self.add(part, &mut sum));
            sum
        };
        let mut spent = sum(false);
        spent.subtract(&sum(true));
        let of_a_type = spent.iter().filter_map(|(name, [spent])| Some((name?.clone(), *spent)));
        Bucket { start, spent: spent.total(), by_content_type: of_a_type.collect() }
    }

    fn add(&self, Part { field, quarters, .. }: &Part, sum: &mut DayUsage) {
        match field {
            UsageField::Hour(hour) if Some(*hour) == self.hour => sum.add_quarters(&self.spent, quarters),
            UsageField::Day(day) if Some(*day) == self.today() => sum.add(&self.today),
            UsageField::Hour(_) | UsageField::Day(_) => match self.closed.get(field) {
                Some(ClosedUsage::Hour(_, spent)) => sum.add_quarters(spent, quarters),
                Some(ClosedUsage::Day(_, spent)) => sum.add(spent),
                None => {}
            },
        }
    }
}
