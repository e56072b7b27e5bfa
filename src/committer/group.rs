use tokio::time::{Instant, sleep, timeout_at};

use super::{Decision, Idempotency, Reply, Shared, lanes::Waiting};
use crate::{
    ledger::{Account, Billed, Refusal, Refused, Terms, Transaction, TransactionId, UserId, decide},
    mutation::{Mutation, planted},
    store::{Archive, Commit, Committed, History, OnceRecord, RecordName, Revision, StoreError, Stored, pause_before},
    system::short_name,
};

/// How often a group is decided again because others were faster, before it gives up. Among n processes that change one
/// account at once, one comes through at each round.
const CONFLICTS_MAX: u32 = 100;

/// How often a group is committed again because the store did not answer, before it gives up: after pauses of up to
/// 2 s together, in which a cluster may have moved a slot or found another primary.
const LOSSES_MAX: u32 = 8;

/// Commands on one account that are committed together.
pub(super) struct Group<'a> {
    shared: &'a Shared,
    user: &'a UserId,
    /// In the order in which they came. A command leaves when it is answered.
    members: Vec<Member>,
    /// Commits that were sent and not answered. Each may have been written, or still be.
    in_doubt: Vec<Draft>,
}

struct Member {
    number: usize,
    waiting: Waiting,
}

/// The account that a group is decided on.
enum Base {
    /// As it was seen some time ago.
    Guess(Stored),
    /// As it was loaded for this group.
    Loaded(Option<Stored>),
}

/// A commit and the answers that hold once it is written.
struct Draft {
    commit: Commit,
    after: Account,
    /// Where the first entry goes.
    first_entry: Option<(TransactionId, u32)>,
    /// By member.
    answers: Vec<(usize, Decision, Billed)>,
    /// Whether there is anything to write.
    writes: bool,
}

impl<'a> Group<'a> {
    pub(super) fn new(shared: &'a Shared, user: &'a UserId, waiting: Vec<Waiting>) -> Self {
        let members = waiting.into_iter().enumerate().map(|(number, waiting)| Member { number, waiting }).collect();
        Self { shared, user, members, in_doubt: Vec::new() }
    }

    /// Decides, commits, and answers every member.
    pub(super) async fn commit(mut self) {
        let deadline = self.members.iter().map(|member| member.waiting.deadline).max();
        let deadline = deadline.unwrap_or_else(Instant::now);
        let failed = match timeout_at(deadline, self.try_commit()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => StoreError::late(true),
        };
        // Whatever failed in the end: a commit in doubt may have been written.
        let failed = if self.in_doubt.is_empty() {
            failed
        } else {
            StoreError::Unavailable { cause: failed.to_string(), sent: true }
        };
        self.shared.lanes.forget(self.user);
        for member in self.members.drain(..) {
            // Who has gone away needs no answer.
            let _ = member.waiting.reply.send(Err(failed.clone()));
        }
    }

