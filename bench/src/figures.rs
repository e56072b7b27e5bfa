use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A time in milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// What was measured again and again, in the order of size.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) fn add(&mut self, figure: f64) {
        let place = self.0.partition_point(|other| other.total_cmp(&figure).is_lt());
        self.0.insert(place, figure);
    }

    pub(crate) const fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> f64 {
        self.percentile(50)
    }

    /// The figure below which so many of a hundred lie.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let last = self.0.len().saturating_sub(1);
        let place = last.saturating_mul(percent).saturating_add(50).checked_div(100).unwrap_or(0);
        self.0.get(place).copied().unwrap_or(f64::NAN)
    }

    /// The median, and the least and the greatest where there are several, each as `write` has it.
    pub(crate) fn range(&self, write: impl Fn(f64) -> String) -> String {
        match self.0.as_slice() {
            [] => String::new(),
            [only] => write(*only),
            [least, .., greatest] => {
                format!("{} ({}–{})", write(self.median()), write(*least), write(*greatest))
            }
        }
    }
}

impl FromIterator<f64> for Figures {
    fn from_iter<T: IntoIterator<Item = f64>>(figures: T) -> Self {
        let mut figures = figures.into_iter().collect::<Vec<f64>>();
        figures.sort_by(f64::total_cmp);
        Self(figures)
    }
}

impl fmt::Display for Figures {
    /// The median, and between which figures eight of ten lie.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.pad("");
        }
        f.pad(&format!("{:.2} ({:.2}–{:.2})", self.median(), self.percentile(10), self.percentile(90)))
    }
}
