//! What people are told, in their language.

mod outcomes;

pub(super) use self::outcomes::{
    of_capture, of_extension, of_outcome, of_plan, of_planned, of_refund, of_reservation, of_reset, of_status,
};
use super::problem::{BODY_MAX, Problem, Reason};
use crate::{
    ledger::{AMOUNT_MAX, CapPeriod, GRANTS_MAX, RESERVATIONS_MAX, ReservationStatus, Timestamp},
    locale::Locale,
    usage::Granularity,
};

/// The kind of problem, in a few words.
pub(super) const fn title(problem: &Problem) -> &'static str {
    match problem {
        Problem::MethodNotAllowed { .. } => "Method not allowed",
        Problem::Unauthenticated => "Not authenticated",
        Problem::Forbidden { .. } => "Not allowed",
        Problem::BodyTooLarge => "Body too large",
        Problem::UnsupportedMediaType => "Unsupported media type",
        Problem::InvalidJson(_) => "Invalid JSON",
        Problem::InvalidField { .. } => "Invalid field",
        Problem::IdempotencyKeyReused => "Idempotency key reused",
        Problem::ReservationNotFound => "Reservation not found",
        Problem::TransactionNotFound => "Transaction not found",
        Problem::ReservationClosed(_) => "Reservation closed",
        Problem::AlreadyRefunded => "Already refunded",
        Problem::NotRefundable => "Not refundable",
        Problem::InsufficientTokens { .. } => "Insufficient tokens",
        Problem::SpendingCapReached { .. } => "Spending cap reached",
        Problem::TooManyReservations => "Too many open reservations",
        Problem::TooManyGrants | Problem::BalanceLimitExceeded => "Balance limit exceeded",
        Problem::StoreUnavailable => "Store unavailable",
        Problem::StoreContended => "Store contended",
        Problem::Internal => "Internal error",
    }
}

/// What the problem is and what to do.
pub(super) fn of_problem(problem: &Problem, locale: Locale) -> String {
    match problem {
        Problem::MethodNotAllowed { allow } => match locale {
            Locale::French => format!("Méthode non autorisée. Méthodes possibles : {allow}."),
            Locale::English => format!("This method is not allowed. Use one of: {allow}."),
        },
        Problem::Unauthenticated => locale
            .choose(
                "Authentification requise : envoyez des identifiants valides dans « Authorization: Bearer … ».",
                "Authentication required: send valid credentials in “Authorization: Bearer …”.",
            )
            .to_owned(),
        Problem::Forbidden { required_scope } => match locale {
            Locale::French => {
                format!("Ces identifiants ne permettent pas cet appel : il faut la portée « {required_scope} ».")
            }
            Locale::English => {
                format!("These credentials do not allow this call: it takes the scope “{required_scope}”.")
            }
        },
        Problem::BodyTooLarge => match locale {
            Locale::French => format!("Le corps de la requête dépasse {BODY_MAX} octets."),
            Locale::English => format!("The request body is larger than {BODY_MAX} bytes."),
        },
        Problem::UnsupportedMediaType => locale
            .choose(
                "Envoyez le corps en JSON, avec « Content-Type: application/json ».",
                "Send the body as JSON, with “Content-Type: application/json”.",
            )
            .to_owned(),
        Problem::InvalidJson(reason) => match locale {
            Locale::French => format!("Le corps de la requête n'est pas valable : {}.", of_reason(reason, locale)),
            Locale::English => format!("The request body is not valid: {}.", of_reason(reason, locale)),
        },
        Problem::InvalidField { field, reason } => match locale {
            Locale::French => format!("Le champ « {field} » n'est pas valable : {}.", of_reason(reason, locale)),
            Locale::English => format!("The field “{field}” is not valid: {}.", of_reason(reason, locale)),
        },
        Problem::IdempotencyKeyReused => locale
            .choose(
                "Cette clé d'idempotence a déjà servi à une autre requête. Rien n'a été fait.",
                "This idempotency key was used for another request. Nothing was done.",
            )
            .to_owned(),
        Problem::ReservationNotFound => choose(NO_RESERVATION, locale),
        Problem::TransactionNotFound => choose(NO_TRANSACTION, locale),
        Problem::ReservationClosed(status) => choose(of_closed(*status), locale),
        Problem::AlreadyRefunded => choose(REFUNDED, locale),
        Problem::NotRefundable => choose(NOT_REFUNDABLE, locale),
        Problem::SpendingCapReached { cap, limit, resets_at } => of_cap(*cap, *limit, *resets_at, locale),
        Problem::InsufficientTokens { required, available, .. } => match locale {
            Locale::French => format!(
                "Solde insuffisant : {} nécessaire{}, {available} disponible{}.",
                tokens(*required),
                plural(*required),
                plural(*available)
            ),
            Locale::English => format!("Not enough tokens: {} needed, {available} available.", tokens(*required)),
        },
        Problem::TooManyReservations => match locale {
            Locale::French => format!(
                "Ce compte a déjà {RESERVATIONS_MAX} réservations en cours. Réessayez quand l'une d'elles est terminée."
            ),
            Locale::English => format!(
                "This account already has {RESERVATIONS_MAX} open reservations. Try again once one of them has ended."
            ),
        },
        Problem::TooManyGrants => match locale {
            Locale::French => format!(
                "Ce compte a déjà {GRANTS_MAX} lots de tokens, de priorités ou d'expirations différentes. Rien n'a été fait."
            ),
            Locale::English => format!(
                "This account already has {GRANTS_MAX} grants, of different priorities or expiries. Nothing was done."
            ),
        },
        Problem::BalanceLimitExceeded => match locale {
            Locale::French => format!("Le solde dépasserait la limite de {AMOUNT_MAX} tokens. Rien n'a été fait."),
            Locale::English => format!("The balance would exceed the limit of {AMOUNT_MAX} tokens. Nothing was done."),
        },
        Problem::StoreUnavailable => locale
            .choose(
                "Le service est momentanément indisponible. Réessayez dans un instant.",
                "The service is unavailable for the moment. Try again shortly.",
            )
            .to_owned(),
        Problem::StoreContended => locale
            .choose(
                "Trop de changements simultanés sur ce compte. Réessayez dans un instant.",
                "Too many changes to this account at once. Try again shortly.",
            )
            .to_owned(),
        Problem::Internal => locale
            .choose(
                "Une erreur interne est survenue. Indiquez « requestId » au support.",
                "An internal error occurred. Give “requestId” to support.",
            )
            .to_owned(),
    }
}

