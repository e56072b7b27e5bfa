//! `JETON_REDIS_CA`: in which forms it is read, and how it is refused when it cannot be meant.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use jeton::{
    authorities::{Authorities, InvalidAuthorities},
    config::{Config, ConfigError, Variables},
    store::redis::{Options, RedisStore},
};

use crate::support::tls::{Ca, Identity, Says};

fn read(setting: &str) -> Result<Config, ConfigError> {
    let variables: Variables = [("JETON_REDIS_CA".to_owned(), setting.to_owned())].into();
    Config::read(variables, Path::new("/nonexistent"), false)
}

#[test]
fn certificates_are_read_from_the_environment_and_from_files() {
    let (one, two) = (Ca::new("one").pem(), Ca::new("two").pem());
    let both = format!("{one}{two}");
    let bare = |read: &Authorities| str::from_utf8(read.as_pem()).unwrap().replace(['\r', '\n', ' '], "");
    let expected = both.replace(['\n', ' '], "");
    for (form, setting) in [
        ("lines", both.clone()),
        ("lines of Windows", both.replace('\n', "\r\n")),
        ("one line", both.replace('\n', "\\n")),
        ("one line, made on Windows", both.replace('\n', "\\r\\n")),
        ("with a margin", format!("  \n{both}\n\n")),
    ] {
        let read = read(&setting).unwrap().redis_ca.unwrap();
        assert_eq!(bare(&read), expected, "{form}");
        if setting.contains("\\n") {
            // As `vercel env pull` writes it.
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(".env.local"), format!("A=b\nJETON_REDIS_CA=\"{setting}\"\n")).unwrap();
            let development = [("NODE_ENV".to_owned(), "development".to_owned())].into();
            let from_file = Config::read(development, folder.path(), false).unwrap_or_else(|e| panic!("{form}: {e}"));
            assert_eq!(from_file.redis_ca.as_ref().map(bare), Some(expected.clone()), "{form}");
        }
    }
    for nothing in ["", " \n "] {
        assert_eq!(read(nothing).unwrap().redis_ca, None);
    }
}

#[test]
fn what_holds_no_good_certificate_is_refused_in_one_line_that_does_not_repeat_it() {
    let (ca, says) = (Ca::new("s3cr3t"), Says::USUAL);
    let identity = Identity::self_signed(&says);
    let (good, key) = (ca.pem(), fs::read_to_string(identity.key()).unwrap());
    let lines: Vec<&str> = good.lines().collect();
    let pem =
        |label: &str, der: &[u8]| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der));
    for (case, setting, problem) in [
        ("another text", "s3cr3t".to_owned(), InvalidAuthorities::NoCertificate),
        ("a file's name", "/etc/ssl/s3cr3t.pem".to_owned(), InvalidAuthorities::NoCertificate),
        ("base64 alone", lines[1..lines.len() - 1].join(""), InvalidAuthorities::NoCertificate),
        ("without its end", lines[..lines.len() - 1].join("\n"), InvalidAuthorities::BrokenCertificate),
        ("without its beginning", lines[1..].join("\n"), InvalidAuthorities::NoCertificate),
        ("spaces for lines", lines.join(" "), InvalidAuthorities::BrokenCertificate),
        ("a line is missing", [&lines[..2], &lines[3..]].concat().join("\n"), InvalidAuthorities::BrokenCertificate),
        ("not base64", good.replacen("MII", "M!!", 1), InvalidAuthorities::BrokenCertificate),
        ("not a certificate", pem("CERTIFICATE", b"s3cr3t"), InvalidAuthorities::BrokenCertificate),
        ("empty", pem("CERTIFICATE", b""), InvalidAuthorities::BrokenCertificate),
        ("the second is broken", format!("{good}{}", lines[..3].join("\n")), InvalidAuthorities::BrokenCertificate),
        ("a key", key.clone(), InvalidAuthorities::PrivateKey),
        ("a key beside a certificate", format!("{good}{key}"), InvalidAuthorities::PrivateKey),
        ("a locked key", pem("ENCRYPTED PRIVATE KEY", b"s3cr3t"), InvalidAuthorities::PrivateKey),
        ("an old key", pem("RSA PRIVATE KEY", b"s3cr3t"), InvalidAuthorities::PrivateKey),
        ("a request", pem("CERTIFICATE REQUEST", b"s3cr3t"), InvalidAuthorities::SomethingElse),
        ("a list beside it", format!("{good}{}", pem("X509 CRL", b"s3cr3t")), InvalidAuthorities::SomethingElse),
        ("in the form of OpenSSL", pem("TRUSTED CERTIFICATE", b"s3cr3t"), InvalidAuthorities::SomethingElse),
    ] {
        assert_eq!(Authorities::from_pem(&setting), Err(problem), "{case}");
        let told = read(&setting).err().expect(case).to_string();
        let example = r#"JETON_REDIS_CA="-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----""#;
        assert_eq!(told, format!("JETON_REDIS_CA {problem}; for example {example}"), "{case}");
        assert!(told.starts_with("JETON_REDIS_CA must ") && told.lines().count() == 1, "{case}: {told}");
        for line in setting.lines().filter(|line| line.len() > 5 && !line.starts_with("-----")) {
            assert!(!told.contains(line), "{case}: {told}");
        }
    }
}

#[test]
fn a_url_that_does_not_hold_what_it_seems_to_promise_is_refused() {
    let own = Options { replicas: 0, authorities: Some(Ca::new("ours").authorities()) };
    let (plain, unchecked) = ("JETON_REDIS_CA is set, and redis:// is not encrypted", "#insecure");
    for (url, options, problem) in [
        ("redis://:hunter2@one", &own, plain),
        ("redis://:hunter2@one,redis://:hunter2@two", &own, plain),
        ("rediss://:hunter2@one,redis://:hunter2@two", &own, plain),
        ("rediss://:hunter2@one/#insecure", &own, unchecked),
        ("rediss://:hunter2@one/#insecure", &Options::default(), unchecked),
        ("rediss://:hunter2@one#insecure", &Options::default(), unchecked),
        ("rediss://:hunter2@one,rediss://:hunter2@two/#insecure", &Options::default(), unchecked),
        ("rediss://:hunter2@one/#else", &own, "it cannot be parsed"),
    ] {
        let told = RedisStore::with(url, "jeton", options).expect_err(url).to_string();
        assert!(told.starts_with("REDIS_URL is not a URL that Jeton can use (") && told.contains(problem), "{told}");
        assert!(!told.contains("hunter2") && told.lines().count() == 1, "{told}");
    }
    for url in ["rediss://a", "rediss://a,rediss://b:7000"] {
        RedisStore::with(url, "jeton", &own).expect(url);
    }
}
