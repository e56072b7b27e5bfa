//! Whole requests, from the bytes that come to the bytes that go: all that a function does for them, but for Redis. The
//! store has the account at hand, and says of a commit at once that it is written.

use std::{
    cell::RefCell, convert::Infallible, error::Error, future::ready, path::Path as Folder, rc::Rc, str, sync::Arc,
};

use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jeton::{
    committer::Surroundings,
    config::{Config, Variables},
    http::{App, Function},
    ledger::{Account, Timestamp, Transaction, TransactionId, UserId},
    store::{
        Answer, Commit, Committed, EntryRange, History, RecordName, Revision, Store, StoreError, Stored,
        follow::{Follow, FollowLimit, Followed, Watch},
        redis::RedisStore,
    },
    system::System,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    runtime::{Builder, Runtime},
};

use crate::{
    Path,
    ledger::{At, credit, debit},
};

const SECRET: &str = "a-long-random-secret-of-the-counter";
/// What fits on the line without anybody reading it: more than any request or answer here.
const LINE_BYTES: usize = 1 << 16;
/// How many debits the account has behind it.
const DEBITS: usize = 30;

/// A store in which one account is at hand.
struct AtHand {
    revision: Revision,
    document: String,
    /// Nobody is shown live here. What could watch comes from a store that is asked for nothing else, and not connected.
    watching: RedisStore,
}

fn done<'a, T: Send + 'a>(answer: Result<T, StoreError>) -> Answer<'a, T> {
    Box::pin(ready(answer))
}

impl Store for AtHand {
    fn name(&self) -> &'static str {
        "at hand"
    }

    fn load<'a>(&'a self, user: &'a UserId) -> Answer<'a, Option<Stored>> {
        let read = Account::from_document(&self.document, user);
        let stored = read.map(|account| Some(Stored { revision: self.revision.clone(), account }));
        done(stored.map_err(|damage| StoreError::Damaged(damage.to_string())))
    }

    fn commit<'a>(&'a self, _: &'a Commit) -> Answer<'a, Committed> {
        done(Ok(Committed::Done))
    }

    fn written_by<'a>(&'a self, _: &'a UserId, _: History, _: TransactionId) -> Answer<'a, Option<Revision>> {
        done(Ok(None))
    }

    fn record<'a>(&'a self, _: &'a UserId, _: &'a RecordName) -> Answer<'a, Option<String>> {
        done(Ok(None))
    }

    fn usage<'a>(&'a self, _: &'a UserId, fields: &'a [String]) -> Answer<'a, Vec<Option<String>>> {
        done(Ok(vec![None; fields.len()]))
    }

    fn entries<'a>(&'a self, _: &'a UserId, _: EntryRange) -> Answer<'a, Vec<Transaction>> {
        done(Ok(Vec::new()))
    }

    fn due(&self, _: Timestamp, _: usize) -> Answer<'_, Vec<UserId>> {
        done(Ok(Vec::new()))
    }

    fn listed<'a>(&'a self, _: &'a str, _: Option<&'a UserId>, _: usize) -> Answer<'a, Vec<UserId>> {
        done(Ok(Vec::new()))
    }

    fn note_due<'a>(&'a self, _: &'a UserId, _: Timestamp) -> Answer<'a, ()> {
        done(Ok(()))
    }

    fn ping(&self) -> Answer<'_, ()> {
        done(Ok(()))
    }
}

impl Follow for AtHand {
    fn follow<'a>(&'a self, _: &'a UserId, _: Option<TransactionId>, _: FollowLimit) -> Answer<'a, Option<Followed>> {
        done(Ok(None))
    }

    fn watch(&self, user: &UserId) -> Watch {
        self.watching.watch(user)
    }
}

/// A function that serves one connection, and the caller's end of it.
struct Line {
    runtime: Runtime,
    caller: DuplexStream,
}

