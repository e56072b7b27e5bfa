use std::{
    collections::BTreeMap,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use chrono::format::{Item, Numeric, StrftimeItems};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, de::Error};
use toml::Spanned;

use super::{
    CaptureAbove, CarryOver, Catalogue, DemoStep, Labels, LastingDays, Plan, RefundExpired, Sold,
    models::{self, ModelTable},
};
use crate::{
    ledger::{AMOUNT_MAX, Amount, BillingDay, Caps, ContentType, Priorities, Source, UserId},
    locale::Texts,
};

/// How long tokens can last, in days. With each month's own expiry beside the others, an account stays small.
const LASTING_DAYS: RangeInclusive<u16> = 1..=366;

/// `plans.toml`, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    default_plan: Spanned<Arc<str>>,
    plans: BTreeMap<Arc<str>, PlanTable>,
    content_types: BTreeMap<Spanned<String>, ContentTypeTable>,
    #[serde(default)]
    models: BTreeMap<Spanned<String>, ModelTable>,
    priorities: Priorities,
    labels: LabelsTable,
    test_user: TestUserTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanTable {
    opening_balance: Balance,
    monthly_allowance: Balance,
    #[serde(default)]
    carry_over: CarryOver,
    allowance_days: Option<LastingDays>,
    billing_day: BillingDay,
    time_zone: Zone,
    daily_cap: Option<Balance>,
    monthly_cap: Option<Balance>,
    #[serde(default)]
    capture_above: CaptureAbove,
    #[serde(default)]
    refund_expired: RefundExpired,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContentTypeTable {
    cost: Amount,
    label: Texts<Label>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelsTable {
    initial: Texts<Label>,
    monthly: Texts<DatedLabel>,
    purchase: Texts<Label>,
    promotion: Texts<Label>,
    adjustment: Texts<Label>,
    refund: Texts<Label>,
    capture: Texts<Label>,
    expiration: Texts<Label>,
    billing_date: Texts<DateFormat>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TestUserTable {
    id: UserId,
    demo: Vec<Spanned<DemoTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemoTable {
    hours_ago: u32,
    credit: Option<Amount>,
    content_type: Option<String>,
}

/// A number of tokens that may be none.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Balance(u64);

impl Balance {
    pub(super) const fn tokens(self) -> u64 {
        self.0
    }
}

impl TryFrom<u64> for Balance {
    type Error = String;

    fn try_from(tokens: u64) -> Result<Self, Self::Error> {
        if tokens <= AMOUNT_MAX { Ok(Self(tokens)) } else { Err(format!("at most {AMOUNT_MAX} tokens")) }
    }
}

impl<'de> Deserialize<'de> for CarryOver {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "carry_over is \"all\", \"none\" or a number of tokens")]
        enum Written {
            Word(Word),
            Tokens(Balance),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            All,
            None,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Word(Word::All) => Self::All,
            Written::Word(Word::None) => Self::AtMost(0),
            Written::Tokens(Balance(tokens)) => Self::AtMost(tokens),
        })
    }
}

impl<'de> Deserialize<'de> for CaptureAbove {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "capture_above is \"reject\", \"cap\" or { allow = a number of tokens }")]
        enum Written {
            Word(Word),
            Allow(Allow),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            Reject,
            Cap,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Allow {
            allow: Balance,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Word(Word::Reject) => Self::Reject,
            Written::Word(Word::Cap) => Self::Cap,
            Written::Allow(Allow { allow: Balance(tokens) }) => Self::Allow(tokens),
        })
    }
}

impl<'de> Deserialize<'de> for RefundExpired {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "refund_expired is \"expired\" or { days = 1 to 366 }")]
        enum Written {
            Word(Word),
            Lasting(Lasting),
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Word {
            Expired,
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Lasting {
            days: LastingDays,
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::Word(Word::Expired) => Self::Expired,
            Written::Lasting(Lasting { days: LastingDays(days) }) => Self::Days(days),
        })
    }
}

