//! On a Redis Cluster: the old keys lie in other slots than the accounts, and those of one user in two.

use std::path::Path;

use serde_json::Value;

use super::taken;
use crate::support::{
    cluster::Cluster,
    legacy::{Old, USUAL, history_key, stats_key},
    server::{Deployment, Local},
    verify::{assert_sound, run},
};

/// Writes a user where their slots are.
fn write(cluster: &Cluster, old: &Old, list: bool) {
    cluster.command::<()>(&["SET", &stats_key(&old.id), &old.stats.to_string()]);
    if list {
        for entry in old.entries.iter().rev() {
            cluster.command::<()>(&["LPUSH", &history_key(&old.id), &entry.to_string()]);
        }
    } else {
        cluster.command::<()>(&["SET", &history_key(&old.id), &Value::from(old.entries.clone()).to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_all_nodes_are_brought_over() {
    let cluster = Cluster::start();
    for number in 0..24 {
        write(&cluster, &Old::new(&format!("u{number}"), &USUAL), number % 2 == 0);
    }
    let url = cluster.url();
    let deployment = Deployment::over(&url, &[("VERCEL_ENV", "development"), ("JETON_LEGACY_IMPORT", "1")]);
    for number in 0..4 {
        assert_eq!(taken(&deployment.client(), &format!("u{number}")).await.0["tokenBalance"], 5_095);
    }
    let settings = [("REDIS_URL", &*url)];
    let foreseen = run("import", Path::new("/"), &[], &settings);
    assert_eq!(["users", "imported before"].map(|name| foreseen.figure(name)), [20, 4], "{foreseen:#?}");
    let imported = run("import", Path::new("/"), &["--apply"], &settings);
    assert_eq!((imported.code, imported.figure("users")), (0, 20), "{imported:#?}");
    for number in 0..24 {
        assert_eq!(taken(&deployment.client(), &format!("u{number}")).await.0["tokenBalance"], 5_095);
    }
    assert_sound(&url, 24);

    // And out of a cluster into a file.
    let folder = tempfile::tempdir().unwrap();
    let imported = run("import", folder.path(), &["--from", &url, "--apply"], &[]);
    assert_eq!((imported.code, imported.figure("users")), (0, 24), "{imported:#?}");
    let local = Local::start(folder.path(), &[], &[]);
    assert_eq!(taken(&local.client(), "u23").await.0["tokenBalance"], 5_095);
}
