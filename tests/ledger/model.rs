//! The reference model: what an account is, told by its history alone.
//!
//! It shares nothing with the ledger but the words. It keeps every entry, adds them up again for each answer, counts in
//! `i128` and knows the calendar of UTC from the lengths of the months.

/// The most that a balance can be.
const BALANCE_MAX: i128 = (1 << 53) - 1;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Where credits come from, in the order in which debits use them up.
pub(super) const SOURCES: [&str; 5] = ["initial", "monthly", "promotion", "adjustment", "purchase"];
const LABELS: [[&str; 2]; 5] = [
    ["Initialisation du compte", "Account opening"],
    ["", ""],
    ["Tokens offerts", "Promotional tokens"],
    ["Ajustement du solde", "Balance adjustment"],
    ["Achat de tokens", "Token purchase"],
];
const INITIAL: usize = 0;
const MONTHLY: usize = 1;

/// What is generated: its name, its cost, its label in French and English.
const SOLD: [(&str, i128, [&str; 2]); 2] = [
    ("ARTICLE", 3, ["Génération article", "Article generation"]),
    ("PRODUCT_DESCRIPTION", 2, ["Génération description produit", "Product description generation"]),
];
/// The demo history: hours before the opening, and what was generated; first came 5 000 tokens, a week before.
const DEMO: [(u64, usize); 5] = [(144, 0), (96, 0), (48, 1), (24, 0), (12, 1)];

/// What is asked.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Touch,
    Debit { sold: usize, cost: Option<u64>, description: Option<String> },
    Credit { amount: u64, source: usize, description: Option<String> },
    Reset,
}

/// What the model says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    TooFew { required: u64, available: u64 },
    TooMany,
}

/// One entry of a history: tokens are positive when they come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: (u64, u32),
    pub(super) tokens: i128,
    pub(super) balance: i128,
    pub(super) description: String,
    /// Which source, or which of what is sold.
    pub(super) of: usize,
}

/// The terms of the one plan there is.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) opening: u64,
    pub(super) allowance: u64,
    pub(super) day: u64,
    pub(super) demo: bool,
}

/// An account.
#[derive(Clone, Debug)]
pub(super) struct Model {
    rules: Rules,
    pub(super) opened: u64,
    /// Since the last opening.
    pub(super) history: Vec<Line>,
    /// Year and month, from 0, of the next billing.
    pub(super) next: (u64, u64),
    pub(super) last_id: (u64, u32),
    pub(super) version: u64,
    pub(super) resets: u32,
}

impl Model {
    /// A new account, opened at `now`.
    pub(super) fn open(rules: Rules, now: u64, language: usize) -> Self {
        let (year, month) = month_of(now);
        let next = if midnight(year, month, rules.day) > now { (year, month) } else { after((year, month)) };
        let (history, last_id) = (Vec::new(), (0, 0));
        let mut model = Self { rules, opened: now, history, next, last_id, version: 0, resets: 0 };
        if model.rules.demo {
            model.write(now - 7 * DAY, 5000, LABELS[INITIAL][language].to_owned(), INITIAL);
            for (hours, sold) in DEMO {
                let (_, cost, label) = SOLD[sold];
                model.write(now - hours * HOUR, -cost, label[language].to_owned(), sold);
            }
        } else if model.rules.opening > 0 {
            model.write(now, model.rules.opening.into(), LABELS[INITIAL][language].to_owned(), INITIAL);
        }
        model
    }

    /// Bills each month that has come by `now`.
    pub(super) fn settle(&mut self, now: u64, language: usize) {
        while self.next_billing() <= now {
            let ((year, month), at) = (self.next, self.next_billing());
            let day = self.rules.day.min(days_in(year, month));
            let tokens = i128::from(self.rules.allowance).min(BALANCE_MAX - self.balance());
            if tokens > 0 {
                let description = match language {
                    0 => format!("Facturation mensuelle du {day:02}/{:02}/{year}", month + 1),
                    _ => format!("Monthly billing of {year}-{:02}-{day:02}", month + 1),
                };
                self.write(at, tokens, description, MONTHLY);
            }
            self.next = after(self.next);
        }
    }

