//! Reservations: who is first at one instant, what goes back where, what a capture takes and says.

use jeton::ledger::{Command, GrantKind, Priority, Refusal, ReservationStatus, Source, Transaction, TransactionType};

use super::{
    DAY,
    asks::{capture, capture_part, extend, first_until, known, release, reserve, until},
    at,
    limits::{Desk, JANUARY, balance_or_refusal, credit, debit},
};

/// Whether it is a credit, how many tokens, and the grants that it names.
type Written = (bool, u64, Vec<(String, u64)>);

fn written(entry: &Transaction) -> Written {
    let entry = &entry.entry;
    let grants = entry.grants.iter().map(|paid| (paid.grant.to_string(), paid.amount.get()));
    (entry.kind == TransactionType::Credit, entry.amount.get(), grants.collect())
}

#[test]
fn whoever_comes_at_the_end_of_a_reservation_or_later_is_told_that_it_has_expired() {
    let end = JANUARY + DAY;
    let asks = [capture("a", None), capture_part("a", 1), release("a"), extend("a", DAY)];
    let expired = || Err(Refusal::ReservationClosed(ReservationStatus::Expired));
    for (now, balances) in [(end - 1, Some([6, 6, 10, 6])), (end, None), (end + 1, None), (end + DAY, None)] {
        for (number, ask) in asks.iter().enumerate() {
            let mut desk = Desk::with(10, "0");
            desk.done(&reserve("a", 4, DAY));
            let mut other = Desk::with(10, "0");
            (other.account, other.now) = (desk.account.clone(), at(now));
            let expected = balances.map_or_else(expired, |balances: [i64; 4]| Ok(balances[number]));
            let decided = desk.ask_at(now, ask);
            assert_eq!(balance_or_refusal(&decided), expected, "{now} {ask:?}");
            let kept: Vec<_> = decided.closed.iter().map(|closed| (closed.status, closed.closed_at)).collect();
            if balances.is_none() {
                assert_eq!(kept, [(ReservationStatus::Expired, Some(at(end)))], "at its own instant, {now}");
                assert_eq!((decided.account.balance(), decided.entries), (10, vec![]));
            }
            // Whoever looked just before leaves the same.
            other.done(&Command::Touch);
            let ask = if balances.is_none() { known(ask, ReservationStatus::Expired) } else { ask.clone() };
            assert_eq!(balance_or_refusal(&other.ask(&ask)), expected, "{now} {ask:?}");
            assert_eq!(other.account, desk.account, "{now} {ask:?}");
        }
    }
}

#[test]
fn what_is_extended_lasts_as_long_as_was_said_last_and_never_shorter() {
    for (after, lasts, end) in
        [(0, DAY, DAY), (10, DAY, DAY + 10), (10, 1, DAY), (DAY - 1, 1, DAY), (DAY - 1, 2, DAY + 1)]
    {
        let mut desk = Desk::with(10, "0");
        desk.done(&reserve("a", 4, DAY));
        let extended = desk.ask_at(JANUARY + after, &extend("a", lasts)).result.unwrap().reservation.unwrap();
        assert_eq!(extended.expires_at, at(JANUARY + end), "{after} {lasts}");
        for (now, left) in [(JANUARY + end - 1, 6), (JANUARY + end, 10)] {
            desk.now = at(now);
            assert_eq!(desk.stats().token_balance, left, "{after} {lasts}");
        }
    }
}

#[test]
fn what_became_of_a_reservation_is_told_apart() {
    for (ends, status) in [
        (capture("a", Some(1)), ReservationStatus::Captured),
        (release("a"), ReservationStatus::Released),
        (Command::Reset, ReservationStatus::Released),
    ] {
        let mut desk = Desk::with(10, "0");
        desk.done(&reserve("a", 4, DAY));
        let closed = desk.ask_at(JANUARY + 7, &ends).closed;
        assert_eq!((closed.len(), closed[0].status, closed[0].closed_at), (1, status, Some(at(JANUARY + 7))));
        for late in [capture("a", None), release("a"), extend("a", 1)] {
            let (before, version) = (desk.account.clone(), desk.stats().version);
            let told = desk.ask(&known(&late, status)).result.unwrap_err();
            assert_eq!(told.refusal, Refusal::ReservationClosed(status));
            assert_eq!(desk.ask(&late).result.unwrap_err().refusal, Refusal::ReservationNotFound, "nothing is kept");
            assert_eq!((desk.account.clone(), told.stats.version), (before, version), "no trace");
        }
    }
}

