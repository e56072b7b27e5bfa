//! What is not an account: refused, each for its reason.

use jeton::ledger::{Account, DamagedAccount};
use serde_json::{Value, json};

use super::documents::{BEFORE, FULL, somebody};

/// What is wrong, what is replaced in the document, by what, and the variant that says so.
const DAMAGED: [(&str, &str, &str, &str); 44] = [
    ("an unknown field", r#""archives":0"#, r#""archives":0,"limits":{}"#, "unreadable"),
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
        assert_eq!(BEFORE.matches(from).count(), 1, "{what}: {from}");
        let document = BEFORE.replace(from, to);
        let variant = variant(&document);
        assert_eq!(variant, expected, "{what}");
    }
    for (document, what) in [("", "nothing"), ("null", "null"), ("[]", "a list"), ("{}", "an empty object")] {
        let error = Account::from_document(document, &somebody()).unwrap_err();
        assert!(matches!(error, DamagedAccount::Unreadable(_)), "{what}: {error}");
    }
}

/// Which variant refuses `document`.
fn variant(document: &str) -> String {
    match Account::from_document(document, &somebody()) {
        Ok(_) => "accepted".to_owned(),
        Err(DamagedAccount::Unreadable(_)) => "unreadable".to_owned(),
        Err(DamagedAccount::Format(format)) => format!("format {format}"),
        Err(DamagedAccount::OtherUser) => "other user".to_owned(),
        Err(DamagedAccount::Grants) => "grants".to_owned(),
        Err(DamagedAccount::Reservations) => "reservations".to_owned(),
        Err(DamagedAccount::Days) => "days".to_owned(),
        Err(DamagedAccount::LastEntry) => "last entry".to_owned(),
        Err(DamagedAccount::Billing) => "cycle".to_owned(),
    }
}

/// The same for a document that says all that it can.
const FULL_DAMAGED: [(&str, &str, &str, &str); 32] = [
    ("less set aside than is held", r#""held":298"#, r#""held":297"#, "reservations"),
    ("more set aside than is held", r#""held":298"#, r#""held":299"#, "reservations"),
    ("nothing set aside", r#""remaining":0,"held":3"#, r#""remaining":3"#, "reservations"),
    ("another kind held", r#"{"id":"purchase""#, r#"{"id":"promotion""#, "reservations"),
    ("a kind held that is not there", r#"{"id":"purchase""#, r#"{"id":"purchase:p1""#, "reservations"),
    (
        "as much held of the other kind",
        r#""amount":3}]"#,
        r#""amount":3},{"id":"monthly","amount":1}]"#,
        "reservations",
    ),
    ("held by nobody", r#""amount":298},"#, r#""amount":297},"#, "reservations"),
    ("an id twice", "res_short", "res_whole", "reservations"),
    ("overdrawn beyond what can be counted", r#""overdrawn":13"#, r#""overdrawn":9007199254740992"#, "grants"),
    ("more left and held than a balance can be", r#""held":3"#, r#""held":9007199254740991"#, "unreadable"),
    ("more held than granted", r#""held":298"#, r#""held":301"#, "unreadable"),
    ("more left and held than granted", r#""remaining":0,"held":298"#, r#""remaining":3,"held":298"#, "unreadable"),
    ("held below zero", r#""held":298"#, r#""held":-298"#, "unreadable"),
    ("overdrawn below zero", r#""overdrawn":13"#, r#""overdrawn":-13"#, "unreadable"),
    ("changes below zero", r#""changes":9"#, r#""changes":-9"#, "unreadable"),
    ("no reservation's id", r#""res_whole""#, r#""whole""#, "unreadable"),
    ("an id without a name", r#""res_whole""#, r#""res_""#, "unreadable"),
    ("a reservation of nothing", r#""amount":5300"#, r#""amount":0"#, "unreadable"),
    ("a reservation that holds nothing of a grant", r#""amount":298"#, r#""amount":0"#, "unreadable"),
    ("a reservation without an end", r#","expiresAt":1799150430000"#, "", "unreadable"),
    (
        "one that ends after the year 9999",
        r#""expiresAt":1799150430000"#,
        r#""expiresAt":253402300800000"#,
        "unreadable",
    ),
    ("an unknown field in a reservation", r#""shortfall":8"#, r#""shortfall":8,"part":1"#, "unreadable"),
    ("a shortfall below zero", r#""shortfall":8"#, r#""shortfall":-8"#, "unreadable"),
    ("metadata that is no object", r#""metadata":{"order":7}"#, r#""metadata":7"#, "unreadable"),
    ("an unknown field in the days", r#""last":739986"#, r#""last":739986,"zone":"UTC""#, "unreadable"),
    ("days without their number", r#""last":739986,"#, "", "unreadable"),
    ("spent below zero", r#""spent":[5022]"#, r#""spent":[-5022]"#, "unreadable"),
    ("an unknown cap", r#""caps":{"daily":9000}"#, r#""caps":{"daily":9000,"yearly":1}"#, "unreadable"),
    ("a cap below zero", r#""caps":{"daily":9000}"#, r#""caps":{"daily":-1}"#, "unreadable"),
    ("an unknown change of a cap", r#""monthly":"lift""#, r#""monthly":"raise""#, "unreadable"),
    ("an unknown field in what is planned", r#""planned":{"#, r#""planned":{"day":5,"#, "unreadable"),
    ("a clock after the year 9999", r#""clock":1799150410000"#, r#""clock":253402300800000"#, "unreadable"),
];

#[test]
fn what_is_damaged_in_a_full_document_is_refused_for_its_reason() {
    assert_eq!(variant(FULL), "accepted");
    for (what, from, to, expected) in FULL_DAMAGED {
        assert_eq!(FULL.matches(from).count(), 1, "{what}: {from}");
        assert_eq!(variant(&FULL.replace(from, to)), expected, "{what}");
    }
}

#[test]
fn a_document_holds_a_hundred_reservations_and_31_days() {
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document = serde_json::from_str(FULL).unwrap();
        change(&mut document);
        variant(&document.to_string())
    };
    let reservations = |count: usize| {
        with(&move |document| {
            let open = document["reservations"].as_array_mut().unwrap();
            let empty = open[1].clone();
            open.extend((3..count).map(|number| {
                let mut next = empty.clone();
                next["id"] = json!(format!("res_{number}"));
                next
            }));
        })
    };
    let days = |count: usize| with(&move |document| document["days"]["spent"] = json!(vec![1; count]));
    assert_eq!([100, 101].map(reservations), ["accepted", "reservations"]);
    assert_eq!([0, 1, 31, 32].map(days), ["days", "accepted", "accepted", "days"]);
}

#[test]
fn what_is_damaged_is_told_by_its_place_and_never_quoted() {
    for (from, to, told) in [
        (r#""tokensUsed":3"#, r#""tokensUsed":"hush""#, "it holds what does not belong there at line 1, column 200"),
        (r#""archives":0"#, r#""hush":0"#, "it holds what does not belong there at line 1, column 368"),
        (r#""archives":0}"#, r#""archives":0} hush"#, "it is not JSON at line 1, column 377"),
        (r#","archives":0}"#, r#","hush"#, "it ends too early at line 1, column 367"),
    ] {
        let error = Account::from_document(&BEFORE.replace(from, to), &somebody()).unwrap_err();
        let begins = "the document is not an account that this version of Jeton knows: ";
        assert_eq!(error.to_string(), format!("{begins}{told}"));
    }
}
