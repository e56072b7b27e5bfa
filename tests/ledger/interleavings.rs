//! Every order of what can happen to a small account with a reservation, around its end, an expiry and a billing.

use std::thread;

use super::{
    DAY,
    life::Life,
    limits::JANUARY,
    model::{Above, Ask, Kind, Rules, Terms},
    short_lives::live_all,
    steps::{Step, Until, When},
};

type Asks = Vec<(Ask, Option<Until>)>;

const RESET: (Ask, Option<Until>) = (Ask::Reset, None);

fn credit(amount: u64, expiry: u64) -> (Ask, Option<Until>) {
    let kind = Kind { source: 2, priority: Some(0), expires: None };
    (Ask::Credit { amount, kind, description: None }, Some(Until::At(expiry)))
}

fn reserve(amount: u64, end: u64) -> (Ask, Option<Until>) {
    (Ask::Reserve { amount, sold: Some(0), lasts: 0 }, Some(Until::At(end)))
}

/// Of the last reservation that was made.
fn capture(amount: Option<u64>, last: bool) -> (Ask, Option<Until>) {
    (Ask::Capture { place: 0, amount, last }, None)
}

/// Of the last entry.
fn refund() -> (Ask, Option<Until>) {
    (Ask::Refund { id: (0, 0), description: None }, None)
}

fn debit(cost: u64) -> (Ask, Option<Until>) {
    (Ask::Debit { sold: 1, cost: Some(cost), description: None }, None)
}

fn release() -> (Ask, Option<Until>) {
    (Ask::Release { place: 0 }, None)
}

/// The life of an account on this plan with 5 tokens that stay and 6 that expire, of which 8 are set aside.
fn begin(terms: Terms, expiry: u64, end: u64) -> Life {
    let terms = Terms { allowance: 4, ..terms };
    let mut life = Life::new(Rules { opening: 5, day: 5, demo: false, plans: [terms; 2] }, JANUARY - DAY);
    for (ask, until) in [credit(6, expiry), reserve(8, end)] {
        life.live(&Step { when: When::At(JANUARY - DAY), ask, until, language: 0, look: 0 });
    }
    life
}

#[test]
fn every_order_of_what_can_happen_to_a_reservation_goes_as_the_model_says() {
    let around = move |instant: u64, millis: u64| (instant - millis..=instant + millis).collect::<Vec<u64>>();
    let (allow, cap) = (Above::Allow(7), Above::Cap);
    let on = |place: usize| place;
    // All at one instant.
    let together = move || {
        let asks: Asks = vec![
            credit(3, JANUARY),
            reserve(4, JANUARY),
            capture(None, true),
            capture(Some(2), false),
            release(),
            refund(),
            RESET,
        ];
        live_all(&begin(Terms::default(), JANUARY, JANUARY), 4, &asks, &around(JANUARY, 1), on)
    };
    // Tokens expire, the reservation ends, a billing: a millisecond apart, and captures may owe.
    let apart = move || {
        let asks: Asks = vec![
            credit(3, JANUARY + 1),
            reserve(2, JANUARY + 1),
            capture(Some(7), false),
            capture(Some(12), true),
            (Ask::Extend { place: 0, lasts: 0 }, Some(Until::At(JANUARY + 2))),
            debit(3),
            release(),
            refund(),
        ];
        let terms = Terms { above: allow, refund_days: Some(1), kept: Some(0), ..Terms::default() };
        live_all(&begin(terms, JANUARY - 1, JANUARY), 3, &asks, &around(JANUARY, 2), on)
    };
    // The other way round, captures take what is there, caps are in the way, and clocks also go back.
    let back = move || {
        let asks: Asks = vec![
            credit(3, JANUARY + 1),
            reserve(2, JANUARY + 1),
            capture(Some(3), false),
            capture(Some(12), true),
            release(),
            debit(3),
            refund(),
            RESET,
        ];
        let terms = Terms { above: cap, kept: Some(2), daily: Some(9), monthly: Some(10), ..Terms::default() };
        live_all(&begin(terms, JANUARY + 1, JANUARY - 1), 3, &asks, &around(JANUARY, 1), |_| 0)
    };
    let lives = thread::scope(|scope| {
        let first = scope.spawn(together);
        let others = apart() + back();
        first.join().unwrap() + others
    });
    assert!(lives > 70_000, "{lives}");
}
