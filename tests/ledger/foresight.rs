//! What the forecast says comes, and nothing before.

use jeton::ledger::{ComingKind, Decided, Forecast, Stats, TransactionType};

use super::{DAY, at};

/// `touch` gives what comes of looking at the account of `stats`, which are of `now`, at a later instant.
pub(super) fn assert_foreseen(stats: &Stats, now: u64, touch: impl Fn(u64) -> Decided) {
    let Forecast { next, .. } = &stats.forecast;
    let amount = |what| next.iter().filter(|coming| coming.what == what).map(|coming| coming.amount).sum::<u64>();
    let Some(first) = next.first() else {
        let later = touch(now + 400 * DAY);
        assert_eq!((later.entries, later.account.reserved()), (vec![], stats.tokens_reserved));
        return;
    };
    let then = first.at.as_millis();
    assert!(then > now && next.iter().all(|coming| coming.at == at(then) && coming.amount > 0), "{next:?}");

    let before = touch(then - 1);
    assert_eq!((before.entries, before.account.reserved()), (vec![], stats.tokens_reserved), "{next:?}");
    // It stays what it is for as long as nothing happens, but that a day begins.
    let hour = 3_600_000;
    let soon = touch((then - 1).min((now / hour + 1) * hour - 1)).result.unwrap().stats;
    assert_eq!(soon.forecast, stats.forecast);

    let after = touch(then);
    let sum = |kind: TransactionType| {
        after.entries.iter().filter(|each| each.entry.kind == kind).map(|each| each.entry.amount.get()).sum::<u64>()
    };
    assert!(after.entries.iter().all(|each| each.id.timestamp() == at(then)), "{next:?} {:?}", after.entries);
    let comes = [TransactionType::Debit, TransactionType::Credit].map(sum);
    assert_eq!(comes, [ComingKind::Expiration, ComingKind::Billing].map(amount), "{next:?}");
    assert_eq!(stats.tokens_reserved - after.account.reserved(), amount(ComingKind::Reservation), "{next:?}");
}
