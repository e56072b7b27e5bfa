//! The rules of the ledger: any life of an account goes as the reference [model] says, and so does every short one around
//! an expiry and a billing; tables of the limits, of grants and of damaged documents.

mod allowances;
mod damaged_documents;
mod documents;
pub(crate) mod grants;
mod histories;
mod limits;
mod model;
mod usage;

use std::sync::Arc;

use chrono::SecondsFormat;
use jeton::{
    ledger::{
        AMOUNT_MAX, Account, Amount, Command, ContentType, Decided, Entry, GrantKind, Outcome, Paid, Priority, Refusal,
        Refused, Source, Stats, Terms, Timestamp, Transaction, TransactionId, TransactionType, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};
use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use self::{
    histories::{assert_history, assert_verified},
    model::{Answer, Ask, Bucket, Kind, Line, Model, Of, Rules, SOURCES},
    usage::Kept,
};
use crate::catalogue::{PLANS_TOML, with_line};

const SOURCE: [Source; 5] = [Source::Initial, Source::Monthly, Source::Promotion, Source::Adjustment, Source::Purchase];
const SOLD: [&str; 2] = ["ARTICLE", "PRODUCT_DESCRIPTION"];
const DAY: u64 = 86_400_000;
const LOCALES: [Locale; 2] = [Locale::French, Locale::English];

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis).unwrap()
}

pub(crate) fn tokens(amount: u64) -> Amount {
    Amount::new(amount).unwrap()
}

/// The real catalogue with other terms in its plan.
pub(crate) fn catalogue_with(lines: &[(&str, String)]) -> Catalogue {
    let change = |toml: String, (key, value): &(&str, String)| with_line(&toml, key, &format!("{key} = {value}")).0;
    Catalogue::parse(&lines.iter().fold(PLANS_TOML.to_owned(), change)).unwrap()
}

/// When a step is taken, seen from the one before.
#[derive(Clone, Debug)]
enum When {
    After(u64),
    /// The clock of this instance runs behind.
    Before(u64),
    /// So many milliseconds after the next billing, or before it.
    Billing(i64),
    /// So many milliseconds after the next expiry, or before it.
    Expiry(i64),
    At(u64),
}

/// When tokens expire, seen from their credit.
#[derive(Clone, Copy, Debug)]
enum Until {
    After(i64),
    /// So many milliseconds after the next billing, or before it.
    Billing(i64),
    /// At one of the few instants that many credits share.
    Day(u64),
    At(u64),
}

#[derive(Clone, Debug)]
struct Step {
    when: When,
    ask: Ask,
    /// When the tokens of a credit expire.
    until: Option<Until>,
    language: usize,
    /// How far on the way to this step, in 256ths, somebody looks at the account.
    look: u64,
}

fn rules() -> impl Strategy<Value = Rules> {
    let near_max = AMOUNT_MAX - 1000..=AMOUNT_MAX;
    let opening = prop_oneof![4 => Just(5000), 1 => Just(0), 1 => near_max.clone(), 1 => 1..10_u64];
    let allowance = prop_oneof![4 => Just(300), 1 => Just(0), 1 => near_max, 1 => 1..10_u64];
    let day = prop_oneof![Just(5), 1..=31_u64];
    let kept = prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => (1..1_000_u64).prop_map(Some)];
    let days = prop_oneof![2 => Just(None), 1 => Just(Some(31)), 2 => (1..=366_u64).prop_map(Some)];
    (opening, allowance, day, any::<bool>(), kept, days).prop_map(|(opening, allowance, day, demo, kept, days)| Rules {
        opening,
        allowance,
        day,
        demo,
        kept,
        days,
    })
}

