//! The list of all users by name.

use futures_util::future::try_join_all;
use redis::cmd;

use super::RedisStore;
use crate::store::{StoreError, keys::SHARED_KEYS};

impl RedisStore {
    /// The first `limit` names in the list that begin with `prefix` and come after `after`, in the order of bytes.
    pub(super) async fn names(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let first = match after {
            Some(after) if after >= prefix => [b"(", after].concat(),
            Some(_) | None => [b"[", prefix].concat(),
        };
        // No byte of a name is as great as this one.
        let last = [b"(", prefix, b"\xff"].concat();
        let of_key = |number| {
            let (key, first, last) = (self.keys.users(number), &first, &last);
            async move {
                let command =
                    cmd("ZRANGEBYLEX").arg(&key).arg(first).arg(last).arg("LIMIT").arg(0).arg(limit).to_owned();
                self.read::<Vec<Vec<u8>>>(&key, &command).await
            }
        };
        let mut names = try_join_all((0..SHARED_KEYS).map(of_key)).await?.concat();
        names.sort_unstable();
        names.truncate(limit);
        Ok(names)
    }
}
