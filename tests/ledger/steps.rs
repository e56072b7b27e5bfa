//! Steps of a life, and how any of them come about.

use jeton::ledger::AMOUNT_MAX;
use proptest::{option, prelude::*};

use super::{
    DAY,
    model::{Above, Ask, Change, Kind, Own, Rules, Terms, Zone},
};

/// When a step is taken, seen from the one before.
#[derive(Clone, Debug)]
pub(super) enum When {
    After(u64),
    /// The clock of this instance runs behind.
    Before(u64),
    /// So many milliseconds after the next billing, or before it.
    Billing(i64),
    /// So many milliseconds after the next expiry, or before it.
    Expiry(i64),
    /// So many milliseconds after the end of the next reservation, or before it.
    End(i64),
    /// So many milliseconds after the next day begins, or before it.
    Midnight(i64),
    At(u64),
}

/// When tokens expire, seen from their credit, or a reservation ends, seen from what is asked of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    After(i64),
    /// So many milliseconds after the next billing, or before it.
    Billing(i64),
    /// So many milliseconds after the end of the next reservation, or before it.
    End(i64),
    /// At one of the few instants that many credits share.
    Day(u64),
    At(u64),
}

/// A step. The places of reservations and the ids of debits in what is asked are counted from the last one back, and those
/// beyond the first one are nobody's.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) when: When,
    pub(super) ask: Ask,
    /// When the tokens of a credit expire, or a reservation ends.
    pub(super) until: Option<Until>,
    pub(super) language: usize,
    /// How far on the way to this step, in 256ths, somebody looks at the account.
    pub(super) look: u64,
}

fn terms() -> impl Strategy<Value = Terms> {
    let near_max = AMOUNT_MAX - 1000..=AMOUNT_MAX;
    let allowance = prop_oneof![4 => Just(300), 1 => Just(0), 1 => near_max, 1 => 1..10_u64];
    let kept = prop_oneof![2 => Just(None), 1 => Just(Some(0)), 1 => (1..1_000_u64).prop_map(Some)];
    let days = prop_oneof![2 => Just(None), 1 => Just(Some(31)), 2 => (1..=366_u64).prop_map(Some)];
    let zone = prop_oneof![2 => Just(Zone(0)), 1 => (-12..=14_i64).prop_map(Zone)];
    let cap = || prop_oneof![4 => Just(None), 1 => (0..30_u64).prop_map(Some), 1 => (30..9_000_u64).prop_map(Some)];
    let debt = prop_oneof![2 => 0..20_u64, 2 => 20..10_000_u64, 1 => Just(AMOUNT_MAX)];
    let above = prop_oneof![1 => Just(Above::Reject), 1 => Just(Above::Cap), 2 => debt.prop_map(Above::Allow)];
    let refund_days = option::of(1..=366_u64);
    (allowance, kept, days, zone, cap(), cap(), above, refund_days).prop_map(
        |(allowance, kept, days, zone, daily, monthly, above, refund_days)| Terms {
            allowance,
            kept,
            days,
            zone,
            daily,
            monthly,
            above,
            refund_days,
        },
    )
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let near_max = AMOUNT_MAX - 1000..=AMOUNT_MAX;
    let opening = prop_oneof![4 => Just(5000), 1 => Just(0), 1 => near_max, 1 => 1..10_u64];
    let day = prop_oneof![Just(5), 1..=31_u64];
    (opening, day, any::<bool>(), [terms(), terms()]).prop_map(|(opening, day, demo, plans)| Rules {
        opening,
        day,
        demo,
        plans,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let cap =
        || option::of(prop_oneof![1 => Just(Own::Gone), 3 => prop_oneof![0..30_u64, 30..9_000_u64].prop_map(Own::Is)]);
    (option::of(0..2_usize), [cap(), cap()]).prop_map(|(plan, caps)| Change { plan, caps })
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let around = || -1..=1_i64;
    let when = prop_oneof![
        3 => (0..=1_u64).prop_map(When::After),
        3 => (2..DAY).prop_map(When::After),
        2 => (DAY..40 * DAY).prop_map(When::After),
        1 => (40 * DAY..250 * DAY).prop_map(When::After),
        2 => (1..10_000_u64).prop_map(When::Before),
        2 => around().prop_map(When::Billing),
        3 => around().prop_map(When::Expiry),
        3 => around().prop_map(When::End),
        1 => around().prop_map(When::Midnight),
    ];
    let until = prop_oneof![
        4 => Just(None),
        1 => around().prop_map(|millis| Some(Until::After(millis))),
        2 => (2..60 * DAY.cast_signed()).prop_map(|millis| Some(Until::After(millis))),
        1 => around().prop_map(|millis| Some(Until::Billing(millis))),
        1 => around().prop_map(|millis| Some(Until::End(millis))),
        2 => (1..4_u64).prop_map(|days| Some(Until::Day(days))),
    ];
    let step = (when, ask(), until, 0..2_usize, 0..=256_u64);
    step.prop_map(|(when, ask, until, language, look)| Step { when, ask, until, language, look })
}

fn ask() -> impl Strategy<Value = Ask> {
    let priority = prop_oneof![3 => Just(None), 1 => Just(Some(10)), 1 => (0..=100_u8).prop_map(Some)];
    let amount =
        || prop_oneof![6 => 1..=10_u64, 6 => 1..=6000_u64, 1 => AMOUNT_MAX - 6000..=AMOUNT_MAX, 1 => Just(AMOUNT_MAX)];
    let description = || prop_oneof![3 => Just(None), 1 => Just(Some("Recharge mensuelle".to_owned()))];
    let lasts = || prop_oneof![1..=2_u64, 2..DAY, DAY..40 * DAY];
    let place = || prop_oneof![6 => Just(0), 3 => 0..3_usize, 1 => 0..10_usize];
    prop_oneof![
        2 => Just(Ask::Touch),
        6 => (0..2_usize, option::of(amount()), description())
            .prop_map(|(sold, cost, description)| Ask::Debit { sold, cost, description }),
        // The first two sources are the ledger's own.
        6 => (amount(), 2..5_usize, priority, description()).prop_map(|(amount, source, priority, description)| {
            Ask::Credit { amount, kind: Kind { source, priority, expires: None }, description }
        }),
        6 => (amount(), option::of(0..2_usize), lasts())
            .prop_map(|(amount, sold, lasts)| Ask::Reserve { amount, sold, lasts }),
        6 => (place(), option::of(amount()), any::<bool>())
            .prop_map(|(place, amount, last)| Ask::Capture { place, amount, last }),
        2 => place().prop_map(|place| Ask::Release { place }),
        1 => (place(), lasts()).prop_map(|(place, lasts)| Ask::Extend { place, lasts }),
        4 => (prop_oneof![0..3_u64, 0..20_u64], description())
            .prop_map(|(place, description)| Ask::Refund { id: (place, 0), description }),
        2 => (change(), any::<bool>()).prop_map(|(change, at_once)| Ask::Change { change, at_once }),
        1 => Just(Ask::Reset),
    ]
}
