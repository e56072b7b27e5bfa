//! An account and its model, step by step.

use std::{collections::BTreeMap, sync::Arc};

use jeton::{
    ledger::{
        AMOUNT_MAX, Account, CapChange, Command, ContentType, Decided, Effective, GrantKind, Outcome, PlanChange,
        Priority, Refused, ReservationAction, ReservationId, ReservationStats, ReservationStatus, Source, Stats, Terms,
        Transaction, TransactionId, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{
    DAY, at,
    compare::{assert_grows, assert_lines, assert_same, shown, told},
    foresight::assert_foreseen,
    histories::{assert_all_verified, assert_history},
    model::{Above, Answer, Ask, Change, Kind, Line, Model, Of, Own, Rules, Terms as Plan},
    steps::{Step, Until, When},
    tokens, toml_with,
    usage::Kept,
};

pub(super) const SOURCE: [Source; 6] =
    [Source::Initial, Source::Monthly, Source::Promotion, Source::Adjustment, Source::Purchase, Source::Refund];
pub(super) const SOLD: [&str; 2] = ["ARTICLE", "PRODUCT_DESCRIPTION"];
pub(super) const PLANS: [&str; 2] = ["standard", "gold"];
const LOCALES: [Locale; 2] = [Locale::French, Locale::English];

/// An account and its model, step by step.
#[derive(Clone)]
pub(super) struct Life {
    rules: Rules,
    catalogue: Arc<Catalogue>,
    user: UserId,
    pub(super) now: u64,
    account: Option<Account>,
    model: Option<Model>,
    stats: Option<Stats>,
    /// What the ledger wrote since the last opening.
    history: Vec<Transaction>,
    archives: Vec<Vec<Transaction>>,
    /// What is kept of the reservations that are not open any more.
    closed: BTreeMap<ReservationId, ReservationStatus>,
    usage: Kept,
}

/// The lines of a plan from its allowance on.
fn lines(plan: &Plan) -> String {
    let Plan { allowance, kept, days, zone: _, daily, monthly, above, refund_days } = plan;
    let above = match above {
        Above::Reject => None,
        Above::Cap => Some("\"cap\"".to_owned()),
        Above::Allow(debt) => Some(format!("{{ allow = {debt} }}")),
    };
    let more = [
        ("carry_over", kept.map(|kept| kept.to_string())),
        ("allowance_days", days.map(|days| days.to_string())),
        ("daily_cap", daily.map(|cap| cap.to_string())),
        ("monthly_cap", monthly.map(|cap| cap.to_string())),
        ("capture_above", above),
        ("refund_expired", refund_days.map(|days| format!("{{ days = {days} }}"))),
    ];
    let more = more.into_iter().filter_map(|(key, value)| Some(format!("\n{key} = {}", value?)));
    allowance.to_string() + &more.collect::<String>()
}

/// The real catalogue with these rules, and a second plan. Its opening balance and its billing day are nobody's.
fn catalogue(rules: &Rules) -> Catalogue {
    let [standard, gold] = &rules.plans;
    let toml = toml_with(&[
        ("opening_balance", rules.opening.to_string()),
        ("monthly_allowance", lines(standard)),
        ("billing_day", rules.day.to_string()),
        ("time_zone", format!("{:?}", standard.zone.name())),
    ]);
    let gold = format!(
        "[plans.gold]\nopening_balance = 77\nbilling_day = 17\ntime_zone = {:?}\nmonthly_allowance = {}\n",
        gold.zone.name(),
        lines(gold)
    );
    Catalogue::parse(&format!("{toml}\n{gold}")).unwrap()
}

impl Life {
    pub(super) fn new(rules: Rules, now: u64) -> Self {
        let user = UserId::new(if rules.demo { "test-user-id" } else { "somebody" }).unwrap();
        let (account, model, stats) = (None, None, None);
        let (history, archives, closed) = (Vec::new(), Vec::new(), BTreeMap::new());
        let catalogue = Arc::new(catalogue(&rules));
        let usage = Kept::default();
        Self { rules, catalogue, user, now, account, model, stats, history, archives, closed, usage }
    }

    fn decide(&self, account: Option<&Account>, command: &Command, now: u64, language: usize) -> Decided {
        let locale = LOCALES[language];
        let terms = Terms { catalogue: &self.catalogue, now: at(now), locale, stage: Stage::Production };
        decide(account.cloned(), &self.user, command, terms).unwrap()
    }

    /// The instant of a step.
    fn instant(&self, when: &When) -> u64 {
        let model = self.model.as_ref();
        let (next, millis) = match when {
            When::After(millis) => return self.now + millis,
            When::Before(millis) => return self.now - millis,
            When::At(now) => return *now,
            When::Billing(millis) => (model.map(Model::next_billing), millis),
            When::Expiry(millis) => (model.and_then(Model::next_expiry).map(|(at, ..)| at), millis),
            When::End(millis) => (model.and_then(Model::next_end).map(|(at, _)| at), millis),
            When::Midnight(millis) => {
                let tomorrow = |model: &Model| model.terms().zone.begins(model.terms().zone.day_of(self.now) + 1);
                (model.map(tomorrow), millis)
            }
        };
        next.map_or(self.now, |next| next.checked_add_signed(*millis).unwrap())
    }

    /// When tokens expire that come at `now`, or a reservation ends that is made then.
    fn end(&self, until: Until, now: u64) -> u64 {
        let model = self.model.as_ref();
        let (from, millis) = match until {
            Until::After(millis) => (now, millis),
            Until::Billing(millis) => (model.map_or(self.now, Model::next_billing), millis),
            Until::End(millis) => (model.and_then(Model::next_end).map_or(self.now, |(at, _)| at), millis),
            Until::At(instant) => return instant,
            Until::Day(days) => return (now / (10 * DAY) + days) * 10 * DAY,
        };
        from.checked_add_signed(millis).unwrap()
    }

    /// What is asked at `now`, by its own names.
    fn asked(&self, Step { ask, until, .. }: &Step, now: u64) -> Ask {
        let model = self.model.as_ref();
        let made = model.map_or(0, |model| model.reservations.len());
        let from_last = |place: usize| made.checked_sub(1 + place).unwrap_or(made + place);
        let mut ask = ask.clone();
        match &mut ask {
            Ask::Credit { kind, .. } => kind.expires = until.map(|until| self.end(until, now)),
            Ask::Reserve { lasts, .. } => *lasts = self.lasts(*until, *lasts, now),
            Ask::Extend { place, lasts } => {
                (*place, *lasts) = (from_last(*place), self.lasts(*until, *lasts, now));
            }
            Ask::Capture { place, .. } | Ask::Release { place } => *place = from_last(*place),
            Ask::Refund { id, .. } => {
                let lines = model.map_or(&[][..], |model| &model.lines);
                let line = lines.len().checked_sub(1 + id.0 as usize).map(|place| &lines[place]);
                *id = line.map_or((id.0, 7), |line| line.id);
            }
            Ask::Touch | Ask::Debit { .. } | Ask::Change { .. } | Ask::Reset => {}
        }
        ask
    }

    /// How long a reservation lasts from now on that ends so, or lasts so long.
    fn lasts(&self, until: Option<Until>, lasts: u64, now: u64) -> u64 {
        until.map_or(lasts, |until| self.end(until, now).saturating_sub(now).max(1))
    }

    /// The command that asks it, when these reservations are known to be closed.
    fn command(&self, ask: &Ask, closed: &BTreeMap<ReservationId, ReservationStatus>) -> Command {
        let reservation = |place: usize, action| {
            let id = reservation(place);
            Command::Reservation { closed: closed.get(&id).copied(), id, action }
        };
        match ask.clone() {
            Ask::Touch => Command::Touch,
            Ask::Debit { sold, cost, description } => {
                let content_type = ContentType::new(SOLD[sold]);
                Command::Debit { content_type, cost: cost.map(tokens), description, metadata: None }
            }
            Ask::Credit { amount, kind, description } => {
                Command::Credit { amount: tokens(amount), grant: grant(kind), description, metadata: None }
            }
            Ask::Reserve { amount, sold, lasts } => {
                let id = self::reservation(self.model.as_ref().map_or(0, |model| model.reservations.len()));
                let content_type = sold.map(|sold| ContentType::new(SOLD[sold]));
                Command::Reserve { id, amount: tokens(amount), content_type, lasts_ms: lasts, metadata: None }
            }
            Ask::Capture { place, amount, last } => {
                reservation(place, ReservationAction::Capture { amount: amount.map(tokens), is_final: last })
            }
            Ask::Release { place } => reservation(place, ReservationAction::Release),
            Ask::Extend { place, lasts } => reservation(place, ReservationAction::Extend { lasts_ms: lasts }),
            Ask::Refund { id, description } => {
                let id = transaction_id(id);
                let found = self.history.iter().find(|found| found.id == id).cloned();
                let refunded = self.history.iter().any(|other| other.entry.refund_of == Some(id));
                let archives = self.account.as_ref().map_or(0, Account::archives);
                Command::Refund { id, found, archives, refunded, description }
            }
            Ask::Change { change: Change { plan, caps }, at_once } => {
                let cap = |own| if let Own::Is(tokens) = own { CapChange::Set(tokens) } else { CapChange::Lift };
                let [daily, monthly] = caps.map(|change| change.map(cap));
                let change = PlanChange { plan: plan.map(|plan| PLANS[plan].into()), daily, monthly };
                Command::Change { change, effective: if at_once { Effective::Now } else { Effective::NextPeriod } }
            }
            Ask::Reset => Command::Reset,
        }
    }

    pub(super) fn live(&mut self, step: &Step) {
        let Step { when, language, look, .. } = step;
        let now = self.instant(when);
        let ask = &self.asked(step, now);
        let command = self.command(ask, &self.closed);
        let decided = self.decide(self.account.as_ref(), &command, now, *language);
        let touched = self.decide(self.account.as_ref(), &Command::Touch, now, *language);
        let touched_stats = &touched.result.as_ref().unwrap().stats;

        let open = || Model::open_at(self.rules.clone(), now, *language);
        let before = self.model.clone();
        let mut settled = before.clone().unwrap_or_else(open);
        let (known, billed_before) =
            before.as_ref().map_or((0, settled.next), |model: &Model| (model.lines.len(), model.next));
        settled.settle(now, *language);
        let mut after = settled.clone();
        // A reset of nobody is an opening.
        let opens = before.is_none() && matches!(ask, Ask::Reset);
        let answer = after.ask(if opens { &Ask::Touch } else { ask }, now, *language);

        // First time, then the command.
        let resets = matches!(ask, Ask::Reset) && !opens;
        let due = &settled.lines[known..];
        let (put_away, own) = if resets {
            (&after.archived[known..], &after.lines[..])
        } else {
            (&[][..], &after.lines[known + due.len()..])
        };
        let expected = if resets { [put_away, own].concat() } else { [due, own].concat() };
        assert_lines(&touched.entries, due);
        assert_lines(&decided.entries, &expected);
        assert_eq!(decided.archive_after, resets.then_some(put_away.len()));
        assert_same(&touched.account, touched_stats, &settled, now);
        let months = |(year, month): (u64, u64)| year * 12 + month;
        let billed_after = if resets { settled.next } else { after.next };
        assert_eq!(decided.billed.periods, months(billed_after) - months(billed_before));
        let is_allowance = |line: &&Line| matches!(line.of, Of::Credit(kind) if SOURCE[kind.source] == Source::Monthly);
        let allowances = expected.iter().filter(is_allowance);
        assert_eq!(i128::from(decided.billed.tokens), allowances.map(|line| line.tokens).sum::<i128>());
        match (&decided.result, answer) {
            (Ok(Outcome { transaction, reservation, stats }), Answer::Done) => {
                let own = if opens { &decided.entries[..] } else { &decided.entries[expected.len() - own.len()..] };
                let told = match ask {
                    Ask::Debit { .. } | Ask::Credit { .. } | Ask::Refund { .. } => own.first(),
                    Ask::Capture { .. } => own.first().filter(|first| first.entry.reservation_id.is_some()),
                    Ask::Reset => own.last(),
                    Ask::Touch
                    | Ask::Reserve { .. }
                    | Ask::Release { .. }
                    | Ask::Extend { .. }
                    | Ask::Change { .. } => None,
                };
                assert_eq!(transaction.as_ref(), told);
                let place = match ask {
                    Ask::Reserve { .. } => Some(after.reservations.len() - 1),
                    Ask::Capture { place, .. } | Ask::Release { place } | Ask::Extend { place, .. } => Some(*place),
                    Ask::Touch
                    | Ask::Debit { .. }
                    | Ask::Credit { .. }
                    | Ask::Refund { .. }
                    | Ask::Change { .. }
                    | Ask::Reset => None,
                };
                let told = place.map(|place| shown(place, &after.reservations[place]));
                assert_eq!(reservation.as_ref().map(|stats| serde_json::to_value(stats).unwrap()), told);
                assert_same(&decided.account, stats, &after, now);
                assert_grows(touched_stats, stats);
            }
            (Err(Refused { refusal, stats }), answer) => {
                assert_eq!(answer, told(refusal), "{ask:?}");
                assert_eq!(decided.account, touched.account, "a refused command leaves no trace");
                assert_eq!(decided.account.to_document().unwrap(), touched.account.to_document().unwrap());
                assert_eq!((&decided.entries, &decided.closed), (&touched.entries, &touched.closed));
                assert_eq!(stats, touched_stats);
            }
            (Ok(_), answer) => panic!("{ask:?} should be refused: {answer:?}"),
        }
        if let Some(before) = &self.stats {
            assert_grows(before, touched_stats);
        }
        let stats = match &decided.result {
            Ok(outcome) => &outcome.stats,
            Err(refused) => &refused.stats,
        };
        // By a clock that is behind nothing is foreseen, nor what the second billing brings to an account that is full at
        // the first.
        let is_full = decided.account.ledger_balance().cast_unsigned() == AMOUNT_MAX;
        if now >= after.last_id.0 && !is_full {
            assert_foreseen(stats, now, |then| self.decide(Some(&decided.account), &Command::Touch, then, *language));
        }
        self.stats = Some(stats.clone());

        // Whoever looks in between changes nothing.
        if let Some(account) = self.account.as_ref().filter(|_| now > self.now) {
            let then = self.now + (now - self.now) * look / 256;
            let first = self.decide(Some(account), &Command::Touch, then, *language);
            let command = self.command(ask, &with(&self.closed, &first.closed));
            let second = self.decide(Some(&first.account), &command, now, *language);
            assert_eq!(second.account, decided.account);
            assert_eq!([&first.entries[..], &second.entries].concat(), decided.entries);
            assert_eq!([&first.closed[..], &second.closed].concat(), decided.closed);
            assert_eq!(second.archive_after.map(|count| first.entries.len() + count), decided.archive_after);
        }
        self.usage.take(&decided);
        self.usage.assert_counted(&decided.account, &after);
        self.keep(decided);
        (self.now, self.model) = (now, Some(after));
    }

    /// What a store would keep.
    fn keep(&mut self, decided: Decided) {
        let Decided { mut entries, account, closed, archive_after, .. } = decided;
        self.closed = with(&self.closed, &closed);
        self.history.extend(entries.drain(..archive_after.unwrap_or(0)));
        if archive_after.is_some() {
            assert_history(&self.history);
            self.archives.push(std::mem::take(&mut self.history));
        }
        self.history.append(&mut entries);
        assert_history(&self.history);
        assert_all_verified(&account, &self.catalogue, &self.archives, &self.history);
        assert_eq!(self.history.last().map_or(0, |last| last.entry.balance), account.ledger_balance());
        self.account = Some(account);
    }
}

/// `closed` and these.
fn with(
    closed: &BTreeMap<ReservationId, ReservationStatus>,
    more: &[ReservationStats],
) -> BTreeMap<ReservationId, ReservationStatus> {
    let more = more.iter().map(|stats| (stats.id.clone(), stats.status));
    closed.clone().into_iter().chain(more).collect()
}

pub(super) fn reservation(place: usize) -> ReservationId {
    ReservationId::named(&place.to_string()).unwrap()
}

pub(super) fn transaction_id((millis, number): (u64, u32)) -> TransactionId {
    TransactionId::new(at(millis), number)
}

pub(super) fn grant(Kind { source, priority, expires }: Kind) -> GrantKind {
    let priority = priority.map(|priority| Priority::new(priority).unwrap());
    GrantKind { source: SOURCE[source], priority, expires_at: expires.map(at) }
}
