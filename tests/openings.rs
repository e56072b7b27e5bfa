//! Whoever is opened is noted for the billing sweep and listed, whatever happens to the line.

use jeton::{ledger::UserId, store::keys::Keys};
use serde_json::json;

use crate::support::{
    pair::Pair,
    proxy::{Fault, Proxy},
    server::Instance,
};

/// Whether `user` is under `key`.
fn stands_in(pair: &Pair, key: &str, user: &UserId) -> bool {
    pair.primary.command::<Option<String>>(&["ZSCORE", key, user.as_str()]).is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_is_found_after_its_answer_was_lost_is_noted_if_its_note_was_lost_too() {
    let (pair, keys) = (Pair::start(), Keys::new("jeton"));
    let proxy = Proxy::start(pair.primary.port()).await;
    // Commits that wait for a replica go over a line of their own: so the note breaks without the commit.
    let settings = [("REDIS_URL", &*proxy.url()), ("VERCEL_ENV", "development"), ("JETON_WAIT_REPLICAS", "1")];
    let instance = Instance::start("generations", &settings);
    let client = instance.client();
    client.post("generations", json!({"userId": "both-lines-are-open"})).await.ok();
    let mut lost = 0;
    for number in 0..20 {
        let user = UserId::new(&format!("u{number}")).unwrap();
        // The two go out at once. If the commit comes first, both get through.
        proxy.fail("ZADD", &[Fault::RequestLost]);
        proxy.fail("EVALSHA", &[Fault::AnswerLost]);
        let answer = client.post("generations", json!({"userId": user})).await;
        lost += usize::from(proxy.forget_faults() == 0);
        assert_eq!(answer.ok()["stats"]["tokenBalance"], 4_997, "{user}");
        assert!(stands_in(&pair, &keys.due_of(&user), &user), "{user}: for the sweep");
        assert!(stands_in(&pair, &keys.users_of(&user), &user), "{user}: in the list");
    }
    assert!(lost > 0, "note and answer were lost at least once");
}
