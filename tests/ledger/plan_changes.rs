//! Changes of plan: nothing is credited or withdrawn by one, the next billing brings the allowance of the plan that then
//! holds, and the account keeps its billing day.

use jeton::{
    ledger::{CapChange, Command, Effective, PlanChange, Terms, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{
    DAY,
    asks::{change, reserve},
    at,
    limits::{Desk, JANUARY, debit},
    toml_with,
};

const HOUR: u64 = 3_600_000;
const FEBRUARY: u64 = JANUARY + 31 * DAY;
const MARCH: u64 = FEBRUARY + 28 * DAY;
const NOW: Effective = Effective::Now;
const THEN: Effective = Effective::NextPeriod;

/// An account of 10 tokens on a plan with 20 a month, beside a plan that says this from its allowance on, in this zone.
pub(super) fn desk(gold: &str, zone: &str) -> Desk {
    let lines = [("opening_balance", "10".to_owned()), ("monthly_allowance", "20".to_owned())];
    let gold = format!(
        "[plans.gold]\nopening_balance = 77\nbilling_day = 17\ntime_zone = {zone:?}\nmonthly_allowance = {gold}\n"
    );
    Desk::on(Catalogue::parse(&format!("{}\n{gold}", toml_with(&lines))).unwrap())
}

#[test]
fn a_change_moves_no_token_and_the_next_billing_is_of_the_plan_that_then_holds() {
    // The changes, each with its instant; the plan and the next plan after them; what the next two billings bring.
    let gold = |effective| change(Some("gold"), effective);
    let standard = |effective| change(Some("standard"), effective);
    for (changes, plan, next, billings) in [
        (vec![], "standard", None, [20, 20]),
        (vec![gold(NOW)], "gold", None, [50, 50]),
        (vec![gold(THEN)], "standard", Some("gold"), [50, 50]),
        (vec![gold(NOW), standard(NOW)], "standard", None, [20, 20]),
        (vec![gold(NOW), standard(THEN)], "gold", Some("standard"), [20, 20]),
        (vec![gold(THEN), standard(NOW)], "standard", None, [20, 20]),
        (vec![gold(THEN), standard(THEN)], "standard", Some("standard"), [20, 20]),
        (vec![gold(THEN), change(None, NOW)], "standard", Some("gold"), [50, 50]),
        (vec![gold(THEN), change(None, THEN)], "standard", Some("gold"), [50, 50]),
    ] {
        let mut desk = desk("50", "UTC");
        desk.done(&reserve("a", 3, 100 * DAY));
        for (number, change) in (1..).zip(&changes) {
            let before = desk.stats();
            let decided = desk.ask_at(JANUARY + number * DAY, change);
            assert_eq!((decided.entries.len(), decided.billed.periods), (0, 0));
            let after = decided.result.unwrap();
            assert_eq!((after.transaction, after.reservation), (None, None));
            assert_eq!(after.stats.token_balance, before.token_balance);
            assert_eq!(after.stats.tokens_reserved, before.tokens_reserved);
            assert_eq!((after.stats.grants, after.stats.version), (before.grants, before.version + 1));
            assert_eq!(after.stats.next_billing_date, at(FEBRUARY), "it keeps its billing day");
        }
        let stats = desk.stats();
        assert_eq!((&*stats.plan, stats.next_plan.as_deref()), (plan, next), "{changes:?}");
        let holds = if next.is_some() { next } else { Some(plan) };
        for (billing, tokens) in [FEBRUARY, MARCH].into_iter().zip(billings) {
            desk.now = at(billing - 1);
            assert_eq!(&*desk.stats().plan, if billing == FEBRUARY { plan } else { holds.unwrap() }, "{changes:?}");
            let billed = desk.ask_at(billing, &Command::Touch);
            assert_eq!((billed.billed.periods, billed.billed.tokens), (1, tokens), "{changes:?}");
            let stats = billed.result.unwrap().stats;
            assert_eq!((Some(&*stats.plan), stats.next_plan), (holds, None), "{changes:?}");
        }
        desk.assert_sound();
    }
}

#[test]
fn what_is_carried_over_is_what_the_plan_says_that_then_holds() {
    for (gold, effective, left) in [
        ("50\ncarry_over = 7", NOW, 10 + 7 + 50),
        ("50\ncarry_over = 7", THEN, 10 + 7 + 50),
        ("50\ncarry_over = \"none\"", THEN, 10 + 50),
        ("0\ncarry_over = \"none\"", THEN, 10),
        ("0", THEN, 10 + 20),
    ] {
        let mut desk = desk(gold, "UTC");
        desk.stats();
        desk.now = at(FEBRUARY);
        desk.done(&change(Some("gold"), effective));
        let before = desk.stats();
        assert_eq!(before.token_balance, 30);
        desk.now = at(MARCH);
        let after = desk.stats();
        assert_eq!((after.token_balance, &*after.plan), (left, "gold"), "{gold} {effective:?}");
        assert!(after.version > before.version, "the plan, or the billing date, is another");
        desk.assert_sound();
    }
}

#[test]
fn another_zone_can_make_the_next_billing_due_at_once_and_never_brings_one_twice() {
    // 14 hours ahead of UTC, and 11 behind.
    let (ahead, behind) = ("Pacific/Kiritimati", "Pacific/Pago_Pago");
    let mut desk = desk("50", ahead);
    desk.stats();
    // Half a day before the billing in UTC, after it in the other zone.
    let changed = desk.ask_at(FEBRUARY - 12 * HOUR, &change(Some("gold"), NOW));
    assert_eq!((changed.billed.periods, changed.billed.tokens), (1, 50));
    let due: Vec<_> = changed.entries.iter().map(|each| (each.id.timestamp(), each.entry.amount.get())).collect();
    assert_eq!(due, [(at(FEBRUARY - 14 * HOUR), 50)]);
    assert!(changed.result.as_ref().unwrap().transaction.is_none(), "it is nobody's own entry");
    assert_eq!(changed.result.unwrap().stats.next_billing_date, at(MARCH - 14 * HOUR));
    // Back again: this month is billed.
    desk.done(&change(Some("standard"), NOW));
    for (now, balance) in [(FEBRUARY, 60), (MARCH - 1, 60), (MARCH, 80)] {
        desk.now = at(now);
        assert_eq!(desk.stats().token_balance, balance);
    }
    desk.assert_sound();

    // A zone that is behind lets the billing wait.
    let mut desk = self::desk("50", behind);
    desk.stats();
    desk.now = at(FEBRUARY - HOUR);
    desk.done(&change(Some("gold"), NOW));
    for (now, balance) in [(FEBRUARY + 11 * HOUR - 1, 10), (FEBRUARY + 11 * HOUR, 60)] {
        desk.now = at(now);
        assert_eq!(desk.stats().token_balance, balance);
    }
    // One that is planned holds from the billing of the zone before.
    let mut desk = self::desk("50", ahead);
    desk.stats();
    desk.done(&change(Some("gold"), THEN));
    for (now, balance) in [(FEBRUARY - 1, 10), (FEBRUARY, 60), (MARCH - 14 * HOUR - 1, 60), (MARCH - 14 * HOUR, 110)] {
        desk.now = at(now);
        assert_eq!(desk.stats().token_balance, balance);
    }
    desk.assert_sound();
}

#[test]
fn a_planned_cap_holds_with_the_next_billing() {
    let mut desk = desk("50\ndaily_cap = 8\nmonthly_cap = 9", "UTC");
    let plan = |plan: Option<&str>, daily, monthly, effective| {
        let change = PlanChange { plan: plan.map(Into::into), daily, monthly };
        Command::Change { change, effective }
    };
    let caps = |desk: &mut Desk| {
        let caps = desk.stats().caps.unwrap_or_default();
        (caps.daily.map(|cap| cap.limit), caps.monthly.map(|cap| cap.limit))
    };
    assert_eq!(caps(&mut desk), (None, None));
    // What is asked, and the caps after it.
    for (ask, expected) in [
        (plan(None, Some(CapChange::Set(3)), None, NOW), (Some(3), None)),
        (plan(None, Some(CapChange::Lift), Some(CapChange::Set(4)), THEN), (Some(3), None)),
        (plan(None, None, Some(CapChange::Set(6)), NOW), (Some(3), Some(6))),
        (plan(Some("gold"), None, None, NOW), (Some(3), Some(6))),
        (plan(None, None, Some(CapChange::Lift), NOW), (Some(3), Some(9))),
        (plan(None, None, Some(CapChange::Set(0)), THEN), (Some(3), Some(9))),
    ] {
        desk.done(&ask);
        assert_eq!(caps(&mut desk), expected, "{ask:?}");
    }
    desk.now = at(FEBRUARY - 1);
    assert_eq!(caps(&mut desk), (Some(3), Some(9)));
    desk.now = at(FEBRUARY);
    assert_eq!(caps(&mut desk), (Some(8), Some(0)), "a cap that is taken back is the plan's");
    assert!(desk.ask(&debit(Some(1))).result.is_err());
}

#[test]
fn a_reset_knows_no_plan_but_the_one_that_accounts_begin_on() {
    let mut desk = desk("50\ndaily_cap = 8", "UTC");
    desk.done(&change(Some("gold"), NOW));
    desk.done(&Command::Change {
        change: PlanChange { plan: Some("gold".into()), daily: Some(CapChange::Set(1)), monthly: None },
        effective: THEN,
    });
    let version = desk.stats().version;
    let stats = desk.done(&Command::Reset).stats;
    assert_eq!((&*stats.plan, stats.next_plan, stats.caps), ("standard", None, None));
    assert!(stats.version > version);
    desk.now = at(FEBRUARY);
    assert_eq!(&*desk.stats().plan, "standard");
    desk.assert_sound();
}

#[test]
fn a_plan_that_is_not_in_the_catalogue_is_an_error() {
    let catalogue = Catalogue::built_in().unwrap();
    let terms = Terms { catalogue, now: at(JANUARY), locale: Locale::French, stage: Stage::Production };
    for effective in [NOW, THEN] {
        let asked = decide(None, &UserId::new("somebody").unwrap(), &change(Some("gold"), effective), terms);
        assert_eq!(asked.unwrap_err().to_string(), r#"plans.toml has no plan "gold""#);
    }
}
