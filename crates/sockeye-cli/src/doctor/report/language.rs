//! The languages in which people are spoken to, and texts that are there in each. Programs get English.

use std::env;

/// A language of the report and of the pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    English,
    Chinese,
}

impl Language {
    /// That of the environment.
    pub(crate) fn of_environment() -> Self {
        Self::of(|name| env::var(name).ok())
    }

    /// As POSIX has it: the first of these that is set counts.
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
        match locale.into_iter().find(|value| !value.is_empty()) {
            Some(value) if value.starts_with("zh") => Self::Chinese,
            _ => Self::English,
        }
    }
}

/// What is said, in each language. What servers and systems say stands in it as they say it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Text {
    english: String,
    chinese: String,
}

impl Text {
    pub(crate) const fn new(english: String, chinese: String) -> Self {
        Self { english, chinese }
    }

    pub(crate) fn in_language(&self, language: Language) -> &str {
        match language {
            Language::English => &self.english,
            Language::Chinese => &self.chinese,
        }
    }

    /// Whether it says this in English.
    #[cfg(test)]
    pub(crate) fn contains(&self, text: &str) -> bool {
        self.in_language(Language::English).contains(text)
    }

    /// This, and then that.
    pub(crate) fn then(mut self, that: &Self) -> Self {
        self.english += &that.english;
        self.chinese += &that.chinese;
        self
    }

    /// Several of which one will do.
    pub(crate) fn any_of(all: &[Self]) -> Self {
        let join = |language, or: &str| {
            all.iter().map(|text| text.in_language(language)).collect::<Vec<_>>().join(or)
        };
        Self::new(join(Language::English, "; or "), join(Language::Chinese, "；或者"))
    }
}

/// A text in English and Chinese; both may name what is in scope, and arguments behind them by their names.
macro_rules! text {
    ($english:literal, $chinese:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::doctor::report::Text::new(
            std::fmt::format(format_args!($english $(, $name = $value)*)),
            std::fmt::format(format_args!($chinese $(, $name = $value)*)),
        )
    };
}

pub(crate) use text;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_that_of_the_environment() {
        #[track_caller] // a failure points at the row, not at this function
        fn check(variables: &[(&str, &str)], expect: Language) {
            let value =
                |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
            assert_eq!(Language::of(value), expect, "{variables:?}");
        }
        use Language::{Chinese, English};
        check(&[], English);
        check(&[("LANG", "zh_CN.UTF-8")], Chinese);
        check(&[("LANG", "en_GB.UTF-8")], English);
        check(&[("LANG", "zh_CN.UTF-8"), ("LC_MESSAGES", "C")], English);
        check(&[("LANG", "C"), ("LC_MESSAGES", "zh_TW")], Chinese);
        check(&[("LANG", "C"), ("LC_MESSAGES", "C"), ("LC_ALL", "zh")], Chinese);
        check(&[("LANG", "zh_CN"), ("LC_ALL", "")], Chinese);
    }

    #[test]
    fn a_text_is_there_in_each_language() {
        let host = "h";
        let text = text!("{host} is {what}", "{host} 是{what}", what = 1);
        assert_eq!(text.in_language(Language::English), "h is 1");
        assert_eq!(text.in_language(Language::Chinese), "h 是1");
        let any = Text::any_of(&[text!("a", "甲"), text!("b", "乙")]).then(&text!(".", "。"));
        assert_eq!(any.in_language(Language::English), "a; or b.");
        assert_eq!(any.in_language(Language::Chinese), "甲；或者乙。");
    }
}
