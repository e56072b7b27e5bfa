//! The line to Redis breaks while a reservation is made, captured, released or extended: it is done once, and told truly.
//! Most of these write no entry, so that no history tells whether they were done.

use std::{
    collections::VecDeque,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use jeton::{
    committer::Reply,
    ledger::{Amount, ReservationAction, ReservationId, ReservationStats, ReservationStatus, UserId},
    locale::Locale,
    stats_service::{StatsService, TokenReservation},
    store::{Store, StoreError},
};

use crate::support::{
    broken::{Broken, FAULTS},
    proxy::Fault,
    redis::Redis,
    service::{available, caller, granted, service_over},
    wire::{self, Way, Wire},
};

/// What a caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Reserve,
    KeyedReserve,
    /// Of somebody new.
    ReserveFirst,
    Release,
    KeyedRelease,
    Extend,
    CapturePart,
    Capture,
    /// Of a reservation that has nothing left: it writes no entry.
    CaptureNothing,
}

/// How things are with a reservation: whether it is open, what is set aside, how much was captured, how many changes
/// there were, and whether it lasts longer than at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct How {
    status: Option<ReservationStatus>,
    reserved: u64,
    spent: u64,
    version: u64,
    longer: bool,
}

impl Change {
    const ALL: [Self; 9] = [
        Self::Reserve,
        Self::KeyedReserve,
        Self::ReserveFirst,
        Self::Release,
        Self::KeyedRelease,
        Self::Extend,
        Self::CapturePart,
        Self::Capture,
        Self::CaptureNothing,
    ];

    /// Brings `user` to where it begins: the reservation that it is about, if it is about one.
    async fn prepare(self, service: &StatsService, user: &UserId) -> Result<Option<ReservationStats>, StoreError> {
        match self {
            Self::ReserveFirst => return Ok(None),
            Self::Reserve | Self::KeyedReserve => {
                service.get_user_stats(user, Locale::French).await?;
                return Ok(None);
            }
            Self::Release
            | Self::KeyedRelease
            | Self::Extend
            | Self::CapturePart
            | Self::Capture
            | Self::CaptureNothing => {}
        }
        let reserved = granted(Ok(service.reserve_tokens(user, ten(), caller(None)).await?)).reservation.unwrap();
        if self == Self::CaptureNothing {
            let all = ReservationAction::Capture { amount: None, is_final: false };
            granted(Ok(service.change_reservation(user, reserved.id.clone(), all, caller(None)).await?));
        }
        Ok(Some(reserved))
    }

    /// The same for somebody new, and for another one where the store was unavailable.
    async fn prepare_somebody(self, service: &StatsService) -> (UserId, Option<ReservationStats>) {
        available(async || {
            let user = somebody_new();
            let of = self.prepare(service, &user).await?;
            Ok((user, of))
        })
        .await
    }

    async fn make(
        self,
        service: &StatsService,
        user: &UserId,
        of: Option<&ReservationId>,
    ) -> Result<Reply, StoreError> {
        let key = matches!(self, Self::KeyedReserve | Self::KeyedRelease).then_some("key");
        let action = match self {
            Self::Reserve | Self::KeyedReserve | Self::ReserveFirst => {
                return service.reserve_tokens(user, ten(), caller(key)).await;
            }
            Self::Release | Self::KeyedRelease => ReservationAction::Release,
            Self::Extend => ReservationAction::Extend { lasts_ms: 3_600_000 },
            Self::CapturePart => ReservationAction::Capture { amount: Amount::new(4), is_final: false },
            Self::Capture | Self::CaptureNothing => ReservationAction::Capture { amount: None, is_final: true },
        };
        service.change_reservation(user, of.unwrap().clone(), action, caller(key)).await
    }

