//! What the ledger does in each change, and the JSON that is read and written for it, on an account with a past.

use std::{error::Error, hint::black_box, rc::Rc};

use jeton::{
    ledger::{
        Account, Amount, Command, ContentType, Decided, Outcome, ReservationAction, ReservationId, Source, Terms,
        Timestamp, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use crate::Path;

/// 2 June 2026, 00:00 UTC, in milliseconds.
const OPENED: u64 = 1_780_358_400_000;
/// How far the debits of the past lie apart, in milliseconds: seven hours, so that they fall into all hours.
const APART: u64 = 7 * 60 * 60 * 1_000;
/// How many there were: over forty days, with a billing in them.
const DEBITS: u64 = 140;
/// How long what is reserved is set aside, in milliseconds.
const RESERVED: u64 = 300_000;

/// A ledger at one instant.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    user: &'a UserId,
    terms: Terms<'a>,
}

impl<'a> At<'a> {
    pub(crate) fn new(user: &'a UserId, now: Timestamp) -> Result<Self, Box<dyn Error>> {
        let catalogue = Catalogue::built_in()?;
        Ok(Self { user, terms: Terms { catalogue, now, locale: Locale::French, stage: Stage::Production } })
    }

    fn decide(self, account: Option<Account>, command: &Command) -> Option<Decided> {
        decide(account, self.user, command, self.terms).ok()
    }

    /// What comes of a command that must be granted.
    pub(crate) fn granted(self, account: Option<Account>, command: &Command) -> Result<(Decided, Outcome), String> {
        let decided = self.decide(account, command).ok_or("the catalogue is another")?;
        let outcome = decided.result.clone().map_err(|refused| format!("{command:?}: {:?}", refused.refusal))?;
        Ok((decided, outcome))
    }
}

pub(crate) fn debit(content_type: &str) -> Command {
    let content_type = ContentType::new(content_type);
    Command::Debit { content_type, cost: None, description: None, metadata: None }
}

pub(crate) fn credit() -> Result<Command, Box<dyn Error>> {
    let amount = Amount::new(10_000).ok_or("an amount")?;
    Ok(Command::Credit { amount, grant: Source::Purchase.into(), description: None, metadata: None })
}

/// An account with an allowance and a bought grant that has spent for weeks, and the instant of its last debit.
fn account_with_a_past(user: &UserId) -> Result<(Account, Timestamp), Box<dyn Error>> {
    let mut at = Timestamp::from_millis(OPENED).ok_or("an instant")?;
    let (decided, _) = At::new(user, at)?.granted(None, &credit()?)?;
    let mut account = decided.account;
    for number in 0..DEBITS {
        at = at.later_by(APART).ok_or("an instant")?;
        let content_type = if number.is_multiple_of(3) { "PRODUCT_DESCRIPTION" } else { "ARTICLE" };
        account = At::new(user, at)?.granted(Some(account), &debit(content_type))?.0.account;
    }
    Ok((account, at))
}

/// A path on which `command` is decided on `account`.
fn decision(name: &'static str, user: &UserId, now: Timestamp, account: &Account, command: Command) -> Path {
    let (user, account, command) = (user.clone(), account.clone(), Rc::new(command));
    Path::new(name, move || {
        let (user, account, command) = (user.clone(), account.clone(), Rc::clone(&command));
        move || {
            let decided = At::new(&user, now).ok().and_then(|at| at.decide(Some(account), black_box(&command)));
            black_box(decided).is_some_and(|decided| decided.result.is_ok())
        }
    })
}

pub(crate) fn paths() -> Result<Vec<Path>, Box<dyn Error>> {
    let user = UserId::new("user-0001").ok_or("a user")?;
    let (account, now) = account_with_a_past(&user)?;
    let at = At::new(&user, now)?;

    let id = ReservationId::named("0123456789abcdef").ok_or("a reservation")?;
    let content_type = Some(ContentType::new("ARTICLE"));
    let amount = Amount::new(3).ok_or("an amount")?;
    let reserve = Command::Reserve { id: id.clone(), amount, content_type, lasts_ms: RESERVED, metadata: None };
    let reserved = at.granted(Some(account.clone()), &reserve)?.0.account;
    let action = ReservationAction::Capture { amount: Some(amount), is_final: true };
    let capture = Command::Reservation { id, action, closed: None };

    let (spent, outcome) = at.granted(Some(account.clone()), &debit("ARTICLE"))?;
    let (entry, stats) = (Rc::new(spent.entries), Rc::new(outcome.stats));
    let document: Rc<str> = account.to_document()?.into();
    let kept = Rc::new(account.clone());
    Ok(vec![
        decision("decide-debit", &user, now, &account, debit("ARTICLE")),
        decision("decide-credit", &user, now, &account, credit()?),
        decision("decide-reserve", &user, now, &account, reserve),
        decision("decide-capture", &user, now, &reserved, capture),
        decision("decide-read", &user, now, &account, Command::Touch),
        Path::new("read-account", move || {
            let (document, user) = (Rc::clone(&document), user.clone());
            move || black_box(Account::from_document(black_box(&document), &user)).is_ok()
        }),
        Path::new("write-account", move || {
            let account = Rc::clone(&kept);
            move || black_box(black_box(&account).to_document()).is_ok()
        }),
        Path::new("write-entry", move || {
            let entries = Rc::clone(&entry);
            let written = move || serde_json::to_string(&black_box(&entries).first()?.entry).ok();
            move || black_box(written()).is_some()
        }),
        Path::new("write-stats", move || {
            let stats = Rc::clone(&stats);
            move || black_box(serde_json::to_string(black_box(&*stats))).is_ok()
        }),
    ])
}
