//! The catalogue: plans, costs, texts and the test user, read from `plans.toml` and checked as a whole.

mod file;
mod models;

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use chrono_tz::Tz;
use once_cell::sync::Lazy;

use crate::{
    ledger::{Amount, BillingDay, Caps, ContentType, Priorities, Source, UserId},
    locale::{Locale, Texts},
};

pub use self::models::{ModelPrice, ModelPrices};

static BUILT_IN: Lazy<Result<Catalogue, InvalidCatalogue>> =
    Lazy::new(|| Catalogue::parse(include_str!("../plans.toml")));

/// What the business sells and what it costs.
#[derive(Debug)]
pub struct Catalogue {
    default_plan: Arc<str>,
    plans: BTreeMap<Arc<str>, Plan>,
    content_types: BTreeMap<ContentType, Sold>,
    models: ModelPrices,
    priorities: Priorities,
    labels: Labels,
    test_user: UserId,
    demo: Vec<DemoStep>,
}

/// What a user of a plan gets, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    opening_balance: u64,
    monthly_allowance: u64,
    carry_over: CarryOver,
    allowance_days: Option<LastingDays>,
    billing_day: BillingDay,
    time_zone: Tz,
    caps: Caps,
    capture_above: CaptureAbove,
    refund_expired: RefundExpired,
}

/// What is kept of the allowances before when the next one comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CarryOver {
    /// All of it.
    #[default]
    All,
    /// At most so many tokens, or none.
    AtMost(u64),
}

/// What becomes of a capture that neither its reservation nor the balance covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaptureAbove {
    /// It is refused.
    #[default]
    Reject,
    /// It takes what is there.
    Cap,
    /// The balance goes below zero, by at most so many tokens.
    Allow(u64),
}

/// What becomes of refunded tokens that have expired since they were spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefundExpired {
    /// They stay expired.
    #[default]
    Expired,
    /// They come as tokens that last so many days of 24 hours: 1–366.
    Days(u16),
}

/// After how many days of 24 hours tokens expire: 1–366.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LastingDays(u16);

impl Plan {
    /// Tokens at the opening.
    #[must_use]
    pub const fn opening_balance(&self) -> u64 {
        self.opening_balance
    }

    /// Tokens on each billing day.
    #[must_use]
    pub const fn monthly_allowance(&self) -> u64 {
        self.monthly_allowance
    }

    /// What is kept of it when the next one comes.
    #[must_use]
    pub const fn carry_over(&self) -> CarryOver {
        self.carry_over
    }

    /// After how many days of 24 hours it expires, if it does: 1–366.
    #[must_use]
    pub fn allowance_days(&self) -> Option<u16> {
        self.allowance_days.map(|LastingDays(days)| days)
    }

    /// The day of the month.
    #[must_use]
    pub const fn billing_day(&self) -> BillingDay {
        self.billing_day
    }

    /// Where the billing day begins at 00:00.
    #[must_use]
    pub const fn time_zone(&self) -> Tz {
        self.time_zone
    }

    /// What its users may spend at most, unless they have caps of their own.
    #[must_use]
    pub const fn caps(&self) -> Caps {
        self.caps
    }

    /// What becomes of a capture that nothing covers.
    #[must_use]
    pub const fn capture_above(&self) -> CaptureAbove {
        self.capture_above
    }

    /// What becomes of refunded tokens that have expired.
    #[must_use]
    pub const fn refund_expired(&self) -> RefundExpired {
        self.refund_expired
    }
}

#[derive(Debug)]
struct Sold {
    cost: Amount,
    label: Texts<Arc<str>>,
}

#[derive(Debug)]
struct Labels {
    by_source: BTreeMap<Source, Texts<Arc<str>>>,
    expiration: Texts<Arc<str>>,
    capture: Texts<Arc<str>>,
    billing_date: Texts<String>,
}

/// What a generation costs and what its entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// In tokens.
    pub cost: Amount,
    /// For people.
    pub label: Arc<str>,
}

/// One entry of the demo history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DemoStep {
    /// Tokens come in.
    Credit {
        /// How long before the first touch.
        hours_ago: u32,
        /// How many tokens.
        amount: Amount,
    },
    /// Something is generated, at the catalogue's cost.
    Generation {
        /// How long before the first touch.
        hours_ago: u32,
        /// What.
        content_type: ContentType,
    },
}

impl DemoStep {
    /// How long before the first touch, in milliseconds.
    #[must_use]
    pub fn millis_ago(&self) -> u64 {
        let (Self::Credit { hours_ago, .. } | Self::Generation { hours_ago, .. }) = self;
        u64::from(*hours_ago).saturating_mul(3_600_000)
    }
}

/// Something that an account or a call names and the catalogue does not have.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotInCatalogue {
    /// A plan.
    #[error("plans.toml has no plan {0:?}")]
    Plan(String),
    /// A content type.
    #[error("plans.toml has no content type {0:?}")]
    ContentType(String),
}

