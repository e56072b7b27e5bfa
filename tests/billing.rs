//! Monthly billing through the calls: whoever comes first, each period once, on both stores.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::{
    client::{Client, sum},
    past::billing_days_ago,
    redis::Redis,
    server::{Backend, Deployment, Instance},
};

const DEVELOPMENT: [(&str, &str); 1] = [("VERCEL_ENV", "development")];

fn users(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user-{number}")).collect()
}

fn descriptions(history: &[Value]) -> Vec<&str> {
    history.iter().map(|entry| entry["description"].as_str().unwrap()).collect()
}

/// The newest first: billings of these dates, then the opening.
fn billed_on(dates: &[String]) -> Vec<String> {
    let billings = dates.iter().rev().map(|date| format!("Facturation mensuelle du {date}"));
    billings.chain(["Initialisation du compte".to_owned()]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_debit_after_seven_months_comes_after_seven_billings() {
    let (opened, dates) = billing_days_ago(7);
    for backend in Backend::both_since(&DEVELOPMENT, &users(1), &opened).await {
        let client = backend.client();
        let result = client.post("generations", json!({"userId": "user-0"})).await.ok();
        assert_eq!(result["transaction"]["type"], "DEBIT", "the caller's own entry: {backend:?}");
        assert_eq!(result["stats"]["tokenBalance"], 5000 + 7 * 300 - 3);
        let history = client.history("user-0").await;
        let mut expected = vec!["Génération article".to_owned()];
        expected.extend(billed_on(&dates));
        assert_eq!(descriptions(&history), expected, "{backend:?}");
        for (entry, date) in history[1..8].iter().zip(dates.iter().rev()) {
            let day: Vec<&str> = date.split('/').collect();
            assert_eq!(entry["timestamp"], format!("{}-{}-{}T00:00:00.000Z", day[2], day[1], day[0]));
            assert_eq!((&entry["amount"], &entry["source"]), (&json!(300), &json!("monthly")));
        }
        assert_eq!(sum(&history), 5000 + 7 * 300 - 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_bills_too_and_the_history_adds_up_at_once() {
    let (opened, dates) = billing_days_ago(2);
    for backend in Backend::both_since(&DEVELOPMENT, &users(2), &opened).await {
        let client = backend.client();
        // The history before the stats, and the stats before the history.
        let history = client.history("user-0").await;
        assert_eq!(descriptions(&history), billed_on(&dates), "{backend:?}");
        assert_eq!(client.stats("user-0").await["tokenBalance"], 5600);
        assert_eq!(client.stats("user-1").await["tokenBalance"], 5600);
        assert_eq!(sum(&client.history("user-1").await), 5600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_debit_knows_what_fell_due() {
    let (opened, _) = billing_days_ago(1);
    for backend in Backend::both_since(&DEVELOPMENT, &users(1), &opened).await {
        let client = backend.client();
        let answer = client.post("generations", json!({"userId": "user-0", "tokenCost": 5301})).await;
        assert_eq!((answer.status, &answer.json()["available"]), (402, &json!(5300)), "{backend:?}");
        assert_eq!(sum(&client.history("user-0").await), 5300);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_debits_and_sweeps_at_once_bill_once() {
    let (opened, dates) = billing_days_ago(1);
    for backend in Backend::both_since(&DEVELOPMENT, &users(1), &opened).await {
        let client = backend.client();
        let reads = join_all((0..32).map(|_| client.get("stats?userId=user-0")));
        let debits = join_all((0..32).map(|_| client.post("generations", json!({"userId": "user-0"}))));
        let sweeps = join_all((0..4).map(|_| client.get("billing")));
        let ((reads, debits), sweeps) = join(join(reads, debits), sweeps).await;
        for read in reads {
            assert!(read.ok()["tokenBalance"].as_u64().unwrap() >= 5300 - 32 * 3, "{backend:?}");
        }
        assert!(debits.iter().all(|debit| debit.status == 200), "{backend:?}");
        let credited: u64 = sweeps.iter().map(|sweep| sweep.ok()["credited"].as_u64().unwrap()).sum();
        assert!(credited <= 300, "{backend:?}: the sweeps say that they credited {credited}");
        let history = client.history("user-0").await;
        let billed: Vec<&str> =
            descriptions(&history).into_iter().filter(|text| text.starts_with("Facturation")).collect();
        assert_eq!(billed, [format!("Facturation mensuelle du {}", dates[0])], "{backend:?}");
        assert_eq!(sum(&history), 5300 - 32 * 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_bills_who_does_not_come() {
    let (opened, dates) = billing_days_ago(3);
    for backend in Backend::both_since(&DEVELOPMENT, &users(300), &opened).await {
        let client = backend.client();
        client.stats("newcomer").await;
        let report = client.get("billing").await.ok();
        let counts = ["billed", "credited", "failed"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(counts, [300, 300 * 900, 0], "{backend:?} {report}");
        // Whoever is looked at again on a busy machine is counted again.
        assert!((300..=308).contains(&report["due"].as_u64().unwrap()), "{backend:?} {report}");
        assert_eq!(report["more"], false);
        // Again, or late: nothing to do.
        let report = client.get("billing").await.ok();
        assert_eq!((&report["due"], &report["credited"]), (&json!(0), &json!(0)), "{backend:?}");
        for user in ["user-0", "user-299"] {
            assert_eq!(descriptions(&client.history(user).await), billed_on(&dates), "{backend:?}");
        }
        assert_eq!(client.history("newcomer").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeps_side_by_side_bill_each_user_once() {
    let (opened, _) = billing_days_ago(1);
    let redis = Redis::start();
    crate::support::past::open_at(redis.store(), &users(200), &opened).await;
    let url = redis.url();
    let settings = [("REDIS_URL", url.as_str()), DEVELOPMENT[0]];
    let instances: Vec<Instance> = (0..4).map(|_| Instance::start("billing", &settings)).collect();
    let clients: Vec<Client> = instances.iter().map(Instance::client).collect();
    let reports = join_all(clients.iter().map(|client| client.get("billing"))).await;
    let total = |name: &str| reports.iter().map(|report| report.ok()[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((total("billed"), total("credited"), total("failed")), (200, 200 * 300, 0), "{reports:?}");
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let stats = join_all(users(200).iter().map(|user| client.clone().stats_of(user.clone()))).await;
    assert!(stats.iter().all(|stats| stats["tokenBalance"] == 5300));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_without_time_says_that_there_is_more() {
    let (opened, _) = billing_days_ago(1);
    let settings = [DEVELOPMENT[0], ("JETON_BILLING_SECONDS", "0")];
    for backend in Backend::both_since(&settings, &users(3), &opened).await {
        let client = backend.client();
        let report = client.get("billing").await.ok();
        assert_eq!((&report["more"], &report["billed"]), (&json!(true), &json!(0)), "{backend:?} {report}");
        assert_eq!(client.stats("user-0").await["tokenBalance"], 5300, "billing is right with no sweep at all");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_account_does_not_hold_up_the_sweep() {
    let (opened, _) = billing_days_ago(1);
    let redis = Redis::start();
    crate::support::past::open_at(redis.store(), &users(5), &opened).await;
    redis.command::<()>(&["HSET", "jeton:{user-2}:account", "doc", "{\"format\":1}"]);
    // A note of somebody whose opening never came about.
    redis.command::<()>(&["ZADD", "jeton:due:03", "1", "ghost"]);
    let deployment = Deployment::start(&redis, &DEVELOPMENT);
    let client = deployment.client();
    let report = client.get("billing").await.ok();
    assert_eq!((&report["billed"], &report["failed"], &report["more"]), (&json!(4), &json!(1), &json!(false)));
    let line = deployment.instance("billing").process.wait_for_line(|line| line.contains("\"failures\""));
    assert!(line.contains("user-2") && line.contains("damaged"), "{line}");
    let answer = client.get("stats?userId=user-2").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
    assert_eq!(redis.command::<i64>(&["EXISTS", "jeton:{ghost}:account"]), 0, "a sweep opens nobody");
    let document: String = redis.command(&["HGET", "jeton:{user-2}:account", "doc"]);
    assert_eq!(document, "{\"format\":1}", "a damaged document is left as it is");
}
