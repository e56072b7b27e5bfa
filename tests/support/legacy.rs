//! What the module that Jeton replaces keeps of a user, written as it writes it: with Redis's own commands.

use chrono::{DateTime, Datelike, Days, Months, SecondsFormat, Utc};
use jeton::{committer::Surroundings, system::System};
use serde_json::{Value, json};

use super::redis::Redis;

/// The stats of a user and the entries, newest first.
#[derive(Clone)]
pub(crate) struct Old {
    pub(crate) id: String,
    pub(crate) stats: Value,
    pub(crate) entries: Vec<Value>,
}

impl Old {
    /// A user who has these entries, oldest first: type, amount, what for, and how many hours ago. What the stats say follows
    /// from them.
    pub(crate) fn new(id: &str, moves: &[(&str, u64, &str, u32)]) -> Self {
        let entry = |(number, (kind, amount, what, hours)): (usize, &(&str, u64, &str, u32))| {
            let mut entry = json!({"id": format!("tx_{id}_{number}"), "type": kind, "amount": amount,
                "description": what, "timestamp": hours_ago(*hours)});
            let content_type = match *what {
                ARTICLE => Some("ARTICLE"),
                DESCRIPTION => Some("PRODUCT_DESCRIPTION"),
                _ => None,
            };
            if let Some(content_type) = content_type {
                entry["contentType"] = content_type.into();
            }
            entry
        };
        let sum = |kind: &str| moves.iter().filter(|each| each.0 == kind).map(|each| i128::from(each.1)).sum::<i128>();
        let count = |what: &str| moves.iter().filter(|each| each.0 == "DEBIT" && each.2 == what).count();
        let (articles, descriptions) = (count(ARTICLE), count(DESCRIPTION));
        let created = moves.iter().map(|each| each.3).max().unwrap_or(24);
        let updated = moves.iter().map(|each| each.3).min().unwrap_or(24);
        let stats = json!({"memberId": id, "tokenBalance": (sum("CREDIT") - sum("DEBIT")).max(0),
            "tokensUsed": sum("DEBIT"),
            "articlesGenerated": articles, "productDescriptionsGenerated": descriptions,
            "totalGenerations": articles + descriptions, "nextBillingDate": billing_day(1),
            "lastBillingDate": billing_day(0), "lastUpdated": hours_ago(updated), "createdAt": hours_ago(created)});
        Self { id: id.to_owned(), stats, entries: moves.iter().enumerate().map(entry).rev().collect() }
    }

    /// The same, whose stats say this.
    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.stats[field] = value.into();
        self
    }

    /// The same without this field in its stats.
    pub(crate) fn without(mut self, field: &str) -> Self {
        self.stats.as_object_mut().unwrap().remove(field).unwrap();
        self
    }

    /// The same, whose entry of this number, from the newest, says this.
    pub(crate) fn with_entry(mut self, number: usize, field: &str, value: impl Into<Value>) -> Self {
        self.entries[number][field] = value.into();
        self
    }

    /// Writes the history as an array.
    pub(crate) fn write(&self, redis: &Redis) {
        self.write_stats(redis);
        redis.command::<()>(&["SET", &history_key(&self.id), &Value::from(self.entries.clone()).to_string()]);
    }

    /// Writes the history as a list, as `LPUSH` makes it.
    pub(crate) fn write_list(&self, redis: &Redis) {
        self.write_stats(redis);
        for entry in self.entries.iter().rev() {
            redis.command::<()>(&["LPUSH", &history_key(&self.id), &entry.to_string()]);
        }
    }

    /// Writes the stats alone.
    pub(crate) fn write_stats(&self, redis: &Redis) {
        redis.command::<()>(&["SET", &stats_key(&self.id), &self.stats.to_string()]);
    }
}

/// What the old entries say.
pub(crate) const OPENING: &str = "Initialisation du compte";
pub(crate) const ARTICLE: &str = "Génération article";
pub(crate) const DESCRIPTION: &str = "Génération description produit";
pub(crate) const PURCHASE: &str = "Achat de tokens";

/// An opening, an article, a description and a purchase: 4 997 + 98.
pub(crate) const USUAL: [(&str, u64, &str, u32); 4] = [
    ("CREDIT", 5_000, OPENING, 300),
    ("DEBIT", 3, ARTICLE, 200),
    ("DEBIT", 2, DESCRIPTION, 100),
    ("CREDIT", 100, PURCHASE, 50),
];

pub(crate) fn stats_key(id: &str) -> String {
    format!("user:stats:{id}")
}

pub(crate) fn history_key(id: &str) -> String {
    format!("user:transactions:{id}")
}

/// An instant in the past.
pub(crate) fn hours_ago(hours: u32) -> String {
    System.now().earlier_by(u64::from(hours) * 3_600_000).to_string()
}

/// The last billing day, at 00:00 UTC, or one so many months after it.
pub(crate) fn billing_day(months_later: i32) -> String {
    let last = System.now().to_utc().date_naive().checked_sub_days(Days::new(4)).unwrap().with_day(5).unwrap();
    let months = Months::new(months_later.unsigned_abs());
    let day = if months_later < 0 { last - months } else { last + months };
    let midnight: DateTime<Utc> = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
    midnight.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// All old keys as Redis has them, byte for byte.
pub(crate) fn old_keys(redis: &Redis) -> Vec<(String, Vec<u8>)> {
    let mut keys: Vec<String> = redis.command(&["KEYS", "user:*"]);
    keys.sort_unstable();
    let dumped = |key: String| {
        let dump: Vec<u8> = redis.command(&["DUMP", &key]);
        (key, dump)
    };
    keys.into_iter().map(dumped).collect()
}
