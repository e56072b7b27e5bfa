//! Following accounts in Redis: `follow.lua` says what is read.

use ::redis::{Script, cmd};
use once_cell::sync::Lazy;

use super::{RedisStore, call::Call, patiently, transaction};
use crate::{
    ledger::{TransactionId, UserId},
    store::{
        Answer, History,
        follow::{Follow, FollowLimit, Followed, Watch},
    },
};

const FOLLOW_SCRIPT: &str = include_str!("../follow.lua");

static FOLLOW: Lazy<Script> = Lazy::new(|| Script::new(FOLLOW_SCRIPT));

/// `rev` and `doc`, entries by id as fields, and how many there are.
type Found = ((Option<String>, Option<String>), Vec<(String, Vec<(String, String)>)>, usize);

impl Follow for RedisStore {
    fn follow<'a>(
        &'a self,
        user: &'a UserId,
        from: Option<TransactionId>,
        limit: FollowLimit,
    ) -> Answer<'a, Option<Followed>> {
        Box::pin(async move {
            let (account, history) = (self.keys.account(user), self.keys.history(user, History::Current));
            let mut call = cmd("EVALSHA");
            call.arg(FOLLOW.get_hash()).arg(2).arg(&account).arg(history);
            call.arg(from.map_or_else(String::new, |from| from.to_string())).arg(limit.entries).arg(limit.count);
            let call = Call { command: &call, script: Some(FOLLOW_SCRIPT), replicas: 0 };
            let (stored, entries, count): Found = self.parse(patiently(|| self.line.send(&account, call)).await?)?;
            let Some(stored) = Self::stored(user, stored)? else { return Ok(None) };
            let entries = entries.into_iter().map(|(id, fields)| transaction(user, &id, fields));
            Ok(Some(Followed { stored, entries: entries.collect::<Result<_, _>>()?, count }))
        })
    }

    fn watch(&self, user: &UserId) -> Watch {
        self.subscription.watch(user)
    }
}
