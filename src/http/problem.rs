use std::borrow::Cow;

use hyper::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};

use super::messages;
use crate::{
    ledger::{CapPeriod, Refusal, Refused, ReservationStatus, Stats, Timestamp},
    locale::Locale,
    store::StoreError,
    usage::Granularity,
};

/// The largest request body, in bytes.
pub(super) const BODY_MAX: usize = 64 * 1024;

/// A refusal of contract §3. Its order here is the order in which refusals apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    MethodNotAllowed { allow: &'static str },
    Unauthenticated,
    Forbidden { required_scope: &'static str },
    BodyTooLarge,
    UnsupportedMediaType,
    InvalidJson(Reason),
    InvalidField { field: Cow<'static, str>, reason: Reason },
    IdempotencyKeyReused,
    ReservationNotFound,
    TransactionNotFound,
    ReservationClosed(ReservationStatus),
    AlreadyRefunded,
    NotRefundable,
    InsufficientTokens { required: u64, available: u64, stats: Box<Stats> },
    SpendingCapReached { cap: CapPeriod, limit: u64, resets_at: Timestamp },
    TooManyGrants,
    BalanceLimitExceeded,
    TooManyReservations,
    StoreUnavailable,
    StoreContended,
    Internal,
}

/// What is wrong with a body or a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NotJson,
    NotAnObject,
    Required,
    Unknown,
    Repeated,
    NotWhole { min: u64, max: u64 },
    NotText { max: usize },
    NotMetadata { bytes_max: usize, depth_max: usize },
    NotAUserId,
    NotAKey,
    NotAnInstant,
    NotInTheFuture,
    NotAClock,
    PlanOrCaps,
    NotACursor,
    NotAReservationId,
    NotATransactionId,
    NotABoolean,
    NotACap,
    OnlyFor { action: &'static str },
    NotATimeZone,
    NotBeforeTo,
    TooLongBeforeTo(Granularity),
    NotOneOf(Vec<String>),
}

/// A refusal, and why, for the log.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) problem: Problem,
    /// The cause, for the operator; never for the caller.
    pub(super) cause: Option<String>,
}

