//! An instance's line to the store: what is asked may come late or never, and so may the answer; and the instance may
//! die before it asks, or before it hears.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jeton::{
    ledger::{Timestamp, Transaction, TransactionId, UserId},
    mutation::{Mutation, planted},
    store::{Answer, Commit, Committed, EntryRange, History, RecordName, Revision, Store, StoreError, Stored},
};
use tokio::time::sleep;

use crate::{
    chance::Chance,
    server::{Kept, Server},
    trace::{Shown, Trace},
};

/// How late what comes late may come, in milliseconds; and how late most of it does, among the next attempts.
const LATE_MS_MAX: u64 = 5_000;
const SOON_MS_MAX: u64 = 50;

/// How bad a line is: chances in a thousand for each exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    lost_request: u64,
    lost_answer: u64,
    late: u64,
    refused: u64,
    death: u64,
}

impl Weather {
    pub(crate) const FAIR: Self = Self { lost_request: 0, lost_answer: 0, late: 0, refused: 0, death: 0 };

    /// The weather of a run.
    pub(crate) fn any(chance: &mut Chance) -> Self {
        let death = [0, 3, 20][chance.below(3) as usize];
        match chance.below(5) {
            0 => Self { death, ..Self::FAIR },
            1 => Self { lost_request: 20, lost_answer: 20, late: 20, refused: 20, death },
            2 => Self { lost_request: 0, lost_answer: 150, late: 150, refused: 0, death },
            3 => Self { late: 250, death, ..Self::FAIR },
            _ => Self { lost_request: 80, lost_answer: 80, late: 80, refused: 80, death },
        }
    }
}

/// The line.
pub(crate) struct Line {
    server: Arc<Server>,
    chance: Mutex<Chance>,
    weather: Weather,
    dead: AtomicBool,
    trace: Trace,
    name: String,
}

/// What becomes of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Refused,
    LostRequest,
    LostAnswer,
    Late(Duration),
    DiesBefore,
    DiesAfter,
}

impl Line {
    pub(crate) fn new(server: &Arc<Server>, chance: Chance, weather: Weather, trace: Trace, name: &str) -> Arc<Self> {
        let (chance, dead) = (Mutex::new(chance), AtomicBool::new(false));
        Arc::new(Self { server: Arc::clone(server), chance, weather, dead, trace, name: name.to_owned() })
    }

    /// Whether the instance has died: then it waits for ever for whatever it waits for.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    fn fate(&self) -> (Fate, Duration, Duration) {
        let mut chance = self.chance.lock().unwrap();
        let Weather { lost_request, lost_answer, late, refused, death } = self.weather;
        let mut drawn = chance.below(1_000);
        let mut falls_on = |share: u64| {
            let hit = drawn < share;
            drawn = drawn.wrapping_sub(share);
            hit
        };
        let fate = if falls_on(lost_request) {
            Fate::LostRequest
        } else if falls_on(lost_answer) {
            Fate::LostAnswer
        } else if falls_on(late) {
            let most = [LATE_MS_MAX, SOON_MS_MAX, SOON_MS_MAX][chance.below(3) as usize];
            Fate::Late(Duration::from_millis(chance.below(most)))
        } else if falls_on(refused) {
            Fate::Refused
        } else if falls_on(death) {
            [Fate::DiesBefore, Fate::DiesAfter][chance.below(2) as usize]
        } else {
            Fate::Fine
        };
        // Mostly quick; now and then slow enough for everything else to happen in between.
        let mut delay = || {
            let most = if chance.below(10) == 0 { 1_400 } else { 8 };
            Duration::from_millis(chance.below(most))
        };
        (fate, delay(), delay())
    }

    async fn alive(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    async fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.say(|| "dies".to_owned());
        self.alive().await;
    }

    /// One exchange: `ask` is done by the server when the request arrives.
    async fn exchange<T: Shown + Send + 'static>(
        &self,
        what: impl Fn() -> String + Send,
        ask: impl FnOnce(&Server) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.alive().await;
        let (fate, there, back) = self.fate();
        self.say(|| format!("{}{}", what(), if fate == Fate::Fine { String::new() } else { format!(" … {fate:?}") }));
        let lost = |sent| StoreError::Unavailable { cause: "the line broke".to_owned(), sent };
        let answer = match fate {
            Fate::Refused => Err(lost(false)),
            Fate::DiesBefore => {
                self.die().await;
                Err(lost(true))
            }
            Fate::LostRequest => {
                sleep(there).await;
                Err(lost(true))
            }
            Fate::Late(by) => {
                let (server, trace, name, what) =
                    (Arc::clone(&self.server), self.trace.clone(), self.name.clone(), what());
                tokio::spawn(async move {
                    sleep(there + by).await;
                    let answer = ask(&server);
                    trace.say(server.start, "the store", || {
                        format!("gets what {name} sent late ({what}): {}", answer.shown())
                    });
                });
                sleep(back).await;
                Err(lost(true))
            }
            Fate::Fine | Fate::LostAnswer | Fate::DiesAfter => {
                sleep(there).await;
                let answer = ask(&self.server);
                self.trace.say(self.server.start, "the store", || format!("to {}: {}", self.name, answer.shown()));
                if fate == Fate::DiesAfter {
                    self.die().await;
                }
                sleep(back).await;
                if fate == Fate::Fine { Ok(answer) } else { Err(lost(true)) }
            }
        };
        self.alive().await;
        if let Err(error) = &answer {
            self.say(|| format!("hears: {error}"));
        }
        answer
    }

    fn say(&self, what: impl FnOnce() -> String) {
        self.trace.say(self.server.start, &self.name, what);
    }
}

