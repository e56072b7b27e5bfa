//! Caps: what counts on which day and in which month, and what is given back.

use jeton::{
    ledger::{
        CapChange, CapPeriod, CapStats, Command, ContentType, Effective, PlanChange, Refusal, Source, Terms, Timestamp,
        TransactionType, UserId, decide,
    },
    locale::Locale,
    stage::Stage,
};

use super::{
    DAY,
    asks::{capture, change, refund, release, reserve},
    at, catalogue_with,
    limits::{Desk, JANUARY, balance_or_refusal, credit, debit},
    plan_changes,
};

fn instant(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

/// An account of 1 000 tokens with this cap, in this zone, opened at noon of the first day of 2027.
pub(super) fn desk_in(zone: &str, cap: &str) -> Desk {
    let lines = [
        ("opening_balance", "1000".to_owned()),
        ("monthly_allowance", format!("0\n{cap}")),
        ("time_zone", format!("{zone:?}")),
    ];
    let mut desk = Desk::on(catalogue_with(&lines));
    desk.now = instant("2027-01-01T12:00:00Z");
    desk.stats();
    desk
}

/// What the caps say was spent: of the day, of the month.
fn spent(desk: &mut Desk) -> (u64, u64) {
    let caps = desk.stats().caps.unwrap();
    (caps.daily.map_or(0, |cap| cap.spent), caps.monthly.map_or(0, |cap| cap.spent))
}

#[test]
fn a_day_and_a_month_begin_at_midnight_of_the_zone() {
    const BOTH: &str = "daily_cap = 5\nmonthly_cap = 50";
    // The zone, the last millisecond of a day or the first one of the next, and when the day and the month are over.
    for (zone, now, day, month) in [
        ("UTC", "2027-01-31T23:59:59.999Z", "2027-02-01T00:00:00Z", "2027-02-01T00:00:00Z"),
        ("UTC", "2027-02-01T00:00:00Z", "2027-02-02T00:00:00Z", "2027-03-01T00:00:00Z"),
        ("UTC", "2027-02-28T12:00:00Z", "2027-03-01T00:00:00Z", "2027-03-01T00:00:00Z"),
        ("UTC", "2028-02-28T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("UTC", "2028-02-29T12:00:00Z", "2028-03-01T00:00:00Z", "2028-03-01T00:00:00Z"),
        ("UTC", "2027-12-31T23:59:59.999Z", "2028-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        // A day of 23 hours, a day of 25.
        ("Europe/Paris", "2027-03-27T22:59:59.999Z", "2027-03-27T23:00:00Z", "2027-03-31T22:00:00Z"),
        ("Europe/Paris", "2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z", "2027-03-31T22:00:00Z"),
        ("Europe/Paris", "2027-10-30T22:00:00Z", "2027-10-31T23:00:00Z", "2027-10-31T23:00:00Z"),
        ("Europe/Paris", "2027-10-31T22:59:59.999Z", "2027-10-31T23:00:00Z", "2027-10-31T23:00:00Z"),
        ("Europe/Paris", "2027-10-31T23:00:00Z", "2027-11-01T23:00:00Z", "2027-11-30T23:00:00Z"),
        // Where the clocks skip midnight.
        ("America/Santiago", "2027-09-04T12:00:00Z", "2027-09-05T04:00:00Z", "2027-10-01T03:00:00Z"),
        ("America/Santiago", "2027-09-05T04:00:00Z", "2027-09-06T03:00:00Z", "2027-10-01T03:00:00Z"),
        ("Asia/Kathmandu", "2027-05-31T18:14:59.999Z", "2027-05-31T18:15:00Z", "2027-05-31T18:15:00Z"),
        ("Pacific/Kiritimati", "2027-05-31T10:00:00Z", "2027-06-01T10:00:00Z", "2027-06-30T10:00:00Z"),
    ] {
        let mut desk = desk_in(zone, BOTH);
        let case = format!("{zone} {now}");
        desk.now = instant(now);
        desk.done(&debit(Some(5)));
        let caps = desk.stats().caps.unwrap();
        assert_eq!(caps.daily, Some(CapStats { limit: 5, spent: 5, resets_at: instant(day) }), "{case}");
        assert_eq!(caps.monthly, Some(CapStats { limit: 50, spent: 5, resets_at: instant(month) }), "{case}");
        // The next one is refused until then, and not a millisecond longer.
        let refusal = Refusal::SpendingCapReached { cap: CapPeriod::Daily, limit: 5, resets_at: instant(day) };
        for (now, expected) in
            [(instant(now), Err(refusal.clone())), (instant(day).earlier_by(1), Err(refusal)), (instant(day), Ok(994))]
        {
            desk.now = now;
            assert_eq!(balance_or_refusal(&desk.ask(&debit(Some(1)))), expected, "{case} at {now}");
        }
        let after_month = (1, if day == month { 1 } else { 6 });
        assert_eq!(spent(&mut desk), after_month, "{case}");
    }
}

#[test]
fn a_month_counts_each_of_its_days_and_none_of_another() {
    let mut desk = desk_in("UTC", "monthly_cap = 62");
    for day in 0..400 {
        desk.now = instant("2027-01-01T12:00:00Z").later_by(day * DAY).unwrap();
        desk.done(&debit(Some(2)));
        let date = desk.now.to_utc().format("%d").to_string().parse::<u64>().unwrap();
        assert_eq!(spent(&mut desk).1, date * 2);
        assert!(desk.ask(&debit(Some(63 - date * 2))).result.is_err(), "{date}");
    }
}

#[test]
fn what_is_set_aside_counts_until_it_comes_back_and_when_it_is_captured() {
    let mut desk = Desk::with(100, "0\ndaily_cap = 10");
    desk.done(&reserve("a", 4, 3 * DAY));
    desk.done(&reserve("b", 3, DAY));
    let room = |desk: &mut Desk, room: u64| {
        let mut other = Desk::with(100, "0\ndaily_cap = 10");
        for (cost, accepted) in [(room, true), (room + 1, false)] {
            for ask in [debit(Some(cost)), reserve("c", cost, DAY)] {
                (other.account, other.now) = (desk.account.clone(), desk.now);
                assert_eq!(cost == 0 || other.ask(&ask).result.is_ok(), accepted, "{cost}");
            }
        }
    };
    room(&mut desk, 3);
    assert_eq!(spent(&mut desk).0, 0);
    desk.done(&debit(Some(2)));
    room(&mut desk, 1);
    desk.done(&release("b"));
    room(&mut desk, 4);
    // The next day what is held still counts, and what was spent does not.
    desk.now = at(JANUARY + DAY);
    room(&mut desk, 6);
    desk.done(&capture("a", Some(3)));
    assert_eq!(spent(&mut desk).0, 3, "on the day of the capture");
    room(&mut desk, 7);
}

#[test]
fn a_refund_gives_back_what_still_counts() {
    // When the debit of 20 January comes back, what the day and the month count after it, and what was spent just before.
    for (back, expected) in [
        ("2027-01-20T23:59:59.999Z", (1, 1)),
        ("2027-01-21T00:00:00Z", (1, 2)),
        ("2027-01-31T23:59:59.999Z", (1, 2)),
        ("2027-02-01T00:00:00Z", (1, 1)),
        ("2027-03-20T00:00:00Z", (1, 1)),
    ] {
        let mut desk = desk_in("UTC", "daily_cap = 100\nmonthly_cap = 100");
        desk.now = instant("2027-01-20T12:00:00Z");
        let paid = desk.done(&debit(Some(7))).transaction.unwrap();
        let same_day = back.starts_with("2027-01-20");
        if !same_day {
            desk.done(&debit(Some(1)));
        }
        desk.now = instant(back);
        desk.done(&debit(Some(1)));
        desk.done(&refund(&paid));
        assert_eq!(spent(&mut desk), expected, "{back}");
    }
}

#[test]
fn of_two_caps_that_are_reached_that_of_the_month_is_told() {
    let mut desk = desk_in("UTC", "daily_cap = 5\nmonthly_cap = 6");
    let cap = |desk: &mut Desk, cost| {
        let refusal = desk.ask(&debit(Some(cost))).result.unwrap_err().refusal;
        let Refusal::SpendingCapReached { cap, limit, .. } = refusal else { panic!("{refusal:?}") };
        (cap, limit)
    };
    assert_eq!(cap(&mut desk, 6), (CapPeriod::Daily, 5));
    assert_eq!(cap(&mut desk, 7), (CapPeriod::Monthly, 6));
    // Too few tokens come before both.
    assert!(matches!(desk.ask(&debit(Some(1_001))).result.unwrap_err().refusal, Refusal::InsufficientTokens { .. }));
    desk.done(&debit(Some(5)));
    desk.now = desk.now.later_by(DAY).unwrap();
    assert_eq!(cap(&mut desk, 2), (CapPeriod::Monthly, 6));
    desk.done(&debit(Some(1)));
}

#[test]
fn a_users_own_cap_replaces_that_of_the_plan() {
    let own = |daily, monthly| Command::Change {
        change: PlanChange { plan: None, daily, monthly },
        effective: Effective::Now,
    };
    let set = |cap| Some(CapChange::Set(cap));
    for (change, limits) in [
        (own(None, None), (Some(5), None)),
        (own(set(9), None), (Some(9), None)),
        (own(set(0), set(4)), (Some(0), Some(4))),
        (own(None, set(u64::MAX)), (Some(5), Some(u64::MAX))),
        (own(Some(CapChange::Lift), Some(CapChange::Lift)), (Some(5), None)),
    ] {
        let mut desk = desk_in("UTC", "daily_cap = 5");
        desk.done(&change);
        let caps = desk.stats().caps.unwrap();
        assert_eq!((caps.daily.map(|cap| cap.limit), caps.monthly.map(|cap| cap.limit)), limits);
        let least = limits.0.into_iter().chain(limits.1).min().unwrap();
        assert!(desk.ask(&debit(Some(least + 1))).result.is_err());
        assert!(least == 0 || desk.ask(&debit(Some(least))).result.is_ok());
    }
}

#[test]
fn in_another_zone_the_days_before_are_those_that_they_were() {
    // 14 hours ahead of UTC: on 10 January, 12:00 UTC, it is the 11th there.
    let mut desk = plan_changes::desk("0\ndaily_cap = 50\nmonthly_cap = 50", "Pacific/Kiritimati");
    let caps = Command::Change {
        change: PlanChange { plan: None, daily: Some(CapChange::Set(50)), monthly: Some(CapChange::Set(50)) },
        effective: Effective::Now,
    };
    desk.done(&credit(100, Source::Purchase));
    desk.done(&caps);
    desk.now = instant("2027-01-10T12:00:00Z");
    desk.done(&debit(Some(3)));
    assert_eq!(spent(&mut desk), (3, 3));
    desk.done(&change(Some("gold"), Effective::Now));
    assert_eq!(spent(&mut desk), (0, 3), "it is another day");
    desk.done(&debit(Some(4)));
    assert_eq!(spent(&mut desk), (4, 7));
    // Back again, a day that is ahead is of today: no change of zone lets anybody spend more.
    desk.done(&change(Some("standard"), Effective::Now));
    assert_eq!(spent(&mut desk), (7, 7));
    desk.done(&debit(Some(5)));
    assert_eq!(spent(&mut desk), (12, 12));
    desk.now = instant("2027-01-11T00:00:00Z");
    assert_eq!(spent(&mut desk), (9, 12));
}

#[test]
fn a_debit_counts_on_the_day_of_its_entry_and_is_given_back_there() {
    let midnight = JANUARY + DAY;
    let mut desk = Desk::with(100, "0\ndaily_cap = 50");
    desk.done(&debit(Some(1)));
    // One clock is past midnight, and another one behind it: its debit has the instant of the entry before.
    desk.ask_at(midnight + 1_000, &credit(1, Source::Purchase)).result.unwrap();
    let late = desk.ask_at(midnight - 1_000, &debit(Some(20))).result.unwrap().transaction.unwrap();
    assert_eq!(late.id.timestamp(), at(midnight + 1_000));
    desk.now = at(midnight + 2_000);
    assert_eq!(spent(&mut desk), (20, 0));
    desk.done(&refund(&late));
    assert_eq!(spent(&mut desk), (0, 0));
}

#[test]
fn the_demo_history_is_what_the_catalogue_says_whatever_the_caps_are() {
    let catalogue = Desk::with(5_000, "300\ndaily_cap = 1\nmonthly_cap = 0").catalogue;
    let user = UserId::new("test-user-id").unwrap();
    let terms = Terms { catalogue: &catalogue, now: at(JANUARY), locale: Locale::French, stage: Stage::Production };
    let opened = decide(None, &user, &Command::Touch, terms).unwrap();
    let amounts: Vec<_> = opened.entries.iter().map(|each| (each.entry.kind, each.entry.amount.get())).collect();
    let [credit, debit] = [TransactionType::Credit, TransactionType::Debit];
    assert_eq!(amounts, [(credit, 5_000), (debit, 3), (debit, 3), (debit, 2), (debit, 3), (debit, 2)]);
    // Of its own it spends nothing under such caps.
    let command =
        Command::Debit { content_type: ContentType::new("ARTICLE"), cost: None, description: None, metadata: None };
    let refused = decide(Some(opened.account), &user, &command, terms).unwrap().result.unwrap_err();
    assert!(
        matches!(refused.refusal, Refusal::SpendingCapReached { cap: CapPeriod::Monthly, limit: 0, .. }),
        "{refused:?}"
    );
    let daily = refused.stats.caps.unwrap().daily.unwrap();
    assert_eq!(daily, CapStats { limit: 1, spent: 0, resets_at: at(JANUARY + DAY) });
}
