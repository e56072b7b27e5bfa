//! The reference model: what an account is, told by its history alone.
//!
//! It shares nothing with the ledger but the words. It keeps every entry, adds them up again for each answer, counts in
//! `i128` and knows the calendar of UTC from the lengths of the months.

/// How many kinds of tokens credits can make.
const KINDS_MAX: usize = 1_000;
/// The most that a balance can be.
const BALANCE_MAX: i128 = (1 << 53) - 1;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Where credits come from.
pub(super) const SOURCES: [&str; 5] = ["initial", "monthly", "promotion", "adjustment", "purchase"];
const LABELS: [[&str; 2]; 5] = [
    ["Initialisation du compte", "Account opening"],
    ["", ""],
    ["Tokens offerts", "Promotional tokens"],
    ["Ajustement du solde", "Balance adjustment"],
    ["Achat de tokens", "Token purchase"],
];
/// When each is spent: the smaller number first.
const PRIORITIES: [u8; 5] = [10, 10, 20, 30, 40];
const INITIAL: Kind = Kind { source: 0, priority: None, expires: None };
const MONTHLY: Kind = Kind { source: 1, ..INITIAL };

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
    Credit { amount: u64, kind: Kind, description: Option<String> },
    Reset,
}

/// What the model says to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    TooFew { required: u64, available: u64 },
    TooMany,
    TooManyKinds,
    TooLate,
}

/// Tokens that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) source: usize,
    pub(super) priority: Option<u8>,
    pub(super) expires: Option<u64>,
}

impl Kind {
    pub(super) fn priority(self) -> u8 {
        self.priority.unwrap_or(PRIORITIES[self.source])
    }

    /// Whether its turn comes before the other's, wherever they stand: by priority, then by expiry.
    fn comes_before(self, other: Self) -> bool {
        let until = |kind: Self| kind.expires.unwrap_or(u64::MAX);
        self.priority() < other.priority() || (self.priority() == other.priority() && until(self) < until(other))
    }
}

/// What there is of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) kind: Kind,
    pub(super) left: i128,
    pub(super) granted: i128,
}

/// One entry of a history: tokens are positive when they come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: (u64, u32),
    pub(super) tokens: i128,
    pub(super) balance: i128,
    pub(super) description: String,
    pub(super) of: Of,
}

/// What a line is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Credit(Kind),
    /// Which of what is sold, and who paid.
    Debit(usize, Vec<(Kind, i128)>),
    Expiration(Kind),
}

