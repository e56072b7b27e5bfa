//! Exactly once, also when the line to Redis breaks at any moment of a commit: before Redis has the request, before the
//! answer comes back, or with the request coming late.

use std::time::Duration;

use futures_util::future::join_all;
use jeton::{
    committer::Reply,
    history::Selection,
    ledger::UserId,
    locale::Locale,
    stats_service::StatsService,
    store::{ANSWER_WITHIN, StoreError},
};
use tokio::time::{Instant, pause, resume};

use crate::support::{
    broken::Broken,
    proxy::Fault,
    service::{article, caller, granted, refused, rendered, tokens},
};

/// What a caller does, and what comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Opening,
    Debit,
    KeyedDebit,
    Credit,
    Reset,
    KeyedReset,
    FirstReset,
    Group,
    MixedGroup,
    Refusal,
    KeyedRefusal,
}

impl Change {
    const ALL: [Self; 11] = [
        Self::Opening,
        Self::Debit,
        Self::KeyedDebit,
        Self::Credit,
        Self::Reset,
        Self::KeyedReset,
        Self::FirstReset,
        Self::Group,
        Self::MixedGroup,
        Self::Refusal,
        Self::KeyedRefusal,
    ];

    /// Whether the account is there, and known to the process, before.
    fn on_known_account(self) -> bool {
        !matches!(self, Self::Opening | Self::FirstReset)
    }

    /// Whether it is looked up in the history when its answer is lost: nothing else tells.
    fn is_looked_up(self) -> bool {
        self.on_known_account() && !matches!(self, Self::Refusal | Self::KeyedRefusal)
    }

    /// Makes the change and checks the answer.
    async fn make(self, service: &StatsService, user: &UserId, case: &str) {
        let debit = |cost, key: Option<&'static str>| service.record_generation(user, article(cost), caller(key));
        let key = Some("key");
        match self {
            Self::Opening => assert_eq!(granted(debit(3, None).await).stats.token_balance, 4_997, "{case}"),
            Self::Debit => assert_eq!(granted(debit(3, None).await).stats.token_balance, 4_987, "{case}"),
            Self::KeyedDebit => assert_eq!(granted(debit(3, key).await).stats.token_balance, 4_987, "{case}"),
            Self::Credit => {
                let outcome = granted(service.add_tokens(user, tokens(7), caller(None)).await);
                assert_eq!(outcome.transaction.unwrap().entry.balance, 4_997, "{case}");
            }
            Self::Reset | Self::FirstReset => {
                assert_eq!(granted(service.reset_stats(user, caller(None)).await).stats.token_balance, 5_000, "{case}");
            }
            Self::KeyedReset => {
                assert_eq!(granted(service.reset_stats(user, caller(key)).await).stats.token_balance, 5_000, "{case}");
            }
            Self::Group => {
                let replies = join_all((0..5).map(|_| debit(3, None))).await;
                let balances: Vec<i64> = replies.into_iter().map(|reply| granted(reply).stats.token_balance).collect();
                assert_eq!(balances, [4_987, 4_984, 4_981, 4_978, 4_975], "{case}");
            }
            Self::MixedGroup => {
                let reset = service.reset_stats(user, caller(None));
                let (first, too_much, reset, last) =
                    tokio::join!(debit(3, key), debit(4_988, None), reset, debit(5, Some("another")));
                assert_eq!(granted(first).stats.token_balance, 4_987, "{case}");
                assert_eq!(refused(too_much).stats.token_balance, 4_987, "{case}");
                assert_eq!(granted(reset).stats.token_balance, 5_000, "{case}");
                assert_eq!(granted(last).stats.token_balance, 4_995, "{case}");
            }
            Self::Refusal => assert_eq!(refused(debit(5_000, None).await).stats.token_balance, 4_990, "{case}"),
            Self::KeyedRefusal => assert_eq!(refused(debit(5_000, key).await).stats.token_balance, 4_990, "{case}"),
        }
    }