    /// What a settled account does at `now`.
    pub(super) fn ask(&mut self, ask: &Ask, now: u64, language: usize) -> Answer {
        match ask {
            Ask::Touch => {}
            Ask::Debit { sold, cost, description } => {
                let (_, price, label) = SOLD[*sold];
                let cost = cost.map_or(price, i128::from);
                if cost > self.balance() {
                    return Answer::TooFew { required: cost as u64, available: self.balance() as u64 };
                }
                self.write(now, -cost, description.clone().unwrap_or_else(|| label[language].to_owned()), *sold);
            }
            Ask::Credit { amount, source, description } => {
                if i128::from(*amount) + self.balance() > BALANCE_MAX {
                    return Answer::TooMany;
                }
                let description = description.clone().unwrap_or_else(|| LABELS[*source][language].to_owned());
                self.write(now, (*amount).into(), description, *source);
            }
            Ask::Reset => {
                let before = std::mem::replace(self, Self::open(self.rules.clone(), now, language));
                if !self.rules.demo {
                    for line in &mut self.history {
                        line.id = id_after(before.last_id, now);
                        self.last_id = line.id;
                    }
                }
                self.last_id = self.last_id.max(before.last_id);
                self.version += before.version;
                self.resets = before.resets + 1;
            }
        }
        Answer::Done
    }

    fn write(&mut self, at: u64, tokens: i128, description: String, of: usize) {
        self.last_id = id_after(self.last_id, at);
        self.version += 1;
        self.history.push(Line { id: self.last_id, tokens, balance: self.balance() + tokens, description, of });
    }

    pub(super) fn balance(&self) -> i128 {
        self.history.iter().map(|line| line.tokens).sum()
    }

    pub(super) fn used(&self) -> i128 {
        self.history.iter().map(|line| -line.tokens.min(0)).sum()
    }

    pub(super) fn generations(&self, sold: usize) -> usize {
        self.history.iter().filter(|line| line.tokens < 0 && line.of == sold).count()
    }

    /// What is left of each source: each debit used up what came first in the order of the sources.
    pub(super) fn left(&self) -> [i128; 5] {
        let mut left = [0; 5];
        for line in &self.history {
            if line.tokens > 0 {
                left[line.of] += line.tokens;
                continue;
            }
            let mut missing = -line.tokens;
            for tokens in &mut left {
                let taken = missing.min(*tokens);
                *tokens -= taken;
                missing -= taken;
            }
            assert_eq!(missing, 0, "the model lets nobody spend what is not there");
        }
        left
    }

    pub(super) fn next_billing(&self) -> u64 {
        midnight(self.next.0, self.next.1, self.rules.day)
    }

    pub(super) fn last_billing(&self) -> u64 {
        let (year, month) = self.next;
        let (year, month) = if month == 0 { (year - 1, 11) } else { (year, month - 1) };
        midnight(year, month, self.rules.day)
    }
}

fn id_after((millis, number): (u64, u32), at: u64) -> (u64, u32) {
    if at > millis { (at, 0) } else { (millis, number + 1) }
}

fn after((year, month): (u64, u64)) -> (u64, u64) {
    if month == 11 { (year + 1, 0) } else { (year, month + 1) }
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in(year: u64, month: u64) -> u64 {
    [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month as usize]
}

/// 00:00 on that day of the month, or on the last one it has.
fn midnight(year: u64, month: u64, day: u64) -> u64 {
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u64 = (0..month).map(|month| days_in(year, month)).sum();
    (years + months + day.min(days_in(year, month)) - 1) * DAY
}

fn month_of(millis: u64) -> (u64, u64) {
    let (mut days, mut month) = (millis / DAY, (1970, 0));
    while days >= days_in(month.0, month.1) {
        days -= days_in(month.0, month.1);
        month = after(month);
    }
    month
}
