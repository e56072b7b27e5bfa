//! The examples of the old system's documentation, as calls, on both stores; and the test user.

use serde_json::{Value, json};

use crate::support::{
    client::{Client, sum},
    server::Backend,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_old_examples_work_as_calls() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let client = backend.client();

        // getUserStats('user-id')
        let stats = client.stats("user-id").await;
        assert_eq!(stats["memberId"], "user-id", "{backend:?}");
        assert_eq!(stats["tokenBalance"], 5000);
        assert_eq!(stats["tokensUsed"], 0);
        assert_eq!(stats["tokensReserved"], 0);
        assert_eq!(stats["articlesGenerated"], 0);
        assert_eq!(stats["productDescriptionsGenerated"], 0);
        assert_eq!(stats["totalGenerations"], 0);
        assert_eq!(stats["generations"], json!({"ARTICLE": 0, "PRODUCT_DESCRIPTION": 0}));
        assert_eq!(stats["plan"], "standard");

        // recordArticleGeneration('user-id', 3)
        let result = client.post("generations", json!({"userId": "user-id", "tokenCost": 3})).await.ok();
        assert_eq!(result["success"], true);
        assert_eq!(result["stats"]["tokenBalance"], 4997);
        assert_eq!(result["stats"]["articlesGenerated"], 1);
        assert_eq!(result["transaction"]["type"], "DEBIT");
        assert_eq!(result["transaction"]["description"], "Génération article");
        assert_eq!(result["transaction"]["contentType"], "ARTICLE");
        assert_eq!(result["transaction"]["balance"], 4997);

        // recordProductDescriptionGeneration('user-id')
        let body = json!({"userId": "user-id", "contentType": "PRODUCT_DESCRIPTION"});
        let result = client.post("generations", body).await.ok();
        assert_eq!(result["stats"]["tokenBalance"], 4995);
        assert_eq!(result["stats"]["productDescriptionsGenerated"], 1);
        assert_eq!(result["stats"]["totalGenerations"], 2);
        assert_eq!(result["transaction"]["amount"], 2);
        assert_eq!(result["transaction"]["description"], "Génération description produit");

        // addTokens('user-id', 1000, 'Recharge mensuelle')
        let body = json!({"userId": "user-id", "amount": 1000, "description": "Recharge mensuelle"});
        let result = client.post("tokens", body).await.ok();
        assert_eq!(result["stats"]["tokenBalance"], 5995);
        assert_eq!(result["transaction"]["type"], "CREDIT");
        assert_eq!(result["transaction"]["description"], "Recharge mensuelle");
        assert_eq!(result["transaction"]["source"], "purchase");

        let history = client.history("user-id").await;
        let described: Vec<&str> = history.iter().map(|entry| entry["description"].as_str().unwrap()).collect();
        assert_eq!(
            described,
            ["Recharge mensuelle", "Génération description produit", "Génération article", "Initialisation du compte"]
        );
        assert_eq!(sum(&history), 5995);

        // resetStats('user-id')
        let result = client.post("reset", json!({"userId": "user-id"})).await.ok();
        assert_eq!(result["stats"]["memberId"], "user-id", "a reset must not give out the test user's id");
        assert_eq!(result["stats"]["tokenBalance"], 5000);
        assert_eq!(result["stats"]["tokensUsed"], 0);
        assert_eq!(result["stats"]["totalGenerations"], 0);
        assert_eq!(client.history("user-id").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_texts_follow_the_caller_and_the_setting() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let english = backend.client().with("Accept-Language", "de, en-GB;q=0.9, fr;q=0.5");
        let result = english.post("tokens", json!({"userId": "u", "amount": 1})).await;
        assert_eq!(result.header("content-language"), Some("en"));
        assert_eq!(result.ok()["transaction"]["description"], "Token purchase");
        assert_eq!(result.ok()["message"], "1 token added. New balance: 5001.");

        let french = backend.client();
        let result = french.post("tokens", json!({"userId": "u", "amount": 2})).await;
        assert_eq!(result.header("content-language"), Some("fr"));
        assert_eq!(result.ok()["transaction"]["description"], "Achat de tokens");
        assert_eq!(result.ok()["message"], "2 tokens ajoutés. Nouveau solde : 5003.");

        // Descriptions stay as they were written.
        let history = english.history("u").await;
        let described: Vec<&str> = history.iter().map(|entry| entry["description"].as_str().unwrap()).collect();
        assert_eq!(described, ["Achat de tokens", "Token purchase", "Account opening"], "{backend:?}");
    }
    for backend in Backend::both(&[("VERCEL_ENV", "development"), ("JETON_LOCALE", "en")]) {
        let result = backend.client().post("generations", json!({"userId": "u"})).await.ok();
        assert_eq!(result["transaction"]["description"], "Article generation", "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_user_opens_plainly_in_development() {
    for backend in Backend::both(&[("VERCEL_ENV", "development")]) {
        let client = backend.client();
        let stats = client.get("stats").await.ok();
        assert_eq!(stats["memberId"], "test-user-id", "without keys, nobody means the test user");
        assert_eq!(stats["tokenBalance"], 5000, "{backend:?}");
        assert_eq!(client.history("test-user-id").await.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_user_is_a_demo_account_in_production() {
    let settings = [("VERCEL_ENV", "production"), ("JETON_API_KEYS", "ops:admin:secret")];
    for backend in Backend::both(&settings) {
        let client = backend.client().with_key("secret");
        let stats = client.stats("test-user-id").await;
        assert_demo(&client, &stats).await;

        // A reset brings the same seed back.
        client.post("generations", json!({"userId": "test-user-id"})).await.ok();
        let stats = client.post("reset", json!({"userId": "test-user-id"})).await.ok()["stats"].clone();
        assert_demo(&client, &stats).await;

        // And life goes on after it.
        let result = client.post("generations", json!({"userId": "test-user-id"})).await.ok();
        assert_eq!(result["stats"]["tokenBalance"], 4984);
        assert_eq!(sum(&client.history("test-user-id").await), 4984);

        // Everybody else opens as always.
        assert_eq!(client.stats("somebody").await["tokenBalance"], 5000, "{backend:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_of_somebody_new_is_an_opening() {
    let settings = [("VERCEL_ENV", "production"), ("JETON_API_KEYS", "ops:admin:secret")];
    for backend in Backend::both(&settings) {
        let client = backend.client().with_key("secret");
        let result = client.post("reset", json!({"userId": "newcomer"})).await.ok();
        assert_eq!(result["stats"]["tokenBalance"], 5000, "{backend:?}");
        assert_eq!(result["transaction"]["description"], "Initialisation du compte");
        assert_eq!(client.history("newcomer").await.len(), 1);

        let stats = client.post("reset", json!({"userId": "test-user-id"})).await.ok()["stats"].clone();
        assert_demo(&client, &stats).await;
    }
}

async fn assert_demo(client: &Client, stats: &Value) {
    assert_eq!(stats["tokenBalance"], 4987);
    assert_eq!(stats["tokensUsed"], 13);
    assert_eq!(stats["articlesGenerated"], 3);
    assert_eq!(stats["productDescriptionsGenerated"], 2);
    let history = client.history("test-user-id").await;
    assert_eq!(sum(&history), 4987);
    let opened = chrono::DateTime::parse_from_rfc3339(stats["createdAt"].as_str().unwrap()).unwrap();
    let told: Vec<(i64, u64, u64)> = history
        .iter()
        .map(|entry| {
            let at = chrono::DateTime::parse_from_rfc3339(entry["timestamp"].as_str().unwrap()).unwrap();
            ((opened - at).num_hours(), entry["amount"].as_u64().unwrap(), entry["balance"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(
        told,
        [(12, 2, 4987), (24, 3, 4989), (48, 2, 4992), (96, 3, 4994), (144, 3, 4997), (168, 5000, 5000)],
        "hours before the opening, amount, balance after"
    );
}