    /// The history after it, and the length of each archive.
    fn leaves(self) -> (&'static [i64], [u64; 2]) {
        match self {
            Self::Opening => (&[5_000, -3], [0, 0]),
            Self::Debit | Self::KeyedDebit => (&[5_000, -10, -3], [0, 0]),
            Self::Credit => (&[5_000, -10, 7], [0, 0]),
            Self::Reset | Self::KeyedReset => (&[5_000], [2, 0]),
            Self::FirstReset => (&[5_000], [0, 0]),
            Self::Group => (&[5_000, -10, -3, -3, -3, -3, -3], [0, 0]),
            Self::MixedGroup => (&[5_000, -5], [3, 0]),
            Self::Refusal | Self::KeyedRefusal => (&[5_000, -10], [0, 0]),
        }
    }
}

#[tokio::test]
async fn every_change_is_made_once_whatever_happens_to_its_commit() {
    use Fault::{AnswerLost, LateAfter, RequestLost};
    // The retry loads (HMGET), looks for the lost entry (XRANGE) and commits (EVALSHA).
    let faults: [&[Fault]; 9] = [
        &[],
        &[AnswerLost],
        &[RequestLost],
        &[LateAfter("HMGET")],
        &[LateAfter("XRANGE")],
        &[LateAfter("EVALSHA")],
        &[RequestLost, AnswerLost],
        &[RequestLost, LateAfter("HMGET")],
        &[RequestLost, RequestLost, RequestLost],
    ];
    let kinds = [Broken::start().await, Broken::start_cluster().await];
    for (broken, change) in kinds.iter().flat_map(|broken| Change::ALL.map(|change| (broken, change))) {
        for (number, faults) in faults.iter().enumerate() {
            // A refusal without a key writes nothing; where there is no look nothing can come after it.
            let no_commit = change == Change::Refusal && !faults.is_empty();
            if no_commit || (faults.contains(&LateAfter("XRANGE")) && !change.is_looked_up()) {
                continue;
            }
            let case = format!("{}: {change:?}, {faults:?}", broken.url);
            let (service, user) = (broken.service(), UserId::new(&format!("{change:?}-{number}")).unwrap());
            if change.on_known_account() {
                granted(service.record_generation(&user, article(10), caller(None)).await);
            }

            broken.proxy.fail("EVALSHA", faults);
            change.make(&service, &user, &case).await;
            broken.proxy.assert_used_up(&case);

            let (history, archives) = change.leaves();
            assert_eq!(broken.history(&user, &case).await, history, "{case}");
            assert_eq!(broken.archives(&user), archives, "{case}");
        }
    }
}

#[tokio::test]
async fn a_key_tells_the_first_answer_after_a_lost_one() {
    let broken = Broken::start().await;
    let faults = [Fault::AnswerLost, Fault::RequestLost, Fault::LateAfter("HMGET"), Fault::LateAfter("EVALSHA")];
    for (number, (fault, cost)) in faults.iter().flat_map(|fault| [(fault, 3), (fault, 10_000)]).enumerate() {
        let case = format!("{cost}, {fault:?}");
        let (service, user) = (broken.service(), UserId::new(&format!("u{number}")).unwrap());
        granted(service.record_generation(&user, article(10), caller(None)).await);
        broken.proxy.fail("EVALSHA", &[*fault]);
        let reply = service.record_generation(&user, article(cost), caller(Some("key"))).await;
        let Ok(Reply::Decided { decision, .. }) = reply else { panic!("{case}: {reply:?}") };
        broken.proxy.assert_used_up(&case);
        for service in [service, broken.other_service()] {
            let reply = service.record_generation(&user, article(cost), caller(Some("key"))).await;
            let Ok(Reply::Replayed(record)) = reply else { panic!("{case}: {reply:?}") };
            assert_eq!((record.status, record.body), rendered(&decision), "{case}");
        }
    }
}

