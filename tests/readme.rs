//! The README's calls, run in a shell as they stand there: the answers say what the README says.

use std::process::Command;

use crate::support::server::Local;

/// The members whose values do not depend on when and where a call is made.
const LASTING: [&str; 18] = [
    "message",
    "type",
    "amount",
    "description",
    "contentType",
    "balance",
    "source",
    "code",
    "status",
    "detail",
    "tokenBalance",
    "tokensUsed",
    "tokens",
    "generations",
    "required",
    "available",
    "due",
    "credited",
];

/// A command and what the README says that it prints.
struct Example {
    command: String,
    output: String,
}

fn examples() -> Vec<Example> {
    let readme = include_str!("../README.md");
    let blocks = readme.split("```console\n").skip(1).map(|block| block.split("```").next().unwrap());
    let mut examples: Vec<Example> = Vec::new();
    for block in blocks {
        let mut in_command = false;
        for line in block.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                examples.push(Example { command: String::new(), output: String::new() });
                in_command = true;
                push(&mut examples.last_mut().unwrap().command, command);
            } else if let Some(example) = examples.last_mut() {
                push(if in_command { &mut example.command } else { &mut example.output }, line);
            }
            in_command &= line.ends_with('\\');
        }
    }
    examples
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// The members of `json`, written without spaces, that are [`LASTING`].
fn members(json: &str) -> Vec<String> {
    let json = json.replace("\": ", "\":");
    let mut found = Vec::new();
    for name in LASTING {
        let start = format!("\"{name}\":");
        for (index, _) in json.match_indices(&start) {
            let value = &json[index + start.len()..];
            let end = match value.strip_prefix('"') {
                Some(text) => text.find('"').unwrap() + 2,
                None => value.find([',', '}', '\n']).unwrap(),
            };
            found.push(format!("{start}{}", &value[..end]));
        }
    }
    found.retain(|member| !member.contains('…') && !member.contains('{'));
    found
}

/// What a command prints.
fn shell(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(output.status.success(), "{command}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_print_what_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let local = Local::start(folder.path(), &[], &[]);
    let address = local.base().trim_start_matches("http://");
    let mut compared = 0;
    let mut cursor = None;
    let (mut reservation, mut transaction): (Option<String>, Option<String>) = (None, None);
    for Example { command, output } in examples() {
        let mut real = command.replace("localhost:3000", address).replace("curl ", "curl --silent ");
        // Ids are instants: the cursor is the one of the page before.
        if let (Some(start), Some(next)) = (real.find("cursor="), &cursor) {
            let end = start + real[start..].find('\'').unwrap();
            real.replace_range(start..end, &format!("cursor={next}"));
        }
        // Ids of reservations are chance: it is the one that was made before.
        if let (Some(start), Some(made)) = (real.find("res_"), &reservation) {
            let end = start + real[start..].find('"').unwrap();
            real.replace_range(start..end, made);
        }
        if let (Some(start), Some(made)) = (real.find("transactionId\":\""), &transaction) {
            let start = start + "transactionId\":\"".len();
            let end = start + real[start..].find('"').unwrap();
            real.replace_range(start..end, made);
        }
        if command.contains("# sent twice") {
            shell(&real);
        }
        let printed = shell(&real);
        for member in members(&output) {
            assert!(printed.contains(&member), "{command} should print {member}, and printed {printed}");
            compared += 1;
        }
        for line in output.lines().filter(|line| line.starts_with("HTTP/") || line.starts_with("idempotent-")) {
            assert!(printed.contains(line), "{command} should print {line}, and printed {printed}");
            compared += 1;
        }
        let made = printed.split("\"transaction\":{\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        transaction = made.map(str::to_owned).or(transaction);
        let made = printed.split("\"reservation\":{\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        reservation = made.map(str::to_owned).or(reservation);
        cursor = printed.split("\"nextCursor\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
    }
    assert!(compared >= 30, "only {compared} members were compared");
}
