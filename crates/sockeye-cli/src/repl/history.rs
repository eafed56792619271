//! Where the lines of earlier times are kept.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

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