/// What became of a reservation that should be open.
const fn of_closed(status: ReservationStatus) -> (&'static str, &'static str) {
    match status {
        ReservationStatus::Captured | ReservationStatus::Open => {
            ("Cette réservation a déjà été débitée.", "This reservation has been captured already.")
        }
        ReservationStatus::Released => ("Cette réservation a été libérée.", "This reservation has been released."),
        ReservationStatus::Expired => ("Cette réservation a expiré.", "This reservation has expired."),
    }
}

const NO_RESERVATION: (&str, &str) = (
    "Cette réservation n'existe pas, ou elle est terminée depuis plus de sept jours.",
    "This reservation does not exist, or it ended more than seven days ago.",
);
const NO_TRANSACTION: (&str, &str) =
    ("L'historique actuel ne contient pas cette opération.", "The current history has no such transaction.");
const REFUNDED: (&str, &str) =
    ("Cette opération a déjà été remboursée.", "This transaction has been refunded already.");
const NOT_REFUNDABLE: (&str, &str) = (
    "Cette opération n'est pas une dépense : il n'y a rien à rembourser.",
    "Nothing was spent by this transaction: there is nothing to refund.",
);

fn of_cap(cap: CapPeriod, limit: u64, resets_at: Timestamp, locale: Locale) -> String {
    let tokens = tokens(limit);
    match (cap, locale) {
        (CapPeriod::Daily, Locale::French) => {
            format!("La limite de {tokens} par jour serait dépassée. Elle se renouvelle le {resets_at}.")
        }
        (CapPeriod::Daily, Locale::English) => {
            format!("The limit of {tokens} a day would be exceeded. It starts again at {resets_at}.")
        }
        (CapPeriod::Monthly, Locale::French) => {
            format!("La limite de {tokens} par mois serait dépassée. Elle se renouvelle le {resets_at}.")
        }
        (CapPeriod::Monthly, Locale::English) => {
            format!("The limit of {tokens} a month would be exceeded. It starts again at {resets_at}.")
        }
    }
}