impl Line {
    fn to(app: &Arc<App>, function: Function) -> Result<Self, Box<dyn Error>> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let (caller, served) = duplex(LINE_BYTES);
        let app = Arc::clone(app);
        let answer = service_fn(move |request: Request<Incoming>| {
            let app = Arc::clone(&app);
            async move { Ok::<_, Infallible>(app.answer(function, request, |_, _| ()).await) }
        });
        runtime.spawn(http1::Builder::new().serve_connection(TokioIo::new(served), answer));
        Ok(Self { runtime, caller })
    }

    /// Whether `request` is answered with 200.
    fn ask(&mut self, request: &str) -> bool {
        let Self { runtime, caller } = self;
        let answered = runtime.block_on(async {
            caller.write_all(request.as_bytes()).await.ok()?;
            let mut answer = Vec::with_capacity(LINE_BYTES);
            while !is_whole(&answer)? {
                caller.read_buf(&mut answer).await.ok().filter(|read| *read > 0)?;
            }
            Some(answer.starts_with(b"HTTP/1.1 200 "))
        });
        answered.unwrap_or(false)
    }
}

/// Whether all of an answer has come. `None` for one of another form.
fn is_whole(answer: &[u8]) -> Option<bool> {
    let Some((head, body)) = str::from_utf8(answer).ok()?.split_once("\r\n\r\n") else { return Some(false) };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
    Some(length.parse::<usize>().ok()? == body.len())
}

/// The app as on the platform, over an account that was opened, and has bought and spent, just now: the app reads the real
/// clock, and so what is counted does not depend on the date.
fn app(user: &UserId) -> Result<Arc<App>, Box<dyn Error>> {
    let at = At::new(user, System.now())?;
    let (mut decided, _) = at.granted(None, &credit()?)?;
    for _ in 0..DEBITS {
        decided = at.granted(Some(decided.account), &debit("ARTICLE"))?.0;
    }
    let store = AtHand {
        revision: Revision::new("0123456789ab".to_owned()),
        document: decided.account.to_document()?,
        watching: RedisStore::new("redis://localhost:6379", "jeton")?,
    };
    let keys = ("JETON_API_KEYS".to_owned(), format!("web:spend:{SECRET}"));
    let config = Config::read(Variables::from([keys]), Folder::new("/nowhere"), false);
    Ok(Arc::new(App::new(config, Ok(Arc::new(store)))))
}

/// A request as callers send it, without the empty line that ends its headers.
fn head(line: &str) -> String {
    format!(
        "{line} HTTP/1.1\r\nHost: jeton.example.com\r\nAuthorization: Bearer {SECRET}\r\nAccept: */*\r\n\
         User-Agent: node\r\nAccept-Language: fr-FR,fr;q=0.9,en;q=0.8\r\nX-Vercel-Id: cdg1::iad1::5zqzl-1780358400000-0\r\n"
    )
}

pub(crate) fn paths() -> Result<Vec<Path>, Box<dyn Error>> {
    let user = UserId::new("user-0001").ok_or("a user")?;
    let app = app(&user)?;
    let path = |name, function, request: Box<dyn Fn(usize) -> String>| -> Result<Path, Box<dyn Error>> {
        let line = Rc::new(RefCell::new(Line::to(&app, function)?));
        let sent = RefCell::new(0_usize);
        Ok(Path::new(name, move || {
            let number = sent.replace_with(|number| number.saturating_add(1));
            let (line, request) = (Rc::clone(&line), request(number));
            move || line.borrow_mut().ask(&request)
        }))
    };
    let read = format!("{}\r\n", head(&format!("GET /api/stats?userId={user}")));
    let body =
        format!(r#"{{"userId":"{user}","contentType":"ARTICLE","metadata":{{"model":"gpt-5","job":"a-4711"}}}}"#);
    let post = head("POST /api/generations");
    let post = format!("{post}Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let (plain, keyed) = (format!("{post}\r\n{body}"), move |number| {
        format!("{post}Idempotency-Key: 0b1c2d3e-4f50-6172-8394-{number:012}\r\n\r\n{body}")
    });
    Ok(vec![
        path("request-debit", Function::Generations, Box::new(move |_| plain.clone()))?,
        path("request-debit-with-key", Function::Generations, Box::new(keyed))?,
        path("request-read", Function::Stats, Box::new(move |_| read.clone()))?,
    ])
}
