use std::{fmt, ops::Range};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor},
};

use super::{Account, ContentType, Entry, Timestamp, TransactionId, TransactionType};
use crate::unreadable::Unreadable;

/// How many quarters an hour has. What was spent in each is kept apart, as days and hours begin with one in every time zone.
pub const QUARTERS_IN_HOUR: u32 = 4;
/// How many hours a UTC day has.
pub const HOURS_IN_DAY: u32 = 24;

const QUARTER_MS: u64 = 15 * 60 * 1_000;

/// The quarter of an hour that `at` lies in, counted from 1970.
#[must_use]
pub fn quarter_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / QUARTER_MS).unwrap_or(u32::MAX)
}

/// When this quarter of an hour begins, or, after the year 9999, the last instant there is.
#[must_use]
pub fn start_of_quarter(quarter: u32) -> Timestamp {
    Timestamp::from_millis(u64::from(quarter).saturating_mul(QUARTER_MS)).unwrap_or(Timestamp::END)
}

/// What was spent, and on how many generations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Spent {
    /// Tokens.
    pub tokens: u64,
    /// Generations.
    pub generations: u64,
}

impl Spent {
    const NOTHING: Self = Self { tokens: 0, generations: 0 };

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            generations: self.generations.saturating_add(other.generations),
        }
    }

    /// What is left without `other`, which is a part of it.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            generations: self.generations.saturating_sub(other.generations),
        }
    }

    fn sum<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        all.into_iter().fold(Self::NOTHING, |sum, spent| sum.plus(*spent))
    }
}

/// What was spent in `N` times that follow each other, by content type, in the order of the names. What has no content type
/// comes first.
///
/// Written: `{"ARTICLE":[6,2,0,0,3,1]}`, tokens and generations of each time, up to the last one in which something was spent.
/// The name of what has no content type is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByContentType<const N: usize>(Vec<(Option<ContentType>, [Spent; N])>);

/// What was spent in each quarter of an hour.
pub type HourUsage = ByContentType<4>;
/// What was spent in a day, or in any other time.
pub type DayUsage = ByContentType<1>;

impl<const N: usize> Default for ByContentType<N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<const N: usize> ByContentType<N> {
    /// Whether nothing was spent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each content type that something was spent on.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&ContentType>, &[Spent; N])> {
        self.0.iter().map(|(content_type, spent)| (content_type.as_ref(), spent))
    }

    /// Adds to the time of this number, from 0.
    fn add_at(&mut self, number: usize, content_type: Option<&ContentType>, spent: Spent) {
        if spent == Spent::NOTHING {
            return;
        }
        let add = |times: &mut [Spent; N]| {
            if let Some(time) = times.get_mut(number) {
                *time = time.plus(spent);
            }
        };
        match self.0.binary_search_by(|(own, _)| own.as_ref().cmp(&content_type)) {
            Ok(place) => self.0.get_mut(place).into_iter().for_each(|(_, times)| add(times)),
            Err(place) => {
                let mut times = [Spent::NOTHING; N];
                add(&mut times);
                self.0.insert(place, (content_type.cloned(), times));
            }
        }
    }
}

impl DayUsage {
    /// Adds what was spent in another time.
    pub fn add(&mut self, other: &Self) {
        other.iter().for_each(|(content_type, [spent])| self.add_at(0, content_type, *spent));
    }

    /// Adds what was spent in some quarters of an hour, which are numbered from 0.
    pub fn add_quarters(&mut self, hour: &HourUsage, numbers: &Range<u32>) {
        for (content_type, quarters) in hour.iter() {
            let among = (0..).zip(quarters).filter(|(number, _)| numbers.contains(number));
            self.add_at(0, content_type, Spent::sum(among.map(|(_, spent)| spent)));
        }
    }

    /// Takes away what was spent in a part of the time.
    pub fn subtract(&mut self, part: &Self) {
        for (content_type, [rest]) in &mut self.0 {
            let found = part.0.iter().find(|(other, _)| other == content_type);
            *rest = found.map_or(*rest, |(_, [spent])| rest.minus(*spent));
        }
        self.0.retain(|(_, [rest])| *rest != Spent::NOTHING);
    }

    /// All content types together.
    #[must_use]
    pub fn total(&self) -> Spent {
        Spent::sum(self.0.iter().flat_map(|(_, spent)| spent))
    }
}

/// The times of one content type as they are written.
struct Numbers<T>(T);

impl<const N: usize> Serialize for Numbers<&[Spent; N]> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(times) = self;
        let last = times.iter().rposition(|spent| *spent != Spent::NOTHING).map_or(0, |place| place.saturating_add(1));
        serializer.collect_seq(times.iter().take(last).flat_map(|Spent { tokens, generations }| [tokens, generations]))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Numbers<[Spent; N]> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Vec::<u64>::deserialize(deserializer)?;
        let (pairs, rest) = numbers.as_chunks();
        let mut times = [Spent::NOTHING; N];
        for (time, [tokens, generations]) in times.iter_mut().zip(pairs) {
            *time = Spent { tokens: *tokens, generations: *generations };
        }
        if rest.is_empty() && pairs.len() <= N && pairs.last().is_some_and(|last| *last != [0, 0]) {
            Ok(Self(times))
        } else {
            Err(D::Error::custom("tokens and generations are not in pairs, too many, or nothing"))
        }
    }
}

impl<const N: usize> Serialize for ByContentType<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, times)| (name.map_or("", ContentType::as_str), Numbers(times))))
    }
}

