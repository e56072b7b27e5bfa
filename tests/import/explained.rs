//! Histories that explain their balance and counters, and those that don't.

use serde_json::{Value, json};

use super::{import, import_all, taken, told};
use crate::support::{
    client::Client,
    legacy::{ARTICLE, DESCRIPTION, OPENING, Old, PURCHASE, USUAL, hours_ago, old_keys},
    redis::Redis,
    server::Local,
    verify::assert_sound,
};

/// What must come of a user.
struct Case {
    old: Old,
    /// `tokenBalance`, `tokensUsed`, `articlesGenerated` and `productDescriptionsGenerated`.
    figures: [u64; 4],
    /// The entries, oldest first: the sign, the amount, and the source or the content type.
    entries: &'static [(char, u64, &'static str)],
    /// What is said of it, after its entries and its balance.
    notes: &'static str,
}

fn case(
    id: &str,
    moves: &[(&str, u64, &str, u32)],
    figures: [u64; 4],
    entries: &'static [(char, u64, &'static str)],
    notes: &'static str,
) -> Case {
    Case { old: Old::new(id, moves), figures, entries, notes }
}

const MONTHLY: &str = "Facturation mensuelle du 05/10/2026";

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    let usual: &[_] =
        &[('+', 5_000, "initial"), ('-', 3, "ARTICLE"), ('-', 2, "PRODUCT_DESCRIPTION"), ('+', 100, "purchase")];
    let mut cases = vec![
        case("adds-up", &USUAL, [5_095, 5, 1, 1], usual, ""),
        case(
            "months",
            &[
                ("CREDIT", 5_000, "Account opening", 90),
                ("CREDIT", 300, MONTHLY, 80),
                ("CREDIT", 300, "Monthly billing of 2026-11-05", 70),
            ],
            [5_600, 0, 0, 0],
            &[('+', 5_000, "initial"), ('+', 300, "monthly"), ('+', 300, "monthly")],
            "",
        ),
        case(
            "other-words",
            &[
                ("CREDIT", 7, "Facturation mensuelle", 90),
                ("CREDIT", 8, "Initialisation", 80),
                ("DEBIT", 2, ARTICLE, 70),
            ],
            [13, 2, 1, 0],
            &[('+', 7, "purchase"), ('+', 8, "purchase"), ('-', 2, "ARTICLE")],
            "",
        ),
        case(
            "opened-twice",
            &[("CREDIT", 5_000, OPENING, 90), ("CREDIT", 5_000, OPENING, 80)],
            [10_000, 0, 0, 0],
            &[('+', 5_000, "initial"), ('+', 5_000, "initial")],
            "",
        ),
        case("nothing", &[], [0, 0, 0, 0], &[], ""),
    ];
    // A credit is missing: it comes first. A debit is missing: it goes last.
    let mut credit_missing = case(
        "credit-missing",
        &USUAL,
        [6_000, 5, 1, 1],
        &[
            ('+', 905, "adjustment"),
            ('+', 5_000, "initial"),
            ('-', 3, "ARTICLE"),
            ('-', 2, "PRODUCT_DESCRIPTION"),
            ('+', 100, "purchase"),
        ],
        "; its history adds up to 5095, and its balance is 6000: adjustment by a CREDIT of 905 before the first entry",
    );
    credit_missing.old = credit_missing.old.with("tokenBalance", 6_000);
    let mut debit_missing = case(
        "debit-missing",
        &USUAL,
        [5_000, 5, 1, 1],
        &[
            ('+', 5_000, "initial"),
            ('-', 3, "ARTICLE"),
            ('-', 2, "PRODUCT_DESCRIPTION"),
            ('+', 100, "purchase"),
            ('-', 95, "adjustment"),
        ],
        "; its history adds up to 5095, and its balance is 5000: adjustment by a DEBIT of 95 after the last entry",
    );
    debit_missing.old = debit_missing.old.with("tokenBalance", 5_000);
    // Spent before it came: what was below zero comes first, and goes in the end.
    let below = case(
        "below-zero",
        &[("DEBIT", 30, ARTICLE, 90), ("CREDIT", 50, PURCHASE, 80)],
        [20, 30, 1, 0],
        &[('+', 30, "adjustment"), ('-', 30, "ARTICLE"), ('+', 50, "purchase"), ('-', 30, "adjustment")],
        "; its history adds up to 20, and to -30 on the way, and its balance is 20: adjustment by a CREDIT of 30 before the \
         first entry and a DEBIT of 30 after the last",
    );
    let mut below_and_less = case(
        "below-and-less",
        &[("DEBIT", 30, ARTICLE, 90), ("CREDIT", 50, PURCHASE, 80)],
        [5, 30, 1, 0],
        &[('+', 30, "adjustment"), ('-', 30, "ARTICLE"), ('+', 50, "purchase"), ('-', 45, "adjustment")],
        "; its history adds up to 20, and to -30 on the way, and its balance is 5: adjustment by a CREDIT of 30 before the \
         first entry and a DEBIT of 45 after the last",
    );
    below_and_less.old = below_and_less.old.with("tokenBalance", 5);
    let mut no_history = case(
        "no-entries",
        &[],
        [5_000, 0, 0, 0],
        &[('+', 5_000, "adjustment")],
        "; its history adds up to 0, and its balance is 5000: adjustment by a CREDIT of 5000 before the first entry",
    );
    no_history.old = no_history.old.with("tokenBalance", 5_000);
    // Cut short: the counters know more than the entries.
    let mut cut = case(
        "cut-short",
        &[("DEBIT", 3, ARTICLE, 60), ("DEBIT", 2, DESCRIPTION, 50)],
        [4_000, 1_000, 300, 50],
        &[('+', 4_005, "adjustment"), ('-', 3, "ARTICLE"), ('-', 2, "PRODUCT_DESCRIPTION")],
        "; its history adds up to -5, and to -5 on the way, and its balance is 4000: adjustment by a CREDIT of 4005 before the \
         first entry; tokensUsed is 1000, and its history has 5; articlesGenerated is 300, and its history has 1; \
         productDescriptionsGenerated is 50, and its history has 1",
    );
    for (field, value) in [
        ("tokenBalance", 4_000),
        ("tokensUsed", 1_000),
        ("articlesGenerated", 300),
        ("productDescriptionsGenerated", 50),
        ("totalGenerations", 350),
    ] {
        cut.old = cut.old.with(field, value);
    }
    // Counted less than there is, and a sum that is none.
    let mut forgot = case(
        "forgot",
        &USUAL,
        [5_095, 0, 0, 1],
        usual,
        "; tokensUsed is 0, and its history has 5; articlesGenerated is 0, and its history has 1; totalGenerations is 9, and \
         its parts add up to 1",
    );
    forgot.old = forgot.old.with("tokensUsed", 0).with("articlesGenerated", 0).with("totalGenerations", 9);
    cases.extend([credit_missing, debit_missing, below, below_and_less, no_history, cut, forgot]);
    cases
}