    /// How things are before and after it. A version counts the opening, the entries and the changes of reservations.
    fn how(self) -> [How; 2] {
        use ReservationStatus::{Captured, Open, Released};
        let how = |status, reserved, spent, version| How { status, reserved, spent, version, longer: false };
        let open = how(Some(Open), 10, 0, 2);
        match self {
            Self::Reserve | Self::KeyedReserve => [how(None, 0, 0, 1), open],
            Self::ReserveFirst => [how(None, 0, 0, 0), open],
            Self::Release | Self::KeyedRelease => [open, how(Some(Released), 0, 0, 3)],
            Self::Extend => [open, How { longer: true, version: 3, ..open }],
            Self::CapturePart => [open, how(Some(Open), 6, 4, 4)],
            Self::Capture => [open, how(Some(Captured), 0, 10, 4)],
            Self::CaptureNothing => [how(Some(Open), 0, 10, 4), how(Some(Captured), 0, 10, 5)],
        }
    }
}

fn ten() -> TokenReservation {
    let amount = Amount::new(10).unwrap();
    TokenReservation { amount, content_type: None, lasts_ms: 600_000, metadata: None }
}

/// How things are with the reservation `id`, or with the only open one, read past the broken line.
async fn how(store: &dyn Store, at_work: &StatsService, user: &UserId, of: Option<&ReservationStats>) -> How {
    let Some(stored) = available(async || store.load(user).await).await else {
        return How { status: None, reserved: 0, spent: 0, version: 0, longer: false };
    };
    let document: serde_json::Value = serde_json::from_str(&stored.account.to_document().unwrap()).unwrap();
    let open = document["reservations"].as_array().cloned().unwrap_or_default();
    assert!(open.len() <= 1, "reserved twice: {document}");
    let id = of.map(|of| of.id.to_string()).or_else(|| Some(open.first()?["id"].as_str()?.to_owned()));
    let id = id.map(|id| ReservationId::new(&id).unwrap());
    let (stats, reservation) = match id {
        Some(id) => available(async || at_work.get_reservation(user, &id, Locale::French).await).await,
        None => (available(async || at_work.get_user_stats(user, Locale::French).await).await, None),
    };
    let longer = of.zip(reservation.as_ref()).is_some_and(|(of, now)| now.expires_at > of.expires_at);
    How {
        status: reservation.map(|reservation| reservation.status),
        reserved: stats.tokens_reserved,
        spent: stats.tokens_used,
        version: stats.version,
        longer,
    }
}

/// What was told is what is there: the reservation in the answer is as it is kept, and so are the stats.
fn assert_told(reply: Result<Reply, StoreError>, kept: How, case: &str) {
    let outcome = granted(reply);
    let (stats, reservation) = (outcome.stats, outcome.reservation.unwrap());
    let told = (Some(reservation.status), stats.tokens_reserved, stats.tokens_used, stats.version);
    assert_eq!(told, (kept.status, kept.reserved, kept.spent, kept.version), "{case}");
}

#[tokio::test]
async fn each_change_is_made_once_whatever_happens_to_its_commit() {
    let kinds = [Broken::start().await, Broken::start_cluster().await];
    for (broken, change) in kinds.iter().flat_map(|broken| Change::ALL.map(|change| (broken, change))) {
        for (number, faults) in FAULTS.iter().enumerate() {
            // What was found in the history needs no further commit.
            let found = matches!(change, Change::CapturePart | Change::Capture | Change::ReserveFirst);
            if found && *faults == [Fault::AnswerLost, Fault::AnswerLost] {
                continue;
            }
            let case = format!("{}: {change:?}, {faults:?}", broken.url);
            let (service, user) = (broken.service(), UserId::new(&format!("{change:?}-{number}")).unwrap());
            let of = change.prepare(&service, &user).await.unwrap();
            let [before, after] = change.how();
            let other = broken.other_service();
            assert_eq!(how(&broken.store, &other, &user, of.as_ref()).await, before, "{case}");

            broken.proxy.fail("EVALSHA", faults);
            let reply = change.make(&service, &user, of.as_ref().map(|of| &of.id)).await;
            broken.proxy.assert_used_up(&case);

            assert_eq!(how(&broken.store, &other, &user, of.as_ref()).await, after, "{case}");
            assert_told(reply, after, &case);
            broken.history(&user, &case).await;
        }
    }
}