impl<'de, const N: usize> Deserialize<'de> for ByContentType<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names<const N: usize>;

        impl<'de, const N: usize> Visitor<'de> for Names<N> {
            type Value = ByContentType<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what was spent, by content type")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Vec::new();
                while let Some((name, Numbers(times))) = map.next_entry::<ContentType, _>()? {
                    found.push((Some(name).filter(|name| !name.as_str().is_empty()), times));
                }
                if !found.is_empty() && found.is_sorted_by(|(one, _), (next, _)| one < next) {
                    Ok(ByContentType(found))
                } else {
                    Err(A::Error::custom("no content types, or not in their order"))
                }
            }
        }

        deserializer.deserialize_map(Names)
    }
}

/// The counters that an account holds itself: those of the hour in which something was spent last, and of its UTC day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage(Option<Open>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    /// Which hour, counted from 1970.
    hour: u32,
    /// What was spent in the hours before it, of the same UTC day; then in each of its quarters.
    spent: ByContentType<5>,
}

impl Usage {
    /// Whether nothing was spent, or nobody has counted it yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Counts the next entry of the history, if tokens were spent by it. Gives what is closed by it: the hour before, and the
    /// day before.
    pub fn count(&mut self, id: TransactionId, entry: &Entry) -> [Option<ClosedUsage>; 2] {
        if entry.kind != TransactionType::Debit || entry.is_unspent() {
            return [None, None];
        }
        let quarter = quarter_of(id.timestamp());
        let hour = quarter / QUARTERS_IN_HOUR;
        let open = self.0.get_or_insert_with(|| Open { hour, spent: ByContentType::default() });
        // Instants don't decrease within a history.
        let closed = if hour > open.hour { open.go_on(hour) } else { [None, None] };
        let number = usize::try_from(quarter % QUARTERS_IN_HOUR).unwrap_or(0).saturating_add(1);
        let generations = u64::from(entry.generation().is_some());
        open.spent.add_at(number, entry.content_type.as_ref(), Spent { tokens: entry.amount.get(), generations });
        closed
    }

    /// The last hour in which something was spent, counted from 1970.
    #[must_use]
    pub fn hour(&self) -> Option<u32> {
        self.0.as_ref().map(|open| open.hour)
    }

    /// What was spent in that hour, and in its UTC day.
    #[must_use]
    pub fn open(&self) -> (HourUsage, DayUsage) {
        self.0.as_ref().map_or_else(Default::default, |open| (open.hour(), open.day()))
    }
}

impl Account {
    /// What was spent lately.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The account with these counters.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}

impl Open {
    fn hour(&self) -> HourUsage {
        let mut hour = HourUsage::default();
        for (content_type, [_, quarters @ ..]) in self.spent.iter() {
            (0..).zip(quarters).for_each(|(number, spent)| hour.add_at(number, content_type, *spent));
        }
        hour
    }

    fn day(&self) -> DayUsage {
        let mut day = DayUsage::default();
        self.spent.iter().for_each(|(content_type, times)| day.add_at(0, content_type, Spent::sum(times)));
        day
    }

    /// Closes the hour, and the day if `hour` is not of it.
    fn go_on(&mut self, hour: u32) -> [Option<ClosedUsage>; 2] {
        let closed_hour = ClosedUsage::Hour(self.hour, self.hour());
        let (day, spent_today) = (self.hour / HOURS_IN_DAY, self.day());
        *self = Self { hour, spent: ByContentType::default() };
        if day == hour / HOURS_IN_DAY {
            spent_today.iter().for_each(|(content_type, [spent])| self.spent.add_at(0, content_type, *spent));
            return [Some(closed_hour), None];
        }
        [Some(closed_hour), Some(ClosedUsage::Day(day, spent_today))]
    }
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let open = Open::deserialize(deserializer)?;
        if open.hour > quarter_of(Timestamp::END) / QUARTERS_IN_HOUR || open.hour().is_empty() {
            return Err(D::Error::custom("not an hour in which something was spent"));
        }
        Ok(Self(Some(open)))
    }
}

/// Names what was spent in a closed hour or UTC day, each counted from 1970. Written: `h497544`, `d20731`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageField {
    /// The hour of this number.
    Hour(u32),
    /// The day of this number.
    Day(u32),
}

impl fmt::Display for UsageField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hour(hour) => write!(f, "h{hour}"),
            Self::Day(day) => write!(f, "d{day}"),
        }
    }
}

/// What was spent in an hour or a UTC day that is over, as nothing can be spent in it any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClosedUsage {
    /// In the hour of this number.
    Hour(u32, HourUsage),
    /// In the day of this number.
    Day(u32, DayUsage),
}

impl ClosedUsage {
    /// Reads the text that is stored under `field`.
    ///
    /// # Errors
    /// [`Unreadable`] when it is not as [`Self::written`].
    pub fn read(field: UsageField, text: &str) -> Result<Self, Unreadable> {
        Ok(match field {
            UsageField::Hour(hour) => Self::Hour(hour, serde_json::from_str(text)?),
            UsageField::Day(day) => Self::Day(day, serde_json::from_str(text)?),
        })
    }

    /// What to store: the field, and its text, which is JSON.
    ///
    /// # Errors
    /// None in practice: every value has a JSON form.
    pub fn written(&self) -> Result<(String, String), serde_json::Error> {
        let text = match self {
            Self::Hour(_, spent) => serde_json::to_string(spent),
            Self::Day(_, spent) => serde_json::to_string(spent),
        };
        Ok((self.field().to_string(), text?))
    }

    /// Its name.
    #[must_use]
    pub const fn field(&self) -> UsageField {
        match self {
            Self::Hour(hour, _) => UsageField::Hour(*hour),
            Self::Day(day, _) => UsageField::Day(*day),
        }
    }
}
