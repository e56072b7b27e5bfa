use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    Account, Amount, BillingCycle, ClosedUsage, ContentType, DamagedLegacy, Imported, Legacy, LegacyStats, Source,
    Terms, Timestamp, Transaction, TransactionType,
    account::{Change, Moved},
    carried::LEGACY_ID,
    legacy::LegacyEntry,
    legacy_texts::{fitted, kept, named},
    spending::{Spending, credit, spend},
    stats::{ARTICLE, PRODUCT_DESCRIPTION},
    takeover_report::{Counter, Takeover},
};
use crate::plans::{NotInCatalogue, Plan};

/// The dates of the module before may be midnights of any time zone, and those of the plan too: what lies so close to a
/// billing is that billing.
const BILLING_SLACK_MS: u64 = 36 * 60 * 60 * 1_000;
/// How many entries, hours and days one commit carries at most: a command of a store is bounded.
const WRITTEN_MAX: usize = 500_000;
/// The member of an entry's metadata with a content type that cannot be one.
const LEGACY_CONTENT_TYPE: &str = "legacyContentType";

/// An account that goes on where the module before left it.
#[derive(Clone, Debug)]
pub struct TakenOver {
    /// The account, not settled yet.
    pub account: Account,
    /// Its history, oldest first.
    pub entries: Vec<Transaction>,
    /// What was spent in the hours and days that are over.
    pub usage: Vec<ClosedUsage>,
    /// What there is to say about it.
    pub report: Takeover,
}

/// Why an account cannot be taken over.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TakeoverError {
    /// What was kept of the user is damaged.
    #[error(transparent)]
    Damaged(#[from] DamagedLegacy),
    /// None for a parsed catalogue.
    #[error(transparent)]
    Catalogue(#[from] NotInCatalogue),
}

/// The account that goes on from what the module before kept of a user: its entries replayed, the oldest first, as if the
/// ledger had written them. What they don't explain of the balance is an adjustment, what they don't explain of the counters
/// is carried.
///
/// # Errors
/// [`TakeoverError`], so that nothing is invented.
pub fn take_over(legacy: &Legacy, terms: Terms<'_>) -> Result<TakenOver, TakeoverError> {
    let (name, plan) = terms.catalogue.default_plan()?;
    let stats = &legacy.stats;
    let billing = billing(legacy, plan, terms)?;
    let opened_at = stats.created_at.min(terms.now);
    let account = Account::empty(legacy.user.clone(), Arc::clone(name), opened_at, billing);
    let (history, least) = legacy.sums();
    let of_test_user = stats.of_test_user;
    let report = Takeover { balance: stats.balance, history, least, of_test_user, ..Takeover::default() };
    let mut replay = Replay { account, plan, terms, entries: Vec::new(), usage: Vec::new(), report };

    // A balance is never below zero: what is missing on the way or at the end comes first, what is too much goes last.
    let missing = i128::from(stats.balance).saturating_sub(history);
    let opening = missing.max(least.saturating_neg()).max(0);
    let closing = opening.saturating_sub(missing);
    let first = legacy.entries.first().map_or(opened_at, |entry| entry.at.min(opened_at));
    replay.open(tokens(opening)?, first)?;
    for entry in &legacy.entries {
        replay.entry(entry)?;
    }
    replay.count(&legacy.stats)?;
    replay.close(tokens(closing)?);
    let zone = plan.time_zone();
    let next = replay.account.billing.next(zone);
    replay.report.billing = Some((stats.next_billing, next))
        .filter(|(old, next)| old.as_millis().abs_diff(next.as_millis()) > BILLING_SLACK_MS);
    replay.account.imported = Some(Imported::of(stats, terms.now));
    let Replay { account, entries, usage, report, .. } = replay;
    if entries.len().saturating_add(usage.len()) > WRITTEN_MAX {
        return Err(DamagedLegacy::TooLong.into());
    }
    Ok(TakenOver { account, entries, usage, report })
}

/// Billing goes on with the first billing day that is not before the one that the module before had next. Its allowances
/// are periods that were billed.
fn billing(legacy: &Legacy, plan: &Plan, terms: Terms<'_>) -> Result<BillingCycle, DamagedLegacy> {
    let stats = &legacy.stats;
    let from = stats.next_billing.earlier_by(BILLING_SLACK_MS);
    if stats.next_billing < stats.created_at.earlier_by(BILLING_SLACK_MS) {
        return Err(DamagedLegacy::BilledBeforeCreated);
    }
    let allowances =
        legacy.entries.iter().filter(|entry| entry.amount > 0 && source(entry, terms) == Some(Source::Monthly));
    let billed = u32::try_from(allowances.count()).unwrap_or(u32::MAX);
    let cycle = BillingCycle::going_on(from, billed, plan.billing_day(), plan.time_zone());
    if cycle.is_sound() && cycle.periods_billed() == billed { Ok(cycle) } else { Err(DamagedLegacy::Billing) }
}

/// Where the tokens of a credit come from, by what it says; `None` for a debit.
fn source(entry: &LegacyEntry, terms: Terms<'_>) -> Option<Source> {
    let said = entry.description.as_deref().unwrap_or_default();
    (entry.kind == TransactionType::Credit).then(|| terms.catalogue.source_labelled(said).unwrap_or(Source::Purchase))
}

/// So many tokens, if any.
fn tokens(number: i128) -> Result<Option<Amount>, DamagedLegacy> {
    let number = u64::try_from(number).map_err(|_| DamagedLegacy::TooMuch)?;
    if number == 0 { Ok(None) } else { Amount::new(number).map(Some).ok_or(DamagedLegacy::TooMuch) }
}

/// An account in the making.
struct Replay<'a> {
    account: Account,
    plan: &'a Plan,
    terms: Terms<'a>,
    entries: Vec<Transaction>,
    usage: Vec<ClosedUsage>,
    report: Takeover,
}

