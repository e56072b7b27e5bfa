//! `JETON_LEGACY_IMPORT`: set, or not.

use super::{SECRET, read, read_with, refused};

#[test]
fn users_are_taken_over_only_where_it_is_said() {
    for (value, expected) in [("1", true), (" 1 ", true), ("", false), (" ", false)] {
        assert_eq!(read(&[("JETON_LEGACY_IMPORT", value)]).unwrap().legacy_import, expected, "{value:?}");
    }
    assert!(!read(&[]).unwrap().legacy_import);
    let development = [("VERCEL_ENV", "development")];
    assert!(read_with(&[(".env.local", "JETON_LEGACY_IMPORT=1\n")], &development).unwrap().legacy_import);
    for value in ["0", "true", "yes", "01", "1.0", "11", SECRET] {
        let told = refused(read(&[("JETON_LEGACY_IMPORT", value)]));
        assert_eq!(
            told, "JETON_LEGACY_IMPORT must be 1, or not be set at all; for example JETON_LEGACY_IMPORT=1",
            "{value:?}"
        );
    }
}
