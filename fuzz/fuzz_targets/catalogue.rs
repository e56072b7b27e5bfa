//! Any text as `plans.toml`: refused with a line of explanation, or a catalogue that keeps what it promises.

#![no_main]

use jeton::{
    ledger::{
        AMOUNT_MAX, Amount, Command, ContentType, ReservationAction, ReservationId, Source, Terms, Timestamp,
        Transaction, TransactionId, TransactionType, UserId, decide,
    },
    locale::Locale,
    plans::{CaptureAbove, Catalogue},
    stage::Stage,
};
use libfuzzer_sys::fuzz_target;

/// 2 June 2026, in milliseconds, and a year.
const START: u64 = 1_780_358_400_000;
const YEAR: u64 = 365 * 24 * 60 * 60 * 1_000;

fuzz_target!(|text: &str| {
    match Catalogue::parse(text) {
        Ok(catalogue) => check(&catalogue),
        Err(error) => assert!(error.to_string().starts_with("plans.toml: ") && error.to_string().len() > 20),
    }
});

fn check(catalogue: &Catalogue) {
    let (_, plan) = catalogue.default_plan().unwrap();
    assert!(plan.opening_balance() <= AMOUNT_MAX && plan.monthly_allowance() <= AMOUNT_MAX);
    let somebody = UserId::new("somebody").unwrap();
    let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 5).unwrap();
    for locale in [Locale::French, Locale::English] {
        for content_type in catalogue.content_types() {
            let price = catalogue.price(content_type, locale).unwrap();
            assert!(!price.label.trim().is_empty());
            assert_eq!(catalogue.content_type(content_type.as_str()), Some(content_type));
        }
        for source in
            [Source::Initial, Source::Monthly, Source::Purchase, Source::Promotion, Source::Adjustment, Source::Refund]
        {
            assert!(!catalogue.source_label(source, locale).trim().is_empty());
        }
        assert!(!catalogue.capture_label(locale).trim().is_empty());
        let monthly = catalogue.monthly_label(day, locale);
        assert!(["2026", "11", "5"].iter().all(|part| monthly.contains(part)), "{monthly:?} is not of {day}");
        for user in [&somebody, catalogue.test_user()] {
            for stage in [Stage::Development, Stage::Production] {
                live(catalogue, user, locale, stage);
            }
        }
    }
}

/// Two years of `user`: the opening, each generation, a reservation of which more is captured than it holds, its refund, the
/// billings, a reset.
fn live(catalogue: &Catalogue, user: &UserId, locale: Locale, stage: Stage) {
    let generations = catalogue.content_types().take(4).map(|content_type: &ContentType| Command::Debit {
        content_type: content_type.clone(),
        cost: None,
        description: None,
        metadata: None,
    });
    let id = ReservationId::named("a").unwrap();
    let amount = Amount::new(4).unwrap();
    let reserve = Command::Reserve { id: id.clone(), amount, content_type: None, lasts_ms: YEAR, metadata: None };
    let action = ReservationAction::Capture { amount: Amount::new(20), is_final: true };
    let capture = Command::Reservation { id, action, closed: None };
    let commands = [Command::Touch].into_iter().chain(generations).chain([reserve, capture]).map(Some);
    // Where there is no command the last debit is given back.
    let commands = commands.chain([None, Some(Command::Touch), Some(Command::Reset)]);
    let (mut account, mut sum) = (None, 0);
    let mut last_debit: Option<Transaction> = None;
    for (number, command) in (0..).zip(commands) {
        let now = Timestamp::from_millis(START + number * YEAR / 4).unwrap();
        let command = command.unwrap_or_else(|| {
            let id = last_debit.as_ref().map_or(TransactionId::ZERO, |debit| debit.id);
            Command::Refund { id, found: last_debit.clone(), archives: 0, refunded: false, description: None }
        });
        let opening = account.is_none();
        let decided = decide(account, user, &command, Terms { catalogue, now, locale, stage }).unwrap();
        if opening
            && stage == Stage::Production
            && let Some(demo) = catalogue.demo_of(user)
        {
            assert_eq!(decided.entries.len(), demo.len(), "every step of the demo happened");
        }
        let (_, plan) = catalogue.default_plan().unwrap();
        assert!(
            u128::from(decided.billed.tokens)
                <= u128::from(decided.billed.periods) * u128::from(plan.monthly_allowance())
        );
        for (index, entry) in decided.entries.iter().map(|transaction| &transaction.entry).enumerate() {
            if decided.archive_after == Some(index) {
                sum = 0;
            }
            assert!(!entry.description.trim().is_empty());
            match entry.kind {
                TransactionType::Credit => sum += entry.amount.get().cast_signed(),
                TransactionType::Debit => sum -= entry.amount.get().cast_signed(),
            }
            assert_eq!(entry.balance, sum);
        }
        if decided.archive_after == Some(decided.entries.len()) {
            sum = 0;
        }
        assert_eq!(decided.account.ledger_balance(), sum);
        let debt_max = if let CaptureAbove::Allow(tokens) = plan.capture_above() { tokens } else { 0 };
        assert!(decided.account.balance() >= -debt_max.cast_signed());
        let debits = decided.entries.into_iter().filter(|each| each.entry.kind == TransactionType::Debit);
        last_debit = debits.filter(|each| !each.entry.is_expiration()).last().or(last_debit);
        account = Some(decided.account);
    }
}