#[tokio::test]
async fn what_others_do_before_the_retry_does_not_hide_a_lost_answer() {
    use Fault::{AnswerLost, RequestLost};
    let broken = Broken::start().await;
    let other = broken.other_service();
    // The fault; what the others do, a reset or a debit of 5; the balance that is answered; the history at the end, and
    // the length of each archive. Before it the history is 5 000, −10.
    let cases = [
        (AnswerLost, "debit", 4_987, vec![5_000, -10, -3, -5], [0, 0]),
        (AnswerLost, "reset", 4_987, vec![5_000], [3, 0]),
        (AnswerLost, "reset reset", 4_987, vec![5_000], [3, 1]),
        (RequestLost, "debit", 4_982, vec![5_000, -10, -5, -3], [0, 0]),
        (RequestLost, "reset", 4_997, vec![5_000, -3], [2, 0]),
        (RequestLost, "debit reset", 4_997, vec![5_000, -3], [3, 0]),
    ];
    // Before the retry loads, and between its load and its look.
    for (moment, key) in [("HMGET", None), ("XRANGE", None), ("HMGET", Some("key")), ("XRANGE", Some("key"))] {
        for (number, (fault, meanwhile, balance, history, archives)) in cases.iter().enumerate() {
            let case = format!("{fault:?}, then {meanwhile} before {moment}, key {key:?}");
            let user = UserId::new(&format!("{moment}-{}-{number}", key.is_some())).unwrap();
            let service = broken.service();
            granted(service.record_generation(&user, article(10), caller(None)).await);

            broken.proxy.fail("EVALSHA", &[*fault]);
            broken.proxy.fail(moment, &[Fault::Paused]);
            let others = async {
                broken.proxy.paused().await;
                for what in meanwhile.split(' ') {
                    granted(match what {
                        "reset" => other.reset_stats(&user, caller(None)).await,
                        _ => other.record_generation(&user, article(5), caller(None)).await,
                    });
                }
                broken.proxy.go_on();
            };
            let (reply, ()) = tokio::join!(service.record_generation(&user, article(3), caller(key)), others);
            broken.proxy.assert_used_up(&case);
            assert_eq!(granted(reply).stats.token_balance, *balance, "{case}");
            assert_eq!(broken.history(&user, &case).await, *history, "{case}");
            assert_eq!(broken.archives(&user), *archives, "{case}");
        }
    }
}

#[tokio::test]
async fn an_account_that_others_open_meanwhile_is_opened_once() {
    let broken = Broken::start().await;
    for (fault, balance, history) in
        [(Fault::AnswerLost, 4_997, [5_000, -3, -5]), (Fault::RequestLost, 4_992, [5_000, -5, -3])]
    {
        let user = UserId::new(&format!("{fault:?}")).unwrap();
        let (service, other) = (broken.service(), broken.other_service());
        // Faults come in order: the load that is paused is the retry's.
        broken.proxy.fail("EVALSHA", &[fault]);
        broken.proxy.fail("HMGET", &[Fault::Paused]);
        let others = async {
            broken.proxy.paused().await;
            granted(other.record_generation(&user, article(5), caller(None)).await);
            broken.proxy.go_on();
        };
        let (reply, ()) = tokio::join!(service.record_generation(&user, article(3), caller(None)), others);
        assert_eq!(granted(reply).stats.token_balance, balance, "{fault:?}");
        assert_eq!(broken.history(&user, &format!("{fault:?}")).await, history);
    }
}

#[tokio::test]
async fn a_line_that_breaks_under_many_users_costs_none_of_them_anything() {
    use Fault::{AnswerLost, LateAfter, RequestLost};
    let broken = Broken::start().await;
    let service = broken.service();
    let users: Vec<UserId> = (0..16).map(|number| UserId::new(&format!("u{number}")).unwrap()).collect();
    let crowd = || join_all(users.iter().map(|user| service.record_generation(user, article(3), caller(None))));
    let faults = [AnswerLost, LateAfter("EVALSHA"), RequestLost];
    let mut history = vec![5_000];
    for (round, fault) in faults.into_iter().enumerate() {
        broken.proxy.fail("EVALSHA", &[fault]);
        history.push(-3);
        for (user, reply) in users.iter().zip(crowd().await) {
            let case = format!("round {round}, user {user}");
            assert_eq!(granted(reply).transaction.unwrap().entry.amount.get(), 3, "{case}");
            assert_eq!(broken.history(user, &case).await, history, "{case}");
        }
        broken.proxy.assert_used_up("after each round");
    }
}

