use std::{io, path::Path};

use super::Variables;

/// The files that a Next.js project keeps its settings in, the first one first. What is set already stays.
const FILES: [&str; 4] = [".env.development.local", ".env.local", ".env.development", ".env"];

/// Adds what the files in `folder` set. The error names the file; never a line of it, which may hold a secret.
pub(super) fn add(variables: &mut Variables, folder: &Path) -> Result<(), String> {
    for name in FILES {
        let lines = match dotenvy::from_path_iter(folder.join(name)) {
            Ok(lines) => lines,
            Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(_) => return Err(format!("{name} cannot be read")),
        };
        for line in lines {
            let (key, value) =
                line.map_err(|_| format!("{name} has a line that is not NAME=value or NAME=\"value\""))?;
            if !value.trim().is_empty() {
                variables.entry(key).or_insert(value);
            }
        }
    }
    Ok(())
}