impl<'de> Deserialize<'de> for LastingDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let days = u16::deserialize(deserializer)?;
        if LASTING_DAYS.contains(&days) {
            Ok(Self(days))
        } else {
            Err(D::Error::custom("tokens last from 1 to 366 days"))
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Label(Arc<str>);

impl TryFrom<String> for Label {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() { Err("a label must say something") } else { Ok(Self(text.into())) }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct DatedLabel(Label);

impl TryFrom<String> for DatedLabel {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains("{date}") { Ok(Self(text.try_into()?)) } else { Err("the label of a billing has a {date}") }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct DateFormat(String);

impl TryFrom<String> for DateFormat {
    type Error = &'static str;

    fn try_from(format: String) -> Result<Self, Self::Error> {
        use chrono::format::Numeric::{Day, Month, Year};
        let items: Vec<Item<'_>> = StrftimeItems::new(&format).collect();
        let has = |wanted: &Numeric| items.iter().any(|item| matches!(item, Item::Numeric(part, _) if part == wanted));
        let dates_only = items.iter().all(|item| match item {
            Item::Error | Item::Fixed(_) => false,
            Item::Literal(_) | Item::OwnedLiteral(_) | Item::Space(_) | Item::OwnedSpace(_) => true,
            Item::Numeric(part, _) => matches!(part, Year | Month | Day),
        });
        if dates_only && [Year, Month, Day].iter().all(has) {
            Ok(Self(format))
        } else {
            Err("a date is written with %Y, %m and %d")
        }
    }
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Zone(Tz);

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse().map(Self).map_err(|_| format!("{name:?} is not a time zone of the IANA database"))
    }
}

/// Reads and checks the file. The error is a text that names the line.
pub(super) fn parse(toml: &str) -> Result<Catalogue, String> {
    let file: File = toml::from_str(toml).map_err(|error| error.to_string())?;
    let at = |span: Range<usize>, problem: &str| {
        let before = toml.get(..span.start).unwrap_or(toml);
        let line = before.matches('\n').count().saturating_add(1);
        format!("error at line {line}: {problem}")
    };

    if !file.plans.contains_key(file.default_plan.get_ref()) {
        return Err(at(file.default_plan.span(), "default_plan is not among the plans"));
    }
    let mut content_types = BTreeMap::new();
    for (name, ContentTypeTable { cost, label }) in file.content_types {
        let word = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if name.get_ref().is_empty() || name.get_ref().len() > 64 || !name.get_ref().bytes().all(word) {
            return Err(at(name.span(), "a content type is named with 1 to 64 of A-Z 0-9 _"));
        }
        content_types.insert(ContentType::new(name.get_ref()), Sold { cost, label: label.into_texts() });
    }
    let models = models::read(file.models).map_err(|(span, problem)| at(span, problem))?;
    let labels = file.labels;
    let by_source = [
        (Source::Initial, labels.initial),
        (Source::Monthly, Texts { fr: labels.monthly.fr.0, en: labels.monthly.en.0 }),
        (Source::Purchase, labels.purchase),
        (Source::Promotion, labels.promotion),
        (Source::Adjustment, labels.adjustment),
        (Source::Refund, labels.refund),
    ];
    let mut demo = Vec::new();
    let mut balance = 0_u64;
    let mut previous_hours_ago = u32::MAX;
    for step in file.test_user.demo {
        let span = step.span();
        let DemoTable { hours_ago, credit, content_type } = step.into_inner();
        if hours_ago == 0 || hours_ago >= previous_hours_ago {
            return Err(at(span, "demo entries lie in the past, oldest first, an hour or more apart"));
        }
        previous_hours_ago = hours_ago;
        let (step, after) = match (credit, content_type) {
            (Some(amount), None) => {
                let after = balance.checked_add(amount.get()).filter(|after| *after <= AMOUNT_MAX);
                (DemoStep::Credit { hours_ago, amount }, after)
            }
            (None, Some(name)) => {
                let content_type = ContentType::new(&name);
                let Some(sold) = content_types.get(&content_type) else {
                    return Err(at(span, "the demo generates a content type that is not sold"));
                };
                (DemoStep::Generation { hours_ago, content_type }, balance.checked_sub(sold.cost.get()))
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err(at(span, "a demo entry has either credit or content_type"));
            }
        };
        balance = after.ok_or_else(|| at(span, "the demo's balance leaves what a balance can be"))?;
        demo.push(step);
    }

    Ok(Catalogue {
        default_plan: file.default_plan.into_inner(),
        plans: file.plans.into_iter().map(|(name, plan)| (name, plan.into_plan())).collect(),
        content_types,
        models,
        priorities: file.priorities,
        labels: Labels {
            by_source: by_source.into_iter().map(|(source, label)| (source, label.into_texts())).collect(),
            expiration: labels.expiration.into_texts(),
            capture: labels.capture.into_texts(),
            billing_date: Texts { fr: labels.billing_date.fr.0, en: labels.billing_date.en.0 },
        },
        test_user: file.test_user.id,
        demo,
    })
}

impl PlanTable {
    fn into_plan(self) -> Plan {
        Plan {
            opening_balance: self.opening_balance.0,
            monthly_allowance: self.monthly_allowance.0,
            carry_over: self.carry_over,
            allowance_days: self.allowance_days,
            billing_day: self.billing_day,
            time_zone: self.time_zone.0,
            caps: Caps { daily: self.daily_cap.map(Balance::tokens), monthly: self.monthly_cap.map(Balance::tokens) },
            capture_above: self.capture_above,
            refund_expired: self.refund_expired,
        }
    }
}

impl Texts<Label> {
    fn into_texts(self) -> Texts<Arc<str>> {
        Texts { fr: self.fr.0, en: self.en.0 }
    }
}
