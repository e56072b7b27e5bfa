//! The bodies of requests. Each is read field by field, by the module of its resource; these say what is taken.
#![expect(dead_code, reason = "they describe, and are never made")]

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::{
    http::{accounts, generations, reservations, sessions, tokens},
    ledger::{AMOUNT_MAX, Amount, Entry, Priority, ReservationId, TransactionId, UserId},
    plans::Catalogue,
};

/// What was generated, and for whom: `POST /api/generations`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RecordGeneration {
    /// Who pays.
    user_id: UserId,
    /// What was generated.
    #[schemars(extend("default" = generations::DEFAULT_CONTENT_TYPE))]
    content_type: Option<ContentType>,
    /// What it costs, instead of the catalogue's cost.
    token_cost: Option<Amount>,
    /// What the entry says, instead of the catalogue's label.
    description: Option<Description>,
    /// Stays with the entry.
    metadata: Option<Metadata>,
}

/// Tokens for a user: `POST /api/tokens`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddTokens {
    /// Who gets them.
    user_id: UserId,
    /// How many.
    amount: Amount,
    /// What the entry says, instead of the catalogue's label for the source.
    description: Option<Description>,
    /// Where they come from.
    #[schemars(extend("default" = "purchase"))]
    source: Option<CreditSource>,
    /// Until when they are there: in the future, and after the newest entry of the history. What is finer than a millisecond is
    /// cut off.
    expires_at: Option<Instant>,
    /// When they are spent among others. Without it that of their source in the catalogue.
    priority: Option<Priority>,
    /// Stays with the entry.
    metadata: Option<Metadata>,
}

/// Which debit to give back: `POST /api/refunds`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RefundDebit {
    /// Whose debit.
    user_id: UserId,
    /// The debit of a generation or a capture, in the current history.
    transaction_id: TransactionId,
    /// What the entry says, instead of the catalogue's label.
    description: Option<Description>,
}

/// Whom to reset: `POST /api/reset`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ResetAccount {
    /// Who begins anew.
    user_id: UserId,
}

/// Whom a user token is for: `POST /api/sessions`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateSession {
    /// Who may read with it.
    user_id: UserId,
    /// How long it lasts, in seconds.
    #[schemars(range(min = 1, max = sessions::TTL_MAX), extend("default" = sessions::TTL_DEFAULT))]
    ttl_seconds: Option<u32>,
}

/// How many tokens to set aside: `POST /api/reservations`.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reserve {
    /// Whose tokens.
    user_id: UserId,
    /// How many.
    amount: Amount,
    /// What they are for: its first capture counts one generation of it. Without it none.
    content_type: Option<ContentType>,
    /// How long they are set aside, in seconds.
    #[schemars(range(min = 1, max = reservations::TTL_MAX), extend("default" = reservations::TTL_DEFAULT))]
    ttl_seconds: Option<u32>,
    /// Stays with the reservation, and with the entries of its captures.
    metadata: Option<Metadata>,
}

/// What to do with an open reservation: `PATCH /api/reservations`.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase", rename_all_fields = "camelCase", tag = "action", deny_unknown_fields)]
pub(super) enum UpdateReservation {
    /// Debits what was used.
    Capture {
        /// Whose.
        user_id: UserId,
        /// Which one.
        reservation_id: ReservationId,
        /// How many tokens. Without it all that are still set aside.
        amount: Option<Amount>,
        /// Whether it is the last capture, so that the rest comes back.
        #[schemars(extend("default" = true))]
        r#final: Option<bool>,
    },
    /// Gives all back.
    Release {
        /// Whose.
        user_id: UserId,
        /// Which one.
        reservation_id: ReservationId,
    },
    /// Lets it last until `ttlSeconds` from now, and never shorter than it would have.
    Extend {
        /// Whose.
        user_id: UserId,
        /// Which one.
        reservation_id: ReservationId,
        /// How long from now, in seconds.
        #[schemars(range(min = 1, max = reservations::TTL_MAX), extend("default" = reservations::TTL_DEFAULT))]
        ttl_seconds: Option<u32>,
    },
}

/// Another plan, caps of the user's own, or both: `PATCH /api/accounts`.
#[derive(JsonSchema)]
#[schemars(
    rename_all = "camelCase",
    deny_unknown_fields,
    extend("anyOf" = [{ "required": ["plan"] }, { "required": ["caps"], "properties": { "caps": { "minProperties": 1 } } }])
)]
pub(super) struct UpdateAccount {
    /// Whose account.
    user_id: UserId,
    /// The plan, of those in the catalogue.
    plan: Option<PlanName>,
    /// What the user may spend. A cap that is left out stays as it is.
    caps: Option<CapChanges>,
    /// From when on: at once, or from the next billing on.
    #[schemars(extend("default" = "now"))]
    effective: Option<Effective>,
}

/// The user's own caps.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct CapChanges {
    /// That of a day, from 00:00 in the plan's time zone.
    daily: Option<CapChange>,
    /// That of a calendar month.
    monthly: Option<CapChange>,
}

/// Gives a type that says nothing but its schema.
macro_rules! described {
    ($type:ident, $name:literal, $($schema:tt)+) => {
        pub(super) struct $type;

        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

described!(ContentType, "ContentType", {
    "description": "What is generated: the content types of the catalogue, plans.toml.",
    "type": "string",
    "enum": Catalogue::built_in().into_iter().flat_map(Catalogue::content_types).collect::<Vec<_>>(),
});

described!(PlanName, "PlanName", {
    "description": "The plans of the catalogue, plans.toml.",
    "type": "string",
    "enum": Catalogue::built_in().into_iter().flat_map(Catalogue::plans).collect::<Vec<_>>(),
});

described!(CreditSource, "CreditSource", {
    "description": "Where credited tokens come from: what a caller can say. The other sources are the ledger's own.",
    "type": "string",
    "enum": tokens::SOURCES.map(|(name, _)| name),
});

described!(Effective, "Effective", {
    "description": "From when on a change of plan or caps holds.",
    "type": "string",
    "enum": accounts::EFFECTIVE.map(|(name, _)| name),
});

described!(CapChange, "CapChange", {
    "description": "A number of tokens, or null to take the user's own cap back: then the plan's holds, if it has one.",
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": AMOUNT_MAX,
});

described!(Description, "Description", {
    "description": "For people. No control characters but line ends and tabs.",
    "type": "string",
    "minLength": 1,
    "maxLength": Entry::DESCRIPTION_LENGTH_MAX,
    "pattern": "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f-\\u009f]+$",
});

described!(Instant, "Instant", {
    "description": "An RFC 3339 instant, with any offset, up to the year 9999.",
    "type": "string",
    "format": "date-time",
    "examples": ["2099-12-31T23:00:00Z"],
});

/// The caller's own data: at most 2 KiB when written without spaces, and at most 100 levels deep (contract §5).
#[derive(JsonSchema)]
#[schemars(transparent, extend("examples" = [{ "productId": "sku-42" }]))]
pub(super) struct Metadata(Map<String, Value>);
