//! The languages that people are spoken to in.

use serde::Deserialize;

use crate::weighted;

/// A language of texts for end users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Locale {
    /// French, the default (contract §1).
    #[default]
    French,
    /// English.
    English,
}

impl Locale {
    /// The language of a tag such as `fr` or `en-GB`; `None` for the others.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "fr" => Some(Self::French),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    /// The language that an `Accept-Language` header likes best (RFC 9110 §12.5.4), of those we speak; `None` if none.
    #[must_use]
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for (tag, quality) in weighted::items(header) {
            let Some(locale) = Self::from_tag(tag) else { continue };
            if quality > best.map_or(0.0, |(_, quality)| quality) {
                best = Some((locale, quality));
            }
        }
        best.map(|(locale, _)| locale)
    }

    /// The tag, for `Content-Language`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The one of two texts that is in this language.
    #[must_use]
    pub fn choose<'a, T: ?Sized>(self, french: &'a T, english: &'a T) -> &'a T {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }
}

/// One text in both languages. A missing language is an error of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts<T> {
    /// French.
    pub fr: T,
    /// English.
    pub en: T,
}

impl<T> Texts<T> {
    /// The text in `locale`.
    #[must_use]
    pub fn get(&self, locale: Locale) -> &T {
        locale.choose(&self.fr, &self.en)
    }
}
