//! What callers see of the types that write themselves by hand, for the OpenAPI document. The others derive it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{
    AMOUNT_MAX, Amount, ContentType, Entry, GrantKind, Priority, ReservationId, Timestamp, Transaction, TransactionId,
    UserId, reservation_id, user_id,
};

/// Gives a type its name in the document, and its schema.
macro_rules! described {
    ($type:ty, $name:literal, $($schema:tt)+) => {
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

described!(UserId, "UserId", {
    "description": "Who an account belongs to (contract §5).",
    "type": "string",
    "minLength": 1,
    "maxLength": user_id::LENGTH_MAX,
    "pattern": "^[A-Za-z0-9._:@|+~-]+$",
    "examples": ["alice"],
});

described!(Amount, "Amount", {
    "description": "A number of tokens, at most 2^53 − 1, the largest integer that JavaScript holds exactly (contract §1). Written in \
                    digits alone: not `3.0` or `3e0`.",
    "type": "integer",
    "minimum": 1,
    "maximum": AMOUNT_MAX,
    "examples": [3],
});

described!(Priority, "Priority", {
    "description": "When tokens are spent among others: the smaller number first.",
    "type": "integer",
    "minimum": 0,
    "maximum": Priority::MAX,
    "examples": [5],
});

described!(Timestamp, "Timestamp", {
    "description": "An instant: RFC 3339 in UTC with milliseconds (contract §2).",
    "type": "string",
    "format": "date-time",
    "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
    "examples": ["2026-12-05T00:00:00.000Z"],
});

described!(TransactionId, "TransactionId", {
    "description": "`<milliseconds>-<n>`: the instant at which the change took effect, up to the year 9999, and a number among those of \
                    the same millisecond. Unique, and increasing within a user: compare it as two numbers.",
    "type": "string",
    "pattern": "^(0|[1-9][0-9]{0,13}|1[0-9]{14}|2[0-4][0-9]{13}|25[0-2][0-9]{12}|253[0-3][0-9]{11}|25340[01][0-9]{9}|253402[0-2][0-9]{8}|\
                253402300[0-7][0-9]{5})-(0|[1-9][0-9]{0,8}|[1-3][0-9]{9})$",
    "examples": ["1795461624119-0"],
});

described!(ReservationId, "ReservationId", {
    "description": "Names a reservation of a user.",
    "type": "string",
    "pattern": format!("^res_[A-Za-z0-9_-]{{1,{}}}$", reservation_id::LENGTH_MAX),
    "examples": ["res_7Hq0cXb2LmPa"],
});

described!(GrantKind, "GrantId", {
    "description": "Names a grant as long as it is there. Take it as it comes.",
    "type": "string",
    "pattern": "^(initial|monthly|promotion|adjustment|purchase|refund)(:p[0-9]{1,3})?(:e[0-9]{1,15})?$",
    "examples": ["promotion:p5:e4102441200000"],
});

described!(ContentType, "ContentTypeName", {
    "description": "The name of a content type: one of the catalogue, or one that it once had.",
    "type": "string",
    "examples": ["ARTICLE"],
});

impl JsonSchema for Transaction {
    fn schema_name() -> Cow<'static, str> {
        "Transaction".into()
    }

    /// What its entry says, beside its id and the instant in that: as it is serialized.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Entry::json_schema(generator);
        schema.insert("description".to_owned(), "An entry of a user's history (contract §2).".into());
        let own =
            [("id", generator.subschema_for::<TransactionId>()), ("timestamp", generator.subschema_for::<Timestamp>())];
        for (name, its) in own {
            if let Some(properties) = schema.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
                properties.insert(name.to_owned(), its.to_value());
            }
            if let Some(required) = schema.get_mut("required").and_then(serde_json::Value::as_array_mut) {
                required.push(name.into());
            }
        }
        schema
    }
}
