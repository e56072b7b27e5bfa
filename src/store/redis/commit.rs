//! The scripts that commits are made of: what they are given, and what their replies mean. `commit.lua`, `confirm.lua`
//! and `usage.lua` themselves say what they do.

use ::redis::{Cmd, Script, Value, cmd};
use once_cell::sync::Lazy;

use super::{RedisStore, call::Call, patiently};
use crate::{
    ledger::{TransactionId, UserId},
    store::{Archive, Commit, Committed, History, Revision, StoreError, Stored},
};

const COMMIT_SCRIPT: &str = include_str!("../commit.lua");
const CONFIRM_SCRIPT: &str = include_str!("../confirm.lua");
const USAGE_SCRIPT: &str = include_str!("../usage.lua");

static COMMIT: Lazy<Script> = Lazy::new(|| Script::new(COMMIT_SCRIPT));
static CONFIRM: Lazy<Script> = Lazy::new(|| Script::new(CONFIRM_SCRIPT));
static USAGE: Lazy<Script> = Lazy::new(|| Script::new(USAGE_SCRIPT));

/// How many words an ordinary commit is, one with an entry and no record, and how long they are but for the document, in bytes.
const CALL_WORDS: usize = 16;
const CALL_LENGTH: usize = 768;

impl RedisStore {
    /// Calls a script that changes what is under the key `account`, and beside it.
    async fn evaluate(&self, account: &str, command: &Cmd, script: &'static str) -> Result<Value, StoreError> {
        let call = Call { command, script: Some(script), replicas: self.replicas };
        let answer = self.commits.send(account, call).await;
        // Another server may have taken over. Reads that go their own way must not stay with the old one.
        if matches!(answer, Err(StoreError::Unavailable { .. })) && self.replicas > 0 {
            self.line.renew();
        }
        answer
    }

    pub(super) async fn evaluate_commit(&self, commit: &Commit) -> Result<Value, StoreError> {
        let account = self.keys.account(&commit.user);
        self.evaluate(&account, &self.commit_call(&account, commit), COMMIT_SCRIPT).await
    }

    /// Looks for the entry `id` of a history, or without one for a record, under `key`, where commits are made: what is
    /// found there is as safe as if it were written now. Gives the mark of the entry, or the text of the record; `None`
    /// when it is not there.
    pub(super) async fn confirmed(
        &self,
        user: &UserId,
        key: &str,
        id: Option<TransactionId>,
    ) -> Result<Option<String>, StoreError> {
        let account = self.keys.account(user);
        let mut call = cmd("EVALSHA");
        call.arg(CONFIRM.get_hash()).arg(2).arg(&account).arg(key);
        call.arg(id.map_or_else(String::new, |id| id.to_string()));
        let reply = patiently(|| self.evaluate(&account, &call, CONFIRM_SCRIPT)).await?;
        let mut words = self.parse::<Vec<String>>(reply)?.into_iter();
        match (words.next().as_deref(), words.next()) {
            (Some("entry" | "record"), Some(found)) => Ok(Some(found)),
            (Some("absent"), None) => Ok(None),
            _ => Err(StoreError::Damaged("confirm.lua gave an answer that it cannot give".to_owned())),
        }
    }

    /// Makes sure that the records which a commit met are where the replicas have them.
    async fn confirm_taken(&self, commit: &Commit, texts: &[Option<String>]) -> Result<(), StoreError> {
        if self.replicas == 0 {
            return Ok(());
        }
        for ((name, _), text) in commit.records.iter().zip(texts) {
            let key = self.keys.record(&commit.user, name);
            if text.is_some() && self.confirmed(&commit.user, &key, None).await?.is_none() {
                let cause = format!("{} has lost a record that it had: another server has taken over", self.line);
                return Err(StoreError::Unavailable { cause, sent: false });
            }
        }
        Ok(())
    }

    fn commit_call(&self, account: &str, commit: &Commit) -> Cmd {
        let Commit { user, expected, revision, document, entries, archive, records, usage, due: _, now: _ } = commit;
        // While a slot moves to another node, a call that names a key that is not there has to wait: so neither an archive
        // nor the usage is named in vain.
        let mut keys = vec![self.keys.history(user, History::Current)];
        if let Some(Archive { number, .. }) = archive {
            keys.push(self.keys.history(user, History::Archived(*number)));
        }
        if archive.is_some() || !usage.is_empty() {
            keys.push(self.keys.usage(user));
        }
        keys.extend(records.iter().map(|(name, _)| self.keys.record(user, name)));
        // Room for all of it at once: what an ordinary commit has besides its document, and what the others have more.
        let mut call = Cmd::with_capacity(CALL_WORDS, document.len().saturating_add(CALL_LENGTH));
        call.arg("EVALSHA").arg(COMMIT.get_hash()).arg(keys.len().saturating_add(1)).arg(account).arg(keys);
        call.arg(expected.as_ref().map_or("", Revision::as_str))
            .arg(revision.as_str())
            .arg(document)
            .arg(archive.map_or_else(String::new, |Archive { after, .. }| after.to_string()))
            .arg(entries.len())
            .arg(usage.len())
            .arg(self.keys.changes(user))
            .arg(self.line.publish());
        for (id, entry) in entries {
            call.arg(id.to_string()).arg(entry);
        }
        for (field, text) in usage {
            call.arg(field).arg(text);
        }
        for (name, text) in records {
            call.arg(text.as_deref().unwrap_or(""));
            call.arg(name.lifetime_ms().map_or_else(String::new, |lifetime| lifetime.to_string()));
        }
        call
    }

    /// Replaces the usage of `user`, if the account has the revision `expected`: whether it had.
    pub(super) async fn replace_usage(
        &self,
        user: &UserId,
        expected: &Revision,
        fields: &[(String, String)],
    ) -> Result<bool, StoreError> {
        let account = self.keys.account(user);
        let mut call = cmd("EVALSHA");
        call.arg(USAGE.get_hash()).arg(2).arg(&account).arg(self.keys.usage(user));
        call.arg(expected.as_str());
        for (field, text) in fields {
            call.arg(field).arg(text);
        }
        self.parse(patiently(|| self.evaluate(&account, &call, USAGE_SCRIPT)).await?)
    }

    pub(super) async fn committed(&self, commit: &Commit, reply: Value) -> Result<Committed, StoreError> {
        let user = &commit.user;
        let (word, rest) = split(self.parse(reply)?);
        match (word.as_str(), rest.as_slice()) {
            ("done", []) => Ok(Committed::Done),
            ("done", [Some(error)]) => {
                self.tell_unpublished(error);
                Ok(Committed::Done)
            }
            ("conflict", []) => Ok(Committed::Conflict(None)),
            ("conflict", [Some(revision), Some(document)]) => {
                Ok(Committed::Conflict(Some(Stored::read(user, revision.clone(), document)?)))
            }
            ("taken", texts) if texts.len() == commit.records.len() => {
                Box::pin(self.confirm_taken(commit, texts)).await?;
                Ok(Committed::Taken(rest))
            }
            ("orphan", []) => Err(StoreError::Damaged(format!(
                "user {user} has a history or an archive in Redis that belongs to no account: keys were deleted or \
                 evicted (set maxmemory-policy to noeviction); nothing was changed"
            ))),
            _ => Err(StoreError::Damaged("commit.lua gave an answer that it cannot give".to_owned())),
        }
    }
}

/// The word that a reply begins with, and what follows it.
fn split(reply: Vec<Option<String>>) -> (String, Vec<Option<String>>) {
    let mut words = reply.into_iter();
    (words.next().flatten().unwrap_or_default(), words.collect())
}