impl Problem {
    /// For programs; never changes.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Unauthenticated => "unauthenticated",
            Self::Forbidden { .. } => "forbidden",
            Self::BodyTooLarge => "body_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::InvalidJson(_) => "invalid_json",
            Self::InvalidField { .. } => "invalid_field",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::ReservationNotFound => "reservation_not_found",
            Self::TransactionNotFound => "transaction_not_found",
            Self::ReservationClosed(ReservationStatus::Captured | ReservationStatus::Open) => "reservation_captured",
            Self::ReservationClosed(ReservationStatus::Released) => "reservation_released",
            Self::ReservationClosed(ReservationStatus::Expired) => "reservation_expired",
            Self::AlreadyRefunded => "already_refunded",
            Self::NotRefundable => "not_refundable",
            Self::InsufficientTokens { .. } => "insufficient_tokens",
            Self::SpendingCapReached { .. } => "spending_cap_reached",
            Self::TooManyReservations => "rate_limited",
            Self::TooManyGrants | Self::BalanceLimitExceeded => "balance_limit_exceeded",
            Self::StoreUnavailable => "store_unavailable",
            Self::StoreContended => "store_contended",
            Self::Internal => "internal",
        }
    }

    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden { .. } => StatusCode::FORBIDDEN,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidJson(_) | Self::InvalidField { .. } => StatusCode::BAD_REQUEST,
            Self::IdempotencyKeyReused | Self::TooManyGrants | Self::BalanceLimitExceeded => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::ReservationNotFound | Self::TransactionNotFound => StatusCode::NOT_FOUND,
            Self::ReservationClosed(_)
            | Self::AlreadyRefunded
            | Self::NotRefundable
            | Self::SpendingCapReached { .. } => StatusCode::CONFLICT,
            Self::InsufficientTokens { .. } => StatusCode::PAYMENT_REQUIRED,
            Self::TooManyReservations => StatusCode::TOO_MANY_REQUESTS,
            Self::StoreUnavailable | Self::StoreContended => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// When it is worth coming back, in seconds: the same request may then succeed.
    pub(super) const fn retry_after(&self) -> Option<u8> {
        match self {
            Self::StoreUnavailable | Self::StoreContended | Self::TooManyReservations => Some(1),
            Self::MethodNotAllowed { .. }
            | Self::Unauthenticated
            | Self::Forbidden { .. }
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::InvalidJson(_)
            | Self::InvalidField { .. }
            | Self::IdempotencyKeyReused
            | Self::ReservationNotFound
            | Self::TransactionNotFound
            | Self::ReservationClosed(_)
            | Self::AlreadyRefunded
            | Self::NotRefundable
            | Self::InsufficientTokens { .. }
            | Self::SpendingCapReached { .. }
            | Self::TooManyGrants
            | Self::BalanceLimitExceeded
            | Self::Internal => None,
        }
    }

    /// The document of RFC 9457, with what contract §3 says that this code adds.
    pub(super) fn body(&self, request_id: &str, locale: Locale) -> String {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Document<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: String,
            code: &'a str,
            success: bool,
            message: String,
            request_id: &'a str,
            #[serde(flatten)]
            more: Map<String, Value>,
        }
        let document = Document {
            r#type: format!("urn:jeton:problem:{}", self.code()),
            title: messages::title(self),
            status: self.status().as_u16(),
            detail: messages::of_problem(self, Locale::English),
            code: self.code(),
            success: false,
            message: messages::of_problem(self, locale),
            request_id,
            more: self.more(),
        };
        // Every field has a JSON form.
        serde_json::to_string(&document).unwrap_or_default()
    }

    fn more(&self) -> Map<String, Value> {
        let members: Vec<(&str, Value)> = match self {
            Self::Forbidden { required_scope } => vec![("requiredScope", (*required_scope).into())],
            Self::BodyTooLarge => vec![("limitBytes", BODY_MAX.into())],
            Self::InvalidJson(reason) => vec![("reason", messages::of_reason(reason, Locale::English).into())],
            Self::InvalidField { field, reason } => {
                vec![("field", field.as_ref().into()), ("reason", messages::of_reason(reason, Locale::English).into())]
            }
            Self::InsufficientTokens { required, available, stats } => vec![
                ("required", (*required).into()),
                ("available", (*available).into()),
                ("stats", serde_json::to_value(stats).unwrap_or_default()),
            ],
            Self::SpendingCapReached { cap, limit, resets_at } => vec![
                ("cap", serde_json::to_value(cap).unwrap_or_default()),
                ("limit", (*limit).into()),
                ("resetsAt", resets_at.to_string().into()),
            ],
            Self::MethodNotAllowed { .. }
            | Self::Unauthenticated
            | Self::UnsupportedMediaType
            | Self::IdempotencyKeyReused
            | Self::ReservationNotFound
            | Self::TransactionNotFound
            | Self::ReservationClosed(_)
            | Self::AlreadyRefunded
            | Self::NotRefundable
            | Self::TooManyReservations
            | Self::TooManyGrants
            | Self::BalanceLimitExceeded
            | Self::StoreUnavailable
            | Self::StoreContended
            | Self::Internal => Vec::new(),
        };
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(super) fn invalid_field(field: impl Into<Cow<'static, str>>, reason: Reason) -> Self {
        Self::InvalidField { field: field.into(), reason }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused.refusal {
            Refusal::InsufficientTokens { required, available } => {
                Self::InsufficientTokens { required: required.get(), available, stats: Box::new(refused.stats) }
            }
            Refusal::ReservationNotFound => Self::ReservationNotFound,
            Refusal::TransactionNotFound => Self::TransactionNotFound,
            Refusal::ReservationClosed(status) => Self::ReservationClosed(status),
            Refusal::AlreadyRefunded => Self::AlreadyRefunded,
            Refusal::NotRefundable => Self::NotRefundable,
            Refusal::SpendingCapReached { cap, limit, resets_at } => Self::SpendingCapReached { cap, limit, resets_at },
            Refusal::TooManyReservations => Self::TooManyReservations,
            Refusal::ClockRefused => Self::invalid_field("Jeton-Clock", Reason::NotAClock),
            Refusal::TooManyGrants => Self::TooManyGrants,
            Refusal::BalanceLimitExceeded => Self::BalanceLimitExceeded,
            Refusal::ExpiredAlready => Self::invalid_field("expiresAt", Reason::NotInTheFuture),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem, cause: None }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let problem = match error {
            StoreError::Unavailable { .. }
            | StoreError::Unconfirmed(_)
            | StoreError::Refused(_)
            | StoreError::Misconfigured(_) => Problem::StoreUnavailable,
            StoreError::Contended => Problem::StoreContended,
            StoreError::Damaged(_) => Problem::Internal,
        };
        Self { problem, cause: Some(error.to_string()) }
    }
}