impl Store for Line {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        let asked = user.clone();
        Box::pin(
            self.exchange(
                move || format!("loads {user}"),
                move |server| server.look(&asked, |kept| kept.account(&asked)),
            ),
        )
    }

    fn reload<'a>(&'a self, user: &'a UserId, known: Stored) -> Answer<'a, Option<Stored>> {
        Box::pin(async move {
            let found = self.load(user).await?;
            Ok(if found.as_ref().is_some_and(|found| found.revision == known.revision) { Some(known) } else { found })
        })
    }

    fn commit<'a>(&'a self, commit: &'a Commit) -> Answer<'a, Committed> {
        Box::pin(async move {
            let asked = commit.clone();
            let remembers = !planted(Mutation::RememberAfterAnswering);
            let answer = self.exchange(|| commit.shown(), move |server| server.commit(&asked, remembers)).await;
            match answer {
                Err(StoreError::Unavailable { sent: true, .. }) if planted(Mutation::AcknowledgeBeforeWriting) => {
                    Ok(Committed::Done)
                }
                Ok(Committed::Done) if !remembers && !commit.records.is_empty() => {
                    let asked = commit.clone();
                    let remember = move |server: &Server| server.remember(&asked);
                    self.exchange(|| "writes the records".to_owned(), remember).await.map(|()| Committed::Done)
                }
                answer => answer,
            }
        })
    }

    fn written_by<'a>(&'a self, user: &'a UserId, history: History, id: TransactionId) -> Answer<'a, Option<Revision>> {
        let asked = user.clone();
        let what = move || format!("looks for {id} in {history:?} of {user}");
        let owner = user.clone();
        let found = move |kept: &Kept| {
            let number = match history {
                History::Current => kept.archives(&owner),
                History::Archived(number) => number,
            };
            let found = kept.written.iter().find(|entry| entry.history == number && entry.transaction.id == id);
            found.map(|entry| entry.mark.clone())
        };
        Box::pin(self.exchange(what, move |server| server.look(&asked, found)))
    }

    fn record<'a>(&'a self, user: &'a UserId, name: &'a RecordName) -> Answer<'a, Option<String>> {
        let (asked, wanted) = (user.clone(), name.clone());
        let what = move || format!("looks for {name:?} of {user}");
        Box::pin(self.exchange(what, move |server| server.record(&asked, &wanted)))
    }

    fn usage<'a>(&'a self, user: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>> {
        let (asked, fields) = (user.clone(), fields.to_vec());
        let what = move || format!("reads the usage of {user}");
        let read = move |kept: &Kept| fields.iter().map(|field| kept.usage(field)).collect();
        Box::pin(self.exchange(what, move |server| server.look(&asked, read)))
    }

    fn entries<'a>(&'a self, user: &'a UserId, range: EntryRange) -> Answer<'a, Vec<Transaction>> {
        let asked = user.clone();
        Box::pin(self.exchange(
            move || format!("reads {range:?} of {user}"),
            move |server| server.look(&asked, |kept| kept.entries(&asked, range)),
        ))
    }

    fn due(&self, until: Timestamp, limit: usize) -> Answer<'_, Vec<UserId>> {
        Box::pin(self.exchange(
            move || format!("asks who is due at {until}"),
            move |server| {
                let users = server.users();
                let mut due: Vec<_> = users.iter().filter_map(|(user, kept)| Some((kept.due?, user.clone()))).collect();
                due.retain(|(at, _)| *at <= until);
                due.sort_unstable();
                due.truncate(limit);
                due.into_iter().map(|(_, user)| user).collect()
            },
        ))
    }

    fn listed<'a>(&'a self, prefix: &'a str, after: Option<&'a UserId>, limit: usize) -> Answer<'a, Vec<UserId>> {
        let (begin, beyond) = (prefix.to_owned(), after.cloned());
        let what = move || format!("asks who is listed with {prefix:?} after {after:?}");
        Box::pin(self.exchange(what, move |server| {
            let users = server.users();
            let noted = users.iter().filter(|(_, kept)| kept.due.is_some()).map(|(user, _)| user);
            let wanted = noted.filter(|user| user.as_str().starts_with(&begin) && Some(*user) > beyond.as_ref());
            wanted.take(limit).cloned().collect()
        }))
    }

    fn note_due<'a>(&'a self, user: &'a UserId, at: Timestamp) -> Answer<'a, ()> {
        let asked = user.clone();
        Box::pin(self.exchange(
            move || format!("notes {user} as due at {at}"),
            move |server| {
                server.users().entry(asked).or_default().due = Some(at);
            },
        ))
    }

    fn ping(&self) -> Answer<'_, ()> {
        Box::pin(self.exchange(|| "pings".to_owned(), |_| ()))
    }
}