fn step() -> impl Strategy<Value = Step> {
    let when = prop_oneof![
        2 => (0..=1_u64).prop_map(When::After),
        3 => (2..DAY).prop_map(When::After),
        2 => (DAY..40 * DAY).prop_map(When::After),
        1 => (40 * DAY..250 * DAY).prop_map(When::After),
        2 => (1..10_000_u64).prop_map(When::Before),
        2 => (-1..=1_i64).prop_map(When::Billing),
        3 => (-1..=1_i64).prop_map(When::Expiry),
    ];
    let until = prop_oneof![
        4 => Just(None),
        1 => (-1..=1_i64).prop_map(|millis| Some(Until::After(millis))),
        2 => (2..60 * DAY.cast_signed()).prop_map(|millis| Some(Until::After(millis))),
        1 => (-1..=1_i64).prop_map(|millis| Some(Until::Billing(millis))),
        2 => (1..4_u64).prop_map(|days| Some(Until::Day(days))),
    ];
    let priority = || prop_oneof![3 => Just(None), 1 => Just(Some(10)), 1 => (0..=100_u8).prop_map(Some)];
    let amount =
        || prop_oneof![6 => 1..=10_u64, 6 => 1..=6000_u64, 1 => AMOUNT_MAX - 6000..=AMOUNT_MAX, 1 => Just(AMOUNT_MAX)];
    let description = || prop_oneof![3 => Just(None), 1 => Just(Some("Recharge mensuelle".to_owned()))];
    let ask = prop_oneof![
        2 => Just(Ask::Touch),
        6 => (0..2_usize, proptest::option::of(amount()), description())
            .prop_map(|(sold, cost, description)| Ask::Debit { sold, cost, description }),
        // The first two sources are the ledger's own.
        6 => (amount(), 2..5_usize, priority(), description()).prop_map(|(amount, source, priority, description)| {
            Ask::Credit { amount, kind: Kind { source, priority, expires: None }, description }
        }),
        1 => Just(Ask::Reset),
    ];
    let step = (when, ask, until, 0..2_usize, 0..=256_u64);
    step.prop_map(|(when, ask, until, language, look)| Step { when, ask, until, language, look })
}

#[test]
fn any_life_of_an_account_goes_as_the_model_says() {
    // From September 2026 to 2030, so that both kinds of February are met.
    let start = 1_790_000_000_000..1_900_000_000_000_u64;
    // What fails is printed in its smallest form: it needs no file of seeds.
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(rules in rules(), start in start, steps in vec(step(), 1..40))| {
        let mut life = Life::new(rules, start);
        for step in &steps {
            life.live(step);
        }
    });
}

/// An account and its model, step by step.
#[derive(Clone)]
struct Life {
    rules: Rules,
    catalogue: Arc<Catalogue>,
    user: UserId,
    now: u64,
    account: Option<Account>,
    model: Option<Model>,
    /// What the ledger wrote since the last opening.
    history: Vec<Transaction>,
    usage: Kept,
}

impl Life {
    fn new(rules: Rules, now: u64) -> Self {
        let kept = rules.kept.map_or(String::new(), |kept| format!("\ncarry_over = {kept}"));
        let days = rules.days.map_or(String::new(), |days| format!("\nallowance_days = {days}"));
        let catalogue = Arc::new(catalogue_with(&[
            ("opening_balance", rules.opening.to_string()),
            ("monthly_allowance", format!("{}{kept}{days}", rules.allowance)),
            ("billing_day", rules.day.to_string()),
        ]));
        let user = UserId::new(if rules.demo { "test-user-id" } else { "somebody" }).unwrap();
        Self { rules, catalogue, user, now, account: None, model: None, history: Vec::new(), usage: Kept::default() }
    }

    fn decide(&self, account: Option<&Account>, command: &Command, now: u64, language: usize) -> Decided {
        let locale = LOCALES[language];
        let terms = Terms { catalogue: &self.catalogue, now: at(now), locale, stage: Stage::Production };
        decide(account.cloned(), &self.user, command, terms).unwrap()
    }

