//! The stored form of an account, written out, and what is not an account: refused, each for its reason.

use jeton::{
    ledger::{AMOUNT_MAX, Account, Command, ContentType, DamagedAccount, Source, Terms, UserId, decide},
    locale::Locale,
    plans::Catalogue,
    stage::Stage,
};

use super::{at, tokens};

/// Opened on 2026-12-31 at noon, billed five days later, one article and one purchase since.
const DOCUMENT: &str = concat!(
    r#"{"format":1,"userId":"somebody","plan":"standard","openedAt":1798718400000,"version":4,"#,
    r#""lastEntry":"1799150400000-1","#,
    r#""billing":{"firstMonth":"2027-01-01","day":5,"periodsBilled":1},"#,
    r#""tokensUsed":3,"generations":{"ARTICLE":1},"#,
    r#""grants":[{"source":"initial","remaining":4997,"granted":5000},{"source":"monthly","remaining":300},"#,
    r#"{"source":"purchase","remaining":10}],"archives":0}"#,
);

fn somebody() -> UserId {
    UserId::new("somebody").unwrap()
}

#[test]
fn the_document_is_as_written_here() {
    let debit =
        Command::Debit { content_type: ContentType::new("ARTICLE"), cost: None, description: None, metadata: None };
    let credit =
        Command::Credit { amount: tokens(10), grant: Source::Purchase.into(), description: None, metadata: None };
    let mut account = None;
    for (now, command) in [(1_798_718_400_000, Command::Touch), (1_799_150_400_000, debit), (1_799_150_400_000, credit)]
    {
        let catalogue = Catalogue::built_in().unwrap();
        let terms = Terms { catalogue, now: at(now), locale: Locale::French, stage: Stage::Production };
        account = Some(decide(account, &somebody(), &command, terms).unwrap().account);
    }
    let account = account.unwrap();
    let usage = r#""usage":{"hour":499764,"spent":{"ARTICLE":[0,0,3,1]}}}"#;
    let document = DOCUMENT.replace(r#""archives":0}"#, &format!(r#""archives":0,{usage}"#));
    assert_eq!(account.to_document().unwrap(), document);
    assert_eq!(Account::from_document(&document, &somebody()).unwrap(), account);
}

/// What is wrong, what is replaced in the document, by what, and the variant that says so.
const DAMAGED: [(&str, &str, &str, &str); 44] = [
    ("an unknown field", r#""archives":0"#, r#""archives":0,"caps":{}"#, "unreadable"),
    ("an unknown field in a grant", r#""remaining":300"#, r#""remaining":300,"expires":1"#, "unreadable"),
    ("a priority of 101", r#""remaining":300"#, r#""remaining":300,"priority":101"#, "unreadable"),
    (
        "an expiry after the year 9999",
        r#""remaining":300"#,
        r#""remaining":300,"expiresAt":253402300800000"#,
        "unreadable",
    ),
    ("more left than granted", r#""remaining":300"#, r#""remaining":300,"granted":299"#, "unreadable"),
    ("an unknown field in the cycle", r#""day":5"#, r#""day":5,"hour":1"#, "unreadable"),
    ("a missing field", r#","archives":0"#, "", "unreadable"),
    ("a field twice", r#""archives":0"#, r#""archives":0,"archives":1"#, "unreadable"),
    ("not JSON", r#"{"format""#, "{format", "unreadable"),
    ("cut off", r#","archives":0}"#, "", "unreadable"),
    ("two documents", r#""archives":0}"#, r#""archives":0}{}"#, "unreadable"),
    ("a negative count", r#""tokensUsed":3"#, r#""tokensUsed":-3"#, "unreadable"),
    ("a negative grant", r#""remaining":300"#, r#""remaining":-300"#, "unreadable"),
    ("a negative generation count", r#""ARTICLE":1"#, r#""ARTICLE":-1"#, "unreadable"),
    ("a negative version", r#""version":4"#, r#""version":-4"#, "unreadable"),
    ("a fraction", r#""remaining":300"#, r#""remaining":300.5"#, "unreadable"),
    ("a text for a number", r#""remaining":300"#, r#""remaining":"300""#, "unreadable"),
    ("an empty grant", r#""remaining":300"#, r#""remaining":0"#, "unreadable"),
    ("a grant beyond 2^53 - 1", r#""remaining":300"#, r#""remaining":9007199254740992"#, "unreadable"),
    ("an unknown source", r#""source":"monthly""#, r#""source":"gift""#, "unreadable"),
    ("an impossible user", r#""userId":"somebody""#, r#""userId":"some body""#, "unreadable"),
    ("an impossible entry id", "1799150400000-1", "1799150400000", "unreadable"),
    ("an entry id with zeros before it", "1799150400000-1", "1799150400000-01", "unreadable"),
    ("an entry at the end of the calendar", "1799150400000-1", "253402300799999-1", "last entry"),
    ("an impossible billing day", r#""day":5"#, r#""day":32"#, "unreadable"),
    ("an impossible month", "2027-01-01", "2027-13-01", "unreadable"),
    ("an instant after the year 9999", r#""openedAt":1798718400000"#, r#""openedAt":253402300800000"#, "unreadable"),
    ("a negative format", r#""format":1"#, r#""format":-1"#, "unreadable"),
    ("a later format", r#""format":1"#, r#""format":2"#, "format 2"),
    ("an earlier format", r#""format":1"#, r#""format":0"#, "format 0"),
    ("a later format of another form", r#""format":1"#, r#""format":7,"caps":{}"#, "format 7"),
    ("somebody else's", r#""userId":"somebody""#, r#""userId":"somebody2""#, "other user"),
    ("in other letters", r#""userId":"somebody""#, r#""userId":"Somebody""#, "other user"),
    ("a source twice", r#""source":"purchase""#, r#""source":"monthly""#, "grants"),
    ("another source twice", r#""source":"purchase""#, r#""source":"initial""#, "grants"),
    (
        "a kind twice",
        r#"{"source":"purchase""#,
        r#"{"source":"monthly","remaining":1,"priority":9},{"priority":9,"source":"monthly""#,
        "grants",
    ),
    ("one token too many", r#""remaining":10"#, r#""remaining":9007199254735695"#, "grants"),
    ("two full grants", r#""remaining":10"#, r#""remaining":9007199254740991"#, "grants"),
    ("a month that does not begin on the 1st", "2027-01-01", "2027-01-31", "cycle"),
    ("a calendar that has ended", r#""periodsBilled":1"#, r#""periodsBilled":4294967295"#, "cycle"),
    ("a billing before there were instants", "2027-01-01", "1969-12-01", "cycle"),
    ("a billing before our era", "2027-01-01", "-0001-01-01", "cycle"),
    ("a billing after the year 9999", "2027-01-01", "9999-12-01", "cycle"),
    ("too large for one amount", r#""remaining":10"#, r#""remaining":18446744073709551615"#, "unreadable"),
];

#[test]
fn a_damaged_document_is_refused_for_its_reason() {
    for (what, from, to, expected) in DAMAGED {
        assert_eq!(DOCUMENT.matches(from).count(), 1, "{what}: {from}");
        let document = DOCUMENT.replace(from, to);
        let variant = match Account::from_document(&document, &somebody()) {
            Ok(_) => "accepted".to_owned(),
            Err(DamagedAccount::Unreadable(_)) => "unreadable".to_owned(),
            Err(DamagedAccount::Format(format)) => format!("format {format}"),
            Err(DamagedAccount::OtherUser) => "other user".to_owned(),
            Err(DamagedAccount::Grants) => "grants".to_owned(),
            Err(DamagedAccount::Reservations) => "reservations".to_owned(),
            Err(DamagedAccount::Days) => "days".to_owned(),
            Err(DamagedAccount::LastEntry) => "last entry".to_owned(),
            Err(DamagedAccount::Billing) => "cycle".to_owned(),
        };
        assert_eq!(variant, expected, "{what}");
    }
    for (document, what) in [("", "nothing"), ("null", "null"), ("[]", "a list"), ("{}", "an empty object")] {
        let error = Account::from_document(document, &somebody()).unwrap_err();
        assert!(matches!(error, DamagedAccount::Unreadable(_)), "{what}: {error}");
    }
}

#[test]
fn what_is_damaged_is_told_by_its_place_and_never_quoted() {
    for (from, to, told) in [
        (r#""tokensUsed":3"#, r#""tokensUsed":"hush""#, "it holds what does not belong there at line 1, column 200"),
        (r#""archives":0"#, r#""hush":0"#, "it holds what does not belong there at line 1, column 368"),
        (r#""archives":0}"#, r#""archives":0} hush"#, "it is not JSON at line 1, column 377"),
        (r#","archives":0}"#, r#","hush"#, "it ends too early at line 1, column 367"),
    ] {
        let error = Account::from_document(&DOCUMENT.replace(from, to), &somebody()).unwrap_err();
        let begins = "the document is not an account that this version of Jeton knows: ";
        assert_eq!(error.to_string(), format!("{begins}{told}"));
    }
}

#[test]
fn a_document_can_hold_a_full_balance() {
    let document = DOCUMENT.replace(r#""remaining":10"#, r#""remaining":9007199254735694"#);
    assert_eq!(Account::from_document(&document, &somebody()).unwrap().available(), AMOUNT_MAX);
}

#[test]
fn an_account_on_a_plan_that_is_gone_is_an_error() {
    let document = DOCUMENT.replace(r#""plan":"standard""#, r#""plan":"gold""#);
    let account = Account::from_document(&document, &somebody()).unwrap();
    let catalogue = Catalogue::built_in().unwrap();
    let terms = Terms { catalogue, now: at(1_799_150_400_000), locale: Locale::French, stage: Stage::Production };
    for command in [Command::Touch, Command::Reset] {
        let error = decide(Some(account.clone()), &somebody(), &command, terms).unwrap_err();
        assert_eq!(error.to_string(), r#"plans.toml has no plan "gold""#, "{command:?}");
    }
}