#[tokio::test]
async fn a_read_is_asked_again() {
    let broken = Broken::start().await;
    let (service, user) = (broken.service(), UserId::new("u").unwrap());
    granted(service.record_generation(&user, article(3), caller(None)).await);
    for command in ["HMGET", "XREVRANGE"] {
        for fault in [Fault::AnswerLost, Fault::RequestLost] {
            broken.proxy.fail(command, &[fault, fault]);
            let selection = Selection::default();
            let page = service.get_transaction_history(&user, &selection, None, 5, Locale::French).await;
            assert_eq!(page.unwrap().transactions.len(), 2, "{command}, {fault:?}");
            broken.proxy.assert_used_up(command);
        }
    }
}

#[tokio::test]
async fn a_redis_that_falls_silent_is_told_in_time_and_found_again() {
    let broken = Broken::start().await;
    let (service, user, unknown) = (broken.service(), UserId::new("u").unwrap(), UserId::new("unknown").unwrap());
    granted(service.record_generation(&user, article(10), caller(None)).await);
    let selection = Selection::default();

    broken.proxy.be_silent(true);
    // All that waits now, waits here: so the time is that of the waiting alone.
    pause();
    let begun = Instant::now();
    let (debit, opening, reset, stats, page) = tokio::join!(
        service.record_generation(&user, article(3), caller(None)),
        service.record_generation(&unknown, article(3), caller(Some("key"))),
        service.reset_stats(&unknown, caller(None)),
        service.get_user_stats(&user, Locale::French),
        service.get_transaction_history(&user, &selection, None, 5, Locale::French),
    );
    assert!(begun.elapsed() <= ANSWER_WITHIN + Duration::from_millis(10), "{:?}", begun.elapsed());
    resume();
    for told in [debit.err(), opening.err(), reset.err(), stats.err(), page.err()] {
        assert!(matches!(told, Some(StoreError::Unavailable { .. })), "{told:?}");
    }

    broken.proxy.be_silent(false);
    assert_eq!(granted(service.record_generation(&user, article(4), caller(None)).await).stats.token_balance, 4_986);
    assert_eq!(broken.history(&user, "known").await, [5_000, -10, -4]);
    let opened = service.record_generation(&unknown, article(3), caller(Some("key"))).await;
    assert_eq!(granted(opened).stats.token_balance, 4_997);
    assert_eq!(broken.history(&unknown, "unknown").await, [5_000, -3]);
}

#[tokio::test]
async fn a_change_whose_answer_never_came_is_there_once() {
    let broken = Broken::start().await;
    let (service, user) = (broken.service(), UserId::new("u").unwrap());
    granted(service.record_generation(&user, article(10), caller(None)).await);

    // The commit is made, the line breaks, and the retry meets silence.
    broken.proxy.fail("EVALSHA", &[Fault::AnswerLost]);
    broken.proxy.fail("HMGET", &[Fault::Paused]);
    let silence = async {
        broken.proxy.paused().await;
        broken.proxy.be_silent(true);
        broken.proxy.go_on();
    };
    let (told, ()) = tokio::join!(service.record_generation(&user, article(3), caller(Some("key"))), silence);
    assert!(matches!(told, Err(StoreError::Unavailable { sent: true, .. })), "{told:?}");

    // The caller's own retry gets the answer.
    broken.proxy.be_silent(false);
    let retried = service.record_generation(&user, article(3), caller(Some("key"))).await;
    assert!(matches!(retried, Ok(Reply::Replayed(_))), "{retried:?}");
    assert_eq!(broken.history(&user, "in the end").await, [5_000, -10, -3]);
}