/// Why a catalogue is not one. The text names the line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("plans.toml: {0}")]
pub struct InvalidCatalogue(String);

impl Catalogue {
    /// The catalogue that was compiled in.
    ///
    /// # Errors
    /// [`InvalidCatalogue`] when `plans.toml` is wrong; the tests see that such a build is not released.
    pub fn built_in() -> Result<&'static Self, InvalidCatalogue> {
        BUILT_IN.as_ref().map_err(Clone::clone)
    }

    /// The catalogue written in `toml`.
    ///
    /// # Errors
    /// [`InvalidCatalogue`], naming the line, for anything that the catalogue cannot mean.
    pub fn parse(toml: &str) -> Result<Self, InvalidCatalogue> {
        file::parse(toml).map_err(InvalidCatalogue)
    }

    /// The name and the terms of a new user's plan.
    ///
    /// # Errors
    /// None for a parsed catalogue.
    pub fn default_plan(&self) -> Result<(&Arc<str>, &Plan), NotInCatalogue> {
        Ok((&self.default_plan, self.plan(&self.default_plan)?))
    }

    /// The plan of this name.
    ///
    /// # Errors
    /// [`NotInCatalogue`] when there is none.
    pub fn plan(&self, name: &str) -> Result<&Plan, NotInCatalogue> {
        self.plans.get(name).ok_or_else(|| NotInCatalogue::Plan(name.to_owned()))
    }

    /// The plans, by name.
    pub fn plans(&self) -> impl Iterator<Item = &Arc<str>> {
        self.plans.keys()
    }

    /// What can be generated, by name.
    pub fn content_types(&self) -> impl Iterator<Item = &ContentType> {
        self.content_types.keys()
    }

    /// The content type of this name, if it is sold.
    #[must_use]
    pub fn content_type(&self, name: &str) -> Option<&ContentType> {
        self.content_types.keys().find(|content_type| content_type.as_str() == name)
    }

    /// What a generation costs.
    ///
    /// # Errors
    /// [`NotInCatalogue`] when it is not sold.
    pub fn price(&self, content_type: &ContentType, locale: Locale) -> Result<Price, NotInCatalogue> {
        let sold = self.content_types.get(content_type);
        let sold = sold.ok_or_else(|| NotInCatalogue::ContentType(content_type.as_str().to_owned()))?;
        Ok(Price { cost: sold.cost, label: Arc::clone(sold.label.get(locale)) })
    }

    /// What language models cost.
    #[must_use]
    pub const fn models(&self) -> &ModelPrices {
        &self.models
    }

    /// What a credit from `source` says when its caller says nothing.
    #[must_use]
    pub fn source_label(&self, source: Source, locale: Locale) -> Arc<str> {
        self.labels.by_source.get(&source).map_or_else(|| Arc::from(""), |texts| Arc::clone(texts.get(locale)))
    }

    /// What the debit of expired tokens says.
    #[must_use]
    pub fn expiration_label(&self, locale: Locale) -> Arc<str> {
        Arc::clone(self.labels.expiration.get(locale))
    }

    /// What the debit of a captured reservation says that is for nothing in particular.
    #[must_use]
    pub fn capture_label(&self, locale: Locale) -> Arc<str> {
        Arc::clone(self.labels.capture.get(locale))
    }

    /// When tokens of each source are spent.
    #[must_use]
    pub const fn priorities(&self) -> Priorities {
        self.priorities
    }

    /// What the billing of `date` says.
    #[must_use]
    pub fn monthly_label(&self, date: NaiveDate, locale: Locale) -> Arc<str> {
        let date = date.format(self.labels.billing_date.get(locale)).to_string();
        self.source_label(Source::Monthly, locale).replace("{date}", &date).into()
    }

    /// The source of a credit that says what those of the opening or of a billing say, in either language.
    #[must_use]
    pub fn source_labelled(&self, text: &str) -> Option<Source> {
        let says = |source: Source| {
            let labels = self.labels.by_source.get(&source)?;
            let mut labels = [&labels.fr, &labels.en].into_iter();
            let dated = |label: &str| {
                let (before, after) = label.split_once("{date}")?;
                text.strip_prefix(before)?.strip_suffix(after)
            };
            labels.any(|label| **label == *text || dated(label).is_some()).then_some(source)
        };
        [Source::Initial, Source::Monthly].into_iter().find_map(says)
    }

    /// The content type whose generations say this, in either language.
    #[must_use]
    pub fn content_type_labelled(&self, text: &str) -> Option<&ContentType> {
        let says = |sold: &Sold| *sold.label.fr == *text || *sold.label.en == *text;
        self.content_types.iter().find(|(_, sold)| says(sold)).map(|(name, _)| name)
    }

    /// The test user.
    #[must_use]
    pub const fn test_user(&self) -> &UserId {
        &self.test_user
    }

    /// The demo history, if `user` is the test user.
    #[must_use]
    pub fn demo_of(&self, user: &UserId) -> Option<&[DemoStep]> {
        (*user == self.test_user).then_some(self.demo.as_slice())
    }
}
