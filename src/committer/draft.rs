use super::{Decision, Idempotency, Shared, group::Member, legacy};
use crate::{
    ledger::{
        Account, Billed, ClosedUsage, Command, Decided, Legacy, Refusal, Refused, ReservationId, ReservationStats,
        TakenOver, Takeover, Terms, Transaction, TransactionId, UserId, decide,
    },
    mutation::{Mutation, planted},
    plans::NotInCatalogue,
    store::{Archive, Commit, OnceRecord, RecordName, Revision, StoreError, Stored},
    system::short_name,
};

/// A commit and the answers that hold once it is written.
pub(super) struct Draft {
    pub(super) commit: Commit,
    pub(super) after: Account,
    /// Where the first entry goes.
    pub(super) first_entry: Option<(TransactionId, u32)>,
    /// By member.
    pub(super) answers: Vec<(usize, Decision, Billed)>,
    /// Whose record each of the commit's is: a member's, or nobody's.
    pub(super) owners: Vec<Option<usize>>,
    /// Whether there is anything to write.
    pub(super) writes: bool,
    /// What is taken over from the module before.
    pub(super) taken_over: Option<Box<Takeover>>,
}

/// What comes of deciding a group.
pub(super) enum Drafted {
    /// All of it.
    Whole(Box<Draft>),
    /// Questions first: what became of the reservations that these members name, and that are not open.
    Asks(Vec<(usize, ReservationId)>),
}

/// What a group writes, as far as it is decided.
#[derive(Default)]
struct Parts {
    entries: Vec<Transaction>,
    archive: Option<Archive>,
    answers: Vec<(usize, Decision, Billed)>,
    records: Vec<(RecordName, Option<String>)>,
    owners: Vec<Option<usize>>,
    closed: Vec<ReservationStats>,
    usage: Vec<ClosedUsage>,
    taken_over: Option<Box<Takeover>>,
}

impl Draft {
    /// Decides all members in turn, on what `base` has, or on what goes on from `legacy`.
    pub(super) fn make(
        shared: &Shared,
        user: &UserId,
        members: &mut [Member],
        base: Option<&Stored>,
        legacy: Option<&Legacy>,
    ) -> Result<Drafted, StoreError> {
        let Shared { catalogue, stage, surroundings, .. } = shared;
        let now = surroundings.now();
        let revision = Revision::new(short_name(surroundings.random()));
        let missing = |missing: NotInCatalogue| StoreError::Damaged(format!("the account of user {user}: {missing}"));
        let before = base.map(|stored| &stored.account);
        let mut account = before.cloned();
        let mut parts = Parts::default();
        let mut asked = Vec::new();
        if let (None, Some(legacy), Some(first)) = (&account, legacy, members.first()) {
            let locale = first.waiting.request.locale;
            let taken = legacy::take(user, legacy, Terms { catalogue, now, locale, stage: *stage })?;
            account = Some(parts.take_over(taken));
        }
        for member in members {
            let request = &member.waiting.request;
            let terms = Terms { catalogue, now, locale: request.locale, stage: *stage };
            let archives = account.as_ref().map_or(0, Account::archives);
            let current = if planted(Mutation::DecideApart) { before.cloned() } else { account };
            let decided = match parts.known_here(&request.command) {
                Some(command) => decide(current, user, &command, terms),
                None => decide(current, user, &request.command, terms),
            };
            let decided = decided.map_err(missing)?;
            if let (Command::Reservation { id, .. }, Err(refused)) = (&request.command, &decided.result)
                && refused.refusal == Refusal::ReservationNotFound
                && !member.looked_up
            {
                asked.push((member.number, id.clone()));
            }
            account = Some(parts.add(member, decided, archives, &revision).map_err(unwritable)?);
        }
        if !asked.is_empty() {
            return Ok(Drafted::Asks(asked));
        }
        let Some(after) = account else { return Err(StoreError::Damaged("a group without commands".to_owned())) };

        let first_entry = parts.entries.first().map(|first| {
            let archives = before.map_or(0, Account::archives);
            let put_away_first = parts.archive.is_some_and(|Archive { after, .. }| after == 0);
            (first.id, archives.saturating_add(u32::from(put_away_first)))
        });
        let writes = before != Some(&after) || !parts.records.is_empty();
        let due = |account: &Account| {
            let plan = catalogue.plan(account.plan()).map_err(missing)?;
            Ok::<_, StoreError>(account.billing().next(plan.time_zone()))
        };
        let next = due(&after)?;
        let moved = before.map(due).transpose()? != Some(next);
        let entries: Result<Vec<_>, _> = parts
            .entries
            .iter()
            .map(|transaction| serde_json::to_string(&transaction.entry).map(|entry| (transaction.id, entry)))
            .collect();
        let usage: Result<Vec<_>, _> = parts.usage.iter().map(ClosedUsage::written).collect();
        let commit = Commit {
            user: user.clone(),
            expected: base.map(|stored| stored.revision.clone()),
            revision,
            document: after.to_document().map_err(unwritable)?,
            entries: entries.map_err(unwritable)?,
            archive: parts.archive,
            records: parts.records,
            usage: usage.map_err(unwritable)?,
            due: moved.then_some(next),
            now,
        };
        let Parts { answers, owners, taken_over, .. } = parts;
        Ok(Drafted::Whole(Box::new(Self { commit, after, first_entry, answers, owners, writes, taken_over })))
    }
}

