//! The scripts that commits are made of: what they are given, and what their replies mean. `commit.lua` and `confirm.lua`
//! themselves say what they do.

use ::redis::{Cmd, Script, Value, cmd};
use once_cell::sync::Lazy;

use super::{RedisStore, call::Call, patiently};
use crate::{
    ledger::{TransactionId, UserId},
    store::{Archive, Commit, Committed, History, ONCE_LIFETIME, OnceRecord, Revision, StoreError, Stored},
};

const COMMIT_SCRIPT: &str = include_str!("../commit.lua");
const CONFIRM_SCRIPT: &str = include_str!("../confirm.lua");

static COMMIT: Lazy<Script> = Lazy::new(|| Script::new(COMMIT_SCRIPT));
static CONFIRM: Lazy<Script> = Lazy::new(|| Script::new(CONFIRM_SCRIPT));

impl RedisStore {
    /// Calls a script that changes the account of `user`.
    async fn evaluate(&self, user: &UserId, command: &Cmd, script: &'static str) -> Result<Value, StoreError> {
        let call = Call { command, script: Some(script), replicas: self.replicas };
        let answer = self.commits.send(&self.keys.account(user), call).await;
        // Another server may have taken over. Reads that go their own way must not stay with the old one.
        if matches!(answer, Err(StoreError::Unavailable { .. })) && self.replicas > 0 {
            self.line.renew();
        }
        answer
    }

    pub(super) async fn evaluate_commit(&self, commit: &Commit) -> Result<Value, StoreError> {
        self.evaluate(&commit.user, &self.commit_call(commit)?, COMMIT_SCRIPT).await
    }

    /// Looks for the entry `id` of a history, or without one for a remembered answer, under `key`, where commits are
    /// made: what is found there is as safe as if it were written now. Gives the mark of the entry, or nothing of an
    /// answer; `None` when it is not there.
    pub(super) async fn confirmed(
        &self,
        user: &UserId,
        key: &str,
        id: Option<TransactionId>,
    ) -> Result<Option<String>, StoreError> {
        let mut call = cmd("EVALSHA");
        call.arg(CONFIRM.get_hash()).arg(2).arg(self.keys.account(user)).arg(key);
        call.arg(id.map_or_else(String::new, |id| id.to_string()));
        let reply = patiently(|| self.evaluate(user, &call, CONFIRM_SCRIPT)).await?;
        let mut words = self.parse::<Vec<String>>(reply)?.into_iter();
        match (words.next().as_deref(), words.next()) {
            (Some("entry"), Some(mark)) => Ok(Some(mark)),
            (Some("answer"), None) => Ok(Some(String::new())),
            (Some("absent"), None) => Ok(None),
            _ => Err(StoreError::Damaged("confirm.lua gave an answer that it cannot give".to_owned())),
        }
    }

    /// Makes sure that the answers which a commit met are where the replicas have them.
    async fn confirm_replays(&self, commit: &Commit, records: &[Option<OnceRecord>]) -> Result<(), StoreError> {
        if self.replicas == 0 {
            return Ok(());
        }
        for ((key, _), record) in commit.once.iter().zip(records) {
            let key = self.keys.once(&commit.user, key);
            if record.is_some() && self.confirmed(&commit.user, &key, None).await?.is_none() {
                let cause = format!("{} has lost an answer that it had: another server has taken over", self.line);
                return Err(StoreError::Unavailable { cause, sent: false });
            }
        }
        Ok(())
    }

    fn commit_call(&self, commit: &Commit) -> Result<Cmd, StoreError> {
        let Commit { user, expected, revision, document, entries, archive, once, due: _, now: _ } = commit;
        // While a slot moves to another node, a call that names a key that is not there has to wait: so no archive is
        // named in vain.
        let archived = archive.map_or(History::Current, |Archive { number, .. }| History::Archived(number));
        let mut call = cmd("EVALSHA");
        call.arg(COMMIT.get_hash())
            .arg(3_usize.saturating_add(once.len()))
            .arg(self.keys.account(user))
            .arg(self.keys.history(user, History::Current))
            .arg(self.keys.history(user, archived));
        for (key, _) in once {
            call.arg(self.keys.once(user, key));
        }
        call.arg(expected.as_ref().map_or("", Revision::as_str))
            .arg(revision.as_str())
            .arg(document)
            .arg(archive.map_or_else(String::new, |Archive { after, .. }| after.to_string()))
            .arg(u64::try_from(ONCE_LIFETIME.as_millis()).unwrap_or(u64::MAX))
            .arg(entries.len());
        for (id, entry) in entries {
            call.arg(id.to_string()).arg(entry);
        }
        for (_, record) in once {
            let record = record.as_ref().map(serde_json::to_string).transpose();
            call.arg(record.map_err(|error| StoreError::Damaged(error.to_string()))?.unwrap_or_default());
        }
        Ok(call)
    }

    pub(super) async fn committed(&self, commit: &Commit, reply: Value) -> Result<Committed, StoreError> {
        let user = &commit.user;
        let words: Vec<String> = self.parse(reply)?;
        let mut words = words.into_iter();
        match (words.next().as_deref(), words.next(), words.next()) {
            (Some("done"), None, None) => Ok(Committed::Done),
            (Some("conflict"), None, None) => Ok(Committed::Conflict(None)),
            (Some("conflict"), Some(revision), Some(document)) => {
                Ok(Committed::Conflict(Some(Stored::read(user, revision, &document)?)))
            }
            (Some("replay"), first, second) => {
                let records = first.into_iter().chain(second).chain(words);
                let records = records.map(|record| once_record(user, &record)).collect::<Result<Vec<_>, _>>()?;
                if records.iter().all(Option::is_none) {
                    return Err(StoreError::Damaged(format!("an idempotency record of user {user} is empty")));
                }
                self.confirm_replays(commit, &records).await?;
                Ok(Committed::Replays(records))
            }
            (Some("orphan"), None, None) => Err(StoreError::Damaged(format!(
                "user {user} has a history or an archive in Redis that belongs to no account: keys were deleted or \
                 evicted (set maxmemory-policy to noeviction); nothing was changed"
            ))),
            _ => Err(StoreError::Damaged("commit.lua gave an answer that it cannot give".to_owned())),
        }
    }
}

fn once_record(user: &UserId, record: &str) -> Result<Option<OnceRecord>, StoreError> {
    if record.is_empty() {
        return Ok(None);
    }
    OnceRecord::read(user, record).map(Some)
}