/// What is wrong with a body or a field.
pub(super) fn of_reason(reason: &Reason, locale: Locale) -> String {
    match reason {
        Reason::NotJson => locale.choose("ce n'est pas du JSON", "it is not JSON").to_owned(),
        Reason::NotAnObject => locale.choose("ce n'est pas un objet JSON", "it is not a JSON object").to_owned(),
        Reason::Required => locale.choose("il est obligatoire", "it is required").to_owned(),
        Reason::PlanOrCaps => choose(("il faut un plan, des limites ou les deux", "give a plan, caps or both"), locale),
        Reason::Unknown => locale.choose("il est inconnu", "it is unknown").to_owned(),
        Reason::Repeated => locale.choose("il est donné deux fois", "it is given twice").to_owned(),
        Reason::NotWhole { min, max } => match locale {
            Locale::French => format!("ce doit être un nombre entier de {min} à {max}"),
            Locale::English => format!("it must be a whole number from {min} to {max}"),
        },
        Reason::NotText { max } => match locale {
            Locale::French => format!("ce doit être un texte de 1 à {max} caractères, sans caractères de commande"),
            Locale::English => format!("it must be a text of 1 to {max} characters, without control characters"),
        },
        Reason::NotMetadata { bytes_max, depth_max } => match locale {
            Locale::French => format!("ce doit être un objet JSON d'au plus {bytes_max} octets et {depth_max} niveaux"),
            Locale::English => format!("it must be a JSON object of at most {bytes_max} bytes and {depth_max} levels"),
        },
        Reason::NotAUserId => locale
            .choose(
                "ce doit être un texte de 1 à 128 caractères parmi A–Z a–z 0–9 . _ : @ | + ~ -",
                "it must be a text of 1 to 128 characters from A–Z a–z 0–9 . _ : @ | + ~ -",
            )
            .to_owned(),
        Reason::NotAKey => locale
            .choose(
                "ce doit être un seul texte de 1 à 255 caractères ASCII visibles",
                "it must be one text of 1 to 255 visible ASCII characters",
            )
            .to_owned(),
        Reason::NotAnInstant => locale
            .choose(
                "ce doit être un instant RFC 3339, par exemple 2026-12-05T00:00:00.000Z",
                "it must be an RFC 3339 instant, for example 2026-12-05T00:00:00.000Z",
            )
            .to_owned(),
        Reason::NotInTheFuture => locale
            .choose(
                "ce doit être dans le futur, et après la dernière opération de l'historique",
                "it must be in the future, and after the newest entry of the history",
            )
            .to_owned(),
        Reason::NotAClock => locale
            .choose(
                "ce doit être un seul instant RFC 3339, ni avant l'heure du compte ni plus de dix ans après ; il n'y a \
                 d'horloge de test qu'en développement",
                "it must be one RFC 3339 instant, neither before the account's time nor more than ten years after it; there \
                 are test clocks in development only",
            )
            .to_owned(),
        Reason::NotACursor => locale
            .choose("ce doit être le nextCursor d'une page précédente", "it must be the nextCursor of an earlier page")
            .to_owned(),
        Reason::NotATimeZone => locale
            .choose(
                "ce doit être un fuseau horaire de la base IANA, par exemple Europe/Paris",
                "it must be a time zone of the IANA database, for example Europe/Paris",
            )
            .to_owned(),
        Reason::NotBeforeTo => locale.choose("ce doit être avant « to »", "it must be before “to”").to_owned(),
        Reason::TooLongBeforeTo(granularity) => match (granularity, locale) {
            (Granularity::Hour, Locale::French) => "ce doit être au plus 62 jours avant « to » (par heure)".to_owned(),
            (Granularity::Hour, Locale::English) => "it must be at most 62 days before “to” (by the hour)".to_owned(),
            (Granularity::Day, Locale::French) => "ce doit être au plus 400 jours avant « to » (par jour)".to_owned(),
            (Granularity::Day, Locale::English) => "it must be at most 400 days before “to” (by the day)".to_owned(),
            (Granularity::Month, Locale::French) => "ce doit être au plus 120 mois avant « to » (par mois)".to_owned(),
            (Granularity::Month, Locale::English) => {
                "it must be at most 120 months before “to” (by the month)".to_owned()
            }
        },
        Reason::NotAReservationId => locale
            .choose(
                "ce doit être l'id d'une réservation : res_ et 1 à 64 caractères parmi A–Z a–z 0–9 - _",
                "it must be the id of a reservation: res_ and 1 to 64 characters from A–Z a–z 0–9 - _",
            )
            .to_owned(),
        Reason::NotATransactionId => locale
            .choose(
                "ce doit être l'id d'une opération, par exemple 1795461624119-0",
                "it must be the id of a transaction, for example 1795461624119-0",
            )
            .to_owned(),
        Reason::NotACap => match locale {
            Locale::French => format!("ce doit être un nombre entier de 0 à {AMOUNT_MAX}, ou null"),
            Locale::English => format!("it must be a whole number from 0 to {AMOUNT_MAX}, or null"),
        },
        Reason::NotABoolean => locale.choose("ce doit être true ou false", "it must be true or false").to_owned(),
        Reason::OnlyFor { action } => match locale {
            Locale::French => format!("il n'est possible qu'avec l'action {action}"),
            Locale::English => format!("it is for the action {action} alone"),
        },
        Reason::NotOneOf(values) => {
            let values = values.join(", ");
            match locale {
                Locale::French => format!("ce doit être l'une de ces valeurs : {values}"),
                Locale::English => format!("it must be one of: {values}"),
            }
        }
    }
}

fn choose((french, english): (&str, &str), locale: Locale) -> String {
    locale.choose(french, english).to_owned()
}

fn tokens(count: u64) -> String {
    format!("{count} token{}", plural(count))
}

const fn plural(count: u64) -> &'static str {
    if count > 1 { "s" } else { "" }
}
