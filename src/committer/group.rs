use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Before, Decision, Reply, Shared,
    draft::{Draft, Drafted},
    lanes::Waiting,
    legacy,
};
use crate::{
    ledger::{Billed, Command, Legacy, ReservationId, ReservationStats, Takeover, UserId},
    mutation::{Mutation, planted},
    store::{Committed, History, OnceRecord, RecordName, Revision, StoreError, Stored, pause_before},
    unreadable::Unreadable,
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

/// A command of a group.
pub(super) struct Member {
    pub(super) number: usize,
    pub(super) waiting: Waiting,
    /// What its commit leaves if it writes neither an entry nor an answer, so that a lost one can be found: named with the
    /// first such draft.
    pub(super) mark: Option<Revision>,
    /// Whether it is known that nothing is kept of its reservation.
    pub(super) looked_up: bool,
}

/// The account that a group is decided on.
enum Base {
    /// As it was seen some time ago.
    Guess(Stored),
    /// As it was loaded for this group.
    Loaded(Stored),
    /// There is none. What the module before has of the user, if it is asked and has something.
    Nobody(Option<Legacy>),
}

impl<'a> Group<'a> {
    pub(super) fn new(shared: &'a Shared, user: &'a UserId, waiting: Vec<Waiting>) -> Self {
        let member = |(number, waiting)| Member { number, waiting, mark: None, looked_up: false };
        let members = waiting.into_iter().enumerate().map(member).collect();
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
        let mut base = match self.shared.lanes.take_guess(self.user) {
            Some(guess) => Base::Guess(guess),
            None => Box::pin(self.loaded()).await?,
        };
        let mut conflicts = 0_u32;
        let mut losses = 0_u32;
        loop {
            // Who has gone away, or was told that it took too long, wants nothing more.
            self.members.retain(|member| !member.waiting.reply.is_closed());
            if self.members.is_empty() {
                if let Base::Guess(stored) | Base::Loaded(stored) = base {
                    self.shared.lanes.remember(self.user, stored);
                }
                return Ok(());
            }
            let draft = match Draft::make(self.shared, self.user, &mut self.members, base.stored(), base.legacy())? {
                Drafted::Whole(draft) => draft,
                Drafted::Asks(asked) => {
                    Box::pin(self.look_up(asked)).await?;
                    continue;
                }
            };
            // With a lost commit about, even a refusal is committed, as time may have turned what was granted into one:
            // then the lost commit, should it still arrive, finds another revision.
            if !draft.writes && self.in_doubt.is_empty() {
                if !matches!(base, Base::Guess(_)) || planted(Mutation::AnswerRefusalFromGuess) {
                    self.answer(draft.answers, draft.taken_over);
                } else {
                    base = Box::pin(self.loaded()).await?;
                }
                continue;
            }
            match self.shared.store.commit(&draft.commit).await {
                Ok(Committed::Done) => {
                    let Draft { commit, after, answers, taken_over, .. } = *draft;
                    self.shared.lanes.remember(self.user, Stored { revision: commit.revision, account: after });
                    self.answer(answers, taken_over);
                    return Ok(());
                }
                Ok(Committed::Conflict(stored)) => {
                    conflicts = conflicts.saturating_add(1);
                    if conflicts > CONFLICTS_MAX {
                        return Err(StoreError::Contended);
                    }
                    base = Box::pin(self.rebased(stored)).await?;
                }
                Ok(Committed::Taken(texts)) => {
                    if self.taken(&draft, texts).await? {
                        continue;
                    }
                    // What closed a reservation or refunded a debit was another commit, which this one knows nothing of.
                    conflicts = conflicts.saturating_add(1);
                    if conflicts > CONFLICTS_MAX {
                        return Err(StoreError::Contended);
                    }
                    base = if planted(Mutation::LookOnlyAfterLosses) {
                        self.shared.store.load(self.user).await?.map_or(Base::Nobody(None), Base::Loaded)
                    } else {
                        Box::pin(self.loaded()).await?
                    };
                }
                Err(StoreError::Unavailable { sent, cause }) => {
                    if sent {
                        self.in_doubt.push(*draft);
                    }
                    losses = losses.saturating_add(1);
                    if losses > LOSSES_MAX {
                        return Err(StoreError::Unavailable { cause, sent });
                    }
                    sleep(pause_before(losses, self.shared.surroundings.random())).await;
                    base = Box::pin(self.loaded()).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// What there is now, to decide on.
    async fn loaded(&mut self) -> Result<Base, StoreError> {
        let stored = self.shared.store.load(self.user).await?;
        self.rebased(stored).await
    }

    /// Another account to decide on. One of the commits in doubt may have made it, and what was found out beside the
    /// account before it may be otherwise.
    async fn rebased(&mut self, stored: Option<Stored>) -> Result<Base, StoreError> {
        self.look_for_lost(stored.as_ref()).await?;
        self.members.iter_mut().for_each(|member| member.looked_up = false);
        let Shared { before, catalogue, surroundings, .. } = self.shared;
        Ok(match (stored, before) {
            (Some(stored), _) => Base::Loaded(stored),
            (None, Before::Unasked) => Base::Nobody(None),
            (None, Before::Known(legacy)) => Base::Nobody(Some(legacy.clone())),
            (None, Before::Asked(source)) => {
                Base::Nobody(legacy::find(source, self.user, catalogue, surroundings.now()).await?)
            }
        })
    }

    /// Looks for what became of reservations that are not open.
    async fn look_up(&mut self, asked: Vec<(usize, ReservationId)>) -> Result<(), StoreError> {
        let names: Vec<_> = asked.iter().map(|(_, id)| RecordName::Reservation(id.clone())).collect();
        let found = try_join_all(names.iter().map(|name| self.shared.store.record(self.user, name))).await?;
        for ((number, _), text) in asked.into_iter().zip(found) {
            let kept = text.map(|text| kept_reservation(self.user, &text)).transpose()?;
            for member in self.members.iter_mut().filter(|member| member.number == number) {
                member.looked_up = true;
                if let Command::Reservation { closed, .. } = &mut member.waiting.request.command {
                    *closed = kept.as_ref().map(|kept| kept.status);
                }
            }
        }
        Ok(())
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
                return self.was_written(index).await;
            }
        }
        Ok(())
    }

    /// The commit in doubt at `index` was written: what it decided holds.
    async fn was_written(&mut self, index: usize) -> Result<(), StoreError> {
        let Some(Draft { commit, .. }) = self.in_doubt.get(index) else { return Ok(()) };
        // The note of an opening goes its own way, and may have been lost with the answer.
        if let (None, Some(at)) = (&commit.expected, commit.due) {
            self.shared.store.note_due(self.user, at).await?;
        }
        let draft = self.in_doubt.swap_remove(index);
        self.answer(draft.answers, draft.taken_over);
        Ok(())
    }

    /// Answers with what a draft decided. What it took over is told once.
    fn answer(&mut self, mut answers: Vec<(usize, Decision, Billed)>, mut taken_over: Option<Box<Takeover>>) {
        if planted(Mutation::SwapAnswers)
            && let [first, .., last] = answers.as_mut_slice()
        {
            std::mem::swap(&mut first.0, &mut last.0);
        }
        for (number, decision, billed) in answers {
            self.reply(number, Reply::Decided { decision, billed, taken_over: taken_over.take() });
        }
    }

    /// Answers the members whose keys have records. A record that a lost commit of this very group wrote says that it was
    /// written; then all its answers hold. False if another commit than those has closed a reservation or refunded a debit:
    /// then the others are to be decided on what it made.
    async fn taken(&mut self, draft: &Draft, texts: Vec<Option<String>>) -> Result<bool, StoreError> {
        let mut found = Vec::new();
        for ((name, _), (owner, text)) in draft.commit.records.iter().zip(draft.owners.iter().zip(texts)) {
            if let (Some(owner), Some(text)) = (owner, text) {
                found.push((*owner, matches!(name, RecordName::Refund(_)), OnceRecord::read(self.user, &text)?));
            }
        }
        let own = |record: &OnceRecord| self.in_doubt.iter().position(|lost| lost.commit.revision == record.commit);
        if let Some(index) = found.iter().find_map(|(_, _, record)| own(record)) {
            Box::pin(self.was_written(index)).await?;
            return Ok(true);
        }
        let answers = found.iter().any(|(_, is_refund, _)| !is_refund);
        let refunded = found.iter().any(|(_, is_refund, _)| *is_refund);
        // A key's own answer comes before what its request would meet.
        found.sort_by_key(|(_, is_refund, _)| *is_refund);
        for (number, is_refund, record) in found {
            if is_refund {
                self.knows_refunded(number);
            } else {
                self.reply(number, Reply::Replayed(record));
            }
        }
        Ok(answers && !refunded)
    }

    fn knows_refunded(&mut self, number: usize) {
        for member in self.members.iter_mut().filter(|member| member.number == number) {
            if let Command::Refund { refunded, .. } = &mut member.waiting.request.command {
                *refunded = true;
            }
        }
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
            Self::Guess(stored) | Self::Loaded(stored) => Some(stored),
            Self::Nobody(_) => None,
        }
    }

    const fn legacy(&self) -> Option<&Legacy> {
        match self {
            Self::Guess(_) | Self::Loaded(_) => None,
            Self::Nobody(legacy) => legacy.as_ref(),
        }
    }
}

/// What is kept of a closed reservation.
///
/// # Errors
/// [`StoreError::Damaged`] when the text is nothing of the kind.
pub(crate) fn kept_reservation(user: &UserId, text: &str) -> Result<ReservationStats, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        let damage = Unreadable::from(error);
        StoreError::Damaged(format!("what is kept of a reservation of user {user} is damaged: {damage}"))
    })
}
