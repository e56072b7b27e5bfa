//! Any text as a remembered answer: refused without quoting it, or given again byte for byte to the request that it
//! belongs to, and to no other.

#![no_main]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use jeton::{
    config::Config,
    http::{App, Function},
    ledger::{Timestamp, UserId},
    store::{
        Commit, Committed, IdempotencyKey, ONCE_LIFETIME, OnceRecord, RecordName, StoreError, Stored,
        embedded::EmbeddedStore, follow::Follow,
    },
};
use jeton_fuzz::wire::{Answer, ask, runtime};
use libfuzzer_sys::fuzz_target;
use once_cell::sync::Lazy;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BODY: &str = r#"{"userId":"somebody"}"#;

struct Remembering {
    runtime: Runtime,
    app: App,
    store: Arc<dyn Follow>,
    user: UserId,
    /// What the request of this target is recognised by.
    fingerprint: String,
    _folder: TempDir,
}

static REMEMBERING: Lazy<Remembering> = Lazy::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Follow> = Arc::new(EmbeddedStore::open(folder.path()).unwrap());
    let development = [("VERCEL_ENV".to_owned(), "development".to_owned())].into_iter().collect();
    let app = App::new(Config::read(development, Path::new("/nowhere"), false), Ok(Arc::clone(&store)));
    let user = UserId::new("somebody").unwrap();
    let mut remembering =
        Remembering { runtime: runtime(), app, store, user, fingerprint: String::new(), _folder: folder };
    remembering.post("first");
    remembering.fingerprint = remembering.remembered("first").fingerprint;
    remembering
});

impl Remembering {
    fn post(&self, key: &str) -> Answer {
        let request = format!(
            "POST /api/generations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nIdempotency-Key: {key}\r\n\r\n{BODY}",
            BODY.len()
        );
        self.runtime.block_on(ask(&self.app, Function::Generations, request.as_bytes(), false)).unwrap()
    }

    /// The record that the store has under `key`.
    fn remembered(&self, key: &str) -> OnceRecord {
        let name = RecordName::Answer(IdempotencyKey::new(key).unwrap());
        let text = self.runtime.block_on(self.store.record(&self.user, &name)).unwrap().unwrap();
        OnceRecord::read(&self.user, &text).unwrap()
    }

    /// Puts `record` under `key`, for a minute.
    fn plant(&self, key: &str, record: &OnceRecord) {
        let a_minute_left = Self::now() - ONCE_LIFETIME + Duration::from_mins(1);
        let commit = self.commit(self.stored(), key, record, a_minute_left);
        assert_eq!(self.runtime.block_on(self.store.commit(&commit)).unwrap(), Committed::Done);
    }

    fn stored(&self) -> Stored {
        self.runtime.block_on(self.store.load(&self.user)).unwrap().unwrap()
    }

    /// A commit that leaves the account as it is.
    fn commit(&self, stored: Stored, key: &str, record: &OnceRecord, now: Duration) -> Commit {
        let name = RecordName::Answer(IdempotencyKey::new(key).unwrap());
        Commit {
            user: self.user.clone(),
            expected: Some(stored.revision.clone()),
            revision: stored.revision,
            document: stored.account.to_document().unwrap(),
            entries: Vec::new(),
            archive: None,
            records: vec![(name, Some(serde_json::to_string(record).unwrap()))],
            usage: Vec::new(),
            due: None,
            now: Timestamp::from_millis(now.as_millis().try_into().unwrap()).unwrap(),
        }
    }

    /// The time since 1970.
    fn now() -> Duration {
        SystemTime::UNIX_EPOCH.elapsed().unwrap()
    }
}

fuzz_target!(|input: &str| {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let remembering = &*REMEMBERING;
    let record = match OnceRecord::read(&remembering.user, input) {
        Ok(record) => record,
        Err(StoreError::Damaged(told)) => {
            let told = told.strip_prefix("an idempotency record of user somebody is damaged and was left as it is: ");
            assert!(told.is_some_and(|told| told.len() < 80 && !told.contains(['"', '`'])), "{told:?}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let key = format!("key-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    remembering.plant(&key, &record);
    let before = remembering.stored();
    let answer = remembering.post(&key);
    if record.fingerprint == remembering.fingerprint {
        assert_eq!((answer.status, answer.body.as_slice()), (record.status, record.body.as_bytes()), "{record:?}");
        assert_eq!(answer.header("idempotent-replayed"), Some("true"));
    } else {
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(String::from_utf8(answer.body).unwrap().contains("idempotency_key_reused"));
    }
    assert_eq!(remembering.stored(), before, "nothing is done twice");
    assert_eq!(remembering.remembered(&key), record, "the record stays");
});