#[test]
fn tokens_that_expire_while_they_are_held_can_be_captured_and_do_not_come_back() {
    let (expiry, end) = (JANUARY + DAY, JANUARY + 2 * DAY);
    let kind = format!("promotion:p0:e{expiry}");
    // When, what, and what is written of 5 that stay and 6 that expire first, of which 8 are held.
    let parts = |promotion, initial| vec![(kind.clone(), promotion), ("initial".to_owned(), initial)];
    let gone = |amount: u64| (false, amount, vec![(kind.clone(), amount)]);
    for (now, ask, expected, left) in [
        (expiry - 1, capture("a", None), vec![(false, 8, parts(6, 2))], 3),
        (expiry, capture("a", None), vec![(false, 8, parts(6, 2))], 3),
        (end - 1, capture("a", None), vec![(false, 8, parts(6, 2))], 3),
        (end - 1, capture("a", Some(4)), vec![(false, 4, vec![(kind.clone(), 4)]), gone(2)], 5),
        (expiry - 1, release("a"), vec![], 11),
        (expiry, release("a"), vec![gone(6)], 5),
        (end, Command::Touch, vec![gone(6)], 5),
        (end + DAY, capture("a", None), vec![gone(6)], 5),
        (expiry, Command::Reset, vec![gone(6), (true, 5, vec![])], 5),
    ] {
        let mut desk = Desk::with(5, "0");
        desk.done(&credit(6, first_until(Source::Promotion, expiry)));
        desk.done(&reserve("a", 8, 2 * DAY));
        let decided = desk.ask_at(now, &ask);
        assert_eq!(decided.entries.iter().map(written).collect::<Vec<_>>(), expected, "{now} {ask:?}");
        assert_eq!(desk.stats().token_balance, left, "{now} {ask:?}");
        desk.assert_sound();
    }
}

#[test]
fn at_one_instant_reservations_end_first_then_tokens_expire_and_then_the_allowance_comes() {
    let billing = JANUARY + 31 * DAY;
    let kind = format!("promotion:p0:e{billing}");
    // Ends of two reservations, seen from the billing at which the tokens of one grant expire.
    for (ends, expected) in [
        // Both give back what goes at once, the older one first; then goes what nobody held; then comes what stays.
        ([0, 0], vec![(false, 4, 0), (false, 5, 0), (false, 1, 0), (true, 20, 0)]),
        ([0, -1], vec![(false, 4, 0), (false, 6, 0), (true, 20, 0)]),
        ([1, 0], vec![(false, 5, 0), (false, 1, 0), (true, 20, 0), (false, 4, 1)]),
        ([1, 1], vec![(false, 1, 0), (true, 20, 0), (false, 4, 1), (false, 5, 1)]),
        ([-1, -1], vec![(false, 10, 0), (true, 20, 0)]),
    ] {
        let mut desk = Desk::with(0, "20");
        desk.done(&credit(10, first_until(Source::Promotion, billing)));
        for (name, amount, end) in [("a", 4, ends[0]), ("b", 5, ends[1])] {
            desk.done(&reserve(name, amount, (31 * DAY).checked_add_signed(end).unwrap()));
        }
        let entries = desk.ask_at(billing + DAY, &Command::Touch).entries;
        let told = |entry: &Transaction| {
            let (credit, amount, grants) = written(entry);
            assert!(credit || grants == [(kind.clone(), amount)], "{entry:?}");
            (credit, amount, entry.id.timestamp().as_millis() - billing)
        };
        assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected, "{ends:?}");
        desk.assert_sound();
    }
}

#[test]
fn what_comes_back_is_in_its_grants_and_has_its_turn_as_before() {
    let mut desk = Desk::with(5, "0");
    // The last two are of one priority, so that their age decides.
    let same = |source: Source| GrantKind { priority: Priority::new(50), ..source.into() };
    for (amount, kind) in [
        (4, Source::Purchase.into()),
        (3, Source::Adjustment.into()),
        (2, Source::Promotion.into()),
        (7, same(Source::Purchase)),
        (6, same(Source::Promotion)),
    ] {
        desk.done(&credit(amount, kind));
    }
    let before = (desk.grants(), desk.account.clone().unwrap().to_document().unwrap());
    desk.done(&reserve("a", 19, DAY));
    assert_eq!(desk.grants(), [("purchase:p50".to_owned(), 2), ("promotion:p50".to_owned(), 6)]);
    // What comes meanwhile joins what is held, and is spent before what stays.
    desk.done(&credit(1, Source::Adjustment));
    desk.done(&debit(Some(1)));
    desk.done(&release("a"));
    assert_eq!(desk.grants(), before.0);
    let grants = |document: &str| document.split(r#""grants":"#).nth(1).unwrap().split(']').next().unwrap().to_owned();
    let joined = (r#""adjustment","remaining":3"#, r#""adjustment","remaining":3,"granted":4"#);
    let after = desk.account.clone().unwrap().to_document().unwrap();
    assert_eq!(grants(&after), grants(&before.1).replace(joined.0, joined.1));
    desk.done(&debit(Some(21)));
    assert_eq!(desk.grants(), [("promotion:p50".to_owned(), 6)], "the older one paid");
    desk.assert_sound();
}

#[test]
fn what_a_clock_that_is_behind_gives_back_has_expired_if_it_had_by_the_last_entry() {
    let expiry = JANUARY + DAY;
    // The instant of the last entry, which another clock wrote, seen from the expiry; and what is left of the tokens.
    for (last, left) in [(-1, 6), (0, 0), (1, 0)] {
        let mut desk = Desk::with(10, "0");
        desk.done(&credit(6, until(Source::Promotion, expiry)));
        desk.done(&reserve("a", 16, 2 * DAY));
        desk.ask_at(expiry.checked_add_signed(last).unwrap(), &credit(1, Source::Purchase));
        desk.ask_at(expiry - 2, &release("a")).result.unwrap();
        assert_eq!(desk.stats().token_balance, 11 + left, "{last}");
        desk.done(&debit(Some(1)));
        desk.assert_sound();
    }
}
