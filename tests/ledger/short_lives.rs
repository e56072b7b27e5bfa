//! Every short life around an expiry and a billing goes as the model says.

use std::thread;

use super::{
    DAY,
    life::Life,
    limits::JANUARY,
    model::{Ask, Kind, Rules, Terms},
    steps::{Step, Until, When},
};

/// A plan whose allowances of 4 tokens are kept so far, and last so many days.
fn rules(kept: Option<u64>, days: Option<u64>) -> Rules {
    let terms = Terms { allowance: 4, kept, days, ..Terms::default() };
    Rules { opening: 5, day: 5, demo: false, plans: [terms; 2] }
}

/// What is asked in short lives, with tokens that expire at `expiry`.
fn asks(expiry: u64) -> Vec<(Ask, Option<Until>)> {
    let credit = |amount, source, priority| {
        let kind = Kind { source, priority, expires: None };
        Ask::Credit { amount, kind, description: None }
    };
    vec![
        (credit(10, 4, Some(0)), Some(Until::At(expiry))),
        (credit(10, 4, None), None),
        (Ask::Debit { sold: 0, cost: Some(12), description: None }, None),
        (Ask::Debit { sold: 1, cost: Some(3), description: None }, None),
        (Ask::Reset, None),
        (Ask::Touch, None),
    ]
}

/// Lives all lives of `depth` steps that begin as `life` did: each of `asks` at each of `instants`, where `later` says
/// from which of them on the next step may come. Gives how many there were.
pub(super) fn live_all(
    life: &Life,
    depth: u32,
    asks: &[(Ask, Option<Until>)],
    instants: &[u64],
    later: fn(usize) -> usize,
) -> u64 {
    let mut lives = 1;
    for (ask, until) in asks {
        for (place, instant) in instants.iter().enumerate().filter(|_| depth > 0) {
            let mut life = life.clone();
            let when = When::At(*instant);
            life.live(&Step { when, ask: ask.clone(), until: *until, language: 0, look: 128 });
            let from = later(place);
            let rest: &[u64] = &instants[from..];
            lives += live_all(&life, depth - 1, asks, rest, later);
        }
    }
    lives
}

#[test]
fn every_short_life_around_an_expiry_and_a_billing_goes_as_the_model_says() {
    let around = |instant: u64| [instant - 1, instant, instant + 1];
    let apart = [around(JANUARY - 10), around(JANUARY)].concat();
    // Tokens expire before a billing, after it, and with it, on each kind of plan.
    let cases = [
        (rules(None, None), JANUARY - 10, apart.clone()),
        (rules(Some(0), Some(1)), JANUARY + DAY, [around(JANUARY), around(JANUARY + DAY)].concat()),
        (rules(Some(2), None), JANUARY, around(JANUARY).to_vec()),
        (rules(Some(0), None), JANUARY + 31 * DAY, around(JANUARY + 31 * DAY).to_vec()),
    ];
    thread::scope(|scope| {
        let lives = cases.into_iter().map(|(rules, expiry, instants)| {
            scope.spawn(move || {
                let life = Life::new(rules, JANUARY - DAY);
                // Clocks go on; and, for shorter lives, also back.
                let ((on, back), asks) = (if instants.len() > 3 { (3, 2) } else { (4, 3) }, asks(expiry));
                live_all(&life, on, &asks, &instants, |place| place) + live_all(&life, back, &asks, &instants, |_| 0)
            })
        });
        let lives: Vec<_> = lives.collect();
        let lives: u64 = lives.into_iter().map(|lives| lives.join().unwrap()).sum();
        assert!(lives > 50_000, "{lives}");
    });
}