    fn live(&mut self, step: &Step) {
        let Step { when, ask, until, language, look } = step;
        let billing = self.model.as_ref().map_or(self.now, Model::next_billing);
        let now = match when {
            When::After(millis) => self.now + millis,
            When::Before(millis) => self.now - millis,
            When::Billing(millis) => billing.checked_add_signed(*millis).unwrap(),
            When::Expiry(millis) => {
                let expiry = self.model.as_ref().and_then(Model::next_expiry);
                expiry.map_or(self.now, |(at, ..)| at.checked_add_signed(*millis).unwrap())
            }
            When::At(now) => *now,
        };
        let until = until.map(|until| match until {
            Until::After(millis) => now.checked_add_signed(millis).unwrap(),
            Until::Billing(millis) => billing.checked_add_signed(millis).unwrap(),
            Until::At(instant) => instant,
            Until::Day(days) => (now / (10 * DAY) + days) * 10 * DAY,
        });
        let ask = &match ask.clone() {
            Ask::Credit { amount, kind, description } => {
                Ask::Credit { amount, kind: Kind { expires: until, ..kind }, description }
            }
            ask @ (Ask::Touch | Ask::Debit { .. } | Ask::Reset) => ask,
        };
        let command = command(ask);
        let decided = self.decide(self.account.as_ref(), &command, now, *language);
        let touched = self.decide(self.account.as_ref(), &Command::Touch, now, *language);

        let open = || Model::open(self.rules.clone(), now, *language);
        let before = self.model.clone();
        let mut settled = before.clone().unwrap_or_else(open);
        let (known, billed_before) =
            before.as_ref().map_or((0, settled.next), |model: &Model| (model.history.len(), model.next));
        settled.settle(now, *language);
        let mut after = settled.clone();
        // A reset of nobody is an opening.
        let opens = before.is_none() && matches!(ask, Ask::Reset);
        let answer = after.ask(if opens { &Ask::Touch } else { ask }, now, *language);

        // First time, then the command.
        let due = &settled.history[known..];
        let own = match ask {
            Ask::Reset if !opens => &after.history[..],
            Ask::Reset => &[],
            Ask::Touch | Ask::Debit { .. } | Ask::Credit { .. } => &after.history[settled.history.len()..],
        };
        assert_lines(&touched.entries, due);
        assert_lines(&decided.entries, &[due, own].concat());
        assert_eq!(decided.archive_after, (matches!(ask, Ask::Reset) && !opens).then_some(due.len()));
        assert_same(&touched.account, &touched.result.as_ref().unwrap().stats, &settled);
        let months = |(year, month): (u64, u64)| year * 12 + month;
        assert_eq!(decided.billed.periods, months(settled.next) - months(billed_before));
        let allowances =
            settled.history.iter().skip(known).filter(|line| line.tokens > 0 && line.id.0 > settled.opened);
        assert_eq!(i128::from(decided.billed.tokens), allowances.map(|line| line.tokens).sum::<i128>());
        match (&decided.result, answer) {
            (Ok(Outcome { transaction, reservation, stats }), Answer::Done) => {
                let own = if opens { &decided.entries[..] } else { &decided.entries[due.len()..] };
                assert_eq!((transaction.as_ref(), reservation), (own.last(), &None));
                assert_same(&decided.account, stats, &after);
            }
            (Err(Refused { refusal, stats }), answer) => {
                assert_eq!(answer, told(refusal));
                assert_eq!(decided.account, touched.account, "a refused command leaves no trace");
                assert_eq!(decided.account.to_document().unwrap(), touched.account.to_document().unwrap());
                assert_eq!(decided.entries, touched.entries);
                assert_eq!(*stats, touched.result.unwrap().stats);
            }
            (Ok(_), answer) => panic!("{ask:?} should be refused: {answer:?}"),
        }

        // Whoever looks in between changes nothing.
        if let Some(account) = self.account.as_ref().filter(|_| now > self.now) {
            let first =
                self.decide(Some(account), &Command::Touch, self.now + (now - self.now) * look / 256, *language);
            let second = self.decide(Some(&first.account), &command, now, *language);
            assert_eq!(second.account, decided.account);
            assert_eq!([&first.entries[..], &second.entries].concat(), decided.entries);
            assert_eq!(second.archive_after.map(|count| first.entries.len() + count), decided.archive_after);
        }

        self.usage.take(&decided);
        self.usage.assert_counted(&decided.account, &after);
        let mut entries = decided.entries;
        self.history.extend(entries.drain(..decided.archive_after.unwrap_or(0)));
        assert_history(&self.history);
        if decided.archive_after.is_some() {
            self.history.clear();
        }
        self.history.append(&mut entries);
        assert_history(&self.history);
        assert_verified(&decided.account, &self.catalogue, &self.history);
        assert_eq!(self.history.last().map_or(0, |last| last.entry.balance), decided.account.balance());
        (self.now, self.account, self.model) = (now, Some(decided.account), Some(after));
    }
}

fn command(ask: &Ask) -> Command {
    match ask.clone() {
        Ask::Touch => Command::Touch,
        Ask::Debit { sold, cost, description } => {
            let content_type = ContentType::new(SOLD[sold]);
            Command::Debit { content_type, cost: cost.map(tokens), description, metadata: None }
        }
        Ask::Credit { amount, kind, description } => {
            Command::Credit { amount: tokens(amount), grant: grant(kind), description, metadata: None }
        }
        Ask::Reset => Command::Reset,
    }
}

fn grant(Kind { source, priority, expires }: Kind) -> GrantKind {
    let priority = priority.map(|priority| Priority::new(priority).unwrap());
    GrantKind { source: SOURCE[source], priority, expires_at: expires.map(at) }
}

fn told(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::InsufficientTokens { required, available } => {
            Answer::TooFew { required: required.get(), available: *available }
        }
        Refusal::BalanceLimitExceeded => Answer::TooMany,
        Refusal::TooManyGrants => Answer::TooManyKinds,
        Refusal::ExpiredAlready => Answer::TooLate,
        other => panic!("{other:?}"),
    }
}

