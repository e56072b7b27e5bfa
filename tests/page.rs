//! The page in a real browser.

use std::process::Command;

use serde_json::json;

use crate::support::{process::PATIENCE, server::Local};

/// What the browser shows of `url` once its scripts have done their work.
fn shown(url: &str, language: &str) -> String {
    let profile = tempfile::tempdir().unwrap();
    // A browser that hangs is ended, and fails the test.
    let output = Command::new("timeout")
        .args([&PATIENCE.as_secs().to_string(), "chromium"])
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--lang={language}"))
        .arg(format!("--accept-lang={language}"))
        .args(["--virtual-time-budget=20000", "--dump-dom", url])
        .env("LANGUAGE", language)
        .output()
        .expect("chromium");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_test_user() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[]);
    let body = json!({"userId": "test-user-id", "tokenCost": 1234, "description": "<b>Un essai</b>"});
    local.client().post("generations", body).await.ok();
    let page = shown(local.base(), "fr");
    assert!(page.contains("data-ready=\"true\""), "{page}");
    let balance = page.split("id=\"balance\"").nth(1).unwrap().split("</").next().unwrap();
    let digits: String = balance.rsplit('>').next().unwrap().chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, "3766", "{balance}");
    assert!(page.contains("&lt;b&gt;Un essai&lt;/b&gt;"), "texts are shown as texts");
    assert!(page.contains("Initialisation du compte"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_when_it_needs_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[("VERCEL_ENV", "production")]);
    let page = shown(local.base(), "fr");
    assert!(!page.contains("data-ready=\"true\""), "{page}");
    let status = page.split("id=\"status\"").nth(1).unwrap().split("</").next().unwrap();
    assert!(status.contains("clé"), "{status}");
}

#[test]
fn the_pages_policy_names_its_own_style_and_script() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use sha2::{Digest, Sha256};
    let page = include_str!("../public/index.html");
    for (tag, directive) in [("style", "style-src"), ("script", "script-src")] {
        let text = page.split_once(&format!("<{tag}>")).unwrap().1.split_once(&format!("</{tag}>")).unwrap().0;
        let hash = BASE64_STANDARD.encode(Sha256::digest(text));
        assert!(page.contains(&format!("{directive} 'sha256-{hash}'")), "the {tag} changed: its hash is {hash}");
    }
}
