use std::fmt;

use crate::{
    ledger::{
        Amount, ContentType, GrantKind, Misspent, Source, Timestamp, TransactionId, TransactionType, UsageField, UserId,
    },
    store::History,
};

/// A difference, and where it is. Written, it is one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose account it is.
    pub user: UserId,
    /// Which history; `None` when it is the account or its note.
    pub history: Option<History>,
    /// Which entry of it, by the id that the store has.
    pub entry: Option<String>,
    /// What is wrong.
    pub difference: Difference,
    /// Whether it was put right.
    pub repaired: bool,
}

/// What is there, and what should be. Amounts are tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// An account, a history, an entry or a note that is damaged.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A history of nobody.
    #[error("there is a history, but no account")]
    NoAccount,
    /// The catalogue does not know the account's plan.
    #[error("the plan {0:?} is not in plans.toml")]
    UnknownPlan(String),
    /// The account's tokens are not what its history adds up to.
    #[error("the balance is {account}, and the history adds up to {history}")]
    Balance {
        /// By the account, with what is set aside.
        account: i64,
        /// Credits less debits.
        history: i128,
    },
    /// The account's tokens are as many as they should be, but not from where they should be.
    #[error("the balance is right, but its grants are not those that the history leaves")]
    Grants,
    /// The account counts other debits than its history has.
    #[error("tokensUsed is {account}, and the debits of the history add up to {history}")]
    TokensUsed {
        /// By the account.
        account: u64,
        /// The sum of the debits, with what was carried from the module before.
        history: i128,
    },
    /// The account counts other generations than its history has.
    #[error("generations of {content_type} is {account}, and the history has {history}")]
    Generations {
        /// Of what.
        content_type: ContentType,
        /// By the account.
        account: u64,
        /// The debits for it, with what was carried from the module before.
        history: i128,
    },
    /// The account counts other entries than there are.
    #[error("the version is {account}, and the histories have {histories} entries")]
    Version {
        /// By the account.
        account: u64,
        /// In all histories.
        histories: u64,
    },
    /// The account's last entry is not the last one.
    #[error("lastEntry is {account}, and the greatest id in the histories is {histories}")]
    LastEntry {
        /// By the account.
        account: TransactionId,
        /// The greatest id.
        histories: TransactionId,
    },
    /// More allowances than billed months.
    #[error("{billed} periods are billed, and the history has {history} monthly entries")]
    Periods {
        /// By the account.
        billed: u32,
        /// Monthly entries.
        history: u64,
    },
    /// A history that the account counts is not there.
    #[error("is missing")]
    Missing,
    /// So many histories in a row are missing that the search was given up.
    #[error("is missing, like the {0} before it: those after it were not looked for")]
    MissingInARow(u32),
    /// An archive that the account does not count.
    #[error("is there, and the account has {0} archives")]
    Surplus(u32),
    /// An entry that the account knows nothing of.
    #[error("comes after the last entry that the account knows, {0}")]
    AfterTheLast(TransactionId),
    /// An id that does not increase.
    #[error("its id should be greater than that of an earlier entry, {0}")]
    OutOfOrder(TransactionId),
    /// A history that begins with something else.
    #[error("the history begins with this {0}, not with its opening")]
    NotOpening(TransactionType),
    /// An opening among the others.
    #[error("the account is opened again in the middle of its history")]
    OpenedAgain,
    /// The balance after an entry does not follow.
    #[error("the balance after it is {stated}, and {follows} follows from the entry before")]
    BalanceAfter {
        /// By the entry.
        stated: i64,
        /// The balance before, plus or minus the amount.
        follows: i64,
    },
    /// A debit that the balance did not cover.
    #[error("debits {amount} from a balance of {balance}")]
    Overdrawn {
        /// The debit.
        amount: Amount,
        /// What there was.
        balance: i64,
    },
    /// A debit whose grants cannot have paid it, or a refund whose grants are not its amount.
    #[error("{}", told(*amount, misspent))]
    Misspent {
        /// Of the entry.
        amount: Amount,
        /// Why.
        misspent: Misspent,
    },
    /// A credit from nowhere.
    #[error("a CREDIT without a source")]
    NoSource,
    /// A debit for nothing.
    #[error("a DEBIT without a contentType")]
    NoContentType,
    /// A debit that says that it was spent, and that it was not.
    #[error("a DEBIT with both a contentType and a source")]
    SpentAndExpired,
    /// A refund that does not say of what, or of what comes later.
    #[error("a refund that names no debit before it")]
    RefundOfNothing,
    /// A credit of tokens that were gone already.
    #[error("credits what expired at {0}")]
    CreditedLate(Timestamp),
    /// A debit of tokens that were gone already.
    #[error("takes from the grant {0}, which had expired")]
    SpentLate(GrantKind),
    /// An expiration of tokens whose time was not over, and which no billing replaces.
    #[error("lets the grant {0} expire, whose time was not over")]
    ExpiredEarly(GrantKind),
    /// An expiration that is not of one grant, or of one of another source.
    #[error("an expiration that is not of one grant of the source {0}")]
    ExpiredOfNoGrant(Source),
    /// A debit for something that the account has not counted.
    #[error("debits for {0}, of which the account counts no generation")]
    Uncounted(ContentType),
    /// Nobody would be reminded of a billing.
    #[error("no billing time is noted; it should be {0}")]
    DueMissing(Timestamp),
    /// The billing sweep would come too late.
    #[error("{noted} is noted as billing time; it should be {due}")]
    DueLate {
        /// What is noted.
        noted: Timestamp,
        /// When it is due.
        due: Timestamp,
    },
    /// What the account counts of its usage itself.
    #[error("of its usage the account counts {account}, and the history has spent {history}")]
    CountedUsage {
        /// By the account: JSON, or nothing.
        account: String,
        /// In the last hour and its day.
        history: String,
    },
    /// What is counted of the hours and days that are over.
    #[error("the usage {field} is {stored}, and the history has spent {history}{}", and_more(*more))]
    ClosedUsage {
        /// The first hour or day that is not as it should be.
        field: UsageField,
        /// What is there.
        stored: String,
        /// What should be: JSON.
        history: String,
        /// How many others are not as they should be.
        more: u64,
    },
    /// Hours or days in which nothing was spent, or which are not over.
    #[error("hours and days too many in its usage: {0}")]
    SurplusUsage(u64),
    /// The operator's list would not name the user.
    #[error("is not in the list of users")]
    NotListed,
}

fn and_more(count: u64) -> String {
    if count == 0 { String::new() } else { format!("; {count} more hours and days are missing or wrong") }
}

fn told(amount: Amount, misspent: &Misspent) -> String {
    match misspent {
        Misspent::Sum(sum) => format!("debits {amount}, and its grants add up to {sum}"),
        Misspent::SumBack(sum) => format!("gives back {amount}, and its grants add up to {sum}"),
        Misspent::Uncovered { grant, amount, had } => format!("takes {amount} from the grant {grant}, which had {had}"),
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, history, entry, difference, repaired } = self;
        let place = match history {
            None => String::new(),
            Some(History::Current) => ", history".to_owned(),
            Some(History::Archived(number)) => format!(", archive {number}"),
        };
        let entry = entry.as_ref().map(|id| format!(", entry {id}")).unwrap_or_default();
        let repaired = if *repaired { " (repaired)" } else { "" };
        let line = format!("user {user}{place}{entry}: {difference}{repaired}");
        // What a damaged document is made of must not look like a line of its own.
        f.write_str(&line.replace(char::is_control, " "))
    }
}