impl Parts {
    /// The command as it is with what this very group has done: a reservation that was closed just before.
    fn known_here(&self, command: &Command) -> Option<Command> {
        let Command::Reservation { id, action, .. } = command else { return None };
        let here = self.closed.iter().find(|closed| closed.id == *id)?;
        Some(Command::Reservation { id: id.clone(), action: *action, closed: Some(here.status) })
    }

    /// Begins with the history of the module before. Gives the account after it.
    fn take_over(&mut self, taken: TakenOver) -> Account {
        let TakenOver { account, entries, usage, report } = taken;
        (self.entries, self.usage) = (entries, usage);
        self.taken_over = Some(Box::new(report));
        account
    }

    /// Adds what was decided for a member. Gives the account after it.
    fn add(
        &mut self,
        member: &mut Member,
        decided: Decided,
        archives: u32,
        revision: &Revision,
    ) -> Result<Account, serde_json::Error> {
        let Decided { account, entries, closed, archive_after, usage, billed, result } = decided;
        if let Some(after) = archive_after {
            self.archive = Some(Archive { after: self.entries.len().saturating_add(after), number: archives });
            if !planted(Mutation::KeepOldUsage) {
                self.usage.clear();
            }
        }
        self.usage.extend(usage);
        self.entries.extend(entries);
        let forgotten = match &result {
            Err(Refused { refusal: Refusal::ExpiredAlready, .. }) => planted(Mutation::RefuseWithoutLooking),
            Err(_) => planted(Mutation::ForgetRefusals),
            Ok(_) => false,
        };
        let request = &member.waiting.request;
        let owner = Some(member.number);
        match &request.idempotency {
            Some(idempotency) if !forgotten => {
                let text = remembered(idempotency, revision, &result)?;
                self.record(RecordName::Answer(idempotency.key.clone()), text, owner);
            }
            Some(_) => {}
            None => {
                let leaves_nothing = result.as_ref().is_ok_and(|outcome| outcome.transaction.is_none());
                let marked = member.mark.is_some() || (leaves_nothing && must_leave_something(&request.command));
                if marked && !planted(Mutation::LeaveNoMark) {
                    let mark = member.mark.get_or_insert_with(|| revision.clone()).clone();
                    let text = leaves_nothing.then(|| written(revision, String::new())).transpose()?;
                    self.record(RecordName::Mark(mark), text, owner);
                }
            }
        }
        if let Command::Refund { id, .. } = &request.command {
            match &result {
                Ok(outcome) if !planted(Mutation::ForgetRefunds) => {
                    let refund = outcome.transaction.as_ref().map(|refund| refund.id.to_string()).unwrap_or_default();
                    self.record(RecordName::Refund(*id), Some(written(revision, refund)?), owner);
                }
                // That it was given back before is told rather than that there is no room for it.
                Err(Refused { refusal: Refusal::BalanceLimitExceeded | Refusal::TooManyGrants, .. }) => {
                    self.record(RecordName::Refund(*id), None, owner);
                }
                Ok(_) | Err(_) => {}
            }
        }
        for closed in closed.iter().filter(|_| !planted(Mutation::ForgetReservations)) {
            let text = serde_json::to_string(closed)?;
            self.record(RecordName::Reservation(closed.id.clone()), Some(text), None);
        }
        self.closed.extend(closed);
        self.answers.push((member.number, result, billed));
        Ok(account)
    }

    fn record(&mut self, name: RecordName, text: Option<String>, owner: Option<usize>) {
        self.records.push((name, text));
        self.owners.push(owner);
    }
}

/// Whether a command that is done twice is not the same as once.
const fn must_leave_something(command: &Command) -> bool {
    match command {
        Command::Reserve { .. } | Command::Reservation { .. } | Command::Change { .. } => true,
        // They write an entry, or come to the same again.
        Command::Touch
        | Command::Debit { .. }
        | Command::Credit { .. }
        | Command::Refund { .. }
        | Command::SetClock(_)
        | Command::Reset => false,
    }
}

/// What says that the commit of `revision` was written.
fn written(revision: &Revision, body: String) -> Result<String, serde_json::Error> {
    let record = OnceRecord { commit: revision.clone(), fingerprint: String::new(), status: 200, body };
    serde_json::to_string(&record)
}

/// What is remembered under the key of a request. A refusal that may not hold the next time is not: its key is only looked
/// up, as the request may have been granted when it was first made.
fn remembered(
    idempotency: &Idempotency,
    revision: &Revision,
    decision: &Decision,
) -> Result<Option<String>, serde_json::Error> {
    let is_remembered = decision.as_ref().map_or_else(|refused| refused.refusal.is_final(), |_| true);
    let record = is_remembered.then(|| {
        let (status, body) = (idempotency.render)(decision);
        let fingerprint = idempotency.fingerprint.clone();
        OnceRecord { commit: revision.clone(), fingerprint, status, body }
    });
    record.as_ref().map(serde_json::to_string).transpose()
}

#[expect(clippy::needless_pass_by_value, reason = "it is for map_err")]
fn unwritable(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}