/// An entry in short.
fn short(entry: &Value) -> (char, u64, String) {
    let sign = if entry["type"] == "CREDIT" { '+' } else { '-' };
    let what = entry["contentType"].as_str().or(entry["source"].as_str()).unwrap_or_default();
    (sign, entry["amount"].as_u64().unwrap(), what.to_owned())
}

async fn assert_brought(client: &Client, Case { old, figures, entries, .. }: &Case, id: &str) {
    let (stats, history) = taken(client, id).await;
    let shown = ["tokenBalance", "tokensUsed", "articlesGenerated", "productDescriptionsGenerated"];
    assert_eq!(shown.map(|name| stats[name].as_u64().unwrap()), *figures, "{id}");
    let expected: Vec<_> = entries.iter().map(|(sign, amount, what)| (*sign, *amount, (*what).to_owned())).collect();
    assert_eq!(history.iter().map(short).collect::<Vec<_>>(), expected, "{id}");
    for name in ["createdAt", "nextBillingDate", "lastBillingDate"] {
        assert_eq!(stats[name], old.stats[name], "{id}: {name}");
    }
    // Each old entry goes on under its name, at its time, with its words; what Jeton adds says why.
    let named = history.iter().filter(|entry| entry["metadata"].get("legacyId").is_some());
    for (entry, before) in named.zip(old.entries.iter().rev()) {
        assert_eq!(entry["metadata"], json!({"legacyId": before["id"]}));
        assert_eq!((&entry["timestamp"], &entry["description"]), (&before["timestamp"], &before["description"]));
    }
    for entry in history.iter().filter(|entry| entry["metadata"].get("legacyId").is_none()) {
        let sum = old.entries.iter().map(|entry| {
            let amount = entry["amount"].as_i64().unwrap();
            if entry["type"] == "CREDIT" { amount } else { -amount }
        });
        let import = json!({"balance": old.stats["tokenBalance"], "history": sum.sum::<i64>()});
        assert_eq!(entry["metadata"], json!({"import": import}));
        assert_eq!((&entry["description"], &entry["source"]), (&json!("Ajustement du solde"), &json!("adjustment")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_explains_the_balance_goes_on_and_what_does_not_is_an_adjustment() {
    let redis = Redis::start();
    let cases = cases();
    for Case { old, .. } in &cases {
        old.write(&redis);
        // The same as a list, and as one that grew at its other end.
        let mut list = old.clone();
        (list.id, list.stats["memberId"]) = (format!("{}-list", old.id), format!("{}-list", old.id).into());
        list.write_list(&redis);
        let mut other = old.clone();
        (other.id, other.stats["memberId"]) = (format!("{}-other", old.id), format!("{}-other", old.id).into());
        other.entries.reverse();
        other.write(&redis);
    }
    let before = old_keys(&redis);
    let foreseen = import(&redis, &["--verbose"]);
    assert_eq!(foreseen.code, 0, "{foreseen:#?}");
    assert_eq!(redis.command::<Vec<String>>(&["KEYS", "jeton:*"]), [""; 0], "looking writes nothing");
    let imported = import(&redis, &["--verbose", "--apply"]);
    assert_eq!(imported.code, 0, "{imported:#?}");
    assert_eq!(told(&foreseen), told(&imported), "it does what it said");
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    for case in &cases {
        for id in ["", "-list", "-other"].map(|suffix| format!("{}{suffix}", case.old.id)) {
            assert_brought(&local.client(), case, &id).await;
            let (entries, balance) = (case.old.entries.len(), case.figures[0]);
            assert_eq!(told(&imported)[&id], format!("{entries} entries, balance {balance}{}", case.notes));
        }
    }
    assert_eq!(imported.figure("users"), 3 * cases.len() as u64);
    assert_eq!((imported.figure("adjusted"), imported.figure("differing counters")), (3 * 6, 3 * 6));
    assert_sound(&redis.url(), 3 * cases.len() as u64);
    assert_eq!(old_keys(&redis), before, "the old keys are as they were");

    // Only what there is something to say about has a line, unless it is asked for.
    let again = Redis::start();
    for case in &cases {
        case.old.write(&again);
    }
    let remarkable = cases.iter().filter(|case| !case.notes.is_empty()).count();
    assert_eq!(told(&import_all(&again)).len(), remarkable);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_carried_stays_and_a_reset_drops_it() {
    let redis = Redis::start();
    let old =
        Old::new("u", &USUAL).with("tokensUsed", 1_005).with("articlesGenerated", 301).with("totalGenerations", 302);
    old.with("tokenBalance", 5_050).write(&redis);
    import_all(&redis);
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    let client = local.client();
    client.post("generations", json!({"userId": "u"})).await.ok();
    let (stats, _) = taken(&client, "u").await;
    assert_eq!([&stats["tokensUsed"], &stats["articlesGenerated"], &stats["totalGenerations"]], [1_008, 302, 303]);
    assert_sound(&redis.url(), 1);
    // The adjustment is spent by nobody: it is in no usage, and cannot be given back.
    let usage = client.read("usage?userId=u&granularity=month").await;
    let spent: u64 = usage["buckets"].as_array().unwrap().iter().map(|bucket| bucket["tokens"].as_u64().unwrap()).sum();
    assert_eq!(spent, 3 + 2 + 3);
    let history = client.history("u").await;
    let adjusted = history.iter().find(|entry| entry["metadata"].get("import").is_some()).unwrap();
    let refused = client.post("refunds", json!({"userId": "u", "transactionId": adjusted["id"]})).await;
    assert_eq!((refused.status, refused.code().as_str()), (409, "not_refundable"));
    // An old debit can be.
    let article = history.iter().find(|entry| entry["metadata"]["legacyId"] == "tx_u_1").unwrap();
    let refunded = client.post("refunds", json!({"userId": "u", "transactionId": article["id"]})).await.ok();
    assert_eq!(refunded["stats"]["tokenBalance"], 5_050);

    let reset = client.post("reset", json!({"userId": "u"})).await.ok();
    assert_eq!([&reset["stats"]["tokensUsed"], &reset["stats"]["articlesGenerated"]], [0, 0]);
    assert_sound(&redis.url(), 1);
    // It is known all the same.
    assert_eq!(import_all(&redis).figure("imported before"), 1);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
async fn what_does_not_fit_is_kept_as_far_as_it_fits_and_said() {
    let redis = Redis::start();
    let long = "é".repeat(600);
    let entries = [("CREDIT", 5_000, OPENING, 90), ("DEBIT", 3, ARTICLE, 80)];
    let own = |id: &str, field: &str, value: Value| Old::new(id, &entries).with_entry(0, field, value);
    let mut unsaid = own("unsaid", "contentType", Value::Null);
    unsaid.entries[0]["description"] = "Autre chose".into();
    // Who it is, what the debit then says (content type, description, metadata beside the id), and what is said of it.
    let cases = [
        (
            own("long", "description", long.as_str().into()),
            "ARTICLE",
            format!("{}…", "é".repeat(499)),
            json!({}),
            "; entries whose description is missing or does not fit: 1",
        ),
        (
            own("control", "description", "a\u{7}b\tc\n".into()),
            "ARTICLE",
            "a b\tc\n".to_owned(),
            json!({}),
            "; entries whose description is missing or does not fit: 1",
        ),
        (
            own("empty", "description", "".into()),
            "ARTICLE",
            ARTICLE.to_owned(),
            json!({}),
            "; entries whose description is missing or does not fit: 1",
        ),
        (
            own("null", "description", Value::Null),
            "ARTICLE",
            ARTICLE.to_owned(),
            json!({}),
            "; entries whose description is missing or does not fit: 1",
        ),
        (own("by-label", "contentType", Value::Null), "ARTICLE", ARTICLE.to_owned(), json!({}), ""),
        (
            unsaid,
            "",
            "Autre chose".to_owned(),
            json!({}),
            "; articlesGenerated is 1, and its history has 0; debits that don't \
             say what for: 1",
        ),
        (
            own("unsold", "contentType", "TWEET".into()),
            "TWEET",
            ARTICLE.to_owned(),
            json!({}),
            "; articlesGenerated is 1, and its history has 0; totalGenerations is 1, and its parts add up to 2; content types \
             that plans.toml does not have: TWEET",
        ),
        (
            own("no-name", "contentType", "an article".into()),
            "ARTICLE",
            ARTICLE.to_owned(),
            json!({"legacyContentType": "an article"}),
            "",
        ),
        (
            own("object", "contentType", json!({"a": [1]})),
            "ARTICLE",
            ARTICLE.to_owned(),
            json!({"legacyContentType": "{\"a\":[1]}"}),
            "",
        ),
        (own("number", "id", 17.into()), "ARTICLE", ARTICLE.to_owned(), json!({"legacyId": 17}), ""),
        (own("no-id", "id", Value::Null), "ARTICLE", ARTICLE.to_owned(), json!({"legacyId": null}), ""),
        (own("more", "extra", "x".into()), "ARTICLE", ARTICLE.to_owned(), json!({}), ""),
    ];
    for (old, ..) in &cases {
        old.write(&redis);
    }
    // A text that was cut in the middle of a letter.
    let broken = Old::new("surrogate", &entries);
    broken.write(&redis);
    let text = Value::from(broken.entries).to_string().replace(ARTICLE, "\\ud83d");
    redis.command::<()>(&["SET", "user:transactions:surrogate", &text]);
    // Nothing moved; a time to come; and a credit that says what was generated.
    let mut odd =
        Old::new("odd", &[entries.as_slice(), &[("DEBIT", 0, ARTICLE, 70), ("CREDIT", 9, PURCHASE, 60)]].concat());
    odd.entries[0]["timestamp"] = "2099-01-01T00:00:00.000Z".into();
    odd.entries[0]["contentType"] = "ARTICLE".into();
    odd.clone().with("articlesGenerated", 1).with("totalGenerations", 1).write(&redis);

    let imported = import(&redis, &["--apply", "--verbose"]);
    assert_eq!(imported.code, 0, "{imported:#?}");
    let local = Local::start(tempfile::tempdir().unwrap().path(), &["--redis", &redis.url()], &[]);
    let client = local.client();
    for (old, content_type, description, metadata, notes) in cases {
        let (_, history) = taken(&client, &old.id).await;
        let debit = &history[1];
        assert_eq!(debit["contentType"].as_str().unwrap_or_default(), content_type, "{debit}");
        assert_eq!(debit["description"], description, "{debit}");
        let mut expected = json!({"legacyId": format!("tx_{}_1", old.id)});
        expected.as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
        assert_eq!(debit["metadata"], expected);
        assert_eq!(told(&imported)[&old.id], format!("2 entries, balance 4997{notes}"));
    }
    assert_eq!(taken(&client, "surrogate").await.1[1]["description"], ARTICLE);
    let (_, history) = taken(&client, "odd").await;
    assert_eq!(history.len(), 3);
    assert!(history[2]["timestamp"].as_str() <= Some(&hours_ago(0)), "{history:?}");
    assert_eq!(history[2]["metadata"], json!({"legacyId": "tx_odd_3", "legacyContentType": "ARTICLE"}));
    assert_eq!(
        told(&imported)["odd"],
        "3 entries, balance 5006; entries of 0 tokens, left out: 1; entries of a time to come, which count as now: 1"
    );
    assert_sound(&redis.url(), 14);
}
