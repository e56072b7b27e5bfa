//! The stored form of an account, written out: as it is now, and as the version before wrote it.

use jeton::{
    ledger::{
        AMOUNT_MAX, Account, CapChange, Command, ContentType, Effective, PlanChange, ReservationAction, ReservationId,
        Source, Terms, UserId, decide,
    },
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{at, catalogue_with, tokens};

/// Opened on 2026-12-31 at noon, billed five days later, one article and one purchase since: as the version before the
/// hours and days were remembered wrote it.
pub(super) const BEFORE: &str = concat!(
    r#"{"format":1,"userId":"somebody","plan":"standard","openedAt":1798718400000,"version":4,"#,
    r#""lastEntry":"1799150400000-1","#,
    r#""billing":{"firstMonth":"2027-01-01","day":5,"periodsBilled":1},"#,
    r#""tokensUsed":3,"generations":{"ARTICLE":1},"#,
    r#""grants":[{"source":"initial","remaining":4997,"granted":5000},{"source":"monthly","remaining":300},"#,
    r#"{"source":"purchase","remaining":10}],"archives":0}"#,
);

/// The same, with the hour and the day on which the article was paid.
const DOCUMENT: &str = concat!(
    r#"{"format":1,"userId":"somebody","plan":"standard","openedAt":1798718400000,"version":4,"#,
    r#""lastEntry":"1799150400000-1","#,
    r#""billing":{"firstMonth":"2027-01-01","day":5,"periodsBilled":1},"#,
    r#""tokensUsed":3,"generations":{"ARTICLE":1},"#,
    r#""grants":[{"source":"initial","remaining":4997,"granted":5000},{"source":"monthly","remaining":300},"#,
    r#"{"source":"purchase","remaining":10}],"archives":0,"days":{"last":739986,"spent":[3]},"#,
    r#""usage":{"hour":499764,"spent":{"ARTICLE":[0,0,3,1]}}}"#,
);

/// The same with all that a document can say: three reservations, of which one was captured below zero and one found less
/// than it asked for, caps, a planned change and a test clock.
pub(super) const FULL: &str = concat!(
    r#"{"format":1,"userId":"somebody","plan":"standard","openedAt":1798718400000,"version":7,"#,
    r#""lastEntry":"1799150400000-4","#,
    r#""billing":{"firstMonth":"2027-01-01","day":5,"periodsBilled":1},"#,
    r#""tokensUsed":5022,"generations":{"ARTICLE":2},"#,
    r#""grants":[{"source":"monthly","remaining":0,"held":298,"granted":300},"#,
    r#"{"source":"purchase","remaining":0,"held":3,"granted":10}],"archives":0,"changes":9,"overdrawn":13,"#,
    r#""reservations":[{"id":"res_whole","amount":5300,"#,
    r#""held":[{"id":"monthly","amount":298},{"id":"purchase","amount":3}],"captured":4999,"captures":1,"#,
    r#""createdAt":1799150400000,"expiresAt":1799150460000},"#,
    r#"{"id":"res_short","amount":2,"captured":2,"captures":1,"shortfall":8,"#,
    r#""createdAt":1799150400000,"expiresAt":1799150430000},"#,
    r#"{"id":"res_owing","amount":5,"captured":18,"captures":1,"contentType":"ARTICLE","metadata":{"order":7},"#,
    r#""createdAt":1799150400000,"expiresAt":1799150490000}],"#,
    r#""days":{"last":739986,"spent":[5022]},"caps":{"daily":9000},"#,
    r#""planned":{"plan":"standard","daily":{"set":8000},"monthly":"lift"},"clock":1799150410000,"#,
    r#""usage":{"hour":499764,"spent":{"":[0,0,5001,0],"ARTICLE":[0,0,21,2]}}}"#,
);

const NOW: u64 = 1_799_150_400_000;

pub(super) fn somebody() -> UserId {
    UserId::new("somebody").unwrap()
}

/// What `commands` make of `account`, each at its instant.
fn after(account: Option<Account>, catalogue: &Catalogue, commands: &[(u64, Command)]) -> Account {
    let decided = commands.iter().fold(account, |account, (now, command)| {
        let terms = Terms { catalogue, now: at(*now), locale: Locale::French, stage: Stage::Development };
        let decided = decide(account, &somebody(), command, terms).unwrap();
        assert!(decided.result.is_ok(), "{command:?}: {:?}", decided.result);
        Some(decided.account)
    });
    decided.unwrap()
}

/// The account of [`DOCUMENT`].
fn account() -> Account {
    let debit =
        Command::Debit { content_type: ContentType::new("ARTICLE"), cost: None, description: None, metadata: None };
    let credit =
        Command::Credit { amount: tokens(10), grant: Source::Purchase.into(), description: None, metadata: None };
    let life = [(1_798_718_400_000, Command::Touch), (NOW, debit), (NOW, credit)];
    after(None, Catalogue::built_in().unwrap(), &life)
}

#[test]
fn the_document_is_as_written_here() {
    assert_eq!(account().to_document().unwrap(), DOCUMENT);
    assert_eq!(Account::from_document(DOCUMENT, &somebody()).unwrap(), account());
}

#[test]
fn the_document_can_say_all_of_this() {
    let id = |name: &str| ReservationId::named(name).unwrap();
    let reserve = |name: &str, amount, content_type: Option<&str>, lasts_ms| {
        let metadata = content_type.and_then(|_| serde_json::json!({"order": 7}).as_object().cloned());
        let content_type = content_type.map(ContentType::new);
        (NOW, Command::Reserve { id: id(name), amount: tokens(amount), content_type, lasts_ms, metadata })
    };
    let capture = |name: &str, amount| {
        let action = ReservationAction::Capture { amount: Some(tokens(amount)), is_final: false };
        (NOW, Command::Reservation { id: id(name), action, closed: None })
    };
    let change = |effective, plan: Option<&str>, daily, monthly| {
        let change = PlanChange { plan: plan.map(Into::into), daily, monthly };
        (NOW, Command::Change { change, effective })
    };
    let above = |policy: &str| catalogue_with(&[("monthly_allowance", format!("300\ncapture_above = {policy}"))]);
    let reserved = [
        reserve("whole", 5_300, None, 60_000),
        reserve("short", 2, None, 30_000),
        reserve("owing", 5, Some("ARTICLE"), 90_000),
        capture("short", 10),
        capture("whole", 4_999),
    ];
    let account = after(Some(account()), &above("\"cap\""), &reserved);
    let more = [
        capture("owing", 18),
        change(Effective::Now, None, Some(CapChange::Set(9_000)), None),
        change(Effective::NextPeriod, Some("standard"), Some(CapChange::Set(8_000)), Some(CapChange::Lift)),
        (NOW, Command::SetClock(at(NOW + 10_000))),
    ];
    let account = after(Some(account), &above("{ allow = 20 }"), &more);
    assert_eq!(account.to_document().unwrap(), FULL);
    assert_eq!(Account::from_document(FULL, &somebody()).unwrap(), account);
    assert_eq!((account.balance(), account.reserved(), account.ledger_balance()), (-13, 301, 288));
}

#[test]
fn a_document_of_the_version_before_opens_and_is_read_without_a_write() {
    let before = Account::from_document(BEFORE, &somebody()).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let terms = Terms { catalogue, now: at(NOW + 1_000), locale: Locale::French, stage: Stage::Production };
    let read = decide(Some(before.clone()), &somebody(), &Command::Touch, terms).unwrap();
    assert_eq!((&read.account, read.entries.len(), read.closed.len()), (&before, 0, 0));
    assert_eq!(read.account.to_document().unwrap(), BEFORE);
    let stats = read.result.unwrap().stats;
    assert_eq!((stats.token_balance, stats.tokens_reserved, stats.version), (5_307, 0, 4));
    assert_eq!((stats.caps, stats.next_plan, stats.forecast.runs_out_at), (None, None, None));
    // What it spends from now on is remembered.
    let debit =
        Command::Debit { content_type: ContentType::new("ARTICLE"), cost: None, description: None, metadata: None };
    let spent = after(Some(before), catalogue, &[(NOW + 1_000, debit)]).to_document().unwrap();
    assert!(
        spent.ends_with(
            r#""archives":0,"days":{"last":739986,"spent":[3]},"usage":{"hour":499764,"spent":{"ARTICLE":[0,0,3,1]}}}"#
        ),
        "{spent}"
    );
}

#[test]
fn a_document_can_hold_a_full_balance() {
    let document = BEFORE.replace(r#""remaining":10"#, r#""remaining":9007199254735694"#);
    assert_eq!(Account::from_document(&document, &somebody()).unwrap().available(), AMOUNT_MAX);
}

#[test]
fn an_account_on_a_plan_that_is_gone_is_an_error() {
    let document = BEFORE.replace(r#""plan":"standard""#, r#""plan":"gold""#);
    let account = Account::from_document(&document, &somebody()).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let terms = Terms { catalogue, now: at(1_799_150_400_000), locale: Locale::French, stage: Stage::Production };
    for command in [Command::Touch, Command::Reset] {
        let error = decide(Some(account.clone()), &somebody(), &command, terms).unwrap_err();
        assert_eq!(error.to_string(), r#"plans.toml has no plan "gold""#, "{command:?}");
    }
}