    async fn try_commit(&mut self) -> Result<(), StoreError> {
        let mut base = match self.shared.lanes.guess(self.user) {
            Some(guess) => Base::Guess(guess),
            None => Base::Loaded(self.load().await?),
        };
        let mut conflicts = 0_u32;
        let mut losses = 0_u32;
        loop {
            // Who has gone away, or was told that it took too long, wants nothing more.
            self.members.retain(|member| !member.waiting.reply.is_closed());
            if self.members.is_empty() {
                return Ok(());
            }
            let draft = self.draft(base.stored())?;
            // With a lost commit about, even a refusal is committed, as time may have turned what was granted into one:
            // then the lost commit, should it still arrive, finds another revision.
            if !draft.writes && self.in_doubt.is_empty() {
                if matches!(base, Base::Loaded(_)) || planted(Mutation::AnswerRefusalFromGuess) {
                    self.answer(draft);
                } else {
                    base = Base::Loaded(self.load().await?);
                }
                continue;
            }
            match self.shared.store.commit(&draft.commit).await {
                Ok(Committed::Done) => self.written(draft),
                Ok(Committed::Conflict(stored)) => {
                    conflicts = conflicts.saturating_add(1);
                    if conflicts > CONFLICTS_MAX {
                        return Err(StoreError::Contended);
                    }
                    self.look_for_lost(stored.as_ref()).await?;
                    base = Base::Loaded(stored);
                }
                Ok(Committed::Taken(texts)) => self.replayed(texts)?,
                Err(StoreError::Unavailable { sent, cause }) => {
                    if sent {
                        self.in_doubt.push(draft);
                    }
                    losses = losses.saturating_add(1);
                    if losses > LOSSES_MAX {
                        return Err(StoreError::Unavailable { cause, sent });
                    }
                    sleep(pause_before(losses, self.shared.surroundings.random())).await;
                    let stored = self.load().await?;
                    self.look_for_lost(stored.as_ref()).await?;
                    base = Base::Loaded(stored);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn load(&self) -> Result<Option<Stored>, StoreError> {
        self.shared.store.load(self.user).await
    }

    /// Decides all members in turn.
    fn draft(&self, base: Option<&Stored>) -> Result<Draft, StoreError> {
        let Shared { catalogue, stage, surroundings, .. } = self.shared;
        let now = surroundings.now();
        let revision = Revision::new(short_name(surroundings.random()));
        let before = base.map(|stored| &stored.account);
        let mut account = before.cloned();
        let mut entries: Vec<Transaction> = Vec::new();
        let mut archive = None;
        let unwritable = |error: serde_json::Error| StoreError::Damaged(error.to_string());
        let mut answers = Vec::new();
        let mut records = Vec::new();
        for Member { number, waiting } in &self.members {
            let request = &waiting.request;
            let terms = Terms { catalogue, now, locale: request.locale, stage: *stage };
            let archives = account.as_ref().map_or(0, Account::archives);
            let current = if planted(Mutation::DecideApart) { before.cloned() } else { account };
            let decided = decide(current, self.user, &request.command, terms)
                .map_err(|missing| StoreError::Damaged(format!("the account of user {}: {missing}", self.user)))?;
            if let Some(after) = decided.archive_after {
                archive = Some(Archive { after: entries.len().saturating_add(after), number: archives });
            }
            entries.extend(decided.entries);
            let forgotten = match &decided.result {
                Err(Refused { refusal: Refusal::ExpiredAlready, .. }) => planted(Mutation::RefuseWithoutLooking),
                Err(_) => planted(Mutation::ForgetRefusals),
                Ok(_) => false,
            };
            if let Some(idempotency) = request.idempotency.as_ref().filter(|_| !forgotten) {
                let text = remembered(idempotency, &revision, &decided.result).map_err(unwritable)?;
                records.push((RecordName::Answer(idempotency.key.clone()), text));
            }
            answers.push((*number, decided.result, decided.billed));
            account = Some(decided.account);
        }
        let Some(after) = account else { return Err(StoreError::Damaged("a group without commands".to_owned())) };

        let first_entry = entries.first().map(|first| {
            let archives = before.map_or(0, Account::archives);
            let put_away_first = archive.is_some_and(|Archive { after, .. }| after == 0);
            (first.id, archives.saturating_add(u32::from(put_away_first)))
        });
        let writes = before != Some(&after) || !records.is_empty();
        let zone = catalogue.plan(after.plan()).map_err(|error| StoreError::Damaged(error.to_string()))?.time_zone();
        let due = after.billing().next(zone);
        let moved = before.is_none_or(|before| before.billing().next(zone) != due);
        let entries: Result<Vec<_>, _> = entries
            .iter()
            .map(|transaction| serde_json::to_string(&transaction.entry).map(|entry| (transaction.id, entry)))
            .collect();
        let commit = Commit {
            user: self.user.clone(),
            expected: base.map(|stored| stored.revision.clone()),
            revision,
            document: after.to_document().map_err(unwritable)?,
            entries: entries.map_err(unwritable)?,
            archive,
            records,
            usage: Vec::new(),
            due: moved.then_some(due),
            now,
        };
        Ok(Draft { commit, after, first_entry, answers, writes })
    }

    /// Finds out which of the commits in doubt was written, if one was, by the mark on its first entry. At most one can
    /// have been: whatever is written replaces the revision that the others expect, or expected.
    async fn look_for_lost(&mut self, current: Option<&Stored>) -> Result<(), StoreError> {
        let Some(current) = current.filter(|_| !planted(Mutation::ForgetMark)) else { return Ok(()) };
        for index in 0..self.in_doubt.len() {
            let Some(draft) = self.in_doubt.get(index) else { break };
            let Some((id, number)) = draft.first_entry else { continue };
            let put_away = current.account.archives() > number && !planted(Mutation::LookInCurrentHistory);
            let history = if put_away { History::Archived(number) } else { History::Current };
            let mark = self.shared.store.written_by(self.user, history, id).await?;
            if mark.as_ref() == Some(&draft.commit.revision) {
                let draft = self.in_doubt.swap_remove(index);
                self.answer(draft);
                return Ok(());
            }
        }
        Ok(())
    }

    fn written(&mut self, draft: Draft) {
        let stored = Stored { revision: draft.commit.revision.clone(), account: draft.after.clone() };
        self.shared.lanes.remember(self.user, stored);
        self.answer(draft);
    }

    /// Answers with what `draft` decided.
    fn answer(&mut self, mut draft: Draft) {
        if planted(Mutation::SwapAnswers)
            && let [first, .., last] = draft.answers.as_mut_slice()
        {
            std::mem::swap(&mut first.0, &mut last.0);
        }
        for (number, decision, billed) in draft.answers {
            self.reply(number, Reply::Decided { decision, billed });
        }
    }

    /// Answers the members whose keys have records. A record that a lost commit of this very group wrote
    /// says that it was written; then all its answers hold.
    fn replayed(&mut self, texts: Vec<Option<String>>) -> Result<(), StoreError> {
        let read = |text: Option<String>| text.map(|text| OnceRecord::read(self.user, &text)).transpose();
        let records: Vec<_> = texts.into_iter().map(read).collect::<Result<_, _>>()?;
        let own = |record: &OnceRecord| self.in_doubt.iter().position(|lost| lost.commit.revision == record.commit);
        if let Some(index) = records.iter().flatten().find_map(own) {
            let lost = self.in_doubt.swap_remove(index);
            self.answer(lost);
            return Ok(());
        }
        // The commit's keys are those of the members, in their order.
        let keyed = self.members.iter().filter(|member| member.waiting.request.idempotency.is_some());
        let found = keyed.map(|member| member.number).zip(records);
        let found: Vec<_> = found.filter_map(|(number, record)| Some((number, record?))).collect();
        for (number, record) in found {
            self.reply(number, Reply::Replayed(record));
        }
        Ok(())
    }

    fn reply(&mut self, number: usize, reply: Reply) {
        if let Some(place) = self.members.iter().position(|member| member.number == number) {
            let member = self.members.remove(place);
            // Who has gone away needs no answer.
            let _ = member.waiting.reply.send(Ok(reply));
        }
    }
}

impl Base {
    const fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Guess(stored) => Some(stored),
            Self::Loaded(stored) => stored.as_ref(),
        }
    }
}

/// What is remembered under the key of a request. That a credit comes too late is not: its key is only looked up, as it may
/// have come in time when it was first asked for.
fn remembered(
    idempotency: &Idempotency,
    revision: &Revision,
    decision: &Decision,
) -> Result<Option<String>, serde_json::Error> {
    let is_remembered = match decision {
        Ok(_) => true,
        Err(Refused { refusal, .. }) => match refusal {
            Refusal::InsufficientTokens { .. } | Refusal::BalanceLimitExceeded | Refusal::TooManyGrants => true,
            Refusal::ExpiredAlready => false,
        },
    };
    let record = is_remembered.then(|| {
        let (status, body) = (idempotency.render)(decision);
        let fingerprint = idempotency.fingerprint.clone();
        OnceRecord { commit: revision.clone(), fingerprint, status, body }
    });
    record.as_ref().map(serde_json::to_string).transpose()
}