/// The entries are the lines of the model.
fn assert_lines(entries: &[Transaction], lines: &[Line]) {
    let told = |Line { id, tokens, balance, description, of }: &Line| {
        let mut entry = Entry {
            kind: if *tokens > 0 { TransactionType::Credit } else { TransactionType::Debit },
            amount: self::tokens(tokens.unsigned_abs() as u64),
            description: description.as_str().into(),
            content_type: None,
            balance: *balance as i64,
            source: None,
            reservation_id: None,
            part: None,
            refund_of: None,
            priority: None,
            expires_at: None,
            grants: Vec::new(),
            metadata: None,
        };
        let paid = |kind: Kind, tokens: i128| Paid { grant: grant(kind), amount: self::tokens(tokens as u64) };
        match of {
            Of::Credit(kind) => {
                let GrantKind { source, priority, expires_at } = grant(*kind);
                (entry.source, entry.priority, entry.expires_at) = (Some(source), priority, expires_at);
            }
            Of::Debit(sold, grants) => {
                entry.content_type = Some(ContentType::new(SOLD[*sold]));
                entry.grants = grants.iter().map(|(kind, tokens)| paid(*kind, *tokens)).collect();
            }
            Of::Expiration(kind) => {
                (entry.source, entry.grants) = (Some(SOURCE[kind.source]), vec![paid(*kind, -tokens)]);
            }
        }
        Transaction { id: TransactionId::new(at(id.0), id.1), entry }
    };
    assert_eq!(entries, lines.iter().map(told).collect::<Vec<_>>());
}

/// The account, what callers see of it and its document are what the model's history adds up to.
fn assert_same(account: &Account, stats: &Stats, model: &Model) {
    let [articles, descriptions] = [0, 1].map(|sold| model.generations(sold) as u64);
    assert_eq!(i128::from(stats.token_balance), model.balance());
    assert_eq!(i128::from(stats.tokens_used), model.used());
    assert_eq!(stats.tokens_reserved, 0);
    assert_eq!([stats.articles_generated, stats.product_descriptions_generated], [articles, descriptions]);
    assert_eq!(stats.total_generations, articles + descriptions);
    assert_eq!(json!(stats.generations), json!({"ARTICLE": articles, "PRODUCT_DESCRIPTION": descriptions}));
    assert_eq!(stats.version, model.version);
    assert_eq!(stats.next_billing_date.as_millis(), model.next_billing());
    assert_eq!(stats.last_billing_date.as_millis(), model.last_billing());
    assert_eq!(stats.last_updated.as_millis(), model.last_id.0.max(model.opened));
    assert_eq!(stats.created_at.as_millis(), model.opened);
    assert_eq!((account.balance(), account.archives()), (stats.token_balance, model.resets));

    let document = account.to_document().unwrap();
    assert_eq!(Account::from_document(&document, account.user_id()).unwrap(), *account);
    let stored = |Bucket { kind, left, granted }: Bucket| {
        let mut grant = json!({"source": SOURCES[kind.source], "remaining": left as u64});
        let more = [
            ("priority", kind.priority.map(u64::from)),
            ("expiresAt", kind.expires),
            ("granted", (granted != left).then_some(granted as u64)),
        ];
        for (name, number) in more.into_iter().filter_map(|(name, number)| Some((name, number?))) {
            grant[name] = json!(number);
        }
        grant
    };
    let grants: Vec<Value> = model.buckets().into_iter().map(stored).collect();
    assert_eq!(serde_json::from_str::<Value>(&document).unwrap()["grants"], json!(grants));

    let shown = |Bucket { kind, left, granted }: Bucket| {
        let part =
            |letter: char, number: Option<u64>| number.map_or(String::new(), |number| format!(":{letter}{number}"));
        let id = [SOURCES[kind.source], &part('p', kind.priority.map(u64::from)), &part('e', kind.expires)].concat();
        let expires = kind.expires.map(|millis| at(millis).to_utc().to_rfc3339_opts(SecondsFormat::Millis, true));
        let (remaining, amount) = (left as u64, granted as u64);
        let (source, priority) = (SOURCES[kind.source], kind.priority());
        json!({"id": id, "source": source, "remaining": remaining, "amount": amount, "priority": priority,
            "expiresAt": expires})
    };
    let grants: Vec<Value> = model.in_spending_order().into_iter().map(shown).collect();
    assert_eq!(json!(stats.grants), json!(grants));
}