#[tokio::test]
async fn what_others_do_before_the_retry_does_not_hide_a_lost_answer() {
    let broken = Broken::start().await;
    let other = broken.other_service();
    for (fault, done) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
        for (number, change) in [Change::Release, Change::Extend, Change::CaptureNothing].into_iter().enumerate() {
            let case = format!("{change:?}, {fault:?}");
            let (service, user) = (broken.service(), UserId::new(&format!("{fault:?}-{number}")).unwrap());
            let of = change.prepare(&service, &user).await.unwrap().unwrap();
            broken.proxy.fail("EVALSHA", &[fault]);
            broken.proxy.fail("HMGET", &[Fault::Paused]);
            let others = async {
                broken.proxy.paused().await;
                // Whoever comes second is told that it is over.
                let release = other.change_reservation(&user, of.id.clone(), ReservationAction::Release, caller(None));
                let reply = release.await;
                let closed = done && change != Change::Extend;
                assert_eq!(matches!(&reply, Ok(Reply::Decided { decision: Err(_), .. })), closed, "{case}: {reply:?}");
                broken.proxy.go_on();
            };
            let (reply, ()) = tokio::join!(change.make(&service, &user, Some(&of.id)), others);
            broken.proxy.assert_used_up(&case);
            let Ok(Reply::Decided { decision, .. }) = reply else { panic!("{case}: {reply:?}") };
            assert_eq!(decision.is_ok(), done, "{case}: {decision:?}");
            let kept = how(&broken.store, &other, &user, Some(&of)).await;
            let status = if change == Change::CaptureNothing && done {
                ReservationStatus::Captured
            } else {
                ReservationStatus::Released
            };
            assert_eq!((kept.status, kept.reserved), (Some(status), 0), "{case}");
        }
    }
}

/// A process and its own line to Redis.
struct Process {
    wire: Wire,
    service: StatsService,
}

impl Process {
    async fn start(redis: &Redis) -> Self {
        let wire = Wire::start(redis.port()).await;
        let service = service_over(&wire.url());
        Self { wire, service }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_is_cut_at_any_byte_makes_each_change_once() {
    let redis = Redis::start();
    let whole = service_over(&redis.url());
    whole.get_user_stats(&somebody_new(), Locale::French).await.unwrap();
    let mut cases = VecDeque::new();
    for change in Change::ALL {
        let process = Process::start(&redis).await;
        // The first exchange also opens the line.
        process.service.ping().await.unwrap();
        let (user, of) = change.prepare_somebody(&process.service).await;
        let before = process.wire.passed();
        granted(change.make(&process.service, &user, of.as_ref().map(|of| &of.id)).await);
        let after = process.wire.passed();
        let places = |way, length| (0..=length).map(move |byte| (change, way, byte));
        cases.extend(places(Way::Request, after[0] - before[0]).chain(places(Way::Answer, after[1] - before[1])));
    }
    let (count, unavailable) = (cases.len(), AtomicUsize::new(0));
    let cases = Mutex::new(cases);
    let store = redis.store();
    let work = async |_| {
        let process = Process::start(&redis).await;
        process.service.ping().await.unwrap();
        loop {
            let Some((change, way, byte)) = cases.lock().unwrap().pop_front() else { return };
            let case = format!("{change:?}, {way:?}, byte {byte}");
            let (user, of) = change.prepare_somebody(&process.service).await;
            process.wire.fail_after(way, byte, wire::Fault::Cut);
            let reply = change.make(&process.service, &user, of.as_ref().map(|of| &of.id)).await;
            // Whoever was not let run for long may give up before so many bytes.
            process.wire.assert_failed_unless(matches!(reply, Err(StoreError::Unavailable { .. })), &case);
            let [before, after] = change.how();
            let kept = how(store.as_ref(), &whole, &user, of.as_ref()).await;
            if matches!(reply, Err(StoreError::Unavailable { .. })) {
                assert!(kept == before || kept == after, "{case}: {kept:?}");
                unavailable.fetch_add(1, Ordering::SeqCst);
            } else {
                assert_eq!(kept, after, "{case}");
                assert_told(reply, after, &case);
            }
        }
    };
    join_all((0..8).map(work)).await;
    let unavailable = unavailable.into_inner();
    assert!(count > 3_000 && unavailable <= count / 20, "{unavailable} of {count}");
}

/// Another user each time. All have names of the same length, so that all exchanges have too.
fn somebody_new() -> UserId {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    UserId::new(&format!("u{:06}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
}
