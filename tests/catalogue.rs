//! The catalogue: the built-in one holds the contract's numbers and texts (§1), and a wrong one is refused by a message
//! that names the line.

use jeton::{
    ledger::{Amount, Caps, ContentType, Source, UserId},
    locale::Locale,
    plans::{CaptureAbove, CarryOver, Catalogue, DemoStep, RefundExpired},
};

/// The real catalogue, as it is written.
pub(crate) const PLANS_TOML: &str = include_str!("../plans.toml");

/// `toml` with `new` in the place of the one line that begins with `start`, and the number of that line.
pub(crate) fn with_line(toml: &str, start: &str, new: &str) -> (String, usize) {
    let found: Vec<usize> =
        (0..).zip(toml.lines()).filter(|(_, line)| line.starts_with(start)).map(|(n, _)| n).collect();
    let [index] = found[..] else { panic!("{start:?} does not begin one line: {found:?}") };
    let lines: Vec<&str> = (0..).zip(toml.lines()).map(|(n, line)| if n == index { new } else { line }).collect();
    (lines.join("\n"), index + 1)
}

#[test]
fn the_built_in_catalogue_holds_the_numbers_of_the_contract() {
    let catalogue = Catalogue::built_in().unwrap();
    let (name, plan) = catalogue.default_plan().unwrap();
    assert_eq!(&**name, "standard");
    assert_eq!((plan.opening_balance(), plan.monthly_allowance()), (5000, 300));
    assert_eq!((u8::from(plan.billing_day()), plan.time_zone()), (5, chrono_tz::UTC));

    let sold: Vec<&str> = catalogue.content_types().map(ContentType::as_str).collect();
    assert_eq!(sold, ["ARTICLE", "PRODUCT_DESCRIPTION"]);
    for (name, cost, french, english) in [
        ("ARTICLE", 3, "Génération article", "Article generation"),
        ("PRODUCT_DESCRIPTION", 2, "Génération description produit", "Product description generation"),
    ] {
        let content_type = catalogue.content_type(name).unwrap();
        for (locale, label) in [(Locale::French, french), (Locale::English, english)] {
            let price = catalogue.price(content_type, locale).unwrap();
            assert_eq!((price.cost.get(), &*price.label), (cost, label));
        }
    }

    for (source, french, english) in [
        (Source::Initial, "Initialisation du compte", "Account opening"),
        (Source::Purchase, "Achat de tokens", "Token purchase"),
        (Source::Promotion, "Tokens offerts", "Promotional tokens"),
        (Source::Adjustment, "Ajustement du solde", "Balance adjustment"),
        (Source::Refund, "Remboursement", "Refund"),
    ] {
        assert_eq!(&*catalogue.source_label(source, Locale::French), french);
        assert_eq!(&*catalogue.source_label(source, Locale::English), english);
    }
    for (source, priority) in [
        (Source::Initial, 10),
        (Source::Monthly, 10),
        (Source::Promotion, 20),
        (Source::Adjustment, 30),
        (Source::Purchase, 40),
        (Source::Refund, 40),
    ] {
        assert_eq!(u8::from(catalogue.priorities().of(source.into())), priority, "{source}");
    }
    assert_eq!((plan.carry_over(), plan.allowance_days()), (CarryOver::All, None));
    assert_eq!((plan.caps(), plan.capture_above()), (Caps::default(), CaptureAbove::Reject));
    assert_eq!(plan.refund_expired(), RefundExpired::Expired);
    for (locale, captured, refunded) in
        [(Locale::French, "Utilisation de tokens", "Remboursement"), (Locale::English, "Token usage", "Refund")]
    {
        assert_eq!(&*catalogue.expiration_label(locale), "Expiration");
        assert_eq!(
            (&*catalogue.capture_label(locale), &*catalogue.source_label(Source::Refund, locale)),
            (captured, refunded)
        );
    }
    let date = chrono::NaiveDate::from_ymd_opt(2026, 12, 5).unwrap();
    assert_eq!(&*catalogue.monthly_label(date, Locale::French), "Facturation mensuelle du 05/12/2026");
    assert_eq!(&*catalogue.monthly_label(date, Locale::English), "Monthly billing of 2026-12-05");
}

