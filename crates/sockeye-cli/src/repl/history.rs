//! The lines of earlier times: where they are kept, and which are not.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Words that tell that a line may hold a secret.
const SECRETS: [&str; 4] = ["auth", "password", "secret", "token"];

/// Whether a line may be kept.
pub(super) fn may_keep(line: &str) -> bool {
    let line = line.to_lowercase();
    !SECRETS.iter().any(|secret| line.contains(secret))
}

/// The file, if the user has a place for such: `sockeye/history` in the folder for data.
pub(super) fn file() -> Option<PathBuf> {
    // XDG Base Directory Specification: a path that is not absolute is to be ignored.
    let given = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = given("XDG_DATA_HOME")
        .or_else(|| given("HOME").map(|home| home.join(".local/share")))
        .or_else(|| given("LOCALAPPDATA"))?;
    Some(data.join("sockeye").join("history"))
}

/// Makes the folder of the file, for nobody but its user.
///
/// # Errors
///
/// The system's.
pub(super) fn make_folder(file: &Path) -> io::Result<()> {
    let Some(folder) = file.parent() else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_kept() {
        assert!(may_keep("chat hi"));
        assert!(!may_keep("/auth {\"a\":1}"));
        assert!(!may_keep("login {\"Token\":\"x\"}"));
        assert!(!may_keep("AUTHENTICATE x"));
    }
}