/// The terms of the one plan there is.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) opening: u64,
    pub(super) allowance: u64,
    pub(super) day: u64,
    pub(super) demo: bool,
    /// How much of the allowances is kept at the next one.
    pub(super) kept: Option<u64>,
    /// How many days an allowance lasts.
    pub(super) days: Option<u64>,
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
            model.write(now - 7 * DAY, 5000, LABELS[0][language].to_owned(), Of::Credit(INITIAL));
            for (hours, sold) in DEMO {
                let (_, cost, label) = SOLD[sold];
                model.spend(now - hours * HOUR, cost, label[language].to_owned(), sold);
            }
        } else if model.rules.opening > 0 {
            model.write(now, model.rules.opening.into(), LABELS[0][language].to_owned(), Of::Credit(INITIAL));
        }
        model
    }

    /// Applies what has come by `now`: of the next expiry and the next billing the earlier one, again and again.
    pub(super) fn settle(&mut self, now: u64, language: usize) {
        loop {
            let billing = self.next_billing();
            match self.next_expiry() {
                Some((at, kind, left)) if at <= now.min(billing) => self.expire(at, kind, left),
                _ if billing <= now => self.bill(billing, language),
                _ => return,
            }
        }
    }

    fn bill(&mut self, at: u64, language: usize) {
        let (year, month) = self.next;
        let day = self.rules.day.min(days_in(year, month));
        if let Some(kept) = self.rules.kept {
            let mut allowances = self.buckets();
            allowances.retain(|bucket| bucket.kind.source == MONTHLY.source);
            let mut beyond = allowances.iter().map(|bucket| bucket.left).sum::<i128>() - i128::from(kept);
            while beyond > 0 {
                let Bucket { kind, left, .. } = allowances.remove(turn(&allowances).unwrap());
                self.expire(at, kind, left.min(beyond));
                beyond -= left;
            }
        }
        let tokens = i128::from(self.rules.allowance).min(BALANCE_MAX - self.balance());
        if tokens > 0 {
            let description = match language {
                0 => format!("Facturation mensuelle du {day:02}/{:02}/{year}", month + 1),
                _ => format!("Monthly billing of {year}-{:02}-{day:02}", month + 1),
            };
            // What the next one will find nothing of is known to go then.
            let (year, month) = after(self.next);
            let replaced = self.rules.kept.filter(|kept| *kept == 0).map(|_| midnight(year, month, self.rules.day));
            let lasts = self.rules.days.map(|days| at + days * DAY);
            let kind = Kind { expires: replaced.into_iter().chain(lasts).min(), ..MONTHLY };
            self.write(at, tokens, description, Of::Credit(kind));
        }
        self.next = after(self.next);
    }

    /// When the first tokens expire, which, and how many.
    pub(super) fn next_expiry(&self) -> Option<(u64, Kind, i128)> {
        let expiring = self.buckets().into_iter().filter_map(|bucket| Some((bucket.kind.expires?, bucket)));
        let (at, bucket) = expiring.min_by_key(|(at, _)| *at)?;
        Some((at, bucket.kind, bucket.left))
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
                self.spend(now, cost, description.clone().unwrap_or_else(|| label[language].to_owned()), *sold);
            }
            Ask::Credit { amount, kind, description } => {
                if kind.expires.is_some_and(|expires| expires <= now.max(self.last_id.0)) {
                    return Answer::TooLate;
                }
                let buckets = self.buckets();
                if buckets.len() >= KINDS_MAX && !buckets.iter().any(|bucket| bucket.kind == *kind) {
                    return Answer::TooManyKinds;
                }
                if i128::from(*amount) + self.balance() > BALANCE_MAX {
                    return Answer::TooMany;
                }
                let description = description.clone().unwrap_or_else(|| LABELS[kind.source][language].to_owned());
                self.write(now, (*amount).into(), description, Of::Credit(*kind));
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

    /// Takes from whoever's turn it is, again and again.
    fn spend(&mut self, at: u64, cost: i128, description: String, sold: usize) {
        let mut buckets = self.buckets();
        let (mut missing, mut paid) = (cost, Vec::new());
        while missing > 0 {
            let turn = turn(&buckets).expect("the model lets nobody spend what is not there");
            let Bucket { kind, left, .. } = buckets.remove(turn);
            paid.push((kind, left.min(missing)));
            missing -= left.min(missing);
        }
        self.write(at, -cost, description, Of::Debit(sold, paid));
    }

    fn expire(&mut self, at: u64, kind: Kind, tokens: i128) {
        self.write(at, -tokens, "Expiration".to_owned(), Of::Expiration(kind));
    }

    fn write(&mut self, at: u64, tokens: i128, description: String, of: Of) {
        self.last_id = id_after(self.last_id, at);
        self.version += 1;
        self.history.push(Line { id: self.last_id, tokens, balance: self.balance() + tokens, description, of });
    }

    pub(super) fn balance(&self) -> i128 {
        self.history.iter().map(|line| line.tokens).sum()
    }

    pub(super) fn used(&self) -> i128 {
        self.history.iter().filter(|line| matches!(line.of, Of::Debit(..))).map(|line| -line.tokens).sum()
    }

    pub(super) fn generations(&self, sold: usize) -> usize {
        self.history.iter().filter(|line| matches!(line.of, Of::Debit(of, _) if of == sold)).count()
    }

    /// What is left, oldest first.
    pub(super) fn buckets(&self) -> Vec<Bucket> {
        let mut buckets: Vec<Bucket> = Vec::new();
        for line in &self.history {
            let moved = match &line.of {
                Of::Credit(kind) | Of::Expiration(kind) => vec![(*kind, line.tokens)],
                Of::Debit(_, paid) => paid.iter().map(|(kind, tokens)| (*kind, -tokens)).collect(),
            };
            for (kind, tokens) in moved {
                match buckets.iter_mut().find(|bucket| bucket.kind == kind) {
                    Some(bucket) => {
                        bucket.left += tokens;
                        bucket.granted = (bucket.granted + tokens.max(0)).min(BALANCE_MAX);
                    }
                    None => buckets.push(Bucket { kind, left: tokens, granted: tokens }),
                }
                buckets.retain(|bucket| bucket.left != 0);
            }
        }
        assert!(buckets.iter().all(|bucket| bucket.left > 0), "the model lets nobody spend what is not there");
        buckets
    }

    /// The same, in the order of spending.
    pub(super) fn in_spending_order(&self) -> Vec<Bucket> {
        let mut buckets = self.buckets();
        let mut ordered = Vec::new();
        while let Some(turn) = turn(&buckets) {
            ordered.push(buckets.remove(turn));
        }
        ordered
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

/// The place of the one whose turn it is: the oldest of those that none comes before.
fn turn(buckets: &[Bucket]) -> Option<usize> {
    let is_turn = |bucket: &Bucket| !buckets.iter().any(|other| other.kind.comes_before(bucket.kind));
    buckets.iter().position(is_turn)
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
