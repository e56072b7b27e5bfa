//! Instants as callers see them: RFC 3339 in UTC with milliseconds (contract §2).

use chrono::SecondsFormat;
use jeton::ledger::Timestamp;
use proptest::prelude::*;

fn shown(millis: u64) -> String {
    Timestamp::from_millis(millis).unwrap().to_string()
}

#[test]
fn the_ends_of_the_calendar_and_a_leap_day_are_shown() {
    for (millis, text) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ] {
        assert_eq!(shown(millis), text);
        assert_eq!(Timestamp::from_rfc3339(text).map(Timestamp::as_millis), Some(millis));
    }
}

proptest! {
    #[test]
    fn every_instant_is_shown_as_chrono_shows_it(millis in 0_u64..=253_402_300_799_999) {
        let at = Timestamp::from_millis(millis).unwrap();
        prop_assert_eq!(shown(millis), at.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true));
    }
}
