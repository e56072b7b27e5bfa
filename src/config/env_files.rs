use std::{borrow::Cow, fs, io, path::Path};

use super::Variables;

/// The files that a Next.js project keeps its settings in, the first one first. What is set already stays.
const FILES: [&str; 4] = [".env.development.local", ".env.local", ".env.development", ".env"];

/// Adds what the files in `folder` set. Only lines that set one of ours are read: the files hold those of others too,
/// in forms that are theirs. The error names the file; never a line of it, which may hold a secret.
pub(super) fn add(variables: &mut Variables, folder: &Path) -> Result<(), String> {
    for name in FILES {
        let text = match fs::read_to_string(folder.join(name)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return Err(format!("{name} cannot be read")),
        };
        for line in text.trim_start_matches('\u{feff}').lines().filter(|line| is_ours(line)) {
            let line = without_carriage_returns(line);
            let parsed = dotenvy::from_read_iter(line.as_bytes()).next();
            let Some(Ok((key, value))) = parsed else {
                return Err(format!("{name} has a line that is not NAME=value or NAME=\"value\""));
            };
            if !value.trim().is_empty() {
                variables.entry(key).or_insert(value);
            }
        }
    }
    Ok(())
}

/// `vercel env pull` writes `\r\n` for the end of a line that was pasted on Windows. The library knows no `\r`; and only
/// certificates have lines.
fn without_carriage_returns(line: &str) -> Cow<'_, str> {
    if name(line) == "JETON_REDIS_CA" { line.replace("\\r\\n", "\\n").into() } else { line.into() }
}

/// Whether a line begins with the name of one of our settings.
fn is_ours(line: &str) -> bool {
    let name = name(line);
    name == "REDIS_URL" || name == "CRON_SECRET" || name.starts_with("JETON_")
}

/// The name that a line begins with.
fn name(line: &str) -> &str {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    line.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').next().unwrap_or_default()
}
