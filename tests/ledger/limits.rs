//! The limits: of an amount, of a balance, of an allowance, of the count of used tokens; and the order of spending.

use jeton::{
    ledger::{
        AMOUNT_MAX, Account, Amount, Command, ContentType, Decided, GrantKind, Outcome, Refusal, Source, Stats, Terms,
        Timestamp, Transaction, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};
use serde_json::json;

use super::{DAY, asks::refund, at, catalogue_with, histories::assert_all_verified, tokens};

/// 2027-01-05T00:00Z, a billing day.
pub(super) const JANUARY: u64 = 1_799_107_200_000;

/// An account on a plan of its own.
pub(super) struct Desk {
    pub(super) catalogue: Catalogue,
    pub(super) account: Option<Account>,
    pub(super) now: Timestamp,
    pub(super) stage: Stage,
    /// Since the last opening.
    pub(super) history: Vec<Transaction>,
    archives: Vec<Vec<Transaction>>,
}

impl Desk {
    fn new(opening: u64, allowance: u64) -> Self {
        Self::with(opening, &allowance.to_string())
    }

    /// `allowance` may say more lines of the plan.
    pub(super) fn with(opening: u64, allowance: &str) -> Self {
        let lines = [("opening_balance", opening.to_string()), ("monthly_allowance", allowance.to_owned())];
        Self::on(catalogue_with(&lines))
    }

    pub(super) fn on(catalogue: Catalogue) -> Self {
        let (stage, history, archives) = (Stage::Production, Vec::new(), Vec::new());
        Self { catalogue, account: None, now: at(JANUARY), stage, history, archives }
    }

    pub(super) fn ask(&mut self, command: &Command) -> Decided {
        let user = UserId::new("somebody").unwrap();
        let terms = Terms { catalogue: &self.catalogue, now: self.now, locale: Locale::French, stage: self.stage };
        let decided = decide(self.account.take(), &user, command, terms).unwrap();
        self.account = Some(decided.account.clone());
        let mut entries = decided.entries.clone();
        if let Some(after) = decided.archive_after {
            self.history.extend(entries.drain(..after));
            self.archives.push(std::mem::take(&mut self.history));
        }
        self.history.extend(entries);
        decided
    }

    /// The same at another instant.
    pub(super) fn ask_at(&mut self, now: u64, command: &Command) -> Decided {
        self.now = at(now);
        self.ask(command)
    }

    /// The same, granted.
    pub(super) fn done(&mut self, command: &Command) -> Outcome {
        self.ask(command).result.unwrap_or_else(|refused| panic!("{command:?}: {refused:?}"))
    }

    pub(super) fn stats(&mut self) -> Stats {
        self.done(&Command::Touch).stats
    }

    /// `jeton verify` finds nothing.
    pub(super) fn assert_sound(&self) {
        assert_all_verified(self.account.as_ref().unwrap(), &self.catalogue, &self.archives, &self.history);
    }

    /// What is left of each grant, in the order of spending.
    pub(super) fn grants(&mut self) -> Vec<(String, u64)> {
        let stats = self.ask(&Command::Touch).result.unwrap().stats;
        stats.grants.iter().map(|grant| (grant.id.to_string(), grant.remaining)).collect()
    }
}

pub(super) fn credit(amount: u64, grant: impl Into<GrantKind>) -> Command {
    Command::Credit { amount: tokens(amount), grant: grant.into(), description: None, metadata: None }
}

pub(super) fn debit(cost: Option<u64>) -> Command {
    let content_type = ContentType::new("ARTICLE");
    Command::Debit { content_type, cost: cost.map(tokens), description: None, metadata: None }
}

pub(super) fn balance_or_refusal(decided: &Decided) -> Result<i64, Refusal> {
    decided.result.as_ref().map(|done| done.stats.token_balance).map_err(|refused| refused.refusal.clone())
}

#[test]
fn an_amount_is_a_safe_integer_from_one() {
    assert_eq!(AMOUNT_MAX, (1 << 53) - 1);
    for (number, valid) in [(0, false), (1, true), (AMOUNT_MAX, true), (AMOUNT_MAX + 1, false), (u64::MAX, false)] {
        assert_eq!(Amount::new(number).map(Amount::get), valid.then_some(number));
    }
    for text in ["0", "-1", "1.0", "1.5", "1e3", "\"3\"", "9007199254740992", "18446744073709551616", "null", "true"] {
        assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
    }
    assert_eq!(serde_json::from_str::<Amount>("9007199254740991").unwrap(), tokens(AMOUNT_MAX));
}

#[test]
fn a_credit_must_find_room() {
    const FULL: Result<i64, Refusal> = Err(Refusal::BalanceLimitExceeded);
    for (opening, amount, expected) in [
        (0, 1, Ok(1)),
        (0, AMOUNT_MAX, Ok(AMOUNT_MAX.cast_signed())),
        (5000, AMOUNT_MAX - 5000, Ok(AMOUNT_MAX.cast_signed())),
        (5000, AMOUNT_MAX - 4999, FULL),
        (1, AMOUNT_MAX, FULL),
        (AMOUNT_MAX, 1, FULL),
        (AMOUNT_MAX, AMOUNT_MAX, FULL),
    ] {
        let mut desk = Desk::new(opening, 300);
        let decided = desk.ask(&credit(amount, Source::Purchase));
        assert_eq!(balance_or_refusal(&decided), expected, "{opening} + {amount}");
        if expected.is_ok() && opening + amount == AMOUNT_MAX {
            assert_eq!(balance_or_refusal(&desk.ask(&credit(1, Source::Purchase))), FULL, "one more");
            assert_eq!(balance_or_refusal(&desk.ask(&credit(1, Source::Promotion))), FULL, "of any source");
        }
    }
}

#[test]
fn a_debit_must_be_covered() {
    let few = |required, available| Err(Refusal::InsufficientTokens { required: tokens(required), available });
    for (opening, cost, expected) in [
        (1, Some(1), Ok(0)),
        (0, Some(1), few(1, 0)),
        (3, None, Ok(0)),
        (2, None, few(3, 2)),
        (5000, Some(5000), Ok(0)),
        (5000, Some(5001), few(5001, 5000)),
        (AMOUNT_MAX, Some(AMOUNT_MAX), Ok(0)),
        (AMOUNT_MAX - 1, Some(AMOUNT_MAX), few(AMOUNT_MAX, AMOUNT_MAX - 1)),
    ] {
        let decided = Desk::new(opening, 300).ask(&debit(cost));
        assert_eq!(balance_or_refusal(&decided), expected, "{opening} - {cost:?}");
    }
}

#[test]
fn an_allowance_is_cut_to_the_room_and_its_period_is_over() {
    let full = AMOUNT_MAX;
    // The opening balance, what is spent in each month, and what the billing after it brings.
    for (opening, months) in [
        (full - 300, vec![(0, Some(300)), (0, None), (0, None)]),
        (full - 299, vec![(0, Some(299)), (1, Some(1)), (0, None)]),
        (full - 1, vec![(0, Some(1)), (0, None), (300, Some(300))]),
        (full, vec![(0, None), (0, None), (500, Some(300)), (0, Some(200)), (0, None)]),
    ] {
        let mut desk = Desk::new(opening, 300);
        for (number, (spent, credited)) in months.into_iter().enumerate() {
            if spent > 0 {
                assert!(desk.ask(&debit(Some(spent))).result.is_ok());
            }
            let before = desk.ask(&Command::Touch).result.unwrap().stats;
            desk.now = before.next_billing_date;
            let billed = desk.ask(&Command::Touch);
            let case = format!("{opening}, month {number}");
            assert_eq!((billed.billed.periods, billed.billed.tokens), (1, credited.unwrap_or(0)), "{case}");
            let amounts: Vec<u64> = billed.entries.iter().map(|each| each.entry.amount.get()).collect();
            assert_eq!(amounts, Vec::from_iter(credited), "{case}: no entry says nothing");
            let after = billed.result.unwrap().stats;
            assert_eq!(
                after.token_balance,
                before.token_balance + i64::try_from(credited.unwrap_or(0)).unwrap(),
                "{case}"
            );
            assert_eq!(after.last_billing_date, before.next_billing_date, "{case}");
            assert_eq!(after.version, before.version + 1, "{case}: with an entry and without one");
        }
    }
}

#[test]
fn what_was_given_is_spent_before_what_was_paid_for() {
    let mut desk = Desk::new(10, 20);
    // They come in the opposite order.
    for (amount, source) in [(50, Source::Purchase), (40, Source::Adjustment), (30, Source::Promotion)] {
        assert!(desk.ask(&credit(amount, source)).result.is_ok());
    }
    desk.now = at(JANUARY + 31 * DAY);
    let grants = |left: &[(&str, u64)]| -> Vec<(String, u64)> {
        left.iter().map(|(source, tokens)| ((*source).to_owned(), *tokens)).collect()
    };
    let all = [("initial", 10), ("monthly", 20), ("promotion", 30), ("adjustment", 40), ("purchase", 50)];
    desk.ask(&Command::Touch);
    assert_eq!(desk.grants(), grants(&all));

    for (cost, left) in [
        (9, &[("initial", 1), ("monthly", 20), ("promotion", 30), ("adjustment", 40), ("purchase", 50)][..]),
        (1, &[("monthly", 20), ("promotion", 30), ("adjustment", 40), ("purchase", 50)]),
        (21, &[("promotion", 29), ("adjustment", 40), ("purchase", 50)]),
        (69, &[("purchase", 50)]),
        (49, &[("purchase", 1)]),
        (1, &[]),
    ] {
        assert!(desk.ask(&debit(Some(cost))).result.is_ok());
        assert_eq!(desk.grants(), grants(left), "after a debit of {cost}");
    }

    // What comes later takes its place again, and adds to what is there.
    for (amount, source) in [(5, Source::Purchase), (4, Source::Promotion), (6, Source::Purchase)] {
        assert!(desk.ask(&credit(amount, source)).result.is_ok());
    }
    assert_eq!(desk.grants(), grants(&[("promotion", 4), ("purchase", 11)]));
}

#[test]
fn the_count_of_used_tokens_does_not_overflow() {
    let mut desk = Desk::new(5000, 300);
    let opened = desk.ask(&Command::Touch).account;
    let document = opened.to_document().unwrap();
    let used = document.replace(r#""tokensUsed":0"#, &format!(r#""tokensUsed":{}"#, u64::MAX - 2));
    let account = Account::from_document(&used, opened.user_id()).unwrap();
    desk.account = Some(account.clone());

    let decided = desk.ask(&debit(Some(3)));
    assert_eq!(balance_or_refusal(&decided), Err(Refusal::BalanceLimitExceeded));
    assert_eq!((decided.account, decided.entries), (account, vec![]), "refused without a trace");
    assert_eq!(balance_or_refusal(&desk.ask(&debit(Some(2)))), Ok(4998), "what can be counted can be spent");
}

#[test]
fn the_callers_data_is_kept_with_the_entry() {
    let mut desk = Desk::new(5000, 300);
    let metadata = json!({"order": [1, {"deep": null}], "é": "ü"}).as_object().cloned();
    let told = |entry: &Transaction| (entry.entry.description.to_string(), entry.entry.metadata.clone());
    let mut asks = [debit(None), credit(1, Source::Promotion)];
    for ask in &mut asks {
        if let Command::Debit { description, metadata: data, .. }
        | Command::Credit { description, metadata: data, .. } = ask
        {
            (*description, *data) = (Some("Mon texte".to_owned()), metadata.clone());
        }
        let done = desk.ask(ask).result.unwrap().transaction.unwrap();
        assert_eq!(told(&done), ("Mon texte".to_owned(), metadata.clone()));
    }
}

#[test]
fn credits_make_a_thousand_grants_at_most() {
    const FULL: Result<i64, Refusal> = Err(Refusal::TooManyGrants);
    let kind = |number: u64| GrantKind { expires_at: Some(at(JANUARY + 40 * DAY + number)), ..Source::Purchase.into() };
    let mut desk = Desk::new(5, 300);
    for number in 0..997 {
        assert!(desk.ask(&credit(1, kind(number))).result.is_ok());
    }
    let count = |desk: &mut Desk| desk.grants().len();
    assert_eq!(count(&mut desk), 998);
    for (number, expected, grants) in [(997, Ok(1_003), 999), (998, Ok(1_004), 1_000), (999, FULL, 1_000)] {
        let before = desk.account.clone();
        let decided = desk.ask(&credit(1, kind(number)));
        assert_eq!((balance_or_refusal(&decided), count(&mut desk)), (expected.clone(), grants));
        assert_eq!(Some(decided.account) == before, expected == FULL, "refused without a trace");
    }
    // What joins a grant needs no place, and an allowance always has one.
    assert_eq!(balance_or_refusal(&desk.ask(&credit(1, kind(0)))), Ok(1_005));
    desk.now = at(JANUARY + 31 * DAY);
    assert_eq!((balance_or_refusal(&desk.ask(&Command::Touch)), count(&mut desk)), (Ok(1_305), 1_001));
    assert_eq!(balance_or_refusal(&desk.ask(&credit(1, Source::Promotion))), FULL);
    assert_eq!(balance_or_refusal(&desk.ask(&credit(AMOUNT_MAX, Source::Monthly))), Err(Refusal::BalanceLimitExceeded));
    // A place is free again once tokens are spent or have expired.
    assert_eq!(balance_or_refusal(&desk.ask(&debit(Some(305)))), Ok(1_000));
    assert_eq!((balance_or_refusal(&desk.ask(&credit(1, Source::Promotion))), count(&mut desk)), (Ok(1_001), 1_000));
    assert_eq!(balance_or_refusal(&desk.ask(&credit(1, kind(999)))), FULL);
    desk.now = at(JANUARY + 40 * DAY);
    assert_eq!((balance_or_refusal(&desk.ask(&credit(1, kind(999)))), count(&mut desk)), (Ok(1_000), 1_000));
}

#[test]
fn refunds_make_a_thousand_grants_at_most() {
    let kind = |number: u64| GrantKind { expires_at: Some(at(JANUARY + 40 * DAY + number)), ..Source::Purchase.into() };
    for (others, expected) in [(996, Ok(1_006)), (997, Err(Refusal::TooManyGrants)), (998, Err(Refusal::TooManyGrants))]
    {
        let mut desk = Desk::new(5, 300);
        for number in 0..3 {
            desk.done(&credit(1, kind(number)));
        }
        let debit = desk.done(&debit(Some(8))).transaction.unwrap();
        for number in 0..others {
            desk.done(&credit(1, kind(10 + number)));
        }
        // Two of the three that paid are there again; the third and the opening balance need a place.
        desk.done(&credit(1, kind(0)));
        desk.done(&credit(1, kind(1)));
        let before = desk.account.clone();
        let decided = desk.ask(&refund(&debit));
        assert_eq!(balance_or_refusal(&decided), expected, "{others}");
        assert_eq!(Some(decided.account) == before, expected.is_err(), "{others}: refused without a trace");
    }
}