#[test]
fn the_test_user_has_a_week_of_history() {
    let catalogue = Catalogue::built_in().unwrap();
    assert_eq!(catalogue.test_user().as_str(), "test-user-id");
    assert!(catalogue.demo_of(&UserId::new("somebody").unwrap()).is_none());

    let generation = |hours_ago, name| DemoStep::Generation { hours_ago, content_type: ContentType::new(name) };
    let days = |days: u32| days * 24;
    let demo = catalogue.demo_of(catalogue.test_user()).unwrap();
    assert_eq!(
        demo,
        [
            DemoStep::Credit { hours_ago: days(7), amount: Amount::new(5000).unwrap() },
            generation(days(6), "ARTICLE"),
            generation(days(4), "ARTICLE"),
            generation(days(2), "PRODUCT_DESCRIPTION"),
            generation(days(1), "ARTICLE"),
            generation(12, "PRODUCT_DESCRIPTION"),
        ]
    );
    assert_eq!(demo[0].millis_ago(), 7 * 24 * 60 * 60 * 1000);
}

#[test]
fn what_is_not_in_the_catalogue_is_named() {
    let catalogue = Catalogue::built_in().unwrap();
    assert!(catalogue.content_type("VIDEO").is_none());
    assert!(catalogue.content_type("article").is_none(), "names are exact");
    let error = catalogue.price(&ContentType::new("VIDEO"), Locale::French).unwrap_err();
    assert_eq!(error.to_string(), r#"plans.toml has no content type "VIDEO""#);
    assert_eq!(catalogue.plan("gold").unwrap_err().to_string(), r#"plans.toml has no plan "gold""#);
}

const CAPTURES: &str = r#"capture_above is "reject", "cap" or { allow = a number of tokens }"#;
const REFUNDS: &str = r#"refund_expired is "expired" or { days = 1 to 366 }"#;

/// What is wrong, the beginning of the line, what stands there instead, and a word of the message.
const WRONG: [(&str, &str, &str, &str); 70] = [
    ("a text for a number", "opening_balance", r#"opening_balance = "5000""#, "invalid type"),
    ("a fraction", "monthly_allowance", "monthly_allowance = 0.5", "invalid type"),
    ("a number for a text", "time_zone", "time_zone = 2", "invalid type"),
    ("not TOML", "billing_day", "billing_day 5", "key"),
    ("a key twice", "monthly_allowance", "opening_balance = 1", "duplicate key"),
    ("an unknown key", "billing_day", "billing_dya = 5", "unknown field `billing_dya`"),
    ("an unknown table", "[labels]", "[label]", "unknown field `label`"),
    ("a third language", "promotion = {", r#"promotion = { fr = "a", en = "b", de = "c" }"#, "unknown field `de`"),
    ("a missing language", "purchase = {", r#"purchase = { fr = "Achat de tokens" }"#, "missing field `en`"),
    ("a negative balance", "opening_balance", "opening_balance = -1", "invalid value"),
    ("a balance beyond 2^53 - 1", "opening_balance", "opening_balance = 9007199254740992", "at most 9007199254740991"),
    ("an allowance beyond", "monthly_allowance", "monthly_allowance = 9007199254740992", "at most 9007199254740991"),
    ("a negative cost", "cost = 3", "cost = -3", "invalid value"),
    ("a cost of nothing", "cost = 3", "cost = 0", "from 1 to 9007199254740991"),
    ("a cost of 2^53", "cost = 2", "cost = 9007199254740992", "from 1 to 9007199254740991"),
    ("billing day 0", "billing_day", "billing_day = 0", "from 1 to 31"),
    ("billing day 32", "billing_day", "billing_day = 32", "from 1 to 31"),
    ("billing day 256", "billing_day", "billing_day = 256", "invalid value"),
    ("a carry-over in other words", "billing_day", r#"carry_over = "some""#, r#""all", "none" or a number of tokens"#),
    ("a negative carry-over", "billing_day", "carry_over = -1", r#""all", "none" or a number of tokens"#),
    ("a carry-over of 2^53", "billing_day", "carry_over = 9007199254740992", r#""all", "none" or a number of tokens"#),
    ("an allowance of no day", "billing_day", "allowance_days = 0", "from 1 to 366 days"),
    ("an allowance of more than a year", "billing_day", "allowance_days = 367", "from 1 to 366 days"),
    ("an allowance for ever", "billing_day", "allowance_days = 65536", "invalid value"),
    ("a negative cap", "billing_day", "daily_cap = -1", "invalid value"),
    ("half a cap", "billing_day", "daily_cap = 0.5", "invalid type"),
    ("a cap of 2^53", "billing_day", "monthly_cap = 9007199254740992", "at most 9007199254740991"),
    ("a cap of another time", "billing_day", "weekly_cap = 5", "unknown field `weekly_cap`"),
    ("captures in other words", "billing_day", r#"capture_above = "some""#, CAPTURES),
    ("captures in a number", "billing_day", "capture_above = 5", CAPTURES),
    ("captures below nothing", "billing_day", "capture_above = { allow = -1 }", CAPTURES),
    ("captures below 2^53", "billing_day", "capture_above = { allow = 9007199254740992 }", CAPTURES),
    ("captures without a number", "billing_day", "capture_above = {}", CAPTURES),
    ("captures with something else", "billing_day", "capture_above = { allow = 1, days = 1 }", CAPTURES),
    ("refunds in other words", "billing_day", r#"refund_expired = "never""#, REFUNDS),
    ("refunds in a number", "billing_day", "refund_expired = 30", REFUNDS),
    ("refunds of no day", "billing_day", "refund_expired = { days = 0 }", REFUNDS),
    ("refunds of more than a year", "billing_day", "refund_expired = { days = 367 }", REFUNDS),
    ("refunds of hours", "billing_day", "refund_expired = { hours = 1 }", REFUNDS),
    ("refunds with something else", "billing_day", "refund_expired = { days = 1, allow = 1 }", REFUNDS),
    ("a priority of refunds of 101", "refund = 40", "refund = 101", "from 0 to 100"),
    ("a refund without a word", "refund = {", r#"refund = { fr = "", en = "Refund" }"#, "must say something"),
    ("a capture without a word", "capture = {", r#"capture = { fr = "Captation", en = " " }"#, "must say something"),
    ("a capture in one language", "capture = {", r#"capture = { en = "Token usage" }"#, "missing field `fr`"),
    ("a negative priority", "purchase = 40", "purchase = -1", "invalid value"),
    ("a priority of 101", "purchase = 40", "purchase = 101", "from 0 to 100"),
    ("half a priority", "purchase = 40", "purchase = 1.5", "invalid type"),
    ("a priority of nothing", "purchase = 40", "gift = 40", "unknown field `gift`"),
    (
        "an expiration without a word",
        "expiration",
        r#"expiration = { fr = " ", en = "Expiration" }"#,
        "must say something",
    ),
    ("an unknown time zone", "time_zone", r#"time_zone = "Europe/Pariss""#, "not a time zone of the IANA database"),
    ("an unknown default plan", "default_plan", r#"default_plan = "gold""#, "default_plan is not among the plans"),
    ("a lowercase content type", "[content_types.ARTICLE]", "[content_types.article]", "A-Z 0-9 _"),
    ("a content type without a name", "[content_types.ARTICLE]", r#"[content_types.""]"#, "A-Z 0-9 _"),
    ("a content type with a space", "[content_types.PRO", r#"[content_types."PRODUCT X"]"#, "A-Z 0-9 _"),
    ("an empty label", "initial = {", r#"initial = { fr = "", en = "Account opening" }"#, "must say something"),
    ("a blank label", "label = { fr = \"Génération a", r#"label = { fr = "x", en = "  " }"#, "must say something"),
    ("a date without its year", "billing_date", r#"billing_date = { fr = "%d/%m", en = "%F" }"#, "%Y, %m and %d"),
    (
        "a billing without its date",
        "monthly = {",
        r#"monthly = { fr = "Mensuel", en = "Monthly {date}" }"#,
        "has a {date}",
    ),
    ("a time for a date", "billing_date", r#"billing_date = { fr = "%d/%m/%Y %H:%M", en = "%F" }"#, "%Y, %m and %d"),
    ("a year of two digits", "billing_date", r#"billing_date = { fr = "%d/%m/%y", en = "%F" }"#, "%Y, %m and %d"),
    ("not a date format", "billing_date", r#"billing_date = { fr = "%d/%m/%Y", en = "%Q" }"#, "%Y, %m and %d"),
    ("a bad test user", "id = ", r#"id = "test user""#, "a user id is"),
    ("a demo of what is not sold", "    { hours_ago = 96", r#"{ hours_ago = 96, content_type = "X" },"#, "not sold"),
    (
        "a demo out of order",
        "    { hours_ago = 96",
        r#"{ hours_ago = 145, content_type = "ARTICLE" },"#,
        "oldest first",
    ),
    (
        "a demo at one instant",
        "    { hours_ago = 96",
        r#"{ hours_ago = 144, content_type = "ARTICLE" },"#,
        "oldest first",
    ),
    ("a demo in the present", "    { hours_ago = 12", "{ hours_ago = 0, credit = 1 },", "in the past"),
    ("a demo in the future", "    { hours_ago = 12", "{ hours_ago = -1, credit = 1 },", "invalid value"),
    (
        "a demo overfull",
        "    { hours_ago = 12",
        "{ hours_ago = 12, credit = 9007199254740991 },",
        "what a balance can be",
    ),
    (
        "a demo step of both",
        "    { hours_ago = 12",
        r#"{ hours_ago = 12, credit = 1, content_type = "ARTICLE" },"#,
        "either",
    ),
    ("a demo step of neither", "    { hours_ago = 12", "{ hours_ago = 12 },", "either credit or content_type"),
];

#[test]
fn a_wrong_catalogue_is_refused_by_its_line() {
    for (what, start, new, said) in WRONG {
        let (toml, line) = with_line(PLANS_TOML, start, new);
        assert_refused(what, &toml, line, said);
    }
}

#[test]
fn a_wrong_line_may_show_in_another_one() {
    // What is missing is missed where its table begins; what the demo cannot pay is seen at the step that it breaks.
    let header = |start: &str| 1 + PLANS_TOML.lines().position(|line| line.starts_with(start)).unwrap();
    for (what, start, new, shows_at, said) in [
        ("a missing number", "monthly_allowance", "", "[plans.standard]", "missing field `monthly_allowance`"),
        ("a missing cost", "cost = 3", "", "[content_types.ARTICLE]", "missing field `cost`"),
        ("a missing label", "adjustment = {", "", "[labels]", "missing field `adjustment`"),
        ("a missing priority", "monthly = 10", "", "[priorities]", "missing field `monthly`"),
        ("a missing label of captures", "capture = {", "", "[labels]", "missing field `capture`"),
        ("a missing label of refunds", "refund = {", "", "[labels]", "missing field `refund`"),
        ("a missing priority of refunds", "refund = 40", "", "[priorities]", "missing field `refund`"),
        ("a missing test user", "id = ", "", "[test_user]", "missing field `id`"),
        (
            "a demo overdrawn",
            "    { hours_ago = 168",
            "{ hours_ago = 168, credit = 2 },",
            "    { hours_ago = 144",
            "can be",
        ),
    ] {
        let (toml, _) = with_line(PLANS_TOML, start, new);
        assert_refused(what, &toml, header(shows_at), said);
    }
}

#[test]
fn the_edges_of_what_a_catalogue_can_say() {
    for (start, new) in [
        ("opening_balance", "opening_balance = 9007199254740991"),
        ("opening_balance", "opening_balance = 0"),
        ("monthly_allowance", "monthly_allowance = 0"),
        ("purchase = 40", "purchase = 0"),
        ("purchase = 40", "purchase = 100"),
        ("monthly_allowance", "monthly_allowance = 300\ncarry_over = 0\nallowance_days = 1"),
        ("monthly_allowance", "monthly_allowance = 300\ncarry_over = 9007199254740991\nallowance_days = 366"),
        ("monthly_allowance", "monthly_allowance = 300\ncarry_over = \"all\""),
        ("monthly_allowance", "monthly_allowance = 300\ncarry_over = \"none\""),
        ("monthly_allowance", "monthly_allowance = 300\ndaily_cap = 0\nmonthly_cap = 9007199254740991"),
        ("monthly_allowance", "monthly_allowance = 300\ncapture_above = \"reject\"\nrefund_expired = \"expired\""),
        ("monthly_allowance", "monthly_allowance = 300\ncapture_above = \"cap\"\nrefund_expired = { days = 1 }"),
        (
            "monthly_allowance",
            "monthly_allowance = 300\ncapture_above = { allow = 0 }\nrefund_expired = { days = 366 }",
        ),
        ("monthly_allowance", "monthly_allowance = 300\ncapture_above = { allow = 9007199254740991 }"),
        ("refund = 40", "refund = 0"),
        ("billing_day", "billing_day = 31"),
        ("billing_day", "billing_day = 1"),
        ("cost = 3", "cost = 1"),
        ("time_zone", r#"time_zone = "Pacific/Apia""#),
        ("    { hours_ago = 12", r#"{ hours_ago = 1, content_type = "ARTICLE" },"#),
        ("billing_date", r#"billing_date = { fr = "le %d.%m.%Y", en = "%F" }"#),
    ] {
        let (toml, _) = with_line(PLANS_TOML, start, new);
        assert!(Catalogue::parse(&toml).is_ok(), "{new}: {}", Catalogue::parse(&toml).unwrap_err());
    }
}

/// That `toml` is refused by a message that names this line and says this.
pub(crate) fn assert_refused(what: &str, toml: &str, line: usize, said: &str) {
    let Err(error) = Catalogue::parse(toml) else { panic!("{what} is accepted") };
    let message = error.to_string();
    let names_line = [", ", ":"].iter().any(|end| message.contains(&format!("error at line {line}{end}")));
    assert!(names_line, "{what}: line {line} is not named by: {message}");
    assert!(message.starts_with("plans.toml: ") && message.contains(said), "{what}: {said:?} is not in: {message}");
}

#[test]
fn a_plan_says_what_it_lets_its_users_do() {
    let plan = |lines: &str| {
        let (toml, _) = with_line(PLANS_TOML, "monthly_allowance", &format!("monthly_allowance = 300\n{lines}"));
        Catalogue::parse(&toml).unwrap().default_plan().unwrap().1.clone()
    };
    let capped = plan("daily_cap = 7\nmonthly_cap = 8\ncapture_above = { allow = 9 }\nrefund_expired = { days = 10 }");
    assert_eq!(capped.caps(), Caps { daily: Some(7), monthly: Some(8) });
    assert_eq!((capped.capture_above(), capped.refund_expired()), (CaptureAbove::Allow(9), RefundExpired::Days(10)));
    let one = plan("monthly_cap = 8\ncapture_above = \"cap\"");
    assert_eq!((one.caps(), one.capture_above()), (Caps { daily: None, monthly: Some(8) }, CaptureAbove::Cap));
}
