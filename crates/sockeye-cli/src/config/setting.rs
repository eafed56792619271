//! What a value must be able to do to be a setting.

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
    str::FromStr,
};

use thiserror::Error;

/// What a setting should have looked like; what was found is named by whoever read it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("expected {0}")]
pub(crate) struct Expected(pub(crate) &'static str);

/// A value that flags, environment and file can give.
pub(crate) trait Setting: FromStr<Err = Expected> + Display {
    /// Its form.
    const EXPECTED: Expected;

    /// Whether the file may give it as a bare integer.
    const INTEGER: bool = false;

    /// As it stands in the file.
    fn literal(&self) -> String {
        toml::Value::String(self.to_string()).to_string()
    }

    /// Reads it as found in a file that lies in `folder`.
    fn in_folder(self, folder: &Path) -> Self {
        let _ = folder;
        self
    }
}

/// The path of a file. In the configuration file it is relative to that file's folder, elsewhere to the current one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct PathSetting(PathBuf);

impl PathSetting {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for PathSetting {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        if text.is_empty() { Err(Self::EXPECTED) } else { Ok(Self(text.into())) }
    }
}

impl Display for PathSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl Setting for PathSetting {
    const EXPECTED: Expected = Expected(r#"the path of a file, such as "cert.pem""#);

    // Absolute, so that what `--print-config` shows means the same wherever it is put.
    fn literal(&self) -> String {
        let path = std::path::absolute(&self.0).unwrap_or_else(|_| self.0.clone());
        toml::Value::String(path.display().to_string()).to_string()
    }

    fn in_folder(self, folder: &Path) -> Self {
        Self(folder.join(self.0))
    }
}

/// Declares an enum that is a setting: one word for each variant.
macro_rules! words {
    (
        $(#[$doc:meta])*
        $vis:vis enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        $vis enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl std::str::FromStr for $name {
            type Err = $crate::config::Expected;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(<Self as $crate::config::Setting>::EXPECTED),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl $crate::config::Setting for $name {
            const EXPECTED: $crate::config::Expected =
                $crate::config::Expected(concat!("one of these words:" $(, " ", $word)+));
        }
    };
}
pub(crate) use words;