impl Replay<'_> {
    fn open(&mut self, amount: Option<Amount>, at: Timestamp) -> Result<(), DamagedLegacy> {
        self.report.opening = amount;
        let Some(amount) = amount else { return Ok(()) };
        let text = self.terms.catalogue.source_label(Source::Adjustment, self.terms.locale);
        let metadata = Some(self.adjusts());
        let entry = credit(&mut self.account, amount, Source::Adjustment.into(), text, metadata, at);
        self.write(entry.map_err(|_| DamagedLegacy::TooMuch)?);
        Ok(())
    }

    fn close(&mut self, amount: Option<Amount>) {
        self.report.closing = amount;
        let Some(amount) = amount else { return };
        let Terms { catalogue, locale, .. } = self.terms;
        let paid = self.account.grants.take(amount, catalogue.priorities());
        let text = catalogue.source_label(Source::Adjustment, locale);
        let change = Change { metadata: Some(self.adjusts()), ..Change::plain(Moved::Adjusted(amount, paid), text) };
        // At the instant of the last entry: months that were missed since are billed at theirs.
        let entry = self.account.record(self.account.last_entry.timestamp(), change);
        self.write(entry);
    }

    /// What an adjustment says of itself.
    fn adjusts(&self) -> Map<String, Value> {
        let Takeover { balance, history, .. } = self.report;
        // A history adds up to what an account can hold, but for those that are refused.
        let history = i64::try_from(history).unwrap_or(i64::MAX);
        Map::from_iter([("import".to_owned(), json!({"balance": balance, "history": history}))])
    }

    fn entry(&mut self, entry: &LegacyEntry) -> Result<(), DamagedLegacy> {
        let Some(amount) = Amount::new(entry.amount) else {
            self.report.empty = self.report.empty.saturating_add(1);
            return Ok(());
        };
        let Terms { catalogue, now, locale, .. } = self.terms;
        self.report.ahead = self.report.ahead.saturating_add(u64::from(entry.at > now));
        let at = entry.at.min(now);
        let mut metadata = Map::from_iter([(LEGACY_ID.to_owned(), kept(&entry.id))]);
        let transaction = if let Some(source) = source(entry, self.terms) {
            if let Some(other) = &entry.content_type {
                metadata.insert(LEGACY_CONTENT_TYPE.to_owned(), kept(other));
            }
            let text = self.description(entry, catalogue.source_label(source, locale));
            credit(&mut self.account, amount, source.into(), text, Some(metadata), at)
        } else {
            let content_type = self.content_type(entry, &mut metadata);
            let price = content_type.as_ref().and_then(|name| catalogue.price(name, locale).ok());
            let label = price.map_or_else(|| catalogue.capture_label(locale), |price| price.label);
            let description = self.description(entry, label);
            let spending = Spending { content_type, description, metadata: Some(metadata), capture: None };
            let paid = self.account.grants.take(amount, catalogue.priorities());
            Ok(spend(&mut self.account, amount, paid, spending, self.plan, at))
        };
        self.report.entries = self.report.entries.saturating_add(1);
        self.write(transaction.map_err(|_| DamagedLegacy::TooMuch)?);
        Ok(())
    }

    /// What the entry says, or `label` where it says nothing.
    fn description(&mut self, entry: &LegacyEntry, label: Arc<str>) -> Arc<str> {
        let text: Arc<str> = entry.description.as_deref().and_then(fitted).map_or(label, Into::into);
        self.report.reworded =
            self.report.reworded.saturating_add(u64::from(entry.description.as_deref() != Some(&*text)));
        text
    }

    /// What was generated: by the entry's own word, if that can be a name, or else by what it says for people.
    fn content_type(&mut self, entry: &LegacyEntry, metadata: &mut Map<String, Value>) -> Option<ContentType> {
        let catalogue = self.terms.catalogue;
        let own = entry.content_type.as_ref().and_then(named);
        if let (None, Some(other)) = (&own, &entry.content_type) {
            metadata.insert(LEGACY_CONTENT_TYPE.to_owned(), kept(other));
        }
        let labelled = || catalogue.content_type_labelled(entry.description.as_deref()?).cloned();
        let content_type = own.or_else(labelled);
        match &content_type {
            None => self.report.unnamed = self.report.unnamed.saturating_add(1),
            Some(name) if catalogue.content_type(name.as_str()).is_none() => {
                self.report.unsold.insert(name.clone());
            }
            Some(_) => {}
        }
        content_type
    }

    /// The counters go on as they were told, also where the entries don't explain them.
    fn count(&mut self, stats: &LegacyStats) -> Result<(), DamagedLegacy> {
        let Account { tokens_used, generations, carried, .. } = &mut self.account;
        let counters = &mut self.report.counters;
        let mut carry = |name, counted: u64, explained: u64| {
            if counted != explained {
                counters.push(Counter { name, counted, explained });
            }
            let more = i128::from(counted).saturating_sub(explained.into());
            i64::try_from(more).map_err(|_| DamagedLegacy::TooMuch)
        };
        carried.tokens_used = carry("tokensUsed", stats.tokens_used, *tokens_used)?;
        *tokens_used = stats.tokens_used;
        let counted = [
            ("articlesGenerated", ARTICLE, stats.articles),
            ("productDescriptionsGenerated", PRODUCT_DESCRIPTION, stats.descriptions),
        ];
        for (name, content_type, counted) in counted {
            let content_type = ContentType::new(content_type);
            let explained = generations.get(&content_type).copied().unwrap_or(0);
            let more = carry(name, counted, explained)?;
            if more != 0 {
                generations.insert(content_type.clone(), counted);
                carried.generations.insert(content_type, more);
            }
        }
        let parts = generations.values().fold(0, |sum: u64, count| sum.saturating_add(*count));
        carry("totalGenerations", stats.total, parts)?;
        Ok(())
    }

    fn write(&mut self, transaction: Transaction) {
        self.usage.extend(self.account.usage.count(transaction.id, &transaction.entry).into_iter().flatten());
        self.entries.push(transaction);
    }
}
